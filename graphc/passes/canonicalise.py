"""Puts the operands of commutative ops in one order, so that x + y and y + x become one node."""

from __future__ import annotations

from graphc.ir.graph import Graph, Node
from graphc.passes.engine import containing, splat

# Not maximum and minimum: which of 0.0 and -0.0 they return depends on the order.
COMMUTATIVE = frozenset(
    ["add", "multiply", "equal", "not_equal", "logaddexp", "hypot"]
    + [f"{kind}_{name}" for kind in ("logical", "bitwise") for name in ("and", "or", "xor")]
)


def canonicalise(graph: Graph) -> Graph:
    """The graph with constants right and other operands in order of computation. Exact."""
    builder = containing(graph)
    done: dict[Node, Node] = {}
    position: dict[Node, int] = {}
    for node in graph:
        args = tuple([done[arg] for arg in node.args])
        if node.op.name in COMMUTATIVE and _rank(args[0], position) > _rank(args[1], position):
            args = args[::-1]
        new = node
        if args and any(a is not b for a, b in zip(args, node.args, strict=True)):
            new = builder.add(node.op, *args, source=node.source)
        done[node] = new
        position.setdefault(new, len(position))
    if all(done[n] is n for n in graph.outputs):
        return graph
    return Graph(graph.inputs, tuple(done[n] for n in graph.outputs), graph.names)


def _rank(node: Node, position: dict[Node, int]) -> tuple[bool, int]:
    return splat(node) is not None, position[node]
