"""arcsin, arccos, arctan, arctan2: one polynomial after a reduction that needs one division or root."""

from __future__ import annotations

from graphc.backends.cpu.math.constants import constants, fitted
from graphc.backends.cpu.math.number import Number, fma, polynomial, sqrt, with_sign_of
from graphc.dataclass import dataclass

INFINITY = float("inf")


@dataclass(frozen=True)
class HalfAngle:
    """s with arcsin s = s + s·p; `large`: s is √((1 − |x|)/2), so that arcsin|x| = π/2 − 2·arcsin s."""

    s: Number
    p: Number
    large: Number


def half_angle(x: Number) -> HalfAngle:
    a = abs(x)
    large = a > 0.5
    z = large.where((1.0 - a) * 0.5, a * a)
    s = large.where(sqrt(z), a)
    return HalfAngle(s, polynomial(z, fitted("arcsin", x)) * z, large)


def arcsin(x: Number) -> Number:
    """The angle in [−π/2, π/2] with sine x; NaN beyond ±1."""
    h = half_angle(x)
    high, low = constants("half_pi", x)
    small = fma(h.s, h.p, h.s)
    large = high - (2.0 * h.s - (low - 2.0 * (h.s * h.p)))
    return with_sign_of(h.large.where(large, small), x)


def arccos(x: Number) -> Number:
    """The angle in [0, π] with cosine x; NaN beyond ±1."""
    h = half_angle(x)
    high, low = constants("half_pi", x)
    signed = with_sign_of(h.s, x)
    small = high - (signed - (low - signed * h.p))
    right = 2.0 * fma(h.s, h.p, h.s)
    left = 2.0 * (high - (h.s + (h.s * h.p - low)))
    return h.large.where((x < 0.0).where(left, right), small)


def arctan_series(t: Number) -> Number:
    """arctan t − t for |t| ≤ tan(π/8)."""
    w = t * t
    return polynomial(w, fitted("arctan", t)) * w * t


def arctan(x: Number) -> Number:
    """The angle in (−π/2, π/2) with tangent x: from 0, π/4 or π/2, whichever is nearest."""
    a = abs(x)
    middle, far = a > 0.41421356, a > 2.4142135
    numerator = far.where(-1.0, middle.where(a - 1.0, a))
    denominator = far.where(a, middle.where(a + 1.0, 1.0))
    t = numerator / denominator
    high, low = constants("half_pi", x)
    base = far.where(x.like(high), middle.where(x.like(high / 2), 0.0))
    base_low = far.where(x.like(low), middle.where(x.like(low / 2), 0.0))
    return with_sign_of(base + (t + (arctan_series(t) + base_low)), x)


def arctan2(y: Number, x: Number) -> Number:
    """The angle in [−π, π] of the point (x, y); signs of zeros count."""
    a, b = abs(y), abs(x)
    steep = a > b
    n, d = _quotient_of_order(steep.where(b, a), steep.where(a, b))
    middle = n > d * 0.41421356
    t = middle.where(n - d, n) / middle.where(n + d, d)
    high, low = constants("half_pi", x)
    # angle = base ± (t + series), assembled from the smallest part to the largest.
    quarter = middle.where(x.like(high / 2), 0.0)
    quarter_low = middle.where(x.like(low / 2), 0.0)
    rest = arctan_series(t) + quarter_low
    left = x.bits < 0
    negated = steep ^ left
    base = steep.where(x.like(high), left.where(x.like(2 * high), 0.0))
    base_low = steep.where(x.like(low), left.where(x.like(2 * low), 0.0))
    base = base + negated.where(-quarter, quarter)
    angle = base + (negated.where(-t, t) + (negated.where(-rest, rest) + base_low))
    angle = with_sign_of(angle, y)
    unordered = x.is_nan() | y.is_nan()
    return unordered.where(x + y, angle)


def _quotient_of_order(small: Number, large: Number) -> tuple[Number, Number]:
    """Operands with the quotient small/large and a finite sum: 0/0 becomes 0, ∞/∞ becomes 1."""
    huge, tiny = (2.0**100, 2.0**-100) if small.single else (2.0**1000, 2.0**-900)
    factor = (large > huge).where(small.like(0.25), (large < tiny).where(small.like(huge / 8), 1.0))
    infinite = large.equals(INFINITY)
    n = infinite.where(small.equals(INFINITY).where(small.like(1.0), 0.0), small * factor)
    d = infinite.where(small.like(1.0), large * factor)
    return n, d.equals(0.0).where(d.like(1.0), d)
