"""sin and cos of multiples of π, and sinc: the reduction is exact."""

from __future__ import annotations

from graphc.backends.cpu.math.constants import constant, constants
from graphc.backends.cpu.math.exponential import nearest_integer
from graphc.backends.cpu.math.integral import rint
from graphc.backends.cpu.math.number import Number, fma
from graphc.backends.cpu.math.trigonometric_kernels import cosine_of_quadrant, sine_of_quadrant


def reduced_half_turns(x: Number) -> tuple[Number, Number]:
    """(r, n) with πx = n·π/2 + r modulo 2π, |r| ≤ π/4."""
    # Beyond 2⁶⁰ all floats are even integers; doubling them could overflow.
    x = (abs(x) > 2.0**60).where(x.like(0.0), x)
    n = rint(x + x)
    part = x - 0.5 * n
    quarter = n - 4.0 * rint(0.25 * n)
    high, low = constants("pi", x)
    return fma(part, high, part * low), nearest_integer(quarter, 1.0)[1]


def sin_pi(x: Number) -> Number:
    """sin πx; the sign of a zero is not kept."""
    return sine_of_quadrant(*reduced_half_turns(x))


def cot_pi(x: Number) -> Number:
    """cos πx / sin πx."""
    r, n = reduced_half_turns(x)
    return cosine_of_quadrant(r, n) / sine_of_quadrant(r, n)


def sinc(x: Number) -> Number:
    """sin(πx)/(πx), 1 at 0, NaN at ±∞ as in NumPy."""
    quotient = sin_pi(x) / (x * constant("pi", x))
    quotient = abs(x).equals(float("inf")).where(x.like(float("nan")), quotient)
    return x.equals(0.0).where(x.like(1.0), quotient)
