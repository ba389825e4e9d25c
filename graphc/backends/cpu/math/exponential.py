"""exp, exp2, expm1: x = n·ln 2 + r with |r| ≤ ln 2 / 2, and a polynomial in r (Cody & Waite 1980)."""

from __future__ import annotations

from graphc.backends.cpu.math.constants import constants, fitted
from graphc.backends.cpu.math.number import Number, fma, larger, polynomial, smaller, with_sign_of
from graphc.dataclass import dataclass


@dataclass(frozen=True)
class Scaled:
    """The number (1 + q) · 2ⁿ, n an integer."""

    q: Number
    n: Number


def nearest_integer(x: Number, factor: float) -> tuple[Number, Number]:
    """x·factor rounded to an integer, as a float and as an integer; |x·factor| < 2²² (f32), 2⁵¹ (f64).

    Adding 1.5·2ᵐ leaves the integer in the low bits: no conversion instruction, no undefined result.
    """
    magic = x.like(1.5 * 2.0**x.mantissa)
    t = fma(x, factor, magic)
    return t - magic, t.bits - magic.bits


def power_of_two(n: Number) -> Number:
    """2ⁿ for an integer n in the normal range."""
    mantissa, bias = (23, 127) if n.single else (52, 1023)
    return ((n + bias) << mantissa).float_of_bits


def scaled(p: Number, n: Number) -> Number:
    """p · 2ⁿ with overflow and subnormals right for |n| < 2·bias: one rounding, p near 1."""
    if p.code.fast_ldexp:
        n32 = n if n.single else n.as_i32()
        return p.same(p.code.ldexp_integer(p.value, n32.value))
    half = n >> 1
    return p * power_of_two(half) * power_of_two(n - half)


def exp_reduced(x: Number, low: Number | None = None, name: str = "exp") -> Scaled:
    """exp(x + low) as (1 + q)·2ⁿ, with the polynomial `name`; |x| within the range of exp, |low| tiny."""
    n, integer = nearest_integer(x, constants("log2_e", x)[0])
    high_part, low_part = constants("ln2_split", x)
    r = fma(n, -high_part, x)
    r = fma(n, -low_part, r if low is None else r + low)
    return Scaled(fma(polynomial(r, fitted(name, x)) * r, r, r), integer)


def clamped(x: Number) -> Number:
    """x limited to where exp is neither 0 nor infinite, plus a margin; NaN stays."""
    low, high = (-104.0, 89.0) if x.single else (-746.0, 710.0)
    return larger(smaller(x, high), low)


def exp(x: Number) -> Number:
    """eˣ."""
    e = exp_reduced(clamped(x))
    return scaled(e.q + 1.0, e.n)


def exp_with_low(x: Number, low: Number) -> Number:
    """exp(x + low), where low corrects x beyond its last bit; infinite x is allowed, low then is 0."""
    e = exp_reduced(clamped(x), low)
    return scaled(e.q + 1.0, e.n)


def exp_half(x: Number) -> Number:
    """eˣ/2 without overflow where eˣ/2 is finite."""
    low, high = (-104.0, 90.0) if x.single else (-746.0, 711.0)
    e = exp_reduced(larger(smaller(x, high), low))
    return scaled(e.q + 1.0, e.n - 1)


def exp2(x: Number) -> Number:
    """2ˣ; exact for integers."""
    low, high = (-151.0, 129.0) if x.single else (-1076.0, 1025.0)
    x = larger(smaller(x, high), low)
    n, integer = nearest_integer(x, 1.0)
    r = x - n
    ln2, ln2_low = constants("ln2", x)
    q = fma(r, ln2, r * fma(polynomial(r, fitted("exp2", x)), r, ln2_low))
    return scaled(q + 1.0, integer)


def expm1_positive_or_negative(x: Number) -> Number:
    """eˣ − 1 without the care for −0."""
    low, high = (-20.0, 89.0) if x.single else (-40.0, 710.0)
    e = exp_reduced(larger(smaller(x, high), low))
    # Half the power, doubled at the end: 2ⁿ itself may be beyond the largest float.
    half = power_of_two(e.n - 1)
    result = fma(half, e.q, half - 0.5)
    return result + result


def expm1(x: Number) -> Number:
    """eˣ − 1, accurate near 0."""
    return with_sign_of(expm1_positive_or_negative(x), x)
