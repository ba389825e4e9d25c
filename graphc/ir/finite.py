"""Which values are finite whenever the inputs are, and whose zeros are those of a choice.

Both decide where the reverse pass guards products 0 · ∞ (docs/decisions/040-zero-cotangents.md). `known`
keeps what earlier calls found, so that a program is looked at once.
"""

from __future__ import annotations

from collections.abc import Callable

from graphc.ir.graph import Node
from graphc.ir.types import TupleType


def is_finite(node: Node, known: dict[Node, bool]) -> bool:
    """Whether `node` is finite for finite inputs, apart from overflow of sums and products.

    A value is finite if its op keeps finite operands finite (`AbstractOp.stays_finite`) and its operands are.
    Integers always are. Constants are looked at.
    """
    return _settled(node, known, _finite_here)


def is_gated(node: Node, known: dict[Node, bool]) -> bool:
    """Whether a choice put the zeros of `node` there: what multiplies one then has no effect.

    Such are zeros that `where` selects, constant ones, and what is computed from them by ops that cannot make
    a zero otherwise (`AbstractOp.is_gated`): products with them, sums of nothing else.
    """
    return _settled(node, known, _gated_here)


def _settled(node: Node, known: dict[Node, bool], here: Callable[[Node, dict[Node, bool]], bool]) -> bool:
    """What `here` says of `node`, once it is known of all nodes before it."""
    if node not in known:
        waiting = [node]
        while waiting:
            top = waiting[-1]
            unknown = [arg for arg in top.args if arg not in known]
            if unknown:
                waiting.extend(unknown)
                continue
            known[waiting.pop()] = here(top, known)
    return known[node]


def _finite_here(node: Node, known: dict[Node, bool]) -> bool:
    """Whether `node` is finite, given whether its operands are."""
    if not isinstance(node.type, TupleType) and node.array_type.dtype.kind != "f":
        return True
    return node.op.stays_finite(*node.args) and all(known[arg] for arg in node.args)


def _gated_here(node: Node, known: dict[Node, bool]) -> bool:
    """Whether `node` is gated, given whether its operands are."""
    return node.op.is_gated([known[arg] for arg in node.args], *node.args)
