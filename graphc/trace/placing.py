"""Reading and replacing regular parts of an array, in forms that compile to plain loops."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir.dims import Dim
from graphc.ir.graph import Node
from graphc.ops.leaf import Iota
from graphc.ops.view import Concatenate, Pad, Slice
from graphc.trace.context import user_line


def slice_node(trace: Any, op: Slice, node: Node) -> Node:
    """The part of `node` that `op` reads, taken straight from the pieces `node` was put together from."""
    shape = node.array_type.shape
    if op.shape == shape and all(s == 1 for s in op.step):
        return node
    changed = [axis for axis, n in enumerate(shape) if op.shape[axis] != n or op.step[axis] != 1]
    piece = node.op
    if isinstance(piece, Concatenate) and changed == [piece.axis] and op.step[piece.axis] == 1:
        start, length = op.start[piece.axis], op.shape[piece.axis]
        if isinstance(start, int) and isinstance(length, int) and length > 0:
            parts = _overlapping(trace, node, piece.axis, start, start + length)
            if parts is not None:
                return join(trace, piece.axis, parts)
    result: Node = trace.builder.add(op, node, source=trace.source or user_line())
    return result


def _overlapping(trace: Any, node: Node, axis: int, start: int, stop: int) -> list[Node] | None:
    """The parts of the pieces of a concatenation that lie in [start, stop); None if a size is symbolic."""
    parts: list[Node] = []
    offset = 0
    for arg in node.args:
        length = arg.array_type.shape[axis]
        if not isinstance(length, int):
            return None
        low, high = max(start, offset), min(stop, offset + length)
        if low < high:
            parts.append(_along(trace, arg, axis, low - offset, high - low))
        offset += length
    return parts


def _along(trace: Any, node: Node, axis: int, start: Dim, length: Dim) -> Node:
    shape = node.array_type.shape
    starts = tuple(start if a == axis else 0 for a in range(len(shape)))
    lengths = tuple(length if a == axis else n for a, n in enumerate(shape))
    return slice_node(trace, Slice(starts, lengths, (1,) * len(shape)), node)


def join(trace: Any, axis: int, parts: list[Node]) -> Node:
    """The concatenation of `parts`, flat: pieces of pieces become pieces, empty ones vanish."""
    pieces: list[Node] = []
    for part in parts:
        if part.array_type.shape[axis] == 0:
            continue
        if isinstance(part.op, Concatenate) and part.op.axis == axis:
            pieces.extend(part.args)
        else:
            pieces.append(part)
    if len(pieces) <= 1:
        return pieces[0] if pieces else parts[0]
    result: Node = trace.builder.add(Concatenate(axis), *pieces, source=trace.source or user_line())
    return result


def place_node(trace: Any, old: Node, op: Slice, value: Node) -> Node:
    """`old` with `value` stored where `op` reads: before, value, after, one axis inside another."""
    shape = old.array_type.shape
    if any(s != 1 for s in op.step):
        return _select(trace, old, op, value)
    for axis, n in enumerate(shape):
        start, length = op.start[axis], op.shape[axis]
        if length == n:
            continue
        if length == 0:
            return old
        middle = _along(trace, old, axis, start, length)
        inner_start = tuple(0 if a == axis else s for a, s in enumerate(op.start))
        middle = place_node(trace, middle, Slice(inner_start, op.shape, op.step), value)
        before = _along(trace, old, axis, 0, start)
        after = _along(trace, old, axis, start + length, n - start - length)
        return join(trace, axis, [before, middle, after])
    return value


def _select(trace: Any, old: Node, op: Slice, value: Node) -> Node:
    """`old` with `value` at regularly spaced places: chosen by coordinate."""
    from graphc.trace.numpy_functions.selection import where
    from graphc.trace.tracer import Tracer, lift, record

    shape = old.array_type.shape
    if 0 in op.shape:
        return old
    inside: Any = True
    for axis, (n, start, length, step) in enumerate(zip(shape, op.start, op.shape, op.step, strict=True)):
        if length == n and step == 1:
            continue
        i = record(Iota(np.dtype(np.int64), shape, axis))
        last = start + (length - 1) * step
        low, high = (start, last) if step > 0 else (last, start)
        inside = inside & (i >= low) & (i <= high) & ((i - low) % abs(step) == 0)
    padded = record(Pad(op.start, shape, op.step), Tracer(trace, value))
    return lift(trace, where(inside, padded, Tracer(trace, old)))
