"""Sums and ratios of exponentials, and their logarithms, without overflow or cancellation."""

from __future__ import annotations

from graphc.backends.cpu.math.constants import constant
from graphc.backends.cpu.math.exponential import exp, exp2
from graphc.backends.cpu.math.logarithm import log, log1p
from graphc.backends.cpu.math.number import Number, larger, smaller

INFINITY = float("inf")


def softplus(x: Number) -> Number:
    """log(1 + eˣ)."""
    return larger(x, 0.0) + log1p(exp(-abs(x)))


def log_expit(x: Number) -> Number:
    """log(1/(1 + e⁻ˣ))."""
    return -(log1p(exp(-abs(x))) - smaller(x, 0.0))


def logaddexp(a: Number, b: Number) -> Number:
    """log(eᵃ + eᵇ)."""
    return _larger_plus(a, b, log1p(exp(-abs(a - b))), constant("ln2", a))


def logaddexp2(a: Number, b: Number) -> Number:
    """log₂(2ᵃ + 2ᵇ)."""
    rest = log1p(exp2(-abs(a - b))) * constant("log2_e", a)
    return _larger_plus(a, b, rest, 1.0)


def _larger_plus(a: Number, b: Number, rest: Number, of_equals: float) -> Number:
    """max(a, b) + rest; equal infinities have no difference that rest could be made from."""
    unordered = (a - b).is_nan()
    return a.equals(b).where(a + of_equals, unordered.where(a - b, larger(a, b) + rest))


def logit(p: Number) -> Number:
    """log(p/(1 − p)); near ½ through log1p, as the quotient is near 1 there."""
    rest = 1.0 - p
    middle = (p > 0.3) & (p < 0.65)
    near = log1p((p + p - 1.0) / rest)
    return middle.where(near, log(p / rest))


def xlogy(x: Number, y: Number) -> Number:
    """x·log y; 0 where x is 0, whatever y but NaN."""
    return _unless_zero(x, y, x * log(y))


def xlog1py(x: Number, y: Number) -> Number:
    """x·log(1 + y); 0 where x is 0, whatever y but NaN."""
    return _unless_zero(x, y, x * log1p(y))


def _unless_zero(x: Number, y: Number, product: Number) -> Number:
    return (x.equals(0.0) & y.equals(y)).where(x.like(0.0), product)


def entr(x: Number) -> Number:
    """−x·log x; 0 at 0, −∞ below."""
    inside = x.equals(0.0).where(x.like(0.0), -(x * log(x)))
    return (x < 0.0).where(x.like(-INFINITY), inside)


def rel_entr(x: Number, y: Number) -> Number:
    """x·log(x/y); 0 where x is 0 and y ≥ 0, ∞ elsewhere outside x, y > 0."""
    return _divergence(x, y, x * _log_ratio(x, y), x.like(0.0))


def kl_div(x: Number, y: Number) -> Number:
    """x·log(x/y) − x + y; y where x is 0 and y ≥ 0, ∞ elsewhere outside x, y > 0."""
    return _divergence(x, y, x * _log_ratio(x, y) - x + y, y)


def _log_ratio(x: Number, y: Number) -> Number:
    """log(x/y): by log1p of the exact difference where the quotient is near 1."""
    difference = (x - y) / y
    near = abs(difference) < 0.4
    ratio = x / y
    # Else the quotient is out of range, and the logarithms differ by so much that no digits cancel.
    regular = (ratio > (2.0**-126 if x.single else 2.0**-1022)) & (ratio < INFINITY)
    apart = regular.where(log(regular.where(ratio, 1.0)), log(x) - log(y))
    return near.where(log1p(near.where(difference, 0.0)), apart)


def _divergence(x: Number, y: Number, inside: Number, at_zero: Number) -> Number:
    positive = (x > 0.0) & (y > 0.0)
    border = x.equals(0.0) & (y >= 0.0)
    result = positive.where(inside, border.where(at_zero, INFINITY))
    return (x.is_nan() | y.is_nan()).where(x + y, result)
