"""Modified Bessel functions: a series in (x/2)² near 0, for Iₙ up to 8, for Kₙ up to 1; one in 1/x beyond."""

from __future__ import annotations

from graphc.backends.cpu.math.constants import fitted
from graphc.backends.cpu.math.exponential import exp
from graphc.backends.cpu.math.logarithm import log
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


def _second_kind(x: Number, order: int, *, scaled: bool) -> Number:
    """Kₙ(x), times eˣ if `scaled`: ∞ at 0, NaN below."""
    inside = (x > 0.0) & (x < float("inf"))
    a = inside.where(x, 1.0)
    near_a = smaller(a, 1.0)
    w = near_a * near_a * 0.25
    regular = polynomial(w, fitted(f"bessel_k{order}", x))
    first_kind = _near(near_a, order) * log(near_a)
    # Both terms of K₀ are positive, and 1/x dominates K₁.
    near = fma(near_a, fma(first_kind, 0.5, regular), 1.0 / near_a) if order else regular - first_kind
    far_a = larger(a, 1.0)
    far = polynomial(2.0 / far_a - 1.0, fitted(f"bessel_k{order}_far", x)) / sqrt(far_a)
    if scaled:
        near = near * exp(near_a)
    else:
        far = far * exp(-far_a)
    border = x.equals(0.0).where(x.like(float("inf")), (x > 0.0).where(x.like(0.0), float("nan")))
    return inside.where((a > 1.0).where(far, near), border)


def k0(x: Number) -> Number:
    """K₀(x)."""
    return _second_kind(x, 0, scaled=False)


def k0e(x: Number) -> Number:
    """eˣ·K₀(x)."""
    return _second_kind(x, 0, scaled=True)


def k1(x: Number) -> Number:
    """K₁(x)."""
    return _second_kind(x, 1, scaled=False)


def k1e(x: Number) -> Number:
    """eˣ·K₁(x)."""
    return _second_kind(x, 1, scaled=True)
