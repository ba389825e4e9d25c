"""Uniform integers."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.errors import DTypeError, located
from graphc.random.blocks import words64
from graphc.random.checks import checked_shape, is_known, of_shape, out_of_domain
from graphc.trace.context import user_line_with_text

_HALF = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)


def randint(key: Any, shape: Any, minval: Any, maxval: Any, dtype: Any = np.int64) -> Any:
    """Uniform integers in [minval, maxval).

    key: (2,) uint32; minval, maxval: integers that broadcast to `shape` and fit `dtype` (maxval may be one
    above); returns `shape`. Element = minval + ⌊n w / 2⁶⁴⌋ for 64 random bits w and n = maxval - minval
    (Lemire 2019, without rejection): a probability is off by less than n / 2⁶⁴ of itself. ValueError for an
    empty interval, and for one that does not fit.
    """
    kind, sizes = np.dtype(dtype), checked_shape(shape)
    if kind.kind not in "iu":
        text = f"random integers of dtype {kind}"
        raise DTypeError(located(text, user_line_with_text(), "Use an integer dtype."))
    low, high = _bound(minval, kind, 0), _bound(maxval, kind, 1)
    narrow, whole = kind.itemsize <= 4, False
    if is_known(minval) and is_known(maxval):
        lows, highs = np.broadcast_arrays(np.asarray(minval, object), np.asarray(maxval, object))
        if np.any(lows >= highs):
            raise out_of_domain(f"randint in the empty interval [{lows.flat[0]}, {highs.flat[0]})")
        narrow = narrow or bool(np.all(highs - lows < 2**32))
        whole = bool(np.any(highs - lows == 2**64))
    words, n = words64(key, sizes), high - low
    offset: Any = _product_narrow(words, n) if narrow else _product_wide(words, n)
    if whole:
        offset = np.where(n == 0, words, offset)
    return of_shape((low + offset).astype(kind), sizes, "randint")


def _bound(value: Any, kind: np.dtype, beyond: int) -> Any:
    """An end of the interval modulo 2⁶⁴, as u64; ValueError where it is known and does not fit."""
    if not is_known(value):
        if value.dtype.kind not in "iu":
            text = f"an end of the interval of randint is {value.dtype}"
            raise DTypeError(located(text, user_line_with_text(), "Use integers."))
        return value.astype(np.uint64)
    numbers = np.asarray(value, object)
    limits = np.iinfo(kind)
    for number in numbers.flat:
        if not isinstance(number, int | np.integer):
            text = f"an end of the interval of randint is the {type(number).__name__} {number}"
            raise DTypeError(located(text, user_line_with_text(), "Use integers."))
        if not int(limits.min) <= number <= int(limits.max) + beyond:
            raise out_of_domain(f"randint: {number} does not fit {kind}")
    wrapped = [int(number) % 2**64 for number in numbers.flat]
    return np.array(wrapped, np.uint64).reshape(numbers.shape)


def _product_narrow(words: Any, n: Any) -> Any:
    """⌊n w / 2⁶⁴⌋ for n ≤ 2³²."""
    return (words >> _HALF) * n + ((words & _LOW) * n >> _HALF) >> _HALF


def _product_wide(words: Any, n: Any) -> Any:
    """⌊n w / 2⁶⁴⌋ from the four products of halves."""
    high, low = n >> _HALF, n & _LOW
    middle = (words >> _HALF) * low + ((words & _LOW) * low >> _HALF)
    rest = (words & _LOW) * high + (middle & _LOW)
    return (words >> _HALF) * high + (middle >> _HALF) + (rest >> _HALF)
