"""x to the power y: exp(y·log x), the logarithm and the product carried in pairs of floats."""

from __future__ import annotations

from graphc.backends.cpu.math.constants import constants, fitted
from graphc.backends.cpu.math.double import Pair, fast_two_sum, two_product, two_sum
from graphc.backends.cpu.math.exponential import exp, exp_with_low
from graphc.backends.cpu.math.logarithm import log_finite, split
from graphc.backends.cpu.math.number import Number, fma, polynomial


def power(x: Number, y: Number) -> Number:
    """xʸ as IEEE 754's pow: NaN for a negative base and a fractional exponent; x⁰ = 1ʸ = 1, even for NaN."""
    a = abs(x)
    magnitude = _single(a, y) if x.single else _double(a, y)
    return _with_corners(x, y, magnitude)


def _single(a: Number, y: Number) -> Number:
    """f64 has enough digits to spare."""
    logarithm = log_finite(a.widened(), subnormal=False)
    return exp(y.widened() * logarithm).narrowed()


def _double(a: Number, y: Number) -> Number:
    logarithm = log_pair(a)
    product = two_product(logarithm.high, y)
    low = fma(logarithm.low, y, product.low)
    return exp_with_low(product.high, (abs(product.high) < 1000.0).where(low, 0.0))


def log_pair(x: Number) -> Pair:
    """log x for finite x > 0 with some 64 correct bits."""
    parts = split(x)
    f = parts.m - 1.0
    d = two_sum(parts.m, 1.0)
    inverse = 1.0 / d.high
    s_high = f * inverse
    s = Pair(s_high, (fma(-s_high, d.high, f) - s_high * d.low) * inverse)
    w = s * s
    third_high, third_low = constants("two_thirds", x)
    tail = w.high * polynomial(w.high, fitted("log_tail", x))
    factor = fast_two_sum(x.like(third_high), tail)
    series = s * w * Pair(factor.high, factor.low + third_low)
    ln2_high, ln2_low = constants("ln2_split", x)
    exponent = Pair(parts.e * ln2_high, parts.e * ln2_low)
    return exponent + (Pair(s.high + s.high, s.low + s.low) + series)


def _with_corners(x: Number, y: Number, magnitude: Number) -> Number:
    infinity = float("inf")
    a, b = abs(x), abs(y)
    rises = (a > 1.0) ^ (y < 0.0)
    limit = rises.where(x.like(infinity), 0.0)
    extreme = a.equals(0.0) | a.equals(infinity) | b.equals(infinity)
    result = extreme.where(limit, magnitude)
    whole = y.call("trunc").equals(y)
    half = y * 0.5
    odd = whole & half.call("trunc").differs(half) & (b < infinity)
    # The sign of −0 and −∞ counts, too; a finite negative base needs a whole exponent.
    negative = x.bits < 0
    result = (negative & odd).where(-result, result)
    undefined = (x < 0.0) & ~whole & (a < infinity)
    result = (undefined | x.is_nan() | y.is_nan()).where(x.like(float("nan")), result)
    one = x.equals(1.0) | y.equals(0.0) | (a.equals(1.0) & b.equals(infinity))
    return one.where(x.like(1.0), result)
