"""erf, erfc, erfcx and the normal distribution ndtr, log_ndtr.

One polynomial for all: (1 + 2a)·eᵃ²·erfc(a) for a ≥ 0 in u = (a − k)/(a + k) (Shepherd & Laframboise 1981).
"""

from __future__ import annotations

from graphc.backends.cpu.math.constants import constant, constants, fitted
from graphc.backends.cpu.math.double import Pair, two_product
from graphc.backends.cpu.math.exponential import exp_with_low
from graphc.backends.cpu.math.logarithm import log, log1p
from graphc.backends.cpu.math.number import Number, fma, larger, polynomial, smaller, with_sign_of

POLE = 3.75


def erfcx_positive(a: Number) -> Number:
    """eᵃ²·erfc(a) for 0 ≤ a < 1e18."""
    u = (a - POLE) / (a + POLE)
    return polynomial(u, fitted("erfcx", a)) / (a + a + 1.0)


def exp_of_negative(square: Pair) -> Number:
    """exp(−(high + low))."""
    return exp_with_low(-square.high, (square.high < 1000.0).where(-square.low, 0.0))


def erf_near(x: Number) -> Number:
    """erf x for |x| ≤ 1."""
    w = x * x
    high, low = constants("two_over_sqrt_pi", x)
    return fma(x, high, x * fma(polynomial(w, fitted("erf", x)), w, low))


def erfc_positive(a: Number) -> Number:
    """erfc a for a ≥ 0."""
    a = smaller(a, 30.0)
    return exp_of_negative(two_product(a, a)) * erfcx_positive(a)


def erf(x: Number) -> Number:
    """2/√π · ∫₀ˣ exp(−t²) dt."""
    a = abs(x)
    return with_sign_of((a < 1.0).where(erf_near(a), 1.0 - erfc_positive(a)), x)


def erfc(x: Number) -> Number:
    """1 − erf x, accurate where that is tiny."""
    a = abs(x)
    tail = erfc_positive(a)
    far = (x < 0.0).where(2.0 - tail, tail)
    return (a < 0.5).where(1.0 - erf_near(x), far)


def erfcx(x: Number) -> Number:
    """exp(x²)·erfc(x); eᵃ² doubled on the negative side."""
    a = abs(x)
    capped = smaller(a, 30.0)
    square = two_product(capped, capped)
    positive = erfcx_positive(smaller(a, 1e9))
    positive = (a > 1e8).where(constant("inverse_sqrt_pi", x) / a, positive)
    grown = exp_with_low(square.high, (square.high < 1000.0).where(square.low, 0.0))
    return (x < 0.0).where(grown + (grown - positive), positive)


def ndtr(x: Number) -> Number:
    """½·erfc(−x/√2): the part of the normal distribution below x."""
    a = abs(x)
    tail = 0.5 * _normal_tail(a)
    upper = (x > 0.0).where(1.0 - tail, tail)
    near = 0.5 + 0.5 * erf_near(x * constant("sqrt_half", x))
    return (a < 0.7).where(near, upper)


def _normal_tail(a: Number) -> Number:
    """erfc(a/√2) for a ≥ 0, the exponent −a²/2 exact."""
    a = smaller(a, 45.0)
    return exp_of_negative(two_product(a, a * 0.5)) * erfcx_positive(a * constant("sqrt_half", a))


def log_ndtr(x: Number) -> Number:
    """log ndtr(x), finite far into the tail."""
    a = abs(x)
    # exp(x²/2) leaves the logarithm's argument within the normal range.
    tail = erfcx_positive(smaller(a, 1e9) * constant("sqrt_half", x))
    tail = (a > 1e8).where(constant("sqrt_2_over_pi", x) / a, tail)
    left = log(0.5 * tail) - 0.5 * a * a
    near = 0.5 - 0.5 * erf_near(smaller(larger(x, -1.0), 1.0) * constant("sqrt_half", x))
    right = log1p(-(x < 1.0).where(near, 0.5 * _normal_tail(a)))
    return (x < -1.0).where(left, right)
