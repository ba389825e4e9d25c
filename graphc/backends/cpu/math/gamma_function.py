"""Γ(x): a polynomial and a product below 8, Stirling's series with the exponent in a pair above."""

from __future__ import annotations

from graphc.backends.cpu.math.constants import constant, constants, fitted
from graphc.backends.cpu.math.double import Pair, two_product, two_sum
from graphc.backends.cpu.math.exponential import exp_with_low
from graphc.backends.cpu.math.gamma import STIRLING_FROM, shifted, stirling_series
from graphc.backends.cpu.math.half_turns import sin_pi
from graphc.backends.cpu.math.number import Number, fma, polynomial, smaller
from graphc.backends.cpu.math.outline import unless_rare
from graphc.backends.cpu.math.power import log_pair


def gamma(x: Number) -> Number:
    """Γ(x); ±∞ at ±0, NaN at negative integers and −∞."""
    reflects = x < -0.5
    a = reflects.where(-x, x)
    large = a >= STIRLING_FROM - 0.5
    parts = shifted(a)
    centre = polynomial(parts.t, fitted("gamma", x))
    below = parts.divides.where(centre / parts.factors, centre * parts.factors)
    exponent = _stirling_exponent(smaller(a, 200.0))
    easy = large.where(exp_with_low(exponent.high, exponent.low), below)

    def reflected() -> Number:
        # Γ(−a) = −π/(a·sin(πa)·Γ(a)); 1/Γ(a) on its own, because Γ(a) may overflow.
        sine = sin_pi(a)
        inverse = large.where(exp_with_low(-exponent.high, -exponent.low), 1.0 / below)
        other = -(constant("pi", x) / (a * sine)) * inverse
        return reflects.where(sine.equals(0.0).where(x.like(float("nan")), other), easy)

    return unless_rare(reflects, easy, reflected)


def _stirling_exponent(x: Number) -> Pair:
    """log Γ(x) for 7.5 ≤ x ≤ 200."""
    logarithm = log_pair(x)
    product = two_product(logarithm.high, x - 0.5)
    high, low = constants("half_log_2pi", x)
    first = two_sum(product.high, -x)
    second = two_sum(first.high, high)
    rest = fma(logarithm.low, x - 0.5, product.low) + (stirling_series(x) + low)
    total = two_sum(second.high, rest)
    return Pair(total.high, total.low + (first.low + second.low))
