"""Sorting, searching in sorted arrays, and interpolation between sorted points."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from graphc.ir.dims import SymbolicDim
from graphc.ops.sort import ArgSort, SearchSorted, Sort
from graphc.trace.functions import implements
from graphc.trace.numpy_functions.arguments import one_axis, refuse, strong
from graphc.trace.numpy_functions.reductions import reshaped
from graphc.trace.numpy_functions.selection import where
from graphc.trace.tracer import Tracer, record
from graphc.trace.ufuncs import cast


def _along(op: Any, a: Any, axis: Any) -> Any:
    x = strong(a)
    if axis is None:
        x, axis = reshaped(x, (x.size,)), 0
    result: Any = record(op(one_axis(axis, x.ndim)), x)
    return result


@implements(np.sort)
def sort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    """The elements along an axis in ascending order."""
    refuse("sort", order=(order, None))
    return _along(Sort, a, axis)


@implements(np.argsort)
def argsort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    """Positions in ascending order; equal elements keep their order."""
    refuse("argsort", order=(order, None))
    return _along(ArgSort, a, axis)


@implements(np.partition)
def partition(a: Any, kth: Any, axis: Any = -1, kind: str = "introselect", order: Any = None) -> Any:
    """The elements sorted completely: a valid partition, though not the one NumPy happens to return."""
    refuse("partition", order=(order, None))
    _check_kth(a, kth, axis)
    return _along(Sort, a, axis)


@implements(np.argpartition)
def argpartition(a: Any, kth: Any, axis: Any = -1, kind: str = "introselect", order: Any = None) -> Any:
    """Positions that sort completely: a valid partition, though not the one NumPy happens to return."""
    refuse("argpartition", order=(order, None))
    _check_kth(a, kth, axis)
    return _along(ArgSort, a, axis)


def _check_kth(a: Any, kth: Any, axis: Any) -> None:
    """ValueError for a known place outside the axis. A traced one changes nothing: all are sorted."""
    x = strong(a)
    n = x.size if axis is None else x.shape[one_axis(axis, x.ndim)]
    if isinstance(kth, Tracer) or isinstance(n, SymbolicDim):
        return
    for k in np.atleast_1d(kth):
        if not -n <= operator.index(k) < n:
            raise ValueError(f"kth(={k}) out of bounds ({n})")


@implements(np.searchsorted)
def searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> Any:
    """Where to insert v in the ascending a."""
    ascending = strong(a)
    if sorter is not None:
        ascending = ascending[_sorter(sorter, ascending.size)]
    values = strong(v)
    kind = np.promote_types(ascending.dtype, values.dtype)
    if side not in ("left", "right"):
        raise ValueError(f"search side must be 'left' or 'right' (got '{side}')")
    return record(SearchSorted(side == "right"), cast(ascending, kind), cast(values, kind))


def _sorter(sorter: Any, count: Any) -> Any:
    order = strong(sorter)
    if order.size != count:
        raise ValueError("sorter.size must equal a.size")
    if not isinstance(sorter, Tracer) and np.size(sorter) and np.min(sorter) < 0:
        raise ValueError("Sorter index out of range.")
    return order


@implements(np.digitize)
def digitize(x: Any, bins: Any, right: bool = False) -> Any:
    """The number of the bin each value falls in; bins ascend or descend, which is not checked at run time."""
    side = "left" if right else "right"
    if isinstance(bins, Tracer):
        rising = searchsorted(bins, x, side)
        if bins.shape[0] == 0:
            return rising
        return where(bins[-1] < bins[0], _falling(bins, x, side), rising)
    edges = np.asarray(bins)
    if np.all(edges[1:] >= edges[:-1]):
        return searchsorted(edges, x, side)
    if not np.all(edges[1:] <= edges[:-1]):
        raise ValueError("bins must be monotonically increasing or decreasing")
    return _falling(edges, x, side)


def _falling(bins: Any, x: Any, side: str) -> Any:
    return bins.shape[0] - searchsorted(np.flip(bins), x, side)


def _periodic(at: Any, knots: Any, values: Any, period: Any) -> tuple[Any, Any, Any]:
    """Everything moved into one period, the knots sorted and continued by one at each end."""
    at, knots = at % period, knots % period
    order = np.argsort(knots)
    knots, values = knots[order], values[order]
    knots = np.concatenate([knots[-1:] - period, knots, knots[:1] + period])
    return at, knots, np.concatenate([values[-1:], values, values[:1]])


@implements(np.interp)
def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    """The piecewise linear function through (xp, fp), constant outside."""
    at, knots, values = (cast(strong(v), np.float64) for v in (x, xp, fp))
    if knots.ndim != 1 or knots.shape != values.shape:
        raise ValueError("fp and xp are not of the same length.")
    if period is not None:
        at, knots, values = _periodic(at, knots, values, np.abs(period))
        left = right = None
    n = knots.shape[0]
    if n == 1:
        inside: Any = np.broadcast_to(values[0], at.shape)
    else:
        index = np.clip(searchsorted(knots, at, "right") - 1, 0, n - 2)
        x0, x1, y0, y1 = knots[index], knots[index + 1], values[index], values[index + 1]
        slope = (y1 - y0) / (x1 - x0)
        inside = where(at == x1, y1, slope * (at - x0) + y0)
    low = values[0] if left is None else left
    high = values[-1] if right is None else right
    result = where(at < knots[0], low, where(at > knots[-1], high, inside))
    return where(np.isnan(at), at, result)
