"""The incomplete gamma functions P(a, x) and Q(a, x) = 1 − P(a, x), and the gamma distribution's density.

The smaller of P and Q is computed, the other is what is left of 1: P by its power series below a, Q by
Legendre's continued fraction above, and both by Temme's expansion where a is large and x near it (Temme 1979;
DLMF 8.7.1, 8.9.2, 8.12). All three are multiples of xᵃ·e⁻ˣ/Γ(a + 1), whose exponent is carried in a pair.
"""

from __future__ import annotations

from collections.abc import Callable

from llvmlite import ir

from graphc.backends.cpu.llvm import I64, lanes_of
from graphc.backends.cpu.math.constants import fitted
from graphc.backends.cpu.math.double import Pair, exact_fma, fast_two_sum, two_product, two_sum
from graphc.backends.cpu.math.error_function import erfcx_positive
from graphc.backends.cpu.math.exponential import exp, exp_with_low, expm1
from graphc.backends.cpu.math.gamma import STIRLING_FROM, shifted, stirling_series
from graphc.backends.cpu.math.integral import floor
from graphc.backends.cpu.math.logarithm import log, log1p
from graphc.backends.cpu.math.number import Number, fma, larger, polynomial, smaller, sqrt
from graphc.backends.cpu.math.outline import unless_rare
from graphc.backends.cpu.math.power import log_pair
from graphc.dataclass import dataclass

INFINITY = float("inf")
TEMME_FROM = 200.0
TEMME_TERMS = 6


@dataclass(frozen=True)
class Point:
    """a > 0 and x > 0 with λ = x/a: the exponent a·(λ − 1 − log λ) as a pair, for a ≥ 7.5 only."""

    a: Number
    x: Number
    near: Number  # where Temme's expansion holds
    exponent: Pair


def gammainc(a: Number, x: Number) -> Number:
    """P(a, x) = 1/Γ(a)·∫₀ˣ tᵃ⁻¹·e⁻ᵗ dt."""
    return _regularised(a, x, upper=False)


def gammaincc(a: Number, x: Number) -> Number:
    """Q(a, x) = 1/Γ(a)·∫ₓ^∞ tᵃ⁻¹·e⁻ᵗ dt."""
    return _regularised(a, x, upper=True)


def gamma_density(a: Number, x: Number) -> Number:
    """xᵃ⁻¹·e⁻ˣ/Γ(a): the derivative of P(a, x) by x."""
    inside = (a > 0.0) & (x > 0.0) & (a < INFINITY) & (x < INFINITY)
    point = _point(inside.where(a, 1.0), inside.where(x, 1.0))
    root, divisor = _prefix_parts(point)
    result = root * point.a / point.x * (root / divisor)
    at_zero = a.equals(1.0).where(x.like(1.0), (a > 1.0).where(x.like(0.0), INFINITY))
    border = x.equals(0.0).where(at_zero, 0.0)
    valid = (a > 0.0) & (x >= 0.0) & (a < INFINITY)
    return inside.where(result, valid.where(border, float("nan")))


def _regularised(a: Number, x: Number, *, upper: bool) -> Number:
    inside = (a > 0.0) & (x > 0.0) & (a < INFINITY) & (x < INFINITY)
    point = _point(inside.where(a, 1.0), inside.where(x, 1.0))
    return inside.where(_inside(point, upper=upper), _border(a, x, upper=upper))


def _border(a: Number, x: Number, *, upper: bool) -> Number:
    """The limits at 0 and ∞; NaN where there is none, as for a = x = 0, and for negative numbers."""
    all_below = x.like(0.0 if upper else 1.0)
    result = (a.equals(0.0) | x.equals(INFINITY)).where(all_below, 1.0 - all_below)
    lost = a.equals(x) & (a.equals(0.0) | a.equals(INFINITY))
    valid = (a >= 0.0) & (x >= 0.0) & ~lost
    return valid.where(result, float("nan"))


def _point(a: Number, x: Number) -> Point:
    difference = two_sum(x, -a)
    high = difference.high / a
    low = (exact_fma(-high, a, difference.high) + difference.low) / a
    near = (a >= TEMME_FROM) & (abs(high) <= 0.3)
    return Point(a, x, near, _stirling_exponent(a, x, Pair(high, low)))


def _stirling_exponent(a: Number, x: Number, s: Pair) -> Pair:
    """a·(s − log(1 + s)) for s = x/a − 1: near 0 by powers of s, of which two are pairs."""
    square = two_product(s.high, s.high)
    square_low = fma(s.high + s.high, s.low, square.low)
    cube = two_product(square.high, s.high)
    cube_low = fma(square.high, s.low, fma(square_low, s.high, cube.low))
    third, third_low = 1.0 / 3.0, 1.850371707708594e-17
    product = two_product(cube.high, third)
    product_low = fma(cube.high, third_low, fma(cube_low, third, product.low))
    first = two_sum(0.5 * square.high, -product.high)
    rest = square.high * square.high * polynomial(s.high, fitted("log1p_tail", a))
    second = two_sum(first.high, rest)
    close = Pair(second.high, second.low + (first.low + fma(square_low, 0.5, -product_low)))
    # From 1e-300 down and 1e4 up, e to half the exponent is 0 for all a ≥ 7.5.
    ratio = larger(smaller(x / a, 1e4), 1e-300)
    remainder = exact_fma(-ratio, a, x) / a
    logarithm = log_pair(ratio)
    far_high = two_sum(s.high, -logarithm.high)
    far_low = far_high.low + (s.low - (logarithm.low + remainder / ratio))
    is_close = abs(s.high) < 0.1
    high = is_close.where(close.high, smaller(far_high.high, 1e4))
    low = is_close.where(close.low, (ratio < 1e4).where(far_low, 0.0))
    scaled = two_product(smaller(a, 1e280), high)
    return fast_two_sum(scaled.high, fma(smaller(a, 1e280), low, scaled.low))


def _prefix_parts(point: Point) -> tuple[Number, Number]:
    """(r, d) with xᵃ·e⁻ˣ/Γ(a + 1) = r·r/d: the root of a power that may underflow."""
    a = point.a
    large = a >= STIRLING_FROM - 0.5
    of_large = -(point.exponent.low + stirling_series(larger(a, 1.0)))
    divisor = sqrt(larger(a, 1.0) * 6.283185307179586)
    small = smaller(a, 8.0)
    logarithm = log_pair(point.x)
    product = two_product(logarithm.high, small)
    total = two_sum(product.high, -smaller(point.x, 1e4))
    low = total.low + fma(logarithm.low, small, product.low)
    high = large.where(-point.exponent.high, total.high)
    low = (high > -2000.0).where(large.where(of_large, low), 0.0)
    return exp_with_low(0.5 * high, 0.5 * low), large.where(divisor, _gamma_of_next(small))


def _gamma_of_next(a: Number) -> Number:
    """Γ(a + 1) for 0 < a ≤ 8, from the exact a."""
    parts = shifted(a)
    centre = polynomial(parts.t, fitted("gamma", a))
    usual = parts.divides.where(centre / parts.factors, centre * parts.factors) * a
    return (a < 0.5).where(centre / (a + 1.0), usual)


def _inside(point: Point, *, upper: bool) -> Number:
    a, x = point.a, point.x
    series = ~point.near & ((x <= a) | (x < 0.75))
    fraction = ~point.near & ~series
    root, divisor = _prefix_parts(point)
    prefix = root / divisor * root
    one = x.like(1.0)
    result = one if not upper else x.like(0.0)

    def by_series() -> Number:
        lower = prefix * _power_series(series.where(a, 1.0), series.where(x, 0.0))
        if not upper:
            return series.where(lower, result)
        complement = series & (a <= 1.0)
        other = _complement(complement.where(a, 1.0), complement.where(x, 1.0))
        return series.where(complement.where(other, 1.0 - lower), result)

    result = unless_rare(series, result, by_series)
    before = result

    def by_fraction() -> Number:
        higher = prefix * a / _fraction(fraction.where(a, 1.0), fraction.where(x, 2.0))
        return fraction.where(higher if upper else 1.0 - higher, before)

    result = unless_rare(fraction, before, by_fraction)
    last = result

    def by_expansion() -> Number:
        above = x >= a
        tail = _expansion(point, above)
        return point.near.where(
            above.where(tail, 1.0 - tail) if upper else above.where(1.0 - tail, tail), last
        )

    return unless_rare(point.near, last, by_expansion)


def backwards(count: Number, start: Number, step: Callable[[Number, Number], Number]) -> Number:
    """t = step(n, t) for n = N, …, 2, 1, each lane from its own N = `count` on."""
    code = start.code
    top = code.reduce("maximum", count.value)

    def body(_: ir.Value, n: ir.Value, t: ir.Value) -> list[ir.Value]:
        number, value = start.same(n), start.same(t)
        following = (number <= count).where(step(number, value), value)
        return [(number - 1.0).value, following.value]

    first = code.splat(top, lanes_of(start.type))
    return start.same(code.loop(code.b.fptosi(top, I64), body, [first, start.value])[1])


def _power_series(a: Number, x: Number) -> Number:
    """Σ xⁿ/((a + 1)·…·(a + n)) for x ≤ max(a, 0.75), by Horner's rule."""
    count = 24.0 + smaller(9.0 * sqrt(smaller(a, TEMME_FROM)), 120.0)
    return backwards(floor(count), x.like(1.0), lambda n, t: fma(t, x / (a + n), 1.0))


def _fraction(a: Number, x: Number) -> Number:
    """t with Q(a, x) = xᵃ·e⁻ˣ/Γ(a)/t, for x ≥ max(a, 0.75)."""
    count = floor(26.0 + 87.0 / x + 0.2 * smaller(a, TEMME_FROM))
    base = (x - a) + 1.0
    return backwards(count, fma(count, 2.0, base), lambda n, t: fma(n, 2.0, base - 2.0) + n * (a - n) / t)


def _complement(a: Number, x: Number) -> Number:
    """Q(a, x) for a ≤ 1 and x < 0.75: 1 − xᵃ/Γ(a + 1) and a series of alternating terms (DLMF 8.7.1)."""
    low = a < 0.5
    t = low.where(a, a - 1.0)
    centre = polynomial(t, fitted("gammaln", a)) * t
    of_gamma = low.where(centre - log1p(a), centre)  # log Γ(a + 1)
    exponent = fma(a, log(x), -of_gamma)
    total = x.like(0.0)
    for n in range(22, 0, -1):
        # Σ (−x)ⁿ/((a + n)·n!) with the ratio of factorials taken out of each term.
        total = (x * (-1.0 / n)) * (1.0 / (a + float(n)) + total)
    return -expm1(exponent) - a * exp(exponent) * total


def _expansion(point: Point, above: Number) -> Number:
    """Q(a, x) where x ≥ a, P(a, x) below, for large a and x near it."""
    a = larger(point.a, TEMME_FROM)
    exponent = (point.near).where(point.exponent.high, 0.0)
    magnitude = sqrt((exponent + exponent) / a)
    eta = above.where(magnitude, -magnitude)
    inverse = 1.0 / a
    total = polynomial(eta, fitted(f"temme_{TEMME_TERMS - 1}", a))
    for k in range(TEMME_TERMS - 2, -1, -1):
        total = fma(total, inverse, polynomial(eta, fitted(f"temme_{k}", a)))
    correction = total / sqrt(a * 6.283185307179586)
    half = 0.5 * erfcx_positive(sqrt(smaller(exponent, 1e12)))
    low = (point.exponent.high < 1000.0).where(-point.exponent.low, 0.0)
    return exp_with_low(-point.exponent.high, low) * (half + above.where(correction, -correction))
