"""Pairs of floats that carry a value to twice the precision (Dekker 1971; Ogita, Rump & Oishi 2005)."""

from __future__ import annotations

from dataclasses import dataclass

from graphc.backends.cpu.math.number import Number, fma


@dataclass(frozen=True, slots=True)
class Pair:
    """The unevaluated sum high + low, |low| ≤ ulp(high)/2 or little more."""

    high: Number
    low: Number


def two_sum(a: Number, b: Number | float) -> Pair:
    """a + b exactly (Knuth)."""
    b = a.like(b)
    high = a + b
    part = high - a
    return Pair(high, (a - (high - part)) + (b - part))


def fast_two_sum(a: Number, b: Number) -> Pair:
    """a + b exactly, where |a| ≥ |b| (Dekker)."""
    high = a + b
    return Pair(high, b - (high - a))


def two_product(a: Number, b: Number | float) -> Pair:
    """a · b exactly, barring underflow."""
    high = a * b
    return Pair(high, fma(a, b, -high))
