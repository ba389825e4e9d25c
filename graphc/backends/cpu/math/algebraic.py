"""cbrt and hypot."""

from __future__ import annotations

from graphc.backends.cpu.math.constants import fitted
from graphc.backends.cpu.math.double import exact_fma
from graphc.backends.cpu.math.exponential import nearest_integer, power_of_two
from graphc.backends.cpu.math.logarithm import split
from graphc.backends.cpu.math.number import Number, fma, polynomial, sqrt, with_sign_of


def cbrt(x: Number) -> Number:
    """∛x: 1/∛m from a polynomial and Halley's iteration, m·y², and one correction."""
    parts = split(abs(x))
    third, integer = nearest_integer(parts.e, 1.0 / 3.0)
    m = parts.m * power_of_two((parts.e - 3.0 * third + (1.5 * 2.0**x.mantissa)).bits - _magic(x))
    y = polynomial(m, fitted("inverse_cbrt", x))
    for _ in range(1 if x.single else 2):
        error = 1.0 - m * y * (y * y)
        y = fma(y * error, fma(error, 2.0 / 9.0, 1.0 / 3.0), y)
    root = m * (y * y)
    root = fma(exact_fma(-(root * root), root, m) * (y * y), 1.0 / 3.0, root)
    result = with_sign_of(root * power_of_two(integer), x)
    regular = (abs(x) > 0.0) & (abs(x) < float("inf"))
    return regular.where(result, x)


def _magic(x: Number) -> Number:
    return x.like(1.5 * 2.0**x.mantissa).bits


def hypot(x: Number, y: Number) -> Number:
    """√(x² + y²) without overflow inside; infinite if one is, even beside NaN (Borges 2019)."""
    if x.single:
        a, b = x.widened(), y.widened()
        result = sqrt(fma(a, a, b * b)).narrowed()
    else:
        result = _hypot_double(abs(x), abs(y))
    infinite = abs(x).equals(float("inf")) | abs(y).equals(float("inf"))
    return infinite.where(x.like(float("inf")), result)


def _hypot_double(x: Number, y: Number) -> Number:
    swap = x < y
    a, b = swap.where(y, x), swap.where(x, y)
    huge, tiny = a > 2.0**500, a < 2.0**-450
    factor = huge.where(a.like(2.0**-600), tiny.where(a.like(2.0**600), 1.0))
    back = huge.where(a.like(2.0**600), tiny.where(a.like(2.0**-600), 1.0))
    a, b = a * factor, b * factor
    h = sqrt(fma(a, a, b * b))
    h_square, a_square = h * h, a * a
    excess = exact_fma(-b, b, h_square - a_square) + exact_fma(h, h, -h_square) - exact_fma(a, a, -a_square)
    corrected = h - excess / (h + h)
    return (h > 0.0).where(corrected, h) * back
