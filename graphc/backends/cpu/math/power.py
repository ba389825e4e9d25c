"""x to the power y: exp(y·log x), the logarithm and the product carried in pairs of floats."""

from __future__ import annotations

from graphc.backends.cpu.math.constants import constants, fitted
from graphc.backends.cpu.math.double import Pair, exact_fma, fast_two_sum, two_product
from graphc.backends.cpu.math.exponential import exp_reduced, exp_with_low, power_of_two
from graphc.backends.cpu.math.integral import trunc
from graphc.backends.cpu.math.logarithm import log_finite, split
from graphc.backends.cpu.math.number import Number, fma, larger, polynomial, smaller


def power(x: Number, y: Number) -> Number:
    """xʸ as IEEE 754's pow: NaN for a negative base and a fractional exponent; x⁰ = 1ʸ = 1, even for NaN."""
    a = abs(x)
    magnitude = _single(a, y) if x.single else _double(a, y)
    return _with_corners(x, y, magnitude)


def _single(a: Number, y: Number) -> Number:
    """In f64, with polynomials no more precise than f32 needs."""
    logarithm = log_finite(a.widened(), "log_short", subnormal=False)
    # Beyond ±200 the result is 0 or infinite in f32, but 2ⁿ still normal in f64.
    e = exp_reduced(larger(smaller(y.widened() * logarithm, 200.0), -200.0), name="exp_short")
    scale = power_of_two(e.n)
    return fma(e.q, scale, scale).narrowed()


def _double(a: Number, y: Number) -> Number:
    logarithm = log_pair(a)
    product = two_product(logarithm.high, y)
    low = fma(logarithm.low, y, product.low)
    return exp_with_low(product.high, (abs(product.high) < 1000.0).where(low, 0.0))


def log_pair(x: Number) -> Pair:
    """log x for finite x > 0 with some 64 bits: 2s + s³·(2/3 + w·P(w)) + e·ln 2, w = s², in pairs."""
    parts = split(x)
    s = _half_quotient(parts.m)
    w = _product(s, s)
    third_high, third_low = constants("two_thirds", x)
    tail = w.high * polynomial(w.high, fitted("log_tail", x))
    factor = fast_two_sum(x.like(third_high), tail)
    series = _product(_product(s, w), Pair(factor.high, factor.low + third_low))
    ln2_high, ln2_low = constants("ln2_split", x)
    # Each term is smaller than the sum before it, or that sum is zero.
    first = fast_two_sum(parts.e * ln2_high, s.high + s.high)
    second = fast_two_sum(first.high, series.high)
    rest = fma(parts.e, ln2_low, fma(s.low, 2.0, series.low))
    return Pair(second.high, (first.low + second.low) + rest)


def _half_quotient(m: Number) -> Pair:
    """(m − 1)/(m + 1) for m near 1."""
    f = m - 1.0
    d = m + 1.0
    d_low = m - (d - 1.0)
    inverse = 1.0 / d
    high = f * inverse
    return Pair(high, fma(-high, d_low, exact_fma(-high, d, f)) * inverse)


def _product(a: Pair, b: Pair) -> Pair:
    """a · b, the low part not yet below the last bit of the high one."""
    high = a.high * b.high
    return Pair(high, fma(a.high, b.low, fma(a.low, b.high, exact_fma(a.high, b.high, -high))))


def _with_corners(x: Number, y: Number, magnitude: Number) -> Number:
    infinity = float("inf")
    a, b = abs(x), abs(y)
    rises = (a > 1.0) ^ (y < 0.0)
    limit = rises.where(x.like(infinity), 0.0)
    extreme = a.equals(0.0) | a.equals(infinity) | b.equals(infinity)
    result = extreme.where(limit, magnitude)
    whole = trunc(y).equals(y)
    half = y * 0.5
    odd = whole & trunc(half).differs(half) & (b < infinity)
    # The sign of −0 and −∞ counts, too; a finite negative base needs a whole exponent.
    negative = x.bits < 0
    result = (negative & odd).where(-result, result)
    undefined = (x < 0.0) & ~whole & (a < infinity)
    result = (undefined | x.is_nan() | y.is_nan()).where(x.like(float("nan")), result)
    one = x.equals(1.0) | y.equals(0.0) | (a.equals(1.0) & b.equals(infinity))
    return one.where(x.like(1.0), result)
