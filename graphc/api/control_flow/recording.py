"""The functions that users hand to branches and loops, recorded as regions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from graphc.api.record import Arguments, Recorded, record_tree
from graphc.errors import ArgumentError, located
from graphc.ir.graph import Builder, Graph, Node
from graphc.ir.rewrite import inline
from graphc.ir.types import ArrayType
from graphc.ops.leaf import Input
from graphc.trace import tree
from graphc.trace.context import current, tracing, user_line_with_text
from graphc.trace.function import Abstract, call_graph
from graphc.trace.tracer import Tracer, as_tracer, lift
from graphc.trace.tree import Structure
from graphc.trace.ufuncs import cast


@dataclass(frozen=True)
class Leaves:
    """A tree of values: what is traced, in order, and everything else."""

    values: tuple[Tracer, ...]
    structure: Structure
    statics: tuple[tuple[int, Any], ...]
    names: tuple[str, ...]  # of the values, as Python writes them

    def unflatten(self, values: Sequence[Any]) -> Any:
        """The tree with other values."""
        return tree.unflatten(self.structure, _with(self.statics, values))

    @property
    def abstract(self) -> tuple[Abstract, ...]:
        """Types of the values."""
        return tuple(Abstract(v.node.array_type, v.weak) for v in self.values)


def leaves_of(value: Any, root: str) -> Leaves:
    """The traced leaves of `value`, an argument called `root`; numbers and arrays are lifted."""
    leaves, structure = tree.flatten(value)
    names = tree.leaf_names(structure, root)
    traced = [i for i, leaf in enumerate(leaves) if is_value(leaf)]
    statics = tuple((i, leaf) for i, leaf in enumerate(leaves) if i not in set(traced))
    return Leaves(
        tuple(as_tracer(leaves[i]) for i in traced), structure, statics, tuple(names[i] for i in traced)
    )


def is_value(leaf: Any) -> bool:
    """Whether a leaf is a number or an array, traced or not."""
    return isinstance(leaf, Tracer | np.ndarray | np.generic) or type(leaf) in (float, int, bool)


def _with(statics: tuple[tuple[int, Any], ...], values: Sequence[Any]) -> list[Any]:
    leaves = list(values)
    for position, value in statics:
        leaves.insert(position, value)
    return leaves


def record_region(
    function: Callable[..., Any],
    abstract: Sequence[Abstract],
    names: Sequence[str],
    build: Callable[[Sequence[Tracer]], tuple[Any, ...]],
) -> Recorded:
    """`function(*build(stand-ins))` as a graph; `names` are what the stand-ins are called."""
    arguments = Arguments(tuple(abstract), tuple(names), build, lambda structure: list(names))
    return record_tree(lambda given: function(*given), arguments)


@dataclass(frozen=True)
class Captures:
    """Outside values that regions mention, each once, as nodes of the trace around them."""

    nodes: tuple[Node, ...]

    @staticmethod
    def of(recorded: Sequence[Recorded]) -> Captures:
        """What these functions took from outside."""
        trace = current()
        assert trace is not None
        return Captures(tuple(dict.fromkeys(lift(trace, v) for r in recorded for v in r.traced.captured)))

    def region(self, recorded: Recorded) -> Graph:
        """The graph of a recorded function, taking all captured values first."""
        trace = current()
        assert trace is not None
        own = [self.nodes.index(lift(trace, value)) for value in recorded.traced.captured]
        graph = recorded.traced.graph
        arguments = len(graph.inputs) - len(own)
        types = [*(n.array_type for n in self.nodes), *(n.array_type for n in graph.inputs[:arguments])]
        return with_inputs(graph, types, [*range(len(self.nodes), len(types)), *own])

    def tracers(self) -> list[Tracer]:
        """The values, to be operands."""
        trace = current()
        assert trace is not None
        return [Tracer(trace, node) for node in self.nodes]


def with_inputs(graph: Graph, types: Sequence[ArrayType], places: Sequence[int]) -> Graph:
    """The same outputs as a function of inputs of these types; `places` says which ones `graph` takes."""
    builder = Builder()
    inputs = tuple(builder.add(Input(i, type_)) for i, type_ in enumerate(types))
    return Graph(inputs, inline(builder, graph, tuple(inputs[place] for place in places)))


def adapts(abstract: Abstract, dtype: np.dtype) -> bool:
    """Whether a value is a Python number that takes the type `dtype` where it meets it (NEP 50)."""
    return abstract.weak is not None and np.result_type(abstract.weak(0), dtype) == dtype


def with_results(recorded: Recorded, results: Sequence[Abstract]) -> Recorded:
    """The same function with its results cast to these types."""
    traced = recorded.traced
    graph = traced.graph
    if any(a.type != r.type for a, r in zip(traced.results, results, strict=True)):
        with tracing() as trace:
            inputs = [Tracer(trace, trace.new_input(n.array_type)) for n in graph.inputs]
            outputs = zip(call_graph(graph, inputs), results, strict=True)
            nodes = tuple(cast(value, r.type.dtype).node for value, r in outputs)
            graph = Graph(tuple(trace.inputs), nodes, graph.names)
    return replace(recorded, traced=replace(traced, graph=graph, results=tuple(results)))


def results_of(recorded: Recorded, values: Sequence[Any]) -> Any:
    """The tree that a recorded function returns, with these values in it."""
    weak = [a.weak for a in recorded.traced.results]
    return recorded.assemble([Tracer(v.owner, v.node, w) for v, w in zip(values, weak, strict=True)])


def refuse(what: str, remedy: str) -> ArgumentError:
    """The error for a branch or loop that is used wrongly, at the user's line."""
    return ArgumentError(located(what, user_line_with_text(), remedy))
