"""Order, sign, rounding and representation of floats: functions whose results are exact."""

from __future__ import annotations

from collections.abc import Callable

from graphc.backends.cpu.math.constants import constant
from graphc.backends.cpu.math.number import Number, sqrt, with_sign_of


def intrinsic(name: str) -> Callable[..., Number]:
    """The formula that is LLVM's `llvm.<name>`."""

    def formula(*operands: Number) -> Number:
        return operands[0].call(name, *operands[1:])

    formula.__name__ = name
    return formula


def maximum(a: Number, b: Number) -> Number:
    """The larger; NaN if one is NaN."""
    return a.is_nan().where(a, (a > b).where(a, b))


def minimum(a: Number, b: Number) -> Number:
    """The smaller; NaN if one is NaN."""
    return a.is_nan().where(a, (a < b).where(a, b))


def fmax(a: Number, b: Number) -> Number:
    """The larger; the other one if one is NaN."""
    return b.is_nan().where(a, (a > b).where(a, b))


def fmin(a: Number, b: Number) -> Number:
    """The smaller; the other one if one is NaN."""
    return b.is_nan().where(a, (a < b).where(a, b))


def sign(x: Number) -> Number:
    """−1, 0, 1, or NaN; sign(−0) is 0."""
    return x.equals(0.0).where(x.like(0.0), x.is_nan().where(x, with_sign_of(x.like(1.0), x)))


def heaviside(x: Number, at_zero: Number) -> Number:
    """0 below zero, at_zero at zero, 1 above."""
    step = x.equals(0.0).where(at_zero, (x > 0.0).where(x.like(1.0), 0.0))
    return x.is_nan().where(x, step)


def reciprocal(x: Number) -> Number:
    """1/x."""
    return 1.0 / x


def rsqrt(x: Number) -> Number:
    """1/√x."""
    return 1.0 / sqrt(x)


def deg2rad(x: Number) -> Number:
    """x·π/180."""
    return x * constant("degree", x)


def rad2deg(x: Number) -> Number:
    """x·180/π."""
    return x * constant("radian", x)


def signbit(x: Number) -> Number:
    return x.bits < 0


def isinf(x: Number) -> Number:
    return abs(x).equals(float("inf"))


def isfinite(x: Number) -> Number:
    return abs(x) < float("inf")


def isnan(x: Number) -> Number:
    return x.is_nan()


def nextafter(x: Number, towards: Number) -> Number:
    """The next float after x on the way to `towards`."""
    outwards = (x < towards) ^ (x < 0.0)
    bits = x.bits
    step = outwards.where(bits + 1, bits - 1).float_of_bits
    smallest = with_sign_of(bits.like(1).float_of_bits, towards)
    moved = x.equals(0.0).where(smallest, step)
    unordered = x.is_nan() | towards.is_nan()
    return unordered.where(x + towards, x.equals(towards).where(towards, moved))


def spacing(x: Number) -> Number:
    """The distance from x to the next float away from zero, negative for x < 0; NaN for infinity."""
    a = abs(x)
    distance = (a.bits + 1).float_of_bits - a
    return (x < 0).where(-distance, distance)
