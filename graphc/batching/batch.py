"""Batching as a graph-to-graph pass: every op that sees examples is replaced by the op over all of them."""

from __future__ import annotations

from collections.abc import Sequence

from graphc.dataclass import dataclass
from graphc.errors import UnsupportedError, located
from graphc.ir.dims import Dim
from graphc.ir.graph import Graph, Item, Node
from graphc.trace.context import Trace, tracing
from graphc.trace.tracer import Tracer, lift
from graphc.trace.ufuncs import broadcast_to


@dataclass(frozen=True)
class _Value:
    """What a node of the graph for one example has become: one node, or one per result if batched."""

    nodes: tuple[Node, ...]
    batched: bool


def batch_graph(
    graph: Graph, size: Dim, batched: Sequence[bool], *, all_outputs: bool = False
) -> tuple[Graph, tuple[bool, ...]]:
    """The graph over `size` examples, and which of its outputs have the examples along a new axis 0.

    Inputs marked in `batched` carry the examples along a new axis 0; the others are the same for all
    examples, and so is every node that no marked input reaches: it is left as it is. With `all_outputs`,
    outputs that do not depend on the example are repeated, so that all are batched. UnsupportedError for an
    op that has no rule.
    """
    with tracing(closed=True) as trace:
        done: dict[Node, _Value] = {}
        for node, marked in zip(graph.inputs, batched, strict=True):
            shape = node.array_type.shape
            type_ = node.array_type.with_shape((size, *shape) if marked else shape)
            done[node] = _Value((trace.new_input(type_),), marked)
        for node in graph:
            if node not in done:
                done[node] = _over_examples(trace, node, [done[arg] for arg in node.args], size)
        outputs = [done[node] for node in graph.outputs]
        if all_outputs:
            outputs = [_repeated(trace, value, size) for value in outputs]
        nodes = tuple(value.nodes[0] for value in outputs)
        return Graph(tuple(trace.inputs), nodes, graph.names), tuple(value.batched for value in outputs)


def _over_examples(trace: Trace, node: Node, args: Sequence[_Value], size: Dim) -> _Value:
    """The value of `node` for all examples, recorded in `trace`."""
    if not any(arg.batched for arg in args):
        nodes = (arg.nodes[0] for arg in args)
        return _Value((trace.builder.add(node.op, *nodes, source=node.source),), False)
    if isinstance(node.op, Item):
        return _Value((args[0].nodes[node.op.index],), True)
    operands = (Tracer(trace, arg.nodes[0]) for arg in args)
    trace.source = node.source
    try:
        made = node.op.batch(size, tuple(arg.batched for arg in args), *operands)
    except NotImplementedError as error:
        remedy = "Call it outside vmap, on all examples or in a Python loop over them."
        raise UnsupportedError(located(str(error), node.source, remedy)) from None
    trace.source = None
    results = made if isinstance(made, tuple) else (made,)
    return _Value(tuple(lift(trace, result) for result in results), True)


def _repeated(trace: Trace, value: _Value, size: Dim) -> _Value:
    """`value` with the examples along axis 0."""
    if value.batched:
        return value
    (node,) = value.nodes
    shape = (size, *node.array_type.shape)
    return _Value((lift(trace, broadcast_to(Tracer(trace, node), shape)),), True)
