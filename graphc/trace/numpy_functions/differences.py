"""Running sums, differences, integrals and one-dimensional convolutions."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ops.cumulative import CumProd, CumSum
from graphc.trace.functions import implements
from graphc.trace.numpy_functions.arguments import common, finish, needing, one_axis, strong
from graphc.trace.numpy_functions.reductions import reshaped
from graphc.trace.tracer import record
from graphc.trace.ufuncs import cast, unsupported


def _cumulative(op: Any, ufunc: np.ufunc, a: Any, axis: Any, dtype: Any, out: Any) -> Any:
    x = strong(a)
    wide = np.dtype(dtype) if dtype is not None else ufunc.reduce(np.zeros(1, x.dtype)).dtype
    if axis is None:
        x, axis = reshaped(x, (x.size,)), 0
    x = cast(x, wide)
    return finish(record(op(one_axis(axis, x.ndim)), x), out)


@implements(np.cumsum)
def cumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """Σ over the elements up to each."""
    return _cumulative(CumSum, np.add, a, axis, dtype, out)


@implements(np.cumprod)
def cumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """Π over the elements up to each."""
    return _cumulative(CumProd, np.multiply, a, axis, dtype, out)


def _standard(function: Any, x: Any, axis: Any, dtype: Any, out: Any, include_initial: bool) -> Any:
    values = strong(x)
    if axis is None:
        if values.ndim != 1:
            raise ValueError("For arrays which have more than one dimension ``axis`` argument is required.")
        axis = 0
    result = function(values, axis, dtype)
    if include_initial:
        lead = (slice(None),) * one_axis(axis, values.ndim)
        first = result[(*lead, slice(0, 1))]
        start = np.zeros_like(first) if function is cumsum else np.ones_like(first)
        result = np.concatenate([start, result], axis=axis)
    return finish(result, out)


@implements(np.cumulative_sum)
def cumulative_sum(
    x: Any, /, *, axis: Any = None, dtype: Any = None, out: Any = None, include_initial: bool = False
) -> Any:
    """Σ over the elements up to each."""
    return _standard(cumsum, x, axis, dtype, out, include_initial)


@implements(np.cumulative_prod)
def cumulative_prod(
    x: Any, /, *, axis: Any = None, dtype: Any = None, out: Any = None, include_initial: bool = False
) -> Any:
    """Π over the elements up to each."""
    return _standard(cumprod, x, axis, dtype, out, include_initial)


def _cut(x: Any, axis: int, start: Any, stop: Any) -> Any:
    return x[(*(slice(None),) * axis, slice(start, stop))]


@implements(np.diff)
def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = np._NoValue, append: Any = np._NoValue) -> Any:
    """x[i+1] - x[i], n times."""
    x = strong(a)
    if n < 0:
        raise ValueError(f"order must be non-negative but got {n!r}")
    if x.ndim == 0:
        raise ValueError("diff requires input that is at least one dimensional")
    place = one_axis(axis, x.ndim)
    edges = [_edge(e, x, place) for e in (prepend, append)]
    if any(e is not None for e in edges):
        x = np.concatenate([p for p in (edges[0], x, edges[1]) if p is not None], axis=place)
    for _ in range(n):
        after, before = _cut(x, place, 1, None), _cut(x, place, None, -1)
        x = after != before if x.dtype == np.bool_ else after - before
    return x


def _edge(value: Any, x: Any, axis: int) -> Any:
    if value is np._NoValue:
        return None
    edge = strong(value)
    return edge if edge.ndim else np.broadcast_to(edge, (*x.shape[:axis], 1, *x.shape[axis + 1 :]))


@implements(np.ediff1d)
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    """Differences of consecutive elements of the flattened array."""
    x = strong(ary)
    parts = [diff(reshaped(x, (x.size,)))]
    if to_begin is not None:
        parts.insert(0, np.ravel(cast(to_begin, x.dtype)))
    if to_end is not None:
        parts.append(np.ravel(cast(to_end, x.dtype)))
    return np.concatenate(parts)


@implements(np.gradient)
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """Central differences inside, one-sided ones of order `edge_order` at the ends."""
    x = strong(f)
    x = cast(x, np.float64) if x.dtype.kind in "iub" else x
    if axis is None:
        axes = tuple(range(x.ndim))
    else:
        axes = tuple(one_axis(i, x.ndim) for i in (axis if isinstance(axis, tuple) else (axis,)))
    spacings = list(varargs) or [1.0]
    if len(spacings) == 1 and strong(spacings[0]).ndim == 0:
        spacings = spacings * len(axes)
    if len(spacings) != len(axes):
        raise TypeError("invalid number of arguments")
    if edge_order not in (1, 2):
        raise ValueError("'edge_order' greater than 2 not supported")
    results = tuple(_gradient_along(x, h, i, edge_order) for i, h in zip(axes, spacings, strict=True))
    return results[0] if len(results) == 1 else results


def _gradient_along(x: Any, spacing: Any, axis: int, edge_order: int) -> Any:
    if isinstance(x.shape[axis], int) and x.shape[axis] < edge_order + 1:
        raise ValueError(
            "Shape of array too small to calculate a numerical gradient, at least (edge_order + 1) elements "
            "are required."
        )
    h = strong(spacing)
    if h.ndim == 0:
        return _uniform(x, spacing, axis, edge_order)
    h = cast(h, np.float64) if h.dtype.kind in "iu" else h
    if h.ndim != 1 or h.shape[0] != x.shape[axis]:
        raise ValueError("when 1d, distances must match the length of the corresponding dimension")
    steps = reshaped(diff(h), (-1 + h.shape[0], *(1,) * (x.ndim - axis - 1)))
    a, b = _cut(steps, 0, None, -1), _cut(steps, 0, 1, None)
    before, here, after = (_cut(x, axis, s, e) for s, e in ((None, -2), (1, -1), (2, None)))
    inner = -b / (a * (a + b)) * before + (b - a) / (a * b) * here + a / (b * (a + b)) * after
    first, last = _cut(steps, 0, 0, 1), _cut(steps, 0, -1, None)
    if edge_order == 1:
        start = (_cut(x, axis, 1, 2) - _cut(x, axis, 0, 1)) / first
        end = (_cut(x, axis, -1, None) - _cut(x, axis, -2, -1)) / last
        return np.concatenate([start, inner, end], axis=axis)
    second, beforelast = _cut(steps, 0, 1, 2), _cut(steps, 0, -2, -1)
    start = (
        -(2 * first + second) / (first * (first + second)) * _cut(x, axis, 0, 1)
        + (first + second) / (first * second) * _cut(x, axis, 1, 2)
        - first / (second * (first + second)) * _cut(x, axis, 2, 3)
    )
    end = (
        last / (beforelast * (beforelast + last)) * _cut(x, axis, -3, -2)
        - (last + beforelast) / (beforelast * last) * _cut(x, axis, -2, -1)
        + (2 * last + beforelast) / (last * (beforelast + last)) * _cut(x, axis, -1, None)
    )
    return np.concatenate([start, inner, end], axis=axis)


def _uniform(x: Any, h: Any, axis: int, edge_order: int) -> Any:
    inner = (_cut(x, axis, 2, None) - _cut(x, axis, None, -2)) / (2.0 * h)
    if edge_order == 1:
        start = (_cut(x, axis, 1, 2) - _cut(x, axis, 0, 1)) / h
        end = (_cut(x, axis, -1, None) - _cut(x, axis, -2, -1)) / h
        return np.concatenate([start, inner, end], axis=axis)
    start = (-1.5 / h) * _cut(x, axis, 0, 1) + (2.0 / h) * _cut(x, axis, 1, 2)
    start = start + (-0.5 / h) * _cut(x, axis, 2, 3)
    end = (0.5 / h) * _cut(x, axis, -3, -2) + (-2.0 / h) * _cut(x, axis, -2, -1)
    end = end + (1.5 / h) * _cut(x, axis, -1, None)
    return np.concatenate([start, inner, end], axis=axis)


@implements(np.trapezoid)
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """Σ (x[i+1] - x[i]) (y[i] + y[i+1]) / 2."""
    values = strong(y)
    place = one_axis(axis, values.ndim)
    step: Any = dx
    if x is not None:
        points = strong(x)
        step = diff(points, axis=0 if points.ndim == 1 else place)
        if points.ndim == 1:
            step = reshaped(step, (step.shape[0], *(1,) * (values.ndim - place - 1)))
    pairs = _cut(values, place, 1, None) + _cut(values, place, None, -1)
    return np.sum(step * pairs / 2.0, axis=place)


def _correlated(a: Any, v: Any, mode: str) -> Any:
    """Σⱼ a[i + j] v[j] for the overlaps that `mode` asks for; the shorter v is walked over."""
    n, m = a.shape[0], v.shape[0]
    if mode not in ("full", "same", "valid"):
        raise ValueError(f"mode must be one of 'valid', 'same', or 'full' (got {mode!r})")
    if not isinstance(m, int):
        raise unsupported("numpy.convolve of two vectors of symbolic length")
    # Where the other one is longer, NumPy exchanges them: only all overlaps are the same both ways.
    a = needing(a, n - (1 if mode == "full" else m))
    left = {"full": m - 1, "same": m // 2, "valid": 0}[mode]
    length = {"full": n + m - 1, "same": n, "valid": n - m + 1}[mode]
    right = length + m - 1 - n - left
    padded = np.pad(a, (left, right)) if left or right else a
    total = None
    for j in range(m):
        term = padded[j : j + length] * v[j]
        total = term if total is None else total + term
    return total


def _vectors(a: Any, v: Any, name: str) -> tuple[Any, Any]:
    x, y = common(strong(a), strong(v))
    x, y = (t if t.ndim else reshaped(t, (1,)) for t in (x, y))
    if x.ndim != 1 or y.ndim != 1:
        raise ValueError("object too deep for desired array")
    for t, which in ((x, "a"), (y, "v")):
        if t.shape[0] == 0:
            raise ValueError(f"{which} cannot be empty")
    return x, y


def _longer_first(x: Any, y: Any) -> bool:
    n, m = x.shape[0], y.shape[0]
    return not isinstance(n, int) or (isinstance(m, int) and n >= m)


@implements(np.convolve)
def convolve(a: Any, v: Any, mode: str = "full") -> Any:
    """Σⱼ a[i - j] v[j]."""
    x, y = _vectors(a, v, "convolve")
    if not _longer_first(x, y):
        x, y = y, x
    m = y.shape[0]
    if mode == "same" and isinstance(m, int) and m % 2 == 0:
        # The window of an even kernel is not symmetric: NumPy keeps the later half of `full`.
        return _correlated(x, y[::-1], "full")[(m - 1) // 2 : (m - 1) // 2 + x.shape[0]]
    return _correlated(x, y[::-1], mode)


@implements(np.correlate)
def correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    """Σⱼ a[i + j] v[j]."""
    x, y = _vectors(a, v, "correlate")
    if _longer_first(x, y):
        return _correlated(x, y, mode)
    return _correlated(y, x, mode)[::-1]


@implements(np.polyval)
def polyval(p: Any, x: Any) -> Any:
    """p[0] xⁿ + … + p[n], by Horner's rule."""
    coefficients = strong(p)
    result: Any = np.zeros_like(strong(x))
    for i in range(len(coefficients)):
        result = result * x + coefficients[i]
    return result
