"""sin, cos and tan of r + quadrant·π/2 for |r| ≤ π/4."""

from __future__ import annotations

from graphc.backends.cpu.math.constants import fitted
from graphc.backends.cpu.math.number import Number, fma, polynomial


def sin_kernel(r: Number) -> Number:
    """sin r for |r| ≤ π/4, −0 aside."""
    w = r * r
    return fma(polynomial(w, fitted("sin", r)) * w, r, r)


def cos_kernel(r: Number) -> Number:
    """cos r for |r| ≤ π/4."""
    w = r * r
    return fma(polynomial(w, fitted("cos", r)) * w, w, fma(w, -0.5, 1.0))


def sine_of_quadrant(r: Number, quadrant: Number) -> Number:
    """sin(r + quadrant·π/2)."""
    odd = (quadrant & 1).differs(0)
    value = odd.where(cos_kernel(r), sin_kernel(r))
    sign = (quadrant & 2) << (30 if r.single else 62)
    return (value.bits ^ sign).float_of_bits


def cosine_of_quadrant(r: Number, quadrant: Number) -> Number:
    """cos(r + quadrant·π/2)."""
    return sine_of_quadrant(r, quadrant + 1)


def tangent_of_quadrant(r: Number, quadrant: Number) -> Number:
    """tan(r + quadrant·π/2)."""
    sine, cosine = sin_kernel(r), cos_kernel(r)
    odd = (quadrant & 1).differs(0)
    return odd.where(-cosine, sine) / odd.where(sine, cosine)
