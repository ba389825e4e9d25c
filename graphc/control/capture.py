"""Closed regions: what a region mentions from outside becomes an operand of its op."""

from __future__ import annotations

from collections.abc import Sequence

from graphc.control.regions import AbstractControl
from graphc.ir.graph import Builder, Graph, Node, regions_of
from graphc.ir.types import ArrayType
from graphc.ops import leaf


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
    for node in graph:
        if isinstance(node.op, leaf.Const) and node.op in known:
            done[node] = known[node.op]
        elif node not in done:
            done[node] = builder.add(node.op, *(done[a] for a in node.args), source=node.source)
    return Graph(tuple(inputs), tuple(done[n] for n in graph.outputs))
