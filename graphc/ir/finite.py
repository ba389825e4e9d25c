"""Which values are finite whenever the inputs are: what decides where the reverse pass guards 0 · ∞."""

from __future__ import annotations

from graphc.ir.graph import Node
from graphc.ir.types import TupleType


def is_finite(node: Node, known: dict[Node, bool]) -> bool:
    """Whether `node` is finite for finite inputs, apart from overflow of sums and products.

    `known` keeps what earlier calls found, so that a program is looked at once. A value is finite if its
    op keeps finite operands finite (`AbstractOp.stays_finite`) and its operands are. Integers always are.
    Constants are looked at.
    """
    if node not in known:
        waiting = [node]
        while waiting:
            top = waiting[-1]
            unknown = [arg for arg in top.args if arg not in known]
            if unknown:
                waiting.extend(unknown)
                continue
            known[waiting.pop()] = _finite_here(top, known)
    return known[node]


def _finite_here(node: Node, known: dict[Node, bool]) -> bool:
    """Whether `node` is finite, given whether its operands are."""
    if not isinstance(node.type, TupleType) and node.array_type.dtype.kind != "f":
        return True
    return node.op.stays_finite(*node.args) and all(known[arg] for arg in node.args)
