"""erfinv, erfcinv, ndtri: x·P(w) with w = −log(1 − x²), a polynomial per range of w (after Giles 2010)."""

from __future__ import annotations

from graphc.backends.cpu.math.constants import constant, fitted
from graphc.backends.cpu.math.logarithm import log
from graphc.backends.cpu.math.number import Number, polynomial, sqrt
from graphc.backends.cpu.math.outline import unless_rare

# The ranges of √w beyond w = 6.25 (√w = 2.5).
RANGES = ((2.5, 4.5), (4.5, 9.0), (9.0, 27.5))


def _central_over_x(complement: Number) -> Number:
    """erfinv(x)/x from 1 − x²."""
    w = -log(complement)
    central = polynomial(w * (2.0 / 6.25) - 1.0, fitted("erfinv_0", w))

    def tails() -> Number:
        root = sqrt(w)
        result = central
        for number, (start, stop) in enumerate(RANGES, 1):
            u = (root - (start + stop) / 2) * (2.0 / (stop - start))
            result = (root > start).where(polynomial(u, fitted(f"erfinv_{number}", w)), result)
        return result

    return unless_rare(w > 6.25, central, tails)


def erfinv(x: Number) -> Number:
    """y with erf y = x; ±∞ at ±1, NaN beyond."""
    y = x * _central_over_x((1.0 - x) * (1.0 + x))
    return abs(x).equals(1.0).where(x * float("inf"), y)


def erfcinv(x: Number) -> Number:
    """y with erfc y = x; ∞ at 0, −∞ at 2, NaN outside."""
    y = (1.0 - x) * _central_over_x(x * (2.0 - x))
    edge = x.equals(0.0) | x.equals(2.0)
    return edge.where((1.0 - x) * float("inf"), y)


def ndtri(p: Number) -> Number:
    """y with ndtr(y) = p; −∞ at 0, ∞ at 1, NaN outside."""
    centred = p + p - 1.0
    y = centred * _central_over_x(4.0 * p * (1.0 - p)) * constant("sqrt_2", p)
    edge = p.equals(0.0) | p.equals(1.0)
    return edge.where(centred * float("inf"), y)
