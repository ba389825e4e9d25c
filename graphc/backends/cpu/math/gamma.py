"""gammaln, digamma, trigamma: a polynomial or a recurrence below 8, Stirling's series above."""

from __future__ import annotations

from graphc.backends.cpu.math.constants import constant, fitted
from graphc.backends.cpu.math.half_turns import cot_pi, sin_pi
from graphc.backends.cpu.math.integral import rint
from graphc.backends.cpu.math.logarithm import log
from graphc.backends.cpu.math.number import Number, fma, polynomial
from graphc.backends.cpu.math.outline import unless_rare
from graphc.dataclass import dataclass

INFINITY = float("inf")
STIRLING_FROM = 8


def gammaln(x: Number) -> Number:
    """log|Γ(x)|; infinite at 0, −1, −2, …; relative accuracy at the zeros 1 and 2, absolute below 0."""
    reflects = x < -0.5
    a = reflects.where(-x, x)
    easy = _gammaln_right(a)

    def reflected() -> Number:
        # Γ(x)·Γ(−x) = −π/(x·sin πx)
        sine = abs(sin_pi(a))
        other = constant("log_pi", x) - log(a * sine) - easy
        pole = a.equals(INFINITY).where(x, INFINITY)
        return reflects.where(sine.equals(0.0).where(pole, other), easy)

    return unless_rare(reflects, easy, reflected)


@dataclass(frozen=True)
class Shifted:
    """x = 2 + t + k with |t| ≤ ½: Γ(x) is Γ(2 + t) times `factors`, or over them where `divides`."""

    t: Number
    factors: Number
    divides: Number


def shifted(x: Number) -> Shifted:
    """For −½ ≤ x < 7.5; t is exact, so that log Γ keeps its relative accuracy at 1 and 2."""
    low, divides = x < 0.5, x < 1.5
    factors = low.where(x * (x + 1.0), divides.where(x, 1.0))
    t = low.where(x, divides.where(x - 1.0, x - 2.0))
    for k in range(1, STIRLING_FROM - 2):
        beyond = x >= k + 1.5
        factors = beyond.where(factors * (x - float(k)), factors)
        t = beyond.where(x - float(k + 2), t)
    return Shifted(t, factors, divides)


def stirling_series(x: Number) -> Number:
    """log Γ(x) − ((x − ½)·log x − x + ½·log 2π) for x ≥ 7.5."""
    inverse = 1.0 / x
    return polynomial(inverse * inverse, fitted("stirling", x)) * inverse


def _gammaln_right(x: Number) -> Number:
    """log|Γ(x)| for x ≥ −½."""
    parts = shifted(x)
    large = x >= STIRLING_FROM - 0.5
    logarithm = log(large.where(x, abs(parts.factors)))
    centre = polynomial(parts.t, fitted("gammaln", x)) * parts.t
    below = centre + parts.divides.where(-logarithm, logarithm)
    constant_part = stirling_series(x) + (constant("half_log_2pi", x) - 0.5)
    return large.where(fma(x - 0.5, logarithm - 1.0, constant_part), below)


def digamma(x: Number) -> Number:
    """d/dx log Γ(x); −∞ at 0, ∞ at −0, NaN at negative integers. Absolute accuracy at its zeros."""
    negative = x < 0.0
    easy = _digamma_right(negative.where(1.0 - x, x))

    def reflected() -> Number:
        # ψ(1 − x) − ψ(x) = π·cot πx
        other = easy - constant("pi", x) * cot_pi(x)
        pole = rint(x).equals(x)
        return negative.where(pole.where(x.like(float("nan")), other), easy)

    result = unless_rare(negative, easy, reflected)
    return x.equals(0.0).where(-1.0 / x, result)


def _paired_factors(x: Number) -> tuple[Number, tuple[float, ...]]:
    """(t, c) with (x + k)·(x + 7 − k) = t + c[k]: eight factors as four, with fewer roundings."""
    return x * (x + 7.0), (0.0, 6.0, 10.0, 12.0)


def _digamma_right(x: Number) -> Number:
    """ψ(x) for x > 0: ψ(x) = ψ(x + 8) − Σ 1/(x + k), the sum as one fraction."""
    low = x < float(STIRLING_FROM)
    start = low.where(x, 1.0)
    t, shifts = _paired_factors(start)
    numerator, denominator = x.like(1.0), t
    for shift in shifts[1:]:
        factor = t + shift
        numerator = fma(numerator, factor, denominator)
        denominator = denominator * factor
    # 1/(x + k) + 1/(x + 7 − k) = (2x + 7)/(t + c)
    total = numerator * fma(start, 2.0, 7.0) / denominator
    y = low.where(x + float(STIRLING_FROM), x)
    inverse = 1.0 / y
    square = inverse * inverse
    series = fma(polynomial(square, fitted("digamma", x)), square, 0.5 * inverse)
    result = log(y) - series
    return low.where(result - total, result)


def trigamma(x: Number) -> Number:
    """d²/dx² log Γ(x); ∞ at 0, −1, −2, …"""
    negative = x < 0.0
    easy = _trigamma_right(negative.where(1.0 - x, x))

    def reflected() -> Number:
        # ψ′(x) + ψ′(1 − x) = (π/sin πx)²
        ratio = constant("pi", x) / sin_pi(x)
        return negative.where(ratio * ratio - easy, easy)

    result = unless_rare(negative, easy, reflected)
    return x.equals(0.0).where(x.like(INFINITY), result)


def _trigamma_right(x: Number) -> Number:
    """ψ′(x) for x > 0: ψ′(x) = ψ′(x + 8) + Σ 1/(x + k)²."""
    low = x < float(STIRLING_FROM)
    t, shifts = _paired_factors(low.where(x, 1.0))
    double = t + t
    numerator, denominator = double + 49.0, t * t
    for shift in shifts[1:]:
        # 1/(x + k)² + 1/(x + 7 − k)² = (2t + 49 − 2c)/(t + c)²
        square = (t + shift) * (t + shift)
        numerator = fma(numerator, square, denominator * (double + (49.0 - 2.0 * shift)))
        denominator = denominator * square
    y = low.where(x + float(STIRLING_FROM), x)
    inverse = 1.0 / y
    square = inverse * inverse
    series = polynomial(square, fitted("trigamma", x)) * square * inverse
    result = inverse + (0.5 * square + series)
    return low.where(numerator / denominator + result, result)
