"""Closed regions: what a function mentions from outside becomes an operand of the op that runs it."""

from __future__ import annotations

from collections.abc import Sequence

from graphc.control.regions import AbstractControl
from graphc.dataclass import dataclass
from graphc.ir.graph import Builder, Graph, Node, regions_of
from graphc.ir.rewrite import inline, rebuilt
from graphc.ir.types import ArrayType
from graphc.ops import leaf
from graphc.trace.context import current
from graphc.trace.function import Traced
from graphc.trace.tracer import Tracer, lift


def close_over(op: AbstractControl) -> tuple[AbstractControl, tuple[leaf.Const, ...]]:
    """`op` with the arrays its regions mention as first captured operands, and these arrays in order."""
    found = {n.op: None for region in regions_of(op) for n in region if _is_array(n)}
    arrays = tuple(a for a in found if isinstance(a, leaf.Const))
    if not arrays:
        return op, ()
    return op.capturing(len(arrays), lambda region: _closed(region, arrays)), arrays


def _is_array(node: Node) -> bool:
    return isinstance(node.op, leaf.Const) and node.array_type.size != 1


def _closed(graph: Graph, arrays: Sequence[leaf.Const]) -> Graph:
    """`graph` with the constants `arrays` as its first inputs."""
    builder = Builder()
    first = [builder.add(leaf.Input(i, ArrayType(a.dtype, a.shape))) for i, a in enumerate(arrays)]
    done: dict[Node, Node] = {}
    inputs = list(first)
    for node in graph.inputs:
        done[node] = builder.add(leaf.Input(len(inputs), node.array_type))
        inputs.append(done[node])
    known = dict(zip(arrays, first, strict=True))
    done |= {n: known[n.op] for n in graph if isinstance(n.op, leaf.Const) and n.op in known}
    return Graph(tuple(inputs), rebuilt(builder, graph.outputs, done))


@dataclass(frozen=True)
class Captures:
    """Outside values that recorded functions mention, each once, as nodes of the trace around them."""

    nodes: tuple[Node, ...]

    @staticmethod
    def of(*recorded: Traced) -> Captures:
        """What these functions took from outside."""
        trace = current()
        assert trace is not None
        return Captures(tuple(dict.fromkeys(lift(trace, v) for r in recorded for v in r.captured)))

    def region(self, recorded: Traced) -> Graph:
        """The graph of a recorded function, taking all captured values first."""
        trace = current()
        assert trace is not None
        own = [self.nodes.index(lift(trace, value)) for value in recorded.captured]
        graph = recorded.graph
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
    inputs = tuple(builder.add(leaf.Input(i, type_)) for i, type_ in enumerate(types))
    return Graph(inputs, inline(builder, graph, tuple(inputs[place] for place in places)))
