"""Reads and writes at positions that turn out to be regular, and products with masks. All exact."""

from __future__ import annotations

import numpy as np

from graphc.ir.dims import Dim
from graphc.ir.graph import Node
from graphc.ops.elementwise.arithmetic import Multiply
from graphc.ops.elementwise.selection import MulOrZero, MulZerosWin
from graphc.ops.gather import Gather, ScatterAdd
from graphc.ops.leaf import Const, Iota
from graphc.ops.view import Pad, Transpose
from graphc.passes.engine import Maker, Rules, is_number, splat
from graphc.passes.rules_slice import Range, take, whole


def gather(make: Maker, op: Gather, args: tuple[Node, ...]) -> Node | None:
    """At start, start + step, … along one axis: a slice, with that axis moved to the front."""
    x, *indices = args
    shape = x.array_type.shape
    if len(op.axes) != 1 or indices[0].array_type.ndim > 1:
        return None
    (axis,) = op.axes
    positions = regular(indices[0], shape[axis])
    if positions is None:
        return None
    parts = [positions if a == axis else whole(n) for a, n in enumerate(shape)]
    order = (axis, *(a for a in range(len(shape)) if a != axis))
    front = make.make(Transpose(order), take(make, x, parts))
    rest = tuple(n for a, n in enumerate(shape) if a != axis)
    return make.reshape(front, (*indices[0].array_type.shape, *rest))


def scatter_add(make: Maker, op: ScatterAdd, args: tuple[Node, ...]) -> Node | None:
    """Into zeros, at distinct regular positions: a pad."""
    x, updates, *indices = args
    shape = x.array_type.shape
    if len(op.axes) != 1 or indices[0].array_type.ndim > 1 or not is_number(x, 0):
        return None
    (axis,) = op.axes
    positions = regular(indices[0], shape[axis])
    if positions is None:
        return None
    rest = tuple(n for a, n in enumerate(shape) if a != axis)
    front = make.reshape(updates, (positions.length, *rest))
    inverse = (*range(1, axis + 1), 0, *range(axis + 1, len(shape)))
    start: list[Dim] = [0] * len(shape)
    step = [1] * len(shape)
    start[axis], step[axis] = positions.start, positions.step
    return make.make(Pad(tuple(start), shape, tuple(step)), make.make(Transpose(inverse), front))


def regular(indices: Node, length: Dim) -> Range | None:
    """The range that constant or counted indices run through, if it lies inside the axis."""
    shape = indices.array_type.shape
    if isinstance(indices.op, Iota) and shape[0] == length:
        return whole(length)
    value = splat(indices)
    if value is not None and shape in ((), (1,)):
        start, step, count = int(value), 1, 1
    elif isinstance(indices.op, Const) and len(shape) == 1 and indices.op.value.size > 1:
        numbers = indices.op.value
        steps = np.diff(numbers)
        if steps[0] == 0 or np.any(steps != steps[0]):
            return None
        start, step, count = int(numbers[0]), int(steps[0]), numbers.size
    else:
        return None
    last = start + (count - 1) * step
    if not isinstance(length, int) or not (0 <= start < length and 0 <= last < length):
        return None
    return Range(start, count, step)


def mul_or_zero(make: Maker, op: MulOrZero, args: tuple[Node, ...]) -> Node | None:
    """g d with a g that is never zero, or a constant finite positive d: the plain product."""
    g, d = args
    factor = splat(d)
    if is_nonzero(g) or (factor is not None and 0 < factor < np.inf):
        return make.make(Multiply(), g, d)
    if is_number(g, 0) or is_number(g, -0.0):
        return g
    return None


def mul_zeros_win(make: Maker, op: MulZerosWin, args: tuple[Node, ...]) -> Node | None:
    """A factor that is never zero leaves `mul_or_zero` of the other, where that is 0."""
    x, y = args
    if is_nonzero(x):
        return make.make(MulOrZero(), y, x)
    return make.make(MulOrZero(), x, y) if is_nonzero(y) else None


def is_nonzero(node: Node) -> bool:
    """Whether no element can be zero: constants, and sizes and their reciprocals (1/n of a mean)."""
    while node.op.name in ("broadcast_to", "reshape", "transpose", "reciprocal", "negative"):
        node = node.args[0]
    value = splat(node)
    if value is not None:
        return bool(value != 0 and np.isfinite(value))
    return node.op.name == "cast" and node.args[0].op.name == "size"


RULES: Rules = {
    "gather": (gather,),
    "scatter_add": (scatter_add,),
    "mul_or_zero": (mul_or_zero,),
    "mul_zeros_win": (mul_zeros_win,),
}
