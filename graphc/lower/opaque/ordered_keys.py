"""Unsigned integers that are ordered as the numbers they stand for: what sorting compares.

Equal numbers have equal keys, so both zeros share one, and so does NaN whatever its bits, the last one.
"""

from __future__ import annotations

import numpy as np

from graphc.lower.opaque.notation import Notation, Scalar


def key_dtype(dtype: np.dtype) -> np.dtype:
    """The unsigned integers of the same width."""
    return np.dtype(f"u{dtype.itemsize}")


def key_of(code: Notation, x: Scalar) -> Scalar:
    """The key of x: a float's bits with the sign flipped, and all others too where x is negative.

    As Knuth, The Art of Computer Programming 3, §5.2.5, exercise 8 sorts numbers with a sign.
    """
    dtype = key_dtype(x.dtype)
    bits = code.bits(x, dtype)
    if x.dtype.kind in "ub":
        return bits
    if x.dtype.kind == "i":
        return code.apply("bitwise_xor", bits, _sign_bit(dtype))
    # -0.0 is not below zero: like 0.0 it becomes the sign bit alone.
    positive = code.apply("bitwise_or", bits, _sign_bit(dtype))
    key = (x < 0).choose(code.apply("invert", bits), positive)
    return x.differs(x).choose(_last(dtype), key)


def number_of(code: Notation, key: Scalar, dtype: np.dtype) -> Scalar:
    """The number with this key; of several, 0.0 and some NaN."""
    if dtype.kind in "ub":
        return code.bits(key, dtype)
    flipped = code.apply("bitwise_xor", key, _sign_bit(key.dtype))
    if dtype.kind == "i":
        return code.bits(flipped, dtype)
    positive = key >= _sign_bit(key.dtype)
    return code.bits(positive.choose(flipped, code.apply("invert", key)), dtype)


def is_minus_zero(code: Notation, x: Scalar) -> Scalar:
    """Whether the float x is -0.0."""
    dtype = key_dtype(x.dtype)
    return code.bits(x, dtype).equals(_sign_bit(dtype))


def _sign_bit(dtype: np.dtype) -> int:
    return 1 << (8 * dtype.itemsize - 1)


def _last(dtype: np.dtype) -> int:
    return (1 << 8 * dtype.itemsize) - 1
