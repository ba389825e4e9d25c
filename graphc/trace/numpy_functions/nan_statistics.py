"""Statistics of the elements that are not NaN."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.trace.functions import implements
from graphc.trace.numpy_functions.arguments import NO_VALUE, all_axes, finish, refuse, strong
from graphc.trace.numpy_functions.reductions import max_, min_, prod, reshaped, sum_
from graphc.trace.numpy_functions.selection import where as select
from graphc.trace.numpy_functions.statistics import mean, number_of, sorted_lines, variance
from graphc.trace.tracer import Tracer
from graphc.trace.ufuncs import cast, unsupported


def _without_nan(a: Any, fill: float) -> tuple[Any, Any]:
    """The values with NaN replaced, and where there was none (True for integers)."""
    x = strong(a)
    if x.dtype.kind != "f":
        return x, True
    good = ~np.isnan(x)
    return select(good, x, np.asarray(fill, x.dtype)[()]), good


@implements(np.nansum)
def nansum(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = NO_VALUE,
    where: Any = True,
) -> Any:
    """Σ over the elements that are not NaN."""
    return sum_(_without_nan(a, 0.0)[0], axis, dtype, out, keepdims, initial, where)


@implements(np.nanprod)
def nanprod(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = NO_VALUE,
    where: Any = True,
) -> Any:
    """Π over the elements that are not NaN."""
    return prod(_without_nan(a, 1.0)[0], axis, dtype, out, keepdims, initial, where)


def _and(mask: Any, other: Any) -> Any:
    if other is True or other is NO_VALUE:
        return mask
    return other if mask is True else mask & strong(other)


@implements(np.nanmean)
def nanmean(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    *,
    where: Any = True,
) -> Any:
    """The mean of the elements that are not NaN."""
    x, good = _without_nan(a, 0.0)
    return mean(x, axis, dtype, out, keepdims, where=_and(good, where))


@implements(np.nanvar)
def nanvar(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: Any = 0,
    keepdims: Any = False,
    *,
    where: Any = True,
    mean: Any = NO_VALUE,
    correction: Any = NO_VALUE,
) -> Any:
    """The variance of the elements that are not NaN."""
    x, good = _without_nan(a, 0.0)
    mask = _and(good, where)
    result = variance(x, axis, dtype, ddof, keepdims, mask, mean, correction)
    count = number_of(x, axis, keepdims, mask)
    if isinstance(count, Tracer):
        result = select(count <= ddof, np.asarray(np.nan, result.dtype)[()], result)
    return finish(result, out)


@implements(np.nanstd)
def nanstd(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: Any = 0,
    keepdims: Any = False,
    *,
    where: Any = True,
    mean: Any = NO_VALUE,
    correction: Any = NO_VALUE,
) -> Any:
    """The standard deviation of the elements that are not NaN."""
    result = nanvar(a, axis, dtype, None, ddof, keepdims, where=where, mean=mean, correction=correction)
    return finish(np.sqrt(result), out)


def _nan_extremum(function: Any, fill: float, a: Any, axis: Any, keepdims: Any) -> Any:
    x, good = _without_nan(a, fill)
    result = function(x, axis, keepdims=keepdims)
    if good is True:
        return result
    empty = ~np.any(good, axis=axis, keepdims=bool(keepdims is True))
    return select(empty, np.asarray(np.nan, x.dtype)[()], result)


@implements(np.nanmax)
def nanmax(
    a: Any,
    axis: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = NO_VALUE,
    where: Any = True,
) -> Any:
    """The largest element that is not NaN; NaN if there is none."""
    refuse("nanmax", initial=(initial, NO_VALUE), where=(where, True))
    return finish(_nan_extremum(max_, -np.inf, a, axis, keepdims), out)


@implements(np.nanmin)
def nanmin(
    a: Any,
    axis: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = NO_VALUE,
    where: Any = True,
) -> Any:
    """The smallest element that is not NaN; NaN if there is none."""
    refuse("nanmin", initial=(initial, NO_VALUE), where=(where, True))
    return finish(_nan_extremum(min_, np.inf, a, axis, keepdims), out)


@implements(np.nanargmax)
def nanargmax(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Any:
    """The position of the largest element that is not NaN."""
    return np.argmax(_without_nan(a, -np.inf)[0], axis=axis, keepdims=keepdims)


@implements(np.nanargmin)
def nanargmin(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Any:
    """The position of the smallest element that is not NaN."""
    return np.argmin(_without_nan(a, np.inf)[0], axis=axis, keepdims=keepdims)


@implements(np.nancumsum)
def nancumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """Running sums with NaN as 0."""
    return np.cumsum(_without_nan(a, 0.0)[0], axis, dtype, out)


@implements(np.nancumprod)
def nancumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """Running products with NaN as 1."""
    return np.cumprod(_without_nan(a, 1.0)[0], axis, dtype, out)


def _nan_quantile(a: Any, q: Any, axis: Any, method: str, keepdims: Any) -> Any:
    """Quantiles of the elements that are not NaN: they come first in the sorted lines."""
    x = strong(a)
    if method != "linear" or isinstance(q, Tracer):
        raise unsupported("numpy.nanquantile with a method other than 'linear', or of a traced q")
    x = cast(x, np.float64) if x.dtype.kind in "iub" else x
    lines = sorted_lines(x, axis)
    count = np.sum(~np.isnan(lines), axis=-1, keepdims=True)
    levels = np.asarray(q, x.dtype if isinstance(q, int | float) else np.float64)
    results = []
    for level in levels.ravel():
        place = level * np.maximum(count - 1, 0)
        low = cast(np.floor(place), np.int64)
        below = np.take_along_axis(lines, low, -1)
        above = np.take_along_axis(lines, np.minimum(low + 1, np.maximum(count - 1, 0)), -1)
        t, step = cast(place - low, levels.dtype), above - below
        mixed = select(t < 0.5, below + step * t, above - step * (1 - t))
        mixed = mixed if keepdims is True else np.squeeze(mixed, -1)
        axes = all_axes(axis, x.ndim)
        shape = tuple(1 if i in axes else m for i, m in enumerate(x.shape))
        results.append(reshaped(mixed, shape) if keepdims is True else mixed)
    stacked = np.stack(results) if levels.ndim else results[0]
    return np.reshape(stacked, levels.shape + results[0].shape) if levels.ndim > 1 else stacked


@implements(np.nanquantile)
def nanquantile(
    a: Any,
    q: Any,
    axis: Any = None,
    out: Any = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: Any = False,
    *,
    weights: Any = None,
) -> Any:
    """The q-quantile of the elements that are not NaN."""
    refuse("nanquantile", weights=(weights, None))
    return finish(_nan_quantile(a, q, axis, method, keepdims), out)


@implements(np.nanpercentile)
def nanpercentile(
    a: Any,
    q: Any,
    axis: Any = None,
    out: Any = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: Any = False,
    *,
    weights: Any = None,
) -> Any:
    """The q-th percentile of the elements that are not NaN."""
    refuse("nanpercentile", weights=(weights, None))
    return finish(_nan_quantile(a, np.true_divide(q, 100), axis, method, keepdims), out)


@implements(np.nanmedian)
def nanmedian(
    a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: Any = False
) -> Any:
    """The median of the elements that are not NaN."""
    return finish(_nan_quantile(a, 0.5, axis, "linear", keepdims), out)
