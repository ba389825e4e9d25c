"""Normal numbers, by inverting the distribution function."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ops.base import apply
from graphc.ops.elementwise.normal import Ndtr
from graphc.random.blocks import words32, words64
from graphc.random.checks import (
    as_array,
    checked_float,
    checked_shape,
    converted,
    is_known,
    of_shape,
    out_of_domain,
)
from graphc.random.interval import open_unit
from graphc.random.quantile import CENTRAL, distance, quantile
from graphc.trace.ufuncs import broadcast_shapes


def normal(key: Any, shape: Any = (), dtype: Any = np.float64) -> Any:
    """Standard normal numbers, up to ±9.1 (f32: ±6.3), symmetric; never 0, ±∞ or NaN.

    key: (2,) uint32; returns `shape`. One number a block of random bits: the quantile (Wichura 1988) of the
    midpoint of one of 2⁶⁴ (f32: 2³²) equal intervals, so that the tails have all their digits.
    """
    dtype, sizes = checked_float(dtype), checked_shape(shape)
    words = words64(key, sizes) if dtype.itemsize == 8 else words32(key, sizes)
    size, signed = 8 * dtype.itemsize, words.astype(f"i{dtype.itemsize}")
    integer, kind = signed.dtype.type, dtype.type
    # From the median outwards, 0 … 2⁶³ - 1; its complement counts from the end inwards, exactly.
    place = signed ^ (signed >> integer(size - 1))
    central = place <= integer(CENTRAL * 2.0**size)
    nearest = np.where(central, place, place ^ integer(2 ** (size - 1) - 1))
    x = (nearest.astype(dtype) + kind(0.5)) * kind(2.0**-size)
    return np.copysign(distance(x, central, far=size == 64), (signed | integer(1)).astype(dtype))


def truncated_normal(key: Any, lower: Any, upper: Any, shape: Any = None, dtype: Any = np.float64) -> Any:
    """Standard normal numbers under the condition that they lie in [lower, upper].

    key: (2,) uint32; lower, upper: broadcast to `shape`, by default their common shape; infinite where there
    is no bound; differentiable; returns `shape`. Φ⁻¹ of a uniform number between Φ(lower) and Φ(upper),
    computed in the lower tail for an interval above 0. Beyond 37 (f32: 12) standard deviations every number
    is the inner bound; in f32 none is above 5.3 where lower is not. ValueError where lower < upper does not
    hold.
    """
    dtype = checked_float(dtype)
    a, b = (as_array(converted(bound, dtype)).astype(dtype) for bound in (lower, upper))
    if is_known(lower) and is_known(upper) and not np.all(np.less(lower, upper)):
        raise out_of_domain(f"truncated_normal between {lower} and {upper}")
    sizes = broadcast_shapes(a.shape, b.shape) if shape is None else checked_shape(shape)
    above = a > 0
    low, high = np.where(above, -b, a), np.where(above, -a, b)
    start, end = apply(Ndtr(), low), apply(Ndtr(), high)
    p = start + open_unit(key, sizes, dtype) * (end - start)
    smallest = np.finfo(dtype).tiny
    z = quantile(np.clip(p, smallest, dtype.type(1) - dtype.type(np.finfo(dtype).epsneg)))
    z = np.clip(z, low, high)
    return of_shape(np.where(above, -z, z), sizes, "truncated_normal")
