"""Quantiles, percentiles and medians, of all elements or of those that are not NaN."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.ir.dims import SymbolicDim
from graphc.trace.functions import implements
from graphc.trace.numpy_functions.arguments import all_axes, count_of, finish, refuse, strong
from graphc.trace.numpy_functions.reductions import reshaped
from graphc.trace.numpy_functions.selection import where as select
from graphc.trace.tracer import Tracer, as_tracer
from graphc.trace.ufuncs import cast

# (α, β) of the place nq + α + q(1 - α - β) - 1 among n sorted values (Hyndman & Fan 1996).
OFFSETS = {
    "interpolated_inverted_cdf": (0.0, 1.0),
    "hazen": (0.5, 0.5),
    "weibull": (0.0, 0.0),
    "median_unbiased": (1 / 3, 1 / 3),
    "normal_unbiased": (3 / 8, 3 / 8),
}
WHOLE_PLACES: dict[str, Callable[[Any], Any]] = {"lower": np.floor, "higher": np.ceil, "nearest": np.round}
MIDDLE = "middle"  # of np.median: unlike the interpolation it is right where the values are infinite
METHODS = (
    *("linear", "midpoint", *WHOLE_PLACES),
    *("inverted_cdf", "averaged_inverted_cdf", "closest_observation", *OFFSETS),
)


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
    if method == MIDDLE and x.dtype.kind != "f":
        x = cast(x, np.float64)
    lines = _sorted_lines(x, axis)
    weak = type(q) in (int, float) or (isinstance(q, Tracer) and q.weak is not None)
    levels = strong(q) if isinstance(q, Tracer) else np.asarray(q)
    if levels.dtype.kind != "f":
        levels = cast(levels, np.float64) if isinstance(q, Tracer) else levels.astype(np.float64)
    if not isinstance(q, Tracer) and np.any((levels < 0) | (levels > 1)):
        raise ValueError("Quantiles must be in the range [0, 1]")
    if method not in (*METHODS, MIDDLE):
        raise ValueError(f"{method!r} is not a valid method. Use one of: {', '.join(METHODS)}")
    if levels.ndim > 2:
        raise ValueError("q must be a scalar or 1d")
    if 0 in lines.shape[-1:] and (method == MIDDLE or ignores_nan):
        return _missing(x, axis, keepdims)
    last: Any = lines.shape[-1] - 1
    if ignores_nan:
        last = np.maximum(np.count_nonzero(~np.isnan(lines), axis=-1) - 1, 0)
    if isinstance(q, Tracer) or isinstance(last, SymbolicDim | Tracer):
        # Known while tracing or not, places are numbers of the program then.
        levels, last = strong(levels), cast(as_tracer(last), levels.dtype)
    flat = levels.reshape(-1)
    if flat.shape[0] == 0:
        one = _quantile(x, 0.5, axis, method, keepdims, ignores_nan)
        return np.zeros_like(one, shape=(*levels.shape, *one.shape))
    results = [_at_level(lines, flat[i], last, method, weak) for i in range(flat.shape[0])]
    if x.dtype.kind == "f" and not ignores_nan:
        missing = np.isnan(lines[..., -1])
        results = [select(missing, lines[..., -1], r) for r in results]
    if keepdims:
        axes = all_axes(axis, x.ndim)
        shape = tuple(1 if i in axes else m for i, m in enumerate(x.shape))
        results = [reshaped(r, shape) for r in results]
    stacked = np.stack(results) if levels.ndim else results[0]
    return np.reshape(stacked, (*levels.shape, *results[0].shape)) if levels.ndim > 1 else stacked


def _missing(x: Any, axis: Any, keepdims: Any) -> Any:
    """NaN for every line of no elements, once however many levels there are, as in NumPy."""
    return np.full_like(np.sum(x, axis=axis, keepdims=keepdims), np.nan)


def _at_level(lines: Any, level: Any, last: Any, method: str, weak: bool) -> Any:
    """The value between the two of the sorted lines at a level: one level for all, or one for each.

    A `weak` level was a Python number: it does not widen the result.
    """
    low, high, t = _between(level, last, method)
    below, above = _read(lines, _index(low)), _read(lines, _index(high))
    if t is None:
        return below
    if method == MIDDLE:
        return select(low == high, below, (below + above) / 2)
    step = above - below if lines.dtype != np.bool_ else above ^ below
    rest = 1 - t
    if weak and lines.dtype.kind == "f":
        t, rest = (cast(v, lines.dtype) if isinstance(v, Tracer) else float(v) for v in (t, rest))
    first, second = below + step * t, above - step * rest
    if isinstance(t, Tracer):
        return select(t < 0.5, first, second)
    return first if t < 0.5 else second


def _between(level: Any, last: Any, method: str) -> tuple[Any, Any, Any]:
    """The places on either side, and how far from the first to the second; None where the first is meant."""
    if method in WHOLE_PLACES:
        whole = WHOLE_PLACES[method](level * last)
        return whole, whole, None
    place = _place(level, last, method)
    low = np.floor(place)
    if method in ("inverted_cdf", "closest_observation"):
        stay = (place == low) & ((low % 2 == 1) if method == "closest_observation" else True)
        whole = np.clip(np.where(stay, low, low + 1), 0, last)
        return whole, whole, None
    half, one = place.dtype.type(0.5), place.dtype.type(1)
    if method == "averaged_inverted_cdf":
        t = np.where(place == low, half, one)
        return np.clip(low, 0, last), np.clip(low + 1, 0, last), t
    place = np.clip(place, 0, last)
    low, high = np.floor(place), np.ceil(place)
    return low, high, half * (low != high) if method == "midpoint" else place - low


def _place(level: Any, last: Any, method: str) -> Any:
    if method in ("linear", "midpoint", MIDDLE):
        return level * last
    if method in OFFSETS:
        alpha, beta = OFFSETS[method]
        return (last + 1) * level + (alpha + level * (1 - alpha - beta)) - 1
    place = (last + 1) * level - 1
    return place - 0.5 if method == "closest_observation" else place


def _read(lines: Any, index: Any) -> Any:
    if isinstance(index, Tracer) and index.ndim:
        return np.take_along_axis(lines, index[..., None], -1)[..., 0]
    return lines[..., index]


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
        level = q / 100 if type(q) in (int, float) else np.true_divide(q, 100)
        return quantile(a, level, axis, out, method=method, keepdims=keepdims)

    def median(
        a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: Any = False
    ) -> Any:
        return finish(_quantile(a, 0.5, axis, MIDDLE, keepdims is True, ignores_nan), out)

    for function, summary in (
        (quantile, f"The q-quantile of {of}."),
        (percentile, f"The q-th percentile of {of}."),
        (median, f"The middle of {of}, or the mean of the two middle ones."),
    ):
        function.__doc__ = summary
        implements(getattr(np, prefix + function.__name__))(function)


_define("", "the sorted values")
_define("nan", "the sorted values that are not NaN")
