"""tanh, sinh, cosh, expit: from expm1 and exp, with polynomials where those would cancel."""

from __future__ import annotations

from graphc.backends.cpu.math.constants import fitted
from graphc.backends.cpu.math.exponential import (
    clamped,
    exp_half,
    exp_reduced,
    power_of_two,
    scaled,
)
from graphc.backends.cpu.math.number import Number, fma, polynomial, smaller, with_sign_of


def tanh(x: Number) -> Number:
    """(1 − e⁻²ˣ)/(1 + e⁻²ˣ); near 0 an odd polynomial."""
    a = abs(x)
    w = x * x
    near = fma(polynomial(w, fitted("tanh", x)) * w, a, a)
    # 1 − 2/(e²ᵃ + 1): what the quotient loses is small against 1.
    e = exp_reduced(smaller(a + a, 20.0 if x.single else 40.0))
    power = power_of_two(e.n)
    far = 1.0 - 2.0 / (fma(power, e.q, power) + 1.0)
    return with_sign_of((a < 0.63).where(near, far), x)


def sinh(x: Number) -> Number:
    """(eˣ − e⁻ˣ)/2; below 1 an odd polynomial."""
    a = abs(x)
    w = x * x
    near = fma(polynomial(w, fitted("sinh", x)) * w, a, a)
    half = exp_half(a)
    far = half - 0.25 / half
    return with_sign_of((a < 1.0).where(near, far), x)


def cosh(x: Number) -> Number:
    """(eˣ + e⁻ˣ)/2."""
    half = exp_half(abs(x))
    return half + 0.25 / half


def expit(x: Number) -> Number:
    """1/(1 + e⁻ˣ), without overflow and down to the subnormals."""
    e = exp_reduced(clamped(-abs(x)))
    power = scaled(e.q + 1.0, e.n)
    return (x < 0.0).where(power, 1.0) / (power + 1.0)
