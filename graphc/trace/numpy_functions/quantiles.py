"""Quantiles, percentiles and medians, of all elements or of those that are not NaN."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir.dims import SymbolicDim
from graphc.trace.functions import implements
from graphc.trace.numpy_functions.arguments import all_axes, count_of, finish, refuse, strong
from graphc.trace.numpy_functions.reductions import reshaped
from graphc.trace.numpy_functions.selection import where as select
from graphc.trace.tracer import Tracer, as_tracer
from graphc.trace.ufuncs import cast, unsupported

METHODS = ("linear", "lower", "higher", "midpoint", "nearest")


def _sorted_lines(x: Any, axis: Any) -> Any:
    """x with the axes to fold last, as one, sorted: NaN at the end."""
    axes = all_axes(axis, x.ndim)
    kept = tuple(i for i in range(x.ndim) if i not in axes)
    moved = np.transpose(x, (*kept, *axes))
    lines = reshaped(moved, (*(x.shape[i] for i in kept), count_of(x.shape, axes)))
    result: Any = np.sort(lines, axis=-1)
    return result


def _quantile(a: Any, q: Any, axis: Any, method: str, keepdims: Any, ignores_nan: bool) -> Any:
    x = strong(a)
    ignores_nan = ignores_nan and x.dtype.kind == "f"
    lines = _sorted_lines(x, axis)
    kind = x.dtype if isinstance(q, int | float) and x.dtype.kind == "f" else np.float64
    levels = cast(q, kind) if isinstance(q, Tracer) else np.asarray(q, kind)
    if not isinstance(q, Tracer) and np.any((levels < 0) | (levels > 1)):
        raise ValueError("Quantiles must be in the range [0, 1]")
    if method not in METHODS:
        raise unsupported(f"numpy.quantile with method={method!r}")
    last: Any = lines.shape[-1] - 1
    if ignores_nan:
        last = np.maximum(np.count_nonzero(~np.isnan(lines), axis=-1) - 1, 0)
    if isinstance(q, Tracer) or isinstance(last, SymbolicDim | Tracer):
        # Known while tracing or not, places are numbers of the program then.
        levels, last = strong(levels), cast(as_tracer(last), levels.dtype)
    flat = levels.reshape(-1)
    results = [_at_level(lines, flat[i] * last, method) for i in range(flat.shape[0])]
    if x.dtype.kind == "f" and not ignores_nan:
        missing = np.isnan(lines[..., -1])
        results = [select(missing, lines[..., -1], r) for r in results]
    if keepdims:
        axes = all_axes(axis, x.ndim)
        shape = tuple(1 if i in axes else m for i, m in enumerate(x.shape))
        results = [reshaped(r, shape) for r in results]
    stacked = np.stack(results) if levels.ndim else results[0]
    return np.reshape(stacked, (*levels.shape, *results[0].shape)) if levels.ndim > 1 else stacked


def _at_level(lines: Any, place: Any, method: str) -> Any:
    """The value at a fractional place of the sorted lines: one place for all, or one for each."""
    if method == "nearest":
        place = np.round(place)
    low, high = (_index(end(place)) for end in (np.floor, np.ceil))
    below, above = _read(lines, low), _read(lines, high)
    if method not in ("linear", "midpoint"):
        return above if method == "higher" else below
    t = place.dtype.type(0.5) * (low != high) if method == "midpoint" else place - _like(low, place)
    step = above - below if lines.dtype != np.bool_ else above ^ below
    first, second = below + step * t, above - step * (1 - t)
    if isinstance(t, Tracer):
        return select(t < 0.5, first, second)
    return first if t < 0.5 else second


def _read(lines: Any, index: Any) -> Any:
    if isinstance(index, Tracer) and index.ndim:
        return np.take_along_axis(lines, index[..., None], -1)[..., 0]
    return lines[..., index]


def _like(whole: Any, place: Any) -> Any:
    return cast(whole, place.dtype) if isinstance(whole, Tracer) else whole


def _index(place: Any) -> Any:
    """A whole number as an index: a Python int where it is known."""
    return cast(place, np.int64) if isinstance(place, Tracer) else int(place)


def _define(prefix: str, of: str) -> None:
    """Gives np.quantile, np.percentile and np.median, or their forms that ignore NaN, their meaning."""
    ignores_nan = prefix == "nan"

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
        refuse(f"{prefix}quantile", weights=(weights, None))
        return finish(_quantile(a, q, axis, method, keepdims is True, ignores_nan), out)

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
        refuse(f"{prefix}percentile", weights=(weights, None))
        return quantile(a, np.true_divide(q, 100), axis, out, method=method, keepdims=keepdims)

    def median(
        a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: Any = False
    ) -> Any:
        return quantile(a, 0.5, axis, out, keepdims=keepdims)

    for function, summary in (
        (quantile, f"The q-quantile of {of}."),
        (percentile, f"The q-th percentile of {of}."),
        (median, f"The middle of {of}, or the mean of the two middle ones."),
    ):
        function.__doc__ = summary
        implements(getattr(np, prefix + function.__name__))(function)


_define("", "the sorted values")
_define("nan", "the sorted values that are not NaN")
