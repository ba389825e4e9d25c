"""Conversions that printed kernels call, in Python that is legal in `numba.njit`.

Their text is copied into the programs that use them.
"""

from __future__ import annotations

import numpy as np


def to_int64(x: float) -> np.int64:
    """x without its fraction; -2⁶³ where that does not fit, as x86 converts."""
    return np.int64(x) if -9223372036854775808.0 <= x < 9223372036854775808.0 else np.int64(-(2**63))


def to_int32(x: float) -> np.int32:
    """x without its fraction; -2³¹ where that does not fit, as x86 converts."""
    return np.int32(x) if -2147483648.0 <= x < 2147483648.0 else np.int32(-(2**31))


def to_uint64(x: float) -> np.uint64:
    """x without its fraction, modulo 2⁶⁴; 2⁶³ where that does not fit, as x86 converts."""
    if 9223372036854775808.0 <= x < 18446744073709551616.0:
        return np.uint64(x - 9223372036854775808.0) + np.uint64(2**63)
    return np.uint64(to_int64(x))
