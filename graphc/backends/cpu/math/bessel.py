"""Modified Bessel functions i0, i0e, i1, i1e: a series in (x/2)² up to 8, one in 1/x beyond."""

from __future__ import annotations

from graphc.backends.cpu.math.constants import fitted
from graphc.backends.cpu.math.exponential import exp
from graphc.backends.cpu.math.number import Number, fma, larger, polynomial, smaller, sqrt, with_sign_of


def _near(a: Number, order: int) -> Number:
    """I₀(a), or I₁(a)·2/a, for a ≤ 8."""
    w = smaller(a, 8.0)
    w = w * w * 0.25
    return fma(polynomial(w, fitted(f"bessel_i{order}", a)), w, 1.0)


def _far(a: Number, order: int) -> Number:
    """e⁻ᵃ·I(a) for a ≥ 8."""
    a = larger(a, 8.0)
    # Mapped to [−1, 1], where the polynomial is well conditioned.
    u = 16.0 / a - 1.0
    return polynomial(u, fitted(f"bessel_i{order}_far", a)) / sqrt(a)


def _scaled(x: Number, order: int) -> Number:
    a = abs(x)
    near = _near(a, order) * exp(-a)
    if order:
        near = near * (0.5 * a)
    return (a > 8.0).where(_far(a, order), near)


def _unscaled(x: Number, order: int) -> Number:
    a = abs(x)
    near = _near(a, order)
    if order:
        near = near * (0.5 * a)
    # eᵃ as a square: the product may be finite where eᵃ is not.
    root = exp(0.5 * a)
    far = _far(smaller(a, 1e4), order) * root * root
    return (a > 8.0).where(far, near)


def i0(x: Number) -> Number:
    """I₀(x)."""
    return _unscaled(x, 0)


def i0e(x: Number) -> Number:
    """exp(−|x|)·I₀(x)."""
    return _scaled(x, 0)


def i1(x: Number) -> Number:
    """I₁(x)."""
    return with_sign_of(_unscaled(x, 1), x)


def i1e(x: Number) -> Number:
    """exp(−|x|)·I₁(x)."""
    return with_sign_of(_scaled(x, 1), x)
