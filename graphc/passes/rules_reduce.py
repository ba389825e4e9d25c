"""Reductions of views, of reductions and of products of broadcasts.

Sums may be reassociated; maxima, minima and logical reductions are exact.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from graphc.ir.dims import SymbolicDim, product
from graphc.ir.graph import Node
from graphc.ops.base import AbstractReduction
from graphc.ops.cast import Cast
from graphc.ops.contract import Contract
from graphc.ops.elementwise.arithmetic import Multiply
from graphc.ops.leaf import Size
from graphc.ops.reduce import Sum
from graphc.ops.view import Pad, Transpose
from graphc.passes.axes import padded, same_but_ones, shape_without, stretched
from graphc.passes.engine import Maker, Rules

IDEMPOTENT = frozenset(["max", "supremum", "min", "all", "any"])


def no_axes(make: Maker, op: AbstractReduction, args: tuple[Node, ...]) -> Node | None:
    """Over no axis, or over axes of length one: a reshape."""
    (x,) = args
    shape = x.array_type.shape
    rest = tuple(a for a in op.axes if shape[a] != 1)
    if rest == op.axes and op.axes:
        return None
    ones = tuple(a for a in op.axes if shape[a] == 1)
    if not rest:
        return make.reshape(x, shape_without(shape, ones))
    axes = tuple(a - sum(o < a for o in ones) for a in rest)
    return make.make(replace(op, axes=axes), make.reshape(x, shape_without(shape, ones)))


def of_reduction(make: Maker, op: AbstractReduction, args: tuple[Node, ...]) -> Node | None:
    """sum(sum(x, a), b) = sum(x, a ∪ b), unless the inner one is needed anyway."""
    (x,) = args
    if x.op.name != op.name or x in make.shared:
        return None
    inner: AbstractReduction = x.op  # type: ignore[assignment]
    kept = [a for a in range(x.args[0].array_type.ndim) if a not in inner.axes]
    axes = tuple(sorted({*inner.axes, *(kept[a] for a in op.axes)}))
    return make.make(replace(op, axes=axes), x.args[0])


def of_broadcast(make: Maker, op: AbstractReduction, args: tuple[Node, ...]) -> Node | None:
    """sum(broadcast(x)) = n x and max(broadcast(x)) = x along the repeated axes."""
    (x,) = args
    if x.op.name != "broadcast_to":
        return None
    shape = x.array_type.shape
    gone = tuple(a for a in op.axes if a in stretched(x))
    lengths = tuple(shape[a] for a in gone)
    if not gone or not _repeats(op.name, lengths, x.array_type.dtype):
        return None
    small = shape_without(padded(x.args[0].array_type.shape, len(shape)), gone)
    kept = shape_without(shape, gone)
    y = make.broadcast(make.reshape(x.args[0], small), kept)
    axes = tuple(a - sum(g < a for g in gone) for a in op.axes if a not in gone)
    y = make.make(replace(op, axes=axes), y)
    return y if op.name in IDEMPOTENT else _times(make, y, lengths)


def _repeats(name: str, lengths: tuple[object, ...], dtype: np.dtype) -> bool:
    """Whether repeating changes the result in a known way (an empty axis gives an identity instead)."""
    if name in IDEMPOTENT:
        return all(isinstance(n, int) and n > 0 for n in lengths)
    return name == "sum" and dtype.kind != "b"


def _times(make: Maker, x: Node, lengths: tuple[int | SymbolicDim, ...]) -> Node:
    """x times the number of elements; 0 where there are none, whatever x is."""
    type_ = x.array_type
    count = product(lengths)
    if count == 0:
        return make.constant(0, type_.dtype, type_.shape)
    if isinstance(count, int):
        return make.make(Multiply(), x, make.constant(count, type_.dtype, type_.shape))
    size = make.make(Cast(type_.dtype), make.make(Size(count)))
    return make.make(Multiply(), x, make.broadcast(size, type_.shape))


def of_view(make: Maker, op: AbstractReduction, args: tuple[Node, ...]) -> Node | None:
    """Of a transpose: the transpose of the reduction. Of a reshape by ones: without the ones."""
    (x,) = args
    if isinstance(x.op, Transpose):
        return _of_transpose(make, op, x, x.op.axes)
    if x.op.name == "reshape":
        return _of_reshape(make, op, x)
    return None


def _of_transpose(make: Maker, op: AbstractReduction, x: Node, order: tuple[int, ...]) -> Node:
    axes = tuple(sorted(order[a] for a in op.axes))
    kept = [a for a in range(len(order)) if a not in axes]
    left = [kept.index(order[a]) for a in range(len(order)) if a not in op.axes]
    return make.make(Transpose(tuple(left)), make.make(replace(op, axes=axes), x.args[0]))


def _of_reshape(make: Maker, op: AbstractReduction, x: Node) -> Node | None:
    origin = same_but_ones(x.args[0].array_type.shape, x.array_type.shape)
    if origin is None:
        return None
    axes = tuple(sorted(a for a in (origin[axis] for axis in op.axes) if a is not None))
    result = shape_without(x.array_type.shape, op.axes)
    return make.reshape(make.make(replace(op, axes=axes), x.args[0]), result)


def sum_of_pad(make: Maker, op: Sum, args: tuple[Node, ...]) -> Node | None:
    """The zeros add nothing: sum(pad(x)) = pad(sum(x)) (the sign of a zero sum aside)."""
    (x,) = args
    if not isinstance(x.op, Pad):
        return None
    y = make.make(op, x.args[0])
    start, shape, step = (shape_without(part, op.axes) for part in (x.op.start, x.op.shape, x.op.step))
    return y if y.array_type.shape == shape else make.make(Pad(start, shape, step), y)  # type: ignore[arg-type]


def sum_of_negative(make: Maker, op: Sum, args: tuple[Node, ...]) -> Node | None:
    """sum(-x) = -sum(x) (the sign of a zero sum aside)."""
    (x,) = args
    return make.make(x.op, make.make(op, x.args[0])) if x.op.name == "negative" else None


def sum_of_product(make: Maker, op: Sum, args: tuple[Node, ...]) -> Node | None:
    """Σ a b, where each operand repeats along an axis the other does not: a product of matrices.

    The product array is larger than both operands; the contraction never makes it.
    """
    (x,) = args
    if x.op.name != "multiply" or x.array_type.dtype.kind == "b" or x in make.shared:
        return None
    a, b = x.args
    if a.op.name != "broadcast_to" or b.op.name != "broadcast_to":
        return None
    wide_a, wide_b = stretched(a), stretched(b)
    summed = set(op.axes)
    if not set(wide_a) - set(wide_b) or not set(wide_b) - set(wide_a):
        return None
    if summed & {*wide_a, *wide_b} or any(x.array_type.shape[i] == 1 for i in summed):
        return None
    left, right = (tuple(i for i in range(x.array_type.ndim) if i not in w) for w in (wide_a, wide_b))
    out = tuple(i for i in range(x.array_type.ndim) if i not in summed)
    operands = (_without(make, n, w) for n, w in ((a, wide_a), (b, wide_b)))
    return make.make(Contract(left, right, out), *operands)


def _without(make: Maker, broadcast: Node, axes: tuple[int, ...]) -> Node:
    """The operand of a broadcast as an array of the axes that it does not repeat."""
    return make.reshape(broadcast.args[0], shape_without(broadcast.array_type.shape, axes))


_ANY = (no_axes, of_reduction, of_broadcast, of_view)
RULES: Rules = {
    "sum": (*_ANY, sum_of_negative, sum_of_pad, sum_of_product),
    **dict.fromkeys(("prod", "max", "supremum", "min", "all", "any"), _ANY),
}
