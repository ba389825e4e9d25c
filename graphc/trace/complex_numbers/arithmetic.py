"""Formulas of complex numbers on pairs of real values, of which None is zero."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphc.trace.complex_numbers.parts import Parts


def plus(a: Any, b: Any) -> Any:
    if a is None or b is None:
        return b if a is None else a
    return a + b


def minus(a: Any, b: Any) -> Any:
    if b is None:
        return a
    return -b if a is None else a - b


def times(a: Any, b: Any) -> Any:
    return None if a is None or b is None else a * b


def add(a: Parts, b: Parts) -> Parts:
    return Parts(plus(a.re, b.re), plus(a.im, b.im))


def subtract(a: Parts, b: Parts) -> Parts:
    return Parts(minus(a.re, b.re), minus(a.im, b.im))


def multiply(a: Parts, b: Parts) -> Parts:
    re = minus(times(a.re, b.re), times(a.im, b.im))
    return Parts(re, plus(times(a.re, b.im), times(a.im, b.re)))


def negative(a: Parts) -> Parts:
    return Parts(minus(None, a.re), minus(None, a.im))


def conjugate(a: Parts) -> Parts:
    return Parts(a.re, minus(None, a.im))


def square(a: Parts) -> Parts:
    """(a + b)(a - b) + 2 i a b would cancel less, but NumPy computes a² - b²."""
    return multiply(a, a) if a.re is None or a.im is None else Parts(a.re**2 - a.im**2, 2 * (a.re * a.im))


def divide(a: Parts, b: Parts) -> Parts:
    """a / b without overflow of |b|² (Smith 1962), as NumPy does."""
    if b.im is None:
        return Parts(*(None if part is None else part / b.re for part in a))
    if b.re is None:  # a / (i y) = (a / i) / y
        return divide(Parts(a.im, minus(None, a.re)), Parts(b.im, None))
    large = np.abs(b.re) >= np.abs(b.im)
    big, small = np.where(large, b.re, b.im), np.where(large, b.im, b.re)
    ratio = np.where(big == 0, np.zeros_like(big), small / big)
    scale = 1 / (big + small * ratio)
    re, im = (np.zeros_like(big) if part is None else part for part in a)
    first, second = np.where(large, re, im), np.where(large, im, re)
    sign = np.where(large, np.ones_like(big), -np.ones_like(big))
    return Parts((first + second * ratio) * scale, sign * ((second - first * ratio) * scale))


def _or_zero(part: Any, like: Any) -> Any:
    return np.zeros_like(like) if part is None else part


def reciprocal(a: Parts) -> Parts:
    one = np.ones_like(a.re if a.re is not None else a.im)
    return divide(Parts(one, None), a)


def absolute(a: Parts) -> Any:
    if a.re is None or a.im is None:
        return np.abs(a.re if a.im is None else a.im)
    return np.hypot(a.re, a.im)


def angle(a: Parts) -> Any:
    """The argument, in (-π, π]."""
    like = a.re if a.re is not None else a.im
    return np.arctan2(_or_zero(a.im, like), _or_zero(a.re, like))


def exp(a: Parts) -> Parts:
    if a.im is None:
        return Parts(np.exp(a.re), None)
    cos, sin = np.cos(a.im), np.sin(a.im)
    if a.re is None:
        return Parts(cos, sin)
    size = np.exp(a.re)
    return Parts(size * cos, size * sin)


def log(a: Parts) -> Parts:
    """ln |z| + i arg z."""
    return Parts(np.log(absolute(a)), angle(a))


def log_to(base: float, a: Parts) -> Parts:
    """ln z / ln base."""
    y, factor = log(a), 1 / math.log(base)
    return Parts(y.re * factor, y.im * factor)


def sqrt(a: Parts) -> Parts:
    """The root with a real part that is not negative (Kahan 1987); 0 at 0."""
    like = a.re if a.re is not None else a.im
    re, im = _or_zero(a.re, like), _or_zero(a.im, like)
    root = np.sqrt((np.abs(re) + np.hypot(re, im)) / 2)
    other = np.where(root == 0, root, np.abs(im) / (2 * np.where(root == 0, np.ones_like(root), root)))
    right = re >= 0
    return Parts(np.where(right, root, other), np.copysign(np.where(right, other, root), im))


def sin(a: Parts) -> Parts:
    re, im = _whole(a)
    return Parts(np.sin(re) * np.cosh(im), np.cos(re) * np.sinh(im))


def cos(a: Parts) -> Parts:
    re, im = _whole(a)
    return Parts(np.cos(re) * np.cosh(im), -(np.sin(re) * np.sinh(im)))


def sinh(a: Parts) -> Parts:
    re, im = _whole(a)
    return Parts(np.sinh(re) * np.cos(im), np.cosh(re) * np.sin(im))


def cosh(a: Parts) -> Parts:
    re, im = _whole(a)
    return Parts(np.cosh(re) * np.cos(im), np.sinh(re) * np.sin(im))


def tanh(a: Parts) -> Parts:
    """(t (1 + u²) + i u (1 - t²)) / (1 + t² u²) with t = tanh re and u = tan im."""
    re, im = _whole(a)
    t, u = np.tanh(re), np.tan(im)
    scale = 1 / (1 + (t * u) ** 2)
    return Parts(t * (1 + u**2) * scale, u * (1 - t**2) * scale)


def _whole(a: Parts) -> tuple[Any, Any]:
    like = a.re if a.re is not None else a.im
    return _or_zero(a.re, like), _or_zero(a.im, like)


def power(a: Parts, exponent: int) -> Parts:
    """aⁿ by squares and products."""
    if exponent < 0:
        return reciprocal(power(a, -exponent))
    if exponent == 0:
        return Parts(np.ones_like(a.re if a.re is not None else a.im), None)
    half = power(a, exponent // 2) if exponent > 1 else None
    if half is None:
        return a
    return multiply(square(half), a) if exponent % 2 else square(half)


def general_power(a: Parts, b: Parts) -> Parts:
    """exp(b ln a); 0 where a is 0."""
    re, im = _whole(exp(multiply(b, log(a))))
    zero = absolute(a) == 0
    return Parts(np.where(zero, np.zeros_like(re), re), np.where(zero, np.zeros_like(im), im))
