"""Puts the operands of commutative ops in one order, so that x + y and y + x become one node."""

from __future__ import annotations

from zlib import crc32

from graphc.ir.graph import Builder, Graph, Node
from graphc.ir.printer import format_op
from graphc.ops.leaf import Const, Input
from graphc.passes.engine import splat, with_regions

# Not maximum and minimum: which of 0.0 and -0.0 they return depends on the order.
COMMUTATIVE = frozenset(
    ["add", "multiply", "equal", "not_equal", "logaddexp", "hypot"]
    + [f"{kind}_{name}" for kind in ("logical", "bitwise") for name in ("and", "or", "xor")]
)

# What orders operands: constants last, else by distance from the inputs, else by a checksum of how the
# value is computed. Nothing of it depends on the order of other operands, so the result is final.
Rank = tuple[bool, int, int]


def canonicalise(graph: Graph) -> Graph:
    """The graph with constants right and other operands in one order for all uses. Exact."""
    order = list(graph)
    builder = Builder.containing(order)
    done: dict[Node, Node] = {}
    ranks: dict[Node, Rank] = {}
    for node in order:
        args = tuple([done[arg] for arg in node.args])
        if node.op.name in COMMUTATIVE and ranks[args[0]] > ranks[args[1]]:
            args = args[::-1]
        new = node
        op = with_regions(node.op, canonicalise)
        if op is not node.op or any(a is not b for a, b in zip(args, node.args, strict=True)):
            new = builder.add(op, *args, source=node.source)
        done[node] = new
        if new not in ranks:
            ranks[new] = _rank(new, [ranks[arg] for arg in args])
    if all(done[n] is n for n in graph.outputs):
        return graph
    return Graph(graph.inputs, tuple(done[n] for n in graph.outputs), graph.names)


def _rank(node: Node, operands: list[Rank]) -> Rank:
    op = node.op
    if isinstance(op, Input):
        return False, 0, op.index
    text = op.data if isinstance(op, Const) else format_op(op).encode()
    checksum = crc32(text)
    for _, _, operand in operands:
        checksum = crc32(operand.to_bytes(4, "little"), checksum)
    height = 1 + max([height for _, height, _ in operands], default=0)
    return splat(node) is not None, height, checksum
