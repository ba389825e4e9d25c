"""Uniform real numbers, and coins."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ops.base import AbstractTraced
from graphc.random.blocks import words32, words64
from graphc.random.checks import (
    checked_float,
    checked_shape,
    converted,
    is_known,
    is_number,
    of_shape,
    out_of_domain,
)


def uniform(key: Any, shape: Any = (), dtype: Any = np.float64, minval: Any = 0.0, maxval: Any = 1.0) -> Any:
    """Uniform numbers in [minval, maxval): multiples of 2⁻⁵³ (f32: 2⁻²⁴) in [0, 1), scaled and shifted.

    key: (2,) uint32; minval, maxval: broadcast to `shape`, differentiable; returns `shape`. Rounding may
    return maxval itself where the interval is not [0, 1), as in NumPy.
    """
    dtype, sizes = checked_float(dtype), checked_shape(shape)
    if dtype.itemsize == 8:
        unit = (words64(key, sizes) >> np.uint64(11)).astype(dtype) * 2.0**-53
    else:
        unit = (words32(key, sizes) >> np.uint32(8)).astype(dtype) * np.float32(2.0**-24)
    if is_known(minval) and is_known(maxval) and is_number(minval) and is_number(maxval):
        if minval > maxval:
            raise out_of_domain(f"uniform in the empty interval [{minval}, {maxval})")
        if (minval, maxval) == (0, 1):
            return unit
    low, high = converted(minval, dtype), converted(maxval, dtype)
    return of_shape(low + unit * (high - low), sizes, "uniform")


def open_unit(key: Any, shape: tuple[Any, ...], dtype: np.dtype) -> Any:
    """Uniform numbers in (0, 1), the small ones with all their digits: the least is 2⁻⁶⁵ (f32: 2⁻³³).

    The midpoints of 2⁶⁴ (2³²) equal intervals, rounded; what rounds to 1 is the number before it.
    """
    words = words64(key, shape) if dtype.itemsize == 8 else words32(key, shape)
    kind, size = dtype.type, 8 * dtype.itemsize
    unit = (words.astype(dtype) + kind(0.5)) * kind(2.0**-size)
    return np.minimum(unit, kind(1) - kind(np.finfo(dtype).epsneg))


def bernoulli(key: Any, p: Any = 0.5, shape: Any = None) -> Any:
    """True with probability p: bool of `shape`, or of the shape of p.

    Decided by 64 random bits where p is an f64 array, by 32 otherwise: a Python number p is met to 2⁻²⁴ of
    itself plus 2⁻³³ (np.float64(p) is exact to 2⁻⁵³). p = 0 gives only False, p = 1 only True. ValueError
    for a p outside [0, 1].
    """
    check_probability(p)
    limit: Any = p if isinstance(p, AbstractTraced) else np.asarray(p)
    # A Python number takes part with 32 bits, so that a mask on f32 data costs no f64 arithmetic.
    single = is_number(p) or limit.dtype == np.float32
    dtype: np.dtype = np.dtype(np.float32 if single else np.float64)
    sizes = limit.shape if shape is None else checked_shape(shape)
    return of_shape(open_unit(key, sizes, dtype) < limit.astype(dtype), sizes, "bernoulli")


def check_probability(p: Any) -> None:
    """ValueError where a known p is not in [0, 1]."""
    if not is_known(p):
        return
    values = np.asarray(p)
    wrong = ~((values >= 0) & (values <= 1))
    if np.any(wrong):
        raise out_of_domain(f"a probability lies in [0, 1]; p is {values[wrong][0]}")
