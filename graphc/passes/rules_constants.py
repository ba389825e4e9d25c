"""Constants move to where they merge with other constants.

On floats every rule is exact except where it says so: factors are only merged when one of them is a power
of two, so that no rounding changes unless an intermediate result overflows or becomes subnormal.
"""

from __future__ import annotations

import numpy as np

from graphc.ir.graph import AbstractOp, Node
from graphc.ops.elementwise.arithmetic import Add, Divide, Multiply, Negative
from graphc.ops.leaf import Const, Size
from graphc.passes.engine import Maker, Rules, splat

LARGEST_EXPONENT = 100  # of a merged factor in f32; the same bound serves f64


def is_power_of_two(value: np.ndarray) -> bool:
    """Whether multiplying by `value` only changes exponents, far from overflow."""
    mantissa, exponent = np.frexp(value)
    return bool(abs(mantissa) == 0.5 and abs(exponent) <= LARGEST_EXPONENT)


def split(node: Node, name: str) -> tuple[Node, np.ndarray] | None:
    """x and c where `node` is the op `name` of x and a constant c, in either order."""
    if node.op.name == name and len(node.args) == 2:
        for x, c in (node.args, node.args[::-1]):
            value = splat(c)
            if value is not None:
                return x, value
    return None


def negative_of_product(make: Maker, op: AbstractOp, args: tuple[Node, ...]) -> Node | None:
    """-(x c) = x (-c)."""
    parts = split(args[0], "multiply")
    if parts is None or args[0] in make.shared:
        return None
    x, c = parts
    type_ = x.array_type
    return make.make(Multiply(), x, make.constant(np.negative(c), type_.dtype, type_.shape))


def divide_by_constant(make: Maker, op: Divide, args: tuple[Node, ...]) -> Node | None:
    """x / c = x (1/c) where c is a power of two."""
    x, y = args
    c = splat(y)
    if c is None or c.dtype.kind != "f" or c == 1 or not is_power_of_two(c):
        return None
    return make.make(Multiply(), x, make.constant(1 / c, c.dtype, x.array_type.shape))


def merge_factors(make: Maker, op: Multiply, args: tuple[Node, ...]) -> Node | None:
    """(x a) b = x (a b): integers always, floats if a or b is a power of two."""
    for inner, other in (args, args[::-1]):
        b = splat(other)
        parts = split(inner, "multiply") if b is not None else None
        if b is None or parts is None or inner in make.shared or b.dtype.kind == "b":
            continue
        x, a = parts
        if b.dtype.kind == "f" and not _merges(a, b):
            continue
        with np.errstate(over="ignore"):
            factor = np.multiply(a[None], b[None])[0]
        return make.make(Multiply(), x, make.constant(factor, b.dtype, x.array_type.shape))
    return None


def _merges(a: np.ndarray, b: np.ndarray) -> bool:
    bounded = all(np.isfinite(c) and c != 0 and abs(np.frexp(c)[1]) <= LARGEST_EXPONENT // 2 for c in (a, b))
    return bounded and (is_power_of_two(a) or is_power_of_two(b))


def merge_terms(make: Maker, op: Add, args: tuple[Node, ...]) -> Node | None:
    """(x + a) + b = x + (a + b), integers only."""
    for inner, other in (args, args[::-1]):
        b = splat(other)
        parts = split(inner, "add") if b is not None and b.dtype.kind in "iu" else None
        if b is None or parts is None or inner in make.shared:
            continue
        x, a = parts
        total = np.add(a[None], b[None])[0]
        return make.make(Add(), x, make.constant(total, b.dtype, x.array_type.shape))
    return None


def known_size(make: Maker, op: Size, args: tuple[Node, ...]) -> Node | None:
    """A size that is a number."""
    return make.builder.add(Const.of(op.dim, np.dtype(np.int64))) if isinstance(op.dim, int) else None


RULES: Rules = {
    Negative.name: (negative_of_product,),
    Divide.name: (divide_by_constant,),
    Multiply.name: (merge_factors,),
    Add.name: (merge_terms,),
    Size.name: (known_size,),
}
