"""Pairs of floats that carry a value to twice the precision (Dekker 1971; Ogita, Rump & Oishi 2005).

Products are exact with or without a fused multiply-add: without one, those of f32 are made in f64, and those
of f64 from halves of the factors.
"""

from __future__ import annotations

from graphc.backends.cpu.math.number import Number, fma
from graphc.dataclass import dataclass


@dataclass(frozen=True)
class Pair:
    """The unevaluated sum high + low, |low| ≤ ulp(high)/2 or little more."""

    high: Number
    low: Number


def two_sum(a: Number, b: Number | float) -> Pair:
    """a + b exactly (Knuth)."""
    b = a.like(b)
    high = a + b
    part = high - a
    return Pair(high, (a - (high - part)) + (b - part))


def fast_two_sum(a: Number, b: Number) -> Pair:
    """a + b exactly, where |a| ≥ |b| (Dekker)."""
    high = a + b
    return Pair(high, b - (high - a))


def two_product(a: Number, b: Number | float) -> Pair:
    """a · b exactly, barring underflow."""
    high = a * b
    if a.code.fused or a.single:
        return Pair(high, exact_fma(a, b, -high))
    return Pair(high, _error_of_product(a, a.like(b), high))


def exact_fma(a: Number, b: Number | float, c: Number) -> Number:
    """a·b + c rounded once; without a fused multiply-add twice, but exact where the result is a float.

    That is what the residual of a product, a quotient or a reduced argument needs.
    """
    if a.code.fused:
        return fma(a, b, c)
    if a.single:
        return (a.widened() * a.like(b).widened() + c.widened()).narrowed()
    product = two_product(a, b)
    total = two_sum(product.high, c)
    return total.high + (total.low + product.low)


def _error_of_product(a: Number, b: Number, product: Number) -> Number:
    """a · b − product in f64, from halves of 26 bits of a, and of 26 and 27 bits of b (Dekker 1971).

    Halves are cut from the bits, which cannot overflow as Veltkamp's products would.
    """
    rest = (1 << 27) - 1
    a_high = ((a.bits + (1 << 26)) & ~rest).float_of_bits
    b_high = (b.bits & ~rest).float_of_bits
    a_low, b_low = a - a_high, b - b_high
    return a_low * b_low - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low)
