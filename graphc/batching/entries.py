"""Arrays made number by number, taken apart: so that a Jacobian of numbers is stored once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from graphc.ir.graph import Node
from graphc.ops.elementwise.arithmetic import Add
from graphc.ops.leaf import Const
from graphc.ops.view import BroadcastTo, Concatenate, Pad, Reshape, Slice, Transpose
from graphc.trace.context import Trace
from graphc.trace.tracer import Tracer

LARGEST = 64  # elements of an array that is taken apart

Entries: TypeAlias = list[Node | None]  # nodes of one element each; None is an exact zero


def assembled(trace: Trace, values: Sequence[Any], like: Node, *, last: bool) -> Any:
    """`values`, each like `like` or None for zeros, along a new first (or last) axis, number by number.

    None if some of them are made as arrays, which are better moved as arrays.
    """
    parts = [[None] * like.array_type.size if v is None else entries(trace, v.node) for v in values]
    known = [p for p in parts if p is not None]
    if len(known) < len(parts) or not known or not known[0]:
        return None
    zero = trace.builder.add(Const.of(np.zeros(1, like.array_type.dtype)))
    rows = zip(*known, strict=True) if last else known
    flat = [Tracer(trace, zero if e is None else e) for row in rows for e in row]
    whole = np.concatenate([np.reshape(e, (1,)) for e in flat])
    shape = like.array_type.shape
    return np.reshape(whole, (*shape, len(known)) if last else (len(known), *shape))


def entries(trace: Trace, node: Node) -> Entries | None:
    """The elements of `node` in C order, if they are made one by one."""
    size = node.array_type.size
    if not isinstance(size, int) or size > LARGEST:
        return None
    match node.op:
        case Const() as op:
            return [trace.builder.add(Const.of(x.reshape(1))) if x != 0 else None for x in op.value.ravel()]
        case Pad() | Slice() | Transpose() | Reshape() | BroadcastTo() | Concatenate():
            return _moved(trace, node)
        case _ if size == 1:
            return [node]
        case Add():
            pairs = [entries(trace, arg) for arg in node.args]
            if pairs[0] is None or pairs[1] is None:
                return None
            return [_sum(trace, a, b) for a, b in zip(*pairs, strict=True)]
    return None


def _moved(trace: Trace, node: Node) -> Entries | None:
    """Elements of the operands, in the places where the op itself puts numbers: 0 is a new zero."""
    inner: Entries = [None]
    numbers = []
    for arg in node.args:
        part = entries(trace, arg)
        if part is None:
            return None
        first = len(inner)
        inner += part
        shape: Any = arg.array_type.shape
        numbers.append(np.arange(first, len(inner)).reshape(shape))
    return [inner[k] for k in np.asarray(node.op.evaluate(*numbers)).ravel()]


def _sum(trace: Trace, a: Node | None, b: Node | None) -> Node | None:
    if a is None or b is None:
        return b if a is None else a
    x, y = (np.reshape(Tracer(trace, n), (1,)) for n in (a, b))
    total: Any = x + y
    node: Node = total.node
    return node
