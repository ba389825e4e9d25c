"""Euclidean norms: found where the user wrote √Σ x², turned into sums that cannot overflow, and squared."""

from __future__ import annotations

import numpy as np

from graphc.ir.graph import AbstractOp, Node
from graphc.ops.contract import Contract
from graphc.ops.elementwise.arithmetic import Add, Multiply, Square
from graphc.ops.elementwise.comparison import Greater, Less
from graphc.ops.elementwise.power import Hypot, Sqrt
from graphc.ops.elementwise.selection import Where
from graphc.ops.norm import Norm
from graphc.ops.reduce import Sum
from graphc.passes.engine import Maker, Rules

# 2ᵉ and 2⁻ᵉ bring every number whose square is out of range to where it is not.
EXPONENTS = {np.dtype(np.float32): 88, np.dtype(np.float64): 600}


def norm(make: Maker, op: Sqrt, args: tuple[Node, ...]) -> Node | None:
    """√Σ x² = ‖x‖, also seen through views."""
    return _root(make, args[0])


def _root(make: Maker, total: Node) -> Node | None:
    if total.op.name in ("reshape", "broadcast_to", "transpose"):
        y = _root(make, total.args[0])
        return None if y is None else make.make(total.op, y)
    squares = _sum_of_squares(total)
    return None if squares is None else make.make(Norm(squares[1]), squares[0])


def _sum_of_squares(total: Node) -> tuple[Node, tuple[int, ...]] | None:
    """(x, axes) where total = Σ x² over axes of a float x."""
    if total.array_type.dtype.kind != "f":
        return None
    if isinstance(total.op, Contract):
        a, b = total.args
        left, out = total.op.left, total.op.out
        summed = tuple(i for i, label in enumerate(left) if label not in out)
        kept = tuple(label for label in left if label in out)
        fits = a is b and left == total.op.right and kept == out
        return (a, summed) if fits and summed else None
    if not isinstance(total.op, Sum) or not total.op.axes:
        return None
    (square,) = total.args
    if square.op.name == "square" or (square.op.name == "multiply" and square.args[0] is square.args[1]):
        return square.args[0], total.op.axes
    return None


def square_of_norm(make: Maker, op: Square, args: tuple[Node, ...]) -> Node | None:
    """‖x‖² = Σ x²."""
    (y,) = args
    return make.make(Sum(y.op.axes), make.make(Square(), y.args[0])) if isinstance(y.op, Norm) else None


def square_of_hypot(make: Maker, op: Square, args: tuple[Node, ...]) -> Node | None:
    """hypot(x, y)² = x² + y²: the power of a complex number. It overflows where the left side does."""
    (r,) = args
    if not isinstance(r.op, Hypot):
        return None
    return make.make(Add(), *(make.make(Square(), part) for part in r.args))


def sums_of_scaled_squares(make: Maker, op: AbstractOp, args: tuple[Node, ...]) -> Node | None:
    """‖x‖ from three sums made in one pass over x: of squares as they are, scaled down and scaled up.

    The first is taken unless it is out of range, or so small that squares have been lost (Blue 1978).
    """
    (x,) = args
    assert isinstance(op, Norm)
    dtype = x.array_type.dtype
    info = np.finfo(dtype)
    unit = 2.0 ** EXPONENTS[dtype]

    def total(factor: float) -> Node:
        scaled = make.make(Multiply(), x, make.constant(factor, dtype, x.array_type.shape))
        return make.make(Sum(op.axes), make.make(Square(), scaled))

    plain = make.make(Sum(op.axes), make.make(Square(), x))
    shape = plain.array_type.shape

    def number(value: float) -> Node:
        return make.constant(value, dtype, shape)

    over = make.make(Greater(), plain, number(info.max))
    under = make.make(Less(), plain, number(info.tiny / info.eps))

    def choose(large: Node, small: Node, usual: Node) -> Node:
        return make.make(Where(), over, large, make.make(Where(), under, small, usual))

    chosen = choose(total(1 / unit), total(unit), plain)
    factor = choose(number(unit), number(1 / unit), number(1))
    return make.make(Multiply(), make.make(Sqrt(), chosen), factor)


RULES: Rules = {"sqrt": (norm,), "square": (square_of_norm, square_of_hypot)}
EXPANSION: Rules = {"norm": (sums_of_scaled_squares,)}
