"""The functions that users hand to branches and loops, recorded as regions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from graphc.api.record import Arguments, Recorded, record_tree
from graphc.dataclass import dataclass
from graphc.errors import ArgumentError, located
from graphc.ir.dims import Dim, SymbolicDim
from graphc.ir.graph import Graph
from graphc.trace import tree
from graphc.trace.complex_numbers.parts import lifted
from graphc.trace.context import tracing, user_line_with_text
from graphc.trace.function import Abstract, call_graph
from graphc.trace.tracer import Tracer, as_tracer
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
    leaves, structure = tree.flatten(lifted(value))
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


def known_number(value: Any, what: str) -> Dim:
    """A number of steps that is not traced: an int (sums with it do not wrap), or a symbolic size."""
    if isinstance(value, SymbolicDim):
        return value
    if np.ndim(value) != 0 or np.asarray(value).dtype.kind not in "iu":
        raise refuse(f"{what} is {value!r}", "It is an integer.")
    return int(value)


def refuse(what: str, remedy: str) -> ArgumentError:
    """The error for a branch or loop that is used wrongly, at the user's line."""
    return ArgumentError(located(what, user_line_with_text(), remedy))
