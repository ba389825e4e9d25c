"""floor, ceil, trunc, rint: one instruction, or additions of 2ᵐ where the processor has none (plain SSE2)."""

from __future__ import annotations

from collections.abc import Callable

from graphc.backends.cpu.math.number import Number, with_sign_of


def rint(x: Number) -> Number:
    """The nearest integer, the even one of two."""
    return x.call("rint") if x.code.rounds else _below_largest(x, _nearest)


def trunc(x: Number) -> Number:
    """The integer next to x on the way to zero."""

    def towards_zero(a: Number) -> Number:
        nearest = _nearest(a)
        return (nearest > a).where(nearest - 1.0, nearest)

    return x.call("trunc") if x.code.rounds else _below_largest(x, towards_zero)


def floor(x: Number) -> Number:
    """The largest integer that is at most x."""
    if x.code.rounds:
        return x.call("floor")
    nearest = rint(x)
    return with_sign_of((nearest > x).where(nearest - 1.0, nearest), x)


def ceil(x: Number) -> Number:
    """The least integer that is at least x."""
    if x.code.rounds:
        return x.call("ceil")
    nearest = rint(x)
    return with_sign_of((nearest < x).where(nearest + 1.0, nearest), x)


def _nearest(a: Number) -> Number:
    """rint for 0 ≤ a < 2ᵐ: the sum has no bits left for a fraction."""
    shift = 2.0**a.mantissa
    return (a + shift) - shift


def _below_largest(x: Number, of_magnitude: Callable[[Number], Number]) -> Number:
    """The function of |x|, with the sign of x; x itself from 2ᵐ on, where all floats are integers."""
    a = abs(x)
    return (a < 2.0**x.mantissa).where(with_sign_of(of_magnitude(a), x), x)
