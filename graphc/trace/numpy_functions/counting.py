"""Counting: how many elements are in each bin, or equal to each small integer."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir.dims import product
from graphc.trace.functions import implements
from graphc.trace.numpy_functions.arguments import promoted, static_int, strong
from graphc.trace.numpy_functions.ordering import searchsorted
from graphc.trace.numpy_functions.reductions import reshaped
from graphc.trace.numpy_functions.refusals import data_dependent
from graphc.trace.numpy_functions.selection import where
from graphc.trace.tracer import Tracer
from graphc.trace.ufuncs import broadcast_to, cast, unsupported


@implements(np.bincount)
def bincount(x: Any, /, weights: Any = None, minlength: Any = 0) -> Any:
    """How often each integer below `minlength` occurs; IndexError at run time for any other integer.

    NumPy makes the result longer instead, which cannot be known while tracing.
    """
    values, count = strong(x), static_int(minlength, "bincount", "minlength")
    if values.ndim != 1:
        raise ValueError(
            "object of too small depth for desired array" if values.ndim == 0 else "object too deep"
        )
    if values.dtype.kind not in "iub":
        raise TypeError(f"Cannot cast array data from {values.dtype!r} to dtype('int64') according to 'safe'")
    if count < 0:
        raise ValueError("'minlength' must not be negative")
    if count == 0:
        raise data_dependent("bincount", "Pass minlength=, greater than every element.")
    index = cast(values, np.int64)
    return _added(where(index < 0, count, index), count, weights)


def _added(index: Any, count: int, weights: Any) -> Any:
    """Σ of the weights (or ones) that fall on each of `count` places."""
    if index.shape == (0,):  # NumPy returns before it looks at the weights
        return broadcast_to(cast(0, np.int64), (count,))
    kind = np.dtype(np.int64) if weights is None else np.dtype(np.float64)
    added: Any = 1 if weights is None else cast(weights, kind)
    if weights is not None and added.shape != index.shape:
        raise ValueError("The weights and list don't have the same length.")
    total = broadcast_to(cast(0, kind), (count,)).copy()
    np.add.at(total, index, added)
    return total


@implements(np.histogram_bin_edges)
def histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Any:
    """The bins' edges: given, or evenly spaced over the range or the data."""
    if isinstance(bins, str):
        raise unsupported(f"numpy.histogram with bins={bins!r}, whose number depends on the data")
    if np.ndim(bins) == 1:
        if isinstance(bins, Tracer):
            return bins
        edges: Any = np.asarray(bins)
        if np.any(edges[:-1] > edges[1:]):
            raise ValueError("`bins` must increase monotonically, when an array")
        return edges
    count = static_int(bins, "histogram", "bins")
    if count < 1:
        raise ValueError("`bins` must be positive, when an integer")
    x = strong(a)
    if range is None and x.size == 0:
        range = (0, 1)  # nothing to cover: NumPy's choice
    low, high = (np.min(x), np.max(x)) if range is None else range
    if range is not None and not any(isinstance(end, Tracer) for end in range):
        if range[0] > range[1]:
            raise ValueError("max must be larger than min in range parameter.")
        if not np.all(np.isfinite(range)):
            raise ValueError(f"supplied range of [{range[0]}, {range[1]}] is not finite")
    kind = promoted(low, high, x)
    kind = kind if kind.kind == "f" else np.dtype(np.float64)
    low, high = cast(low, kind), cast(high, kind)
    same = low == high
    first, last = where(same, low - 0.5, low), where(same, high + 0.5, high)
    return np.linspace(first, last, count + 1, dtype=kind)


@implements(np.histogram)
def histogram(a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> Any:
    """(counts, edges): elements from each edge up to the next; the last bin includes its end."""
    x = strong(a)
    x = cast(x, np.uint8) if x.dtype == np.bool_ else x
    edges: Any = histogram_bin_edges(x, bins, range)
    x = reshaped(x, (x.size,))
    count = edges.shape[0] - 1
    last = edges[-1]
    place = searchsorted(edges, x, "right") - 1
    place = where(x == last, searchsorted(edges, last, "left") - 1, place)
    inside = (x >= edges[0]) & (x <= last)
    kept = cast(inside, np.int64) if weights is None else _weights(inside, weights)
    total = broadcast_to(cast(0, kept.dtype), (count,)).copy()
    np.add.at(total, np.clip(place, 0, count - 1), kept)
    if density:
        total = total / np.diff(edges) / np.sum(total)
    return total, edges


def _weights(inside: Any, weights: Any) -> Any:
    w = strong(weights)
    w = reshaped(w, (w.size,))
    if w.shape != inside.shape:
        raise ValueError("weights should have the same shape as a.")
    return where(inside, w, np.zeros((), w.dtype)[()])


@implements(np.histogramdd)
def histogramdd(
    sample: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> Any:
    """(counts, edges of every axis) of points in several dimensions, in f64 as NumPy's."""
    columns = _columns(sample)
    ranges = [None] * len(columns) if range is None else list(range)
    each = list(bins) if isinstance(bins, list | tuple | np.ndarray | Tracer) else [bins] * len(columns)
    if len(each) != len(columns):
        raise ValueError("The dimension of bins must be equal to the dimension of the sample x.")
    if len(ranges) != len(columns):
        raise ValueError("range argument must have one entry per dimension")
    edges = [histogram_bin_edges(x, b, r) for x, b, r in zip(columns, each, ranges, strict=True)]
    total = _counted(columns, edges, weights)
    if density:
        amount = np.sum(total)
        for axis, e in enumerate(edges):
            total = total / np.diff(e).reshape(tuple(-1 if i == axis else 1 for i, _ in enumerate(edges)))
        total = total / amount
    return total, edges


def _columns(sample: Any) -> list[Any]:
    """The coordinates, one array an axis, of points in rows or given axis by axis."""
    if isinstance(sample, list | tuple):
        return [reshaped(strong(x), (strong(x).size,)) for x in sample]
    x = strong(sample)
    return [x] if x.ndim == 1 else [x[:, i] for i in _numbers(x.shape[1])]


def _numbers(n: Any) -> Any:
    return np.arange(static_int(n, "histogramdd", "sample"))


def _counted(columns: list[Any], edges: Any, weights: Any) -> Any:
    shape = tuple(e.shape[0] - 1 for e in edges)
    flat: Any = 0
    inside: Any = True
    for x, e in zip(columns, edges, strict=True):
        place = searchsorted(e, x, "right") - 1
        place = where(x == e[-1], place - 1, place)
        inside = (place >= 0) & (place < e.shape[0] - 1) & inside
        flat = flat * (e.shape[0] - 1) + np.clip(place, 0, e.shape[0] - 2)
    kept = cast(inside, np.float64) if weights is None else cast(_weights(inside, weights), np.float64)
    total = broadcast_to(cast(0, np.float64), (product(shape),)).copy()
    np.add.at(total, flat, kept)
    return reshaped(total, shape)


@implements(np.histogram2d)
def histogram2d(
    x: Any, y: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> Any:
    """(counts, edges along x, edges along y) of points in the plane."""
    if strong(x).shape != strong(y).shape:
        raise ValueError("x and y must have the same length.")
    one_for_both = isinstance(bins, list | tuple | np.ndarray | Tracer) and len(bins) != 2
    total, edges = histogramdd([x, y], [bins, bins] if one_for_both else bins, range, density, weights)
    return total, *edges
