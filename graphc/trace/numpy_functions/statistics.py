"""Means, variances, quantiles and their NaN-ignoring forms."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir.dims import SymbolicDim
from graphc.trace.functions import implements
from graphc.trace.numpy_functions.arguments import (
    NO_VALUE,
    all_axes,
    count_of,
    finish,
    promoted,
    refuse,
    strong,
)
from graphc.trace.numpy_functions.reductions import reshaped, sum_
from graphc.trace.numpy_functions.selection import where as select
from graphc.trace.tracer import Tracer, as_tracer
from graphc.trace.ufuncs import broadcast_shapes, broadcast_to, cast, unsupported


def number_of(x: Any, axis: Any, keepdims: Any, mask: Any) -> Any:
    """How many elements each result folds: a size, or a count of the mask."""
    if mask is True or mask is NO_VALUE:
        return count_of(x.shape, all_axes(axis, x.ndim))
    shape = broadcast_shapes(x.shape, strong(mask).shape)
    return sum_(broadcast_to(strong(mask), shape), axis, keepdims=keepdims)


def _mean(x: Any, axis: Any, dtype: Any, keepdims: Any, mask: Any) -> Any:
    wide = dtype if dtype is not None else (np.float64 if x.dtype.kind in "iub" else None)
    total = sum_(x, axis, wide, keepdims=keepdims, where=mask)
    return cast(total / number_of(x, axis, keepdims, mask), total.dtype)


@implements(np.mean)
def mean(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    *,
    where: Any = True,
) -> Any:
    """Σ x / n; integers are averaged in float64."""
    return finish(_mean(strong(a), axis, dtype, keepdims, where), out)


def variance(
    a: Any, axis: Any, dtype: Any, ddof: Any, keepdims: Any, mask: Any, given: Any, correction: Any
) -> Any:
    x = strong(a)
    if correction is not NO_VALUE:
        if not (isinstance(ddof, int) and ddof == 0):
            raise ValueError("ddof and correction can't be provided simultaneously.")
        ddof = correction
    if x.dtype.kind in "iub" and dtype is None:
        x = cast(x, np.float64)
    if dtype is not None:
        x = cast(x, dtype)
    centre = _mean(x, axis, None, True, mask) if given is NO_VALUE else given
    squares = np.square(x - centre)
    number = number_of(x, axis, keepdims, mask) - ddof
    if isinstance(number, int | float):
        number = max(number, 0)
    elif isinstance(number, Tracer):
        number = np.maximum(number, 0)
    total = sum_(squares, axis, keepdims=keepdims, where=mask)
    return cast(total / number, total.dtype)


@implements(np.var)
def var(
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
    """Σ (x - x̄)² / (n - ddof)."""
    return finish(variance(a, axis, dtype, ddof, keepdims, where, mean, correction), out)


@implements(np.std)
def std(
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
    """√(Σ (x - x̄)² / (n - ddof))."""
    return finish(np.sqrt(variance(a, axis, dtype, ddof, keepdims, where, mean, correction)), out)


@implements(np.average)
def average(
    a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: Any = False
) -> Any:
    """Σ w x / Σ w."""
    x = strong(a)
    if weights is None:
        result = mean(x, axis, keepdims=keepdims)
        total: Any = strong(cast(as_tracer(count_of(x.shape, all_axes(axis, x.ndim))), result.dtype))
    else:
        w = strong(weights)
        kind = promoted(x, w, *((1.0,) if x.dtype.kind in "iub" else ()))
        if x.dtype.kind in "iub":
            kind = np.result_type(x.dtype, w.dtype, "f8")
        if w.shape != x.shape:
            if axis is None:
                raise TypeError("Axis must be specified when shapes of a and weights differ.")
            axes = all_axes(axis, x.ndim)
            if w.shape != tuple(x.shape[i] for i in axes):
                raise ValueError("Shape of weights must be consistent with shape of a along specified axis.")
            w = reshaped(w, tuple(n if i in axes else 1 for i, n in enumerate(x.shape)))
            w = broadcast_to(w, x.shape)
        total = sum_(w, axis, kind, keepdims=keepdims)
        result = sum_(cast(x, kind) * cast(w, kind), axis, keepdims=keepdims) / total
    return (result, broadcast_to(total, result.shape)) if returned else result


def sorted_lines(x: Any, axis: Any) -> Any:
    """x with the axes to fold last, as one, sorted."""
    axes = all_axes(axis, x.ndim)
    kept = tuple(i for i in range(x.ndim) if i not in axes)
    moved = np.transpose(x, (*kept, *axes))
    lines = reshaped(moved, (*(x.shape[i] for i in kept), count_of(x.shape, axes)))
    result: Any = np.sort(lines, axis=-1)
    return result


METHODS = ("linear", "lower", "higher", "midpoint", "nearest")


def _quantile(a: Any, q: Any, axis: Any, method: str, keepdims: Any) -> Any:
    x = strong(a)
    lines = sorted_lines(x, axis)
    kind = x.dtype if isinstance(q, int | float) and x.dtype.kind == "f" else np.float64
    levels = cast(q, kind) if isinstance(q, Tracer) else np.asarray(q, kind)
    if not isinstance(q, Tracer) and np.any((levels < 0) | (levels > 1)):
        raise ValueError("Quantiles must be in the range [0, 1]")
    if method not in METHODS:
        raise unsupported(f"numpy.quantile with method={method!r}")
    last = lines.shape[-1] - 1
    if isinstance(q, Tracer) or isinstance(last, SymbolicDim):
        # Known while tracing or not, places are numbers of the program then.
        levels, last = strong(levels), cast(as_tracer(last), levels.dtype)
    flat = levels.reshape(-1)
    results = [_at_level(lines, flat[i] * last, method) for i in range(flat.shape[0])]
    if keepdims:
        axes = all_axes(axis, x.ndim)
        shape = tuple(1 if i in axes else m for i, m in enumerate(x.shape))
        results = [reshaped(r, shape) for r in results]
    stacked = np.stack(results) if levels.ndim else results[0]
    return np.reshape(stacked, (*levels.shape, *results[0].shape)) if levels.ndim > 1 else stacked


def _at_level(lines: Any, place: Any, method: str) -> Any:
    """The value at a fractional place of the sorted lines; NaN if a line holds one."""
    if method == "nearest":
        place = np.round(place)
    low, high = (_index(end(place)) for end in (np.floor, np.ceil))
    low = high if method == "higher" else low
    result = lines[..., low]
    if method in ("linear", "midpoint"):
        t = place.dtype.type(0.5) * (low != high) if method == "midpoint" else place - _like(low, place)
        below, above = lines[..., low], lines[..., high]
        step = above - below if lines.dtype != np.bool_ else above ^ below
        first, second = below + step * t, above - step * (1 - t)
        result = _chosen(t < 0.5, first, second)
    if lines.dtype.kind != "f":
        return result
    last = lines[..., -1]
    chosen: Any = select(np.isnan(last), last, result)
    return chosen


def _like(whole: Any, place: Any) -> Any:
    return cast(whole, place.dtype) if isinstance(whole, Tracer) else whole


def _chosen(condition: Any, a: Any, b: Any) -> Any:
    if isinstance(condition, Tracer):
        return select(condition, a, b)
    return a if condition else b


def _index(place: Any) -> Any:
    """A whole number as an index: a Python int where it is known."""
    return cast(place, np.int64) if isinstance(place, Tracer) else int(place)


@implements(np.quantile)
def quantile(
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
    """The q-quantile of sorted values."""
    refuse("quantile", weights=(weights, None))
    return finish(_quantile(a, q, axis, method, keepdims), out)


@implements(np.percentile)
def percentile(
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
    """The q-th percentile of sorted values."""
    refuse("percentile", weights=(weights, None))
    return finish(_quantile(a, np.true_divide(q, 100), axis, method, keepdims), out)


@implements(np.median)
def median(
    a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: Any = False
) -> Any:
    """The middle of the sorted values, or the mean of the two middle ones."""
    return finish(_quantile(a, 0.5, axis, "linear", keepdims), out)


# ---- correlation


@implements(np.cov)
def cov(
    m: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: Any = None,
    aweights: Any = None,
    *,
    dtype: Any = None,
) -> Any:
    """The covariance matrix of variables in rows."""
    refuse("cov", fweights=(fweights, None), aweights=(aweights, None))
    kind = np.dtype(dtype) if dtype is not None else np.float64
    x = _variables(cast(m, kind), rowvar)
    if y is not None:
        x = np.concatenate([x, _variables(cast(y, kind), rowvar)], axis=0)
    n = x.shape[1]
    centred = x - mean(x, 1, keepdims=True)
    free = (0 if bias else 1) if ddof is None else ddof
    return np.squeeze(centred @ centred.T / (n - free))


def _variables(x: Any, rowvar: bool) -> Any:
    if x.ndim > 2:
        raise ValueError("m has more than 2 dimensions")
    if x.ndim == 2:
        return x if rowvar or x.shape[0] == 1 else x.T
    return x.reshape(1, -1)


@implements(np.corrcoef)
def corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Any:
    """The matrix of correlation coefficients, limited to [-1, 1]."""
    c = cov(x, y, rowvar, dtype=dtype)
    if c.ndim == 0:
        return c / c
    deviation = np.sqrt(np.diagonal(c))
    return np.clip(c / deviation[:, None] / deviation[None, :], -1, 1)
