"""ufuncs built from other ops, and the methods of ufuncs: reduce, accumulate, outer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.ops import elementwise as _elementwise  # noqa: F401  (registers the ops)
from graphc.ops.base import UFUNC_TO_OP
from graphc.ops.elementwise.power import Power
from graphc.ops.leaf import Const
from graphc.trace.context import user_line_with_text
from graphc.trace.tracer import Tracer, as_tracer
from graphc.trace.ufuncs import COMPOSED, METHODS, broadcast_to, cast, composed, elementwise, loop_dtypes


@composed(np.power)
def power(x: Any, y: Any, *, dtype: Any = None, casting: Any = "same_kind") -> Any:
    """xʸ; for constant y by the square, products or root that NumPy itself uses or that are as exact.

    x², x³, x⁴ and x⁵ as products err by at most 2 units in the last place, like a library's pow. x^½ is √x as
    in NumPy's `**`: NaN, not ∞, at -∞.
    """
    operands = tuple(arg if type(arg) in (int, float) else as_tracer(arg) for arg in (x, y))
    to, of_exponent = loop_dtypes(np.power, operands, dtype, casting)
    exponent = constant_of(y)
    if exponent is None or constant_of(x) is not None:
        return elementwise(Power(), x, y, ufunc=np.power, dtype=dtype, casting=casting)
    if to.kind == "i" and exponent < 0:
        raise ValueError(
            f"Integers to negative integer powers are not allowed.\n  at {user_line_with_text()}"
        )
    if to.kind == "u":
        cast(operands[1], of_exponent)  # OverflowError for a negative exponent
    short = fixed_power(cast(x, to), exponent)
    if short is None:
        return elementwise(Power(), x, y, ufunc=np.power, dtype=dtype, casting=casting)
    return short


def fixed_power(x: Any, exponent: float) -> Any:
    """xⁿ by cheaper ops, or None where there are none that are as exact."""
    whole = x.dtype.kind in "iu"
    if exponent == 1:
        return x
    if exponent == 2:
        return np.square(x)
    if exponent == -1:
        return np.reciprocal(x)
    if exponent == 0.5:
        return np.sqrt(x)
    if exponent in ((3, 4, 5, 6, 7, 8) if whole else (3, 4, 5)):
        half = fixed_power(x, exponent // 2)
        return np.square(half) * x if exponent % 2 else np.square(half)
    return None


def constant_of(value: Any) -> float | None:
    """The number that a Python scalar, a 0-d array or a traced constant is."""
    if type(value) in (int, float):
        return float(value) if abs(value) < 2**53 else None
    if isinstance(value, Tracer) and isinstance(value.node.op, Const) and value.shape == ():
        return float(value.node.op.value)
    if isinstance(value, np.number | np.ndarray) and value.ndim == 0 and value.dtype.kind in "iuf":
        return float(value)
    return None


@composed(np.float_power)
def float_power(x: Any, y: Any, **options: Any) -> Any:
    """xʸ in f64."""
    return np.power(cast(x, np.float64), cast(y, np.float64), **options)


@composed(np.positive)
def positive(x: Any, **options: Any) -> Any:
    """x itself; of booleans there is no such thing."""
    x = as_tracer(x)
    (dtype,) = loop_dtypes(np.positive, (x,), **options)
    return cast(x, dtype)


@composed(np.conjugate)
def conjugate(x: Any, **options: Any) -> Any:
    """x itself: numbers are real here, and booleans become int8."""
    x = as_tracer(x)
    (dtype,) = loop_dtypes(np.conjugate, (x,), **options)
    return cast(x, dtype)


def _of_integers(ufunc: np.ufunc, meaning: Callable[[Any], Any]) -> None:
    """Gives `ufunc` a simpler meaning on integers and booleans than on floats."""

    def function(x: Any, *, dtype: Any = None, casting: Any = "same_kind") -> Any:
        x = as_tracer(x)
        (to,) = loop_dtypes(ufunc, (x,), dtype, casting)
        if to.kind == "f":
            return elementwise(UFUNC_TO_OP[ufunc](), x, ufunc=ufunc, dtype=dtype, casting=casting)
        return meaning(cast(x, to))

    COMPOSED[ufunc] = function


def _unit_or_zero(x: Any) -> Any:
    """1/x of integers: ±1 of ±1, else 0; NumPy leaves 1/0 undefined."""
    return np.where((x == 1) | (x == -1), x, 0)


_of_integers(np.isnan, lambda x: broadcast_to(np.False_, x.shape))
_of_integers(np.isinf, lambda x: broadcast_to(np.False_, x.shape))
_of_integers(np.isfinite, lambda x: broadcast_to(np.True_, x.shape))
_of_integers(np.floor, lambda x: x)
_of_integers(np.ceil, lambda x: x)
_of_integers(np.trunc, lambda x: x)
_of_integers(np.reciprocal, _unit_or_zero)


@composed(np.divmod)
def divmod_(x: Any, y: Any, **options: Any) -> Any:
    """⌊x/y⌋ and the remainder x - y⌊x/y⌋."""
    return np.floor_divide(x, y, **options), np.remainder(x, y, **options)


@composed(np.modf)
def modf(x: Any, **options: Any) -> Any:
    """Fractional part, with the sign of x, and integral part of x."""
    operand = as_tracer(x)
    (dtype,) = loop_dtypes(np.modf, (operand,), **options)
    value = cast(operand, dtype)  # NumPy has no loop for integers, unlike trunc
    whole = np.trunc(value)
    difference = np.where(np.isinf(value), np.zeros((), dtype), value - whole)
    return np.copysign(difference, value), whole


@composed(np.frexp)
def frexp(x: Any, **options: Any) -> Any:
    """(m, e) with x = m 2ᵉ, ½ ≤ |m| < 1, e of type int32; (x, 0) for 0, ∞ and NaN. m has the gradient 2⁻ᵉ."""
    operand = as_tracer(x)
    (dtype,) = loop_dtypes(np.frexp, (operand,), **options)
    value = cast(operand, dtype)
    special = (value == 0) | ~np.isfinite(value)
    usual = np.where(special, np.ones_like(value), value)
    small = np.abs(usual) < np.finfo(dtype).smallest_normal
    lift = np.finfo(dtype).nmant + 2  # a power of two that makes every subnormal number normal
    usual = np.where(small, usual * 2.0**lift, usual)
    exponent = cast(np.floor(np.log2(np.abs(usual))), np.int32) + 1
    half = np.ldexp(np.ldexp(usual, -(exponent // 2)), -(exponent - exponent // 2))
    over, under = np.abs(half) >= 1, np.abs(half) < 0.5  # log2 rounds next to powers of two
    half = np.where(over, half / 2, np.where(under, half * 2, half))
    exponent = (
        exponent + cast(over, np.int32) - cast(under, np.int32) - np.where(small, np.int32(lift), np.int32(0))
    )
    return np.where(special, value, half), np.where(special, np.int32(0), exponent)


COMPOSED[np.degrees], COMPOSED[np.radians] = np.rad2deg, np.deg2rad


def _outer(ufunc: np.ufunc) -> Any:
    def outer(a: Any, b: Any, **options: Any) -> Any:
        a, b = (cast(x, x.dtype) for x in (as_tracer(a), as_tracer(b)))  # Python's numbers as arrays
        return ufunc(np.reshape(a, (*a.shape, *(1,) * b.ndim)), b, **options)

    return outer


def _through(function: Any, default_axis: int) -> Any:
    def method(x: Any, axis: Any = default_axis, dtype: Any = None, **options: Any) -> Any:
        return function(x, axis=axis, **({} if dtype is None else {"dtype": dtype}), **options)

    return method


_elementwise_ufuncs: list[np.ufunc] = [*UFUNC_TO_OP, np.power, np.float_power, np.divmod]
METHODS |= {(f, "outer"): _outer(f) for f in _elementwise_ufuncs if f.nin == 2}
METHODS |= {
    (np.add, "accumulate"): _through(np.cumsum, 0),
    (np.multiply, "accumulate"): _through(np.cumprod, 0),
}
