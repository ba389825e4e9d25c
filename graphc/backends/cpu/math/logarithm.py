"""log, log2, log10, log1p: x = m·2ᵉ with m in [√½, √2), log m = 2 artanh(s), s = (m−1)/(m+1).

The order of the final sum is that of fdlibm's e_log.c (Sun Microsystems 1993)."""

from __future__ import annotations

from graphc.backends.cpu.math.constants import constants, fitted
from graphc.backends.cpu.math.double import Pair, fast_two_sum, two_product, two_sum
from graphc.backends.cpu.math.number import Number, fma, polynomial
from graphc.dataclass import dataclass


@dataclass(frozen=True)
class Split:
    """x = m · 2ᵉ, √½ ≤ m < √2."""

    m: Number
    e: Number


def split(x: Number, *, subnormal: bool = True) -> Split:
    """Mantissa and exponent of x > 0."""
    mantissa = x.mantissa
    # The bits of √½: subtracting them before the shift moves the cut from 1 to √½.
    root_half = 0x3F3504F3 if x.single else 0x3FE6A09E667F3BCD
    offset = x.like(0.0)
    if subnormal:
        tiny = x < (2.0**-126 if x.single else 2.0**-1022)
        x = tiny.where(x * 2.0 ** (mantissa + 2), x)
        offset = tiny.where(x.like(-(mantissa + 2.0)), 0.0)
    bits = x.bits
    exponent = (bits - root_half) >> mantissa
    m = (bits - (exponent << mantissa)).float_of_bits
    return Split(m, exponent.rounded_float(x) + offset)


def log_tail(f: Number, name: str = "log") -> tuple[Number, Number]:
    """(½f², t) with log(1 + f) = f − (½f² − t); f in [√½ − 1, √2 − 1], the polynomial `name`."""
    s = f / (f + 2.0)
    w = s * s
    r = w * polynomial(w, fitted(name, f))
    half_square = 0.5 * f * f
    return half_square, s * (half_square + r)


def at_the_edges(x: Number, result: Number) -> Number:
    """log's corner values: log ±0 = −∞, log ∞ = ∞, NaN below 0."""
    result = x.equals(float("inf")).where(x, result)
    outside = x.equals(0.0).where(x.like(float("-inf")), float("nan"))
    return (x > 0.0).where(result, outside)


def log_finite(x: Number, name: str = "log", *, subnormal: bool = True) -> Number:
    """log x for finite x > 0, with the polynomial `name`."""
    parts = split(x, subnormal=subnormal)
    f = parts.m - 1.0
    half_square, tail = log_tail(f, name)
    high, low = constants("ln2_split", x)
    return parts.e * high - ((half_square - fma(parts.e, low, tail)) - f)


def log(x: Number) -> Number:
    """The natural logarithm."""
    return at_the_edges(x, log_finite(x))


def log_mantissa_pair(f: Number) -> Pair:
    """log(1 + f) as a pair, accurate to some bits beyond the type."""
    _, tail = log_tail(f)
    square = two_product(f * 0.5, f)
    high = two_sum(f, -square.high)
    # log_tail's product uses the rounded ½f²; only its own last bit is lost.
    return fast_two_sum(high.high, high.low + (tail - square.low))


def log_in_base(x: Number, factor: str, exponent_factor: str) -> Number:
    """log(x) · factor, the product and the sum carried in pairs."""
    parts = split(x)
    value = log_mantissa_pair(parts.m - 1.0)
    factor_high, factor_low = constants(factor, x)
    product = two_product(value.high, factor_high)
    low = fma(value.high, factor_low, fma(value.low, factor_high, product.low))
    step_high, step_low = constants(exponent_factor, x)
    total = two_sum(parts.e * step_high, product.high)
    return total.high + fma(parts.e, step_low, total.low + low)


def log2(x: Number) -> Number:
    """The logarithm in base 2; exact for powers of two."""
    return at_the_edges(x, log_in_base(x, "log2_e", "one"))


def log10(x: Number) -> Number:
    """The decimal logarithm."""
    return at_the_edges(x, log_in_base(x, "log10_e", "log10_2"))


def log1p(x: Number) -> Number:
    """log(1 + x), accurate near 0: the rounding error of 1 + x is carried along."""
    u = two_sum(x.like(1.0), x)
    parts = split(u.high, subnormal=False)
    f = parts.m - 1.0
    correction = u.low / u.high
    half_square, tail = log_tail(f)
    high, low = constants("ln2_split", x)
    rest = correction + fma(parts.e, low, tail)
    result = parts.e * high - ((half_square - rest) - f)
    result = at_the_edges(u.high, result)
    # Keeps −0 and does not multiply the infinities that two_sum makes of ∞.
    return x.equals(0.0).where(x, result)
