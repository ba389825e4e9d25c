"""The Hurwitz zeta function: ten terms, and Euler and Maclaurin's sum of the rest (DLMF 25.11.5)."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from llvmlite import ir

from graphc.backends.cpu.math.double import two_product, two_sum
from graphc.backends.cpu.math.exponential import exp_with_low
from graphc.backends.cpu.math.integral import rint, trunc
from graphc.backends.cpu.math.number import Number, fma, larger, smaller
from graphc.backends.cpu.math.outline import unless_rare
from graphc.backends.cpu.math.power import log_pair

INFINITY = float("inf")
TERMS = 10
# B₂ⱼ for j = 1, 2, …; the j-th term is B₂ⱼ/(2j)!·x·(x + 1)·…·(x + 2j − 2)/wˣ⁺²ʲ⁻¹.
BERNOULLI: Final = ("1/6", "-1/30", "1/42", "-1/30", "5/66", "-691/2730", "7/6", "-3617/510", "43867/798")


def zeta(x: Number, q: Number) -> Number:
    """Σ (q + k)⁻ˣ over k ≥ 0, for x > 1; ∞ at x = 1 and q = 0, −1, …; NaN for x < 1.

    For q < 0 all powers are defined for whole x only: NaN for others.
    """
    positive = q > 0.0
    easy = _positive(x, positive.where(q, 1.0))
    whole = rint(q).equals(q)
    negative = (q < 0.0) & ~whole

    def reflected() -> Number:
        inside = negative.where(q, -0.5)
        return negative.where(_negative(x, inside), easy)

    result = unless_rare(negative, easy, reflected)
    result = (whole & (q <= 0.0)).where(x.like(INFINITY), result)
    result = q.equals(INFINITY).where(x.like(0.0), result)
    undefined = ~(x >= 1.0) | q.is_nan()
    result = undefined.where(x.like(float("nan")), result)
    pole = x.is_nan() & whole & (q <= 0.0)
    return (x.equals(1.0) | pole).where(x.like(INFINITY), result)


def _negative(x: Number, q: Number) -> Number:
    """By the sum over all integers, from which those beyond q are taken: its terms are ±(|q + k|)⁻ˣ."""
    d = q - rint(q)
    odd = trunc(x * 0.5).differs(x * 0.5) & (x < 2.0**53)
    nearest = _power(x, abs(d), x.like(0.0))
    nearest = (odd & (d < 0.0)).where(-nearest, nearest)
    left = _positive(x, 1.0 - d) - _positive(x, 1.0 - q)
    result = (nearest + _positive(x, d + 1.0)) + odd.where(-left, left)
    return trunc(x).equals(x).where(result, float("nan"))


def _power(x: Number, w: Number, low: Number) -> Number:
    """(w + low)⁻ˣ for w > 0, low below the last bit of w."""
    logarithm = log_pair(w)
    x = smaller(x, 1e6)
    product = two_product(logarithm.high, x)
    rest = fma(x, logarithm.low + low / w, product.low)
    return exp_with_low(-product.high, (abs(product.high) < 1000.0).where(-rest, 0.0))


def _positive(x: Number, q: Number) -> Number:
    """For q > 0 and x > 1."""
    code = x.code
    x, q = larger(x, 1.0), smaller(q, 1.7976931348623157e308)

    def term(_: ir.Value, k: ir.Value, total: ir.Value) -> list[ir.Value]:
        number = x.same(k)
        place = two_sum(q, number)
        # From the smallest term to the largest.
        return [(number - 1.0).value, (x.same(total) + _power(x, place.high, place.low)).value]

    rest = _rest(x, q)
    last = x.like(TERMS - 1.0)
    return x.same(code.loop(TERMS, term, [last.value, rest.value])[1])


def _rest(x: Number, q: Number) -> Number:
    """The sum of the terms from k = TERMS on."""
    place = two_sum(q, float(TERMS))
    w = place.high
    root = _power(0.5 * x, w, place.low)  # the power itself may underflow where w times it does not
    inverse = 1.0 / w
    bounded = smaller(x, 1e6)  # beyond, even the root is 0
    total = x.like(0.0)
    factorial = [1]
    for n in range(1, 2 * len(BERNOULLI) + 1):
        factorial.append(factorial[-1] * n)
    for j in range(len(BERNOULLI), 0, -1):
        coefficient = float(Fraction(BERNOULLI[j - 1]) / factorial[2 * j])
        following = (bounded + (2.0 * j - 1.0)) * inverse * ((bounded + 2.0 * j) * inverse)
        total = fma(total, following, coefficient)
    series = fma(total * bounded, inverse, 0.5)
    return root.equals(0.0).where(0.0, root * w * root / (x - 1.0) + root * series * root)
