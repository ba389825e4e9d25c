"""What is known of an operand while tracing: constants and sizes, also where converted or repeated."""

from __future__ import annotations

import numpy as np

from graphc.ir.graph import Node
from graphc.ops.cast import Cast
from graphc.ops.leaf import Const, Size
from graphc.ops.view import BroadcastTo, Reshape


def source_of(node: Node) -> Node:
    """The node whose elements `node` repeats or converts."""
    while isinstance(node.op, BroadcastTo | Cast | Reshape):
        node = node.args[0]
    return node


def known_nonzero(node: Node) -> bool:
    """Whether no element is 0: of a constant, or of a size (an empty array has no elements to divide)."""
    source = source_of(node).op
    return isinstance(source, Size) or (isinstance(source, Const) and bool(np.all(source.value != 0)))


def known_whole(node: Node) -> bool:
    """Whether all elements are constant integers, 0 or more."""
    source = source_of(node).op
    if not isinstance(source, Const):
        return False
    return bool(np.all((source.value >= 0) & (np.trunc(source.value) == source.value)))
