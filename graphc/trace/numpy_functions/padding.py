"""Borders added around arrays, and elements moved around cyclically."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.ir.dims import Dim, SymbolicDim
from graphc.ops.view import Pad
from graphc.trace.functions import implements
from graphc.trace.numpy_functions.arguments import coordinates, one_axis, strong
from graphc.trace.numpy_functions.reductions import reshaped
from graphc.trace.tracer import Tracer, as_tracer, record
from graphc.trace.ufuncs import broadcast_to, cast, unsupported


def _pairs(value: Any, ndim: int) -> list[tuple[Any, Any]]:
    """(before, after) for every axis from NumPy's abbreviations."""
    if isinstance(value, dict):
        pairs: list[Any] = [(0, 0)] * ndim
        for axis, width in value.items():
            pairs[one_axis(axis, ndim)] = tuple(width) if isinstance(width, tuple | list) else (width, width)
        return pairs
    if not isinstance(value, tuple | list | np.ndarray):
        return [(value, value)] * ndim
    listed = list(value)
    if any(isinstance(w, tuple | list | np.ndarray) and len(w) > 2 for w in listed):
        raise _misfit(value, ndim)
    if len(listed) == 1:
        return _pairs(listed[0], ndim)
    if not isinstance(listed[0], tuple | list | np.ndarray):
        if len(listed) != 2:
            raise _misfit(value, ndim)
        return [(listed[0], listed[1])] * ndim
    if len(listed) != ndim:
        raise _misfit(value, ndim)
    return [(w[0], w[-1]) for w in listed]


def _misfit(value: Any, ndim: int) -> ValueError:
    return ValueError(
        "operands could not be broadcast together with remapped shapes [original->remapped]: "
        f"{value} and requested shape ({ndim},2)"
    )


@implements(np.pad)
def pad(array: Any, pad_width: Any, mode: Any = "constant", **kwargs: Any) -> Any:
    """The array with a border of constants, of its own elements, or of statistics of them."""
    x = strong(array)
    if isinstance(pad_width, Tracer):
        raise unsupported("numpy.pad with traced widths")
    widths = _pairs(pad_width, x.ndim)
    if any(isinstance(w, float | np.floating) for pair in widths for w in pair):
        raise TypeError("`pad_width` must be of integral type.")
    if any(isinstance(w, int | np.integer) and w < 0 for pair in widths for w in pair):
        raise ValueError("index can't contain negative values")
    allowed = {"constant": {"constant_values"}, "linear_ramp": {"end_values"}, "reflect": {"reflect_type"}}
    allowed |= {"symmetric": {"reflect_type"}} | {name: {"stat_length"} for name in _STATISTICS}
    extra = set(kwargs) - allowed.get(mode if isinstance(mode, str) else "", set())
    if extra:
        raise ValueError(f"unsupported keyword arguments for mode '{mode}': {extra}")
    if mode in ("constant", "empty"):
        return _constant(x, widths, kwargs.get("constant_values", 0))
    if mode == "linear_ramp":
        return _ramp(x, widths, kwargs.get("end_values", 0))
    if mode in _STATISTICS:
        return _statistics(x, widths, _STATISTICS[mode], kwargs.get("stat_length"))
    if mode not in _SOURCES:
        raise unsupported(f"numpy.pad with mode={mode!r}")
    lengthened = _from_inside if kwargs.get("reflect_type", "even") == "even" else _odd
    for axis, (before, after) in enumerate(widths):
        if before == 0 and after == 0:
            continue
        if x.shape[axis] == 0:
            raise ValueError(f"can't extend empty axis {axis} using modes other than 'constant' or 'empty'")
        x = lengthened(x, axis, before, after, mode)
    return x


def _odd(x: Any, axis: int, before: Any, after: Any, mode: str) -> Any:
    """x with borders of 2 x[end] - x instead of x: the array goes on with the slope it has."""
    if x.shape[axis] == 1:
        return _from_inside(x, axis, before, after, "edge")
    left = np.flip(_continued(np.flip(x, axis), axis, before, mode), axis)
    return np.concatenate([left, x, _continued(x, axis, after, mode)], axis=axis)


def _continued(x: Any, axis: int, width: Any, mode: str) -> Any:
    """The `width` values after the last of x, as many at once as there are to reflect."""
    n, lead = x.shape[axis], (slice(None),) * axis
    skipped = 0 if mode == "symmetric" else 1  # whether the last value is repeated
    line, missing = x, width
    while missing != 0:
        taken = missing if isinstance(n, SymbolicDim) else min(n - skipped, missing)
        end = line.shape[axis] - skipped
        back = np.flip(line[(*lead, slice(end - taken, end))], axis)
        following = 2 * line[(*lead, slice(-1, None))] - back
        line = np.concatenate([line, cast(following, x.dtype)], axis=axis)
        missing = missing - taken
    return line[(*lead, slice(n, None))]


_STATISTICS: dict[str, Callable[..., Any]] = {
    "maximum": np.max,
    "minimum": np.min,
    "mean": np.mean,
    "median": np.median,
}


def _statistics(x: Any, widths: list[tuple[Any, Any]], fold: Callable[..., Any], lengths: Any) -> Any:
    """Borders of the largest, smallest, mean or middle value of the `lengths` elements next to them."""
    for axis, ((a, b), counts) in enumerate(zip(widths, _pairs(lengths, x.ndim), strict=True)):
        if a == 0 and b == 0:
            continue
        if x.shape[axis] == 0:
            raise ValueError(f"can't extend empty axis {axis} using modes other than 'constant' or 'empty'")
        if any(c is not None and c < 0 for c in counts):
            raise ValueError("index can't contain negative values")
        if 0 in counts and fold in (np.max, np.min):
            raise ValueError("stat_length of 0 yields no value for padding")
        n, lead = x.shape[axis], (slice(None),) * axis
        first, last = (n if c is None else min(c, n) for c in counts)
        values = [fold(x[(*lead, s)], axis=axis, keepdims=True) for s in (slice(first), slice(n - last, n))]
        if x.dtype.kind in "iu":
            values = [np.round(v) for v in values]
        low, high = (
            _stretched(cast(v, x.dtype), axis, w, "edge") for v, w in zip(values, (a, b), strict=True)
        )
        x = np.concatenate([low, x, high], axis=axis)
    return x


def _constant(x: Any, widths: list[tuple[Any, Any]], values: Any) -> Any:
    shape = tuple(n + a + b for n, (a, b) in zip(x.shape, widths, strict=True))
    if shape == x.shape:
        return Tracer(x.owner, x.node)
    zero = (
        not isinstance(values, Tracer) and np.all(np.asarray(values) == 0) and not np.any(np.signbit(values))
    )
    if zero and 0 not in x.shape:
        result: Any = record(Pad(tuple(a for a, _ in widths), shape, (1,) * x.ndim), x)
        return result
    for axis, ((a, b), (low, high)) in enumerate(zip(widths, _pairs(values, x.ndim), strict=True)):
        parts = [_block(x, axis, a, low), x, _block(x, axis, b, high)]
        x = np.concatenate(parts, axis=axis)
    return x


def _block(x: Any, axis: int, length: Dim, value: Any) -> Any:
    shape = (*x.shape[:axis], length, *x.shape[axis + 1 :])
    return broadcast_to(cast(as_tracer(value), x.dtype), shape)


def _ramp(x: Any, widths: list[tuple[Any, Any]], ends: Any) -> Any:
    for axis, ((a, b), (low, high)) in enumerate(zip(widths, _pairs(ends, x.ndim), strict=True)):
        lead = (slice(None),) * axis
        first, last = x[(*lead, slice(0, 1))], x[(*lead, slice(-1, None))]
        parts = [x]
        if a:
            parts.insert(0, _line(low, first, a, axis, x.dtype))
        if b:
            parts.append(np.flip(_line(high, last, b, axis, x.dtype), axis))
        x = np.concatenate(parts, axis=axis)
    return x


def _line(end: Any, edge: Any, length: int, axis: int, dtype: np.dtype) -> Any:
    """`length` values from `end` towards the edge, the edge itself left out."""
    return np.linspace(end, np.squeeze(edge, axis), length, endpoint=False, dtype=dtype, axis=axis)


def _edge(i: np.ndarray, n: int) -> Any:
    return np.clip(i, 0, n - 1)


def _reflect(i: np.ndarray, n: int) -> Any:
    if n == 1:
        return np.zeros_like(i)
    i = np.mod(i, 2 * (n - 1))
    return np.minimum(i, 2 * (n - 1) - i)


def _symmetric(i: np.ndarray, n: int) -> Any:
    i = np.mod(i, 2 * n)
    return np.minimum(i, 2 * n - 1 - i)


_SOURCES: dict[str, Callable[..., Any]] = {
    "edge": _edge,
    "reflect": _reflect,
    "symmetric": _symmetric,
    "wrap": np.mod,
}


def _from_inside(x: Any, axis: int, before: Any, after: Any, mode: str) -> Any:
    """x lengthened along one axis by slices of itself."""
    n = x.shape[axis]
    lead = (slice(None),) * axis
    if not isinstance(n, SymbolicDim):
        places = _SOURCES[mode](np.arange(-before, n + after), n)
        return np.concatenate([x[(*lead, part)] for part in _runs(places)], axis=axis)
    # Widths up to the size: one slice on each side.
    slices = {
        "edge": (slice(0, 1), slice(-1, None)),
        "reflect": (slice(before, 0, -1), slice(-2, -2 - after, -1)),
        "symmetric": (slice(before - 1, None, -1), slice(None, -1 - after, -1)),
        "wrap": (slice(n - before, None), slice(0, after)),
    }
    parts = [x]
    if before:
        parts.insert(0, _stretched(x[(*lead, slices[mode][0])], axis, before, mode))
    if after:
        parts.append(_stretched(x[(*lead, slices[mode][1])], axis, after, mode))
    return np.concatenate(parts, axis=axis)


def _stretched(part: Any, axis: int, length: int, mode: str) -> Any:
    if mode != "edge":
        return part
    return np.broadcast_to(part, (*part.shape[:axis], length, *part.shape[axis + 1 :]))


def _runs(places: np.ndarray) -> list[slice]:
    """The positions as slices of step 1 or -1, as few as there are runs."""
    runs: list[slice] = []
    start = 0
    while start < len(places):
        stop = start + 1
        step = int(places[stop] - places[start]) if stop < len(places) else 1
        if step not in (1, -1):
            step = 1
        while stop < len(places) and places[stop] - places[stop - 1] == step:
            stop += 1
        first, last = int(places[start]), int(places[stop - 1])
        end = last + step
        runs.append(slice(first, end if end >= 0 else None, step))
        start = stop
    return runs


@implements(np.roll)
def roll(a: Any, shift: Any, axis: Any = None) -> Any:
    """Elements moved cyclically along axes."""
    x = strong(a)
    if axis is None:
        return reshaped(roll(reshaped(x, (x.size,)), shift, 0), x.shape)
    shifts, axes = _listed(shift), _listed(axis)
    if len(shifts) != len(axes):
        shifts, axes = (shifts * len(axes), axes) if len(shifts) == 1 else (shifts, axes * len(shifts))
    result: Any = x.copy()
    for s, i in zip(shifts, axes, strict=True):
        result = _rolled(result, s, one_axis(i, x.ndim))
    return result


def _listed(value: Any) -> tuple[Any, ...]:
    """One value for each axis: those of a sequence or vector, or the only one."""
    if np.ndim(value) > 1:
        raise ValueError("'shift' and 'axis' should be scalars or 1D sequences")
    return tuple(value) if isinstance(value, tuple | list) or np.ndim(value) else (value,)


def _rolled(x: Any, shift: Any, axis: int) -> Any:
    n = x.shape[axis]
    lead = (slice(None),) * axis
    if isinstance(shift, np.integer | np.bool_):  # an unsigned number has no negative
        shift = int(shift)
    if isinstance(shift, Tracer):
        return np.take(x, (coordinates((n,), 0) - shift) % n, axis=axis)
    cut = shift if isinstance(n, SymbolicDim) else shift % n if n else 0
    if cut == 0:
        return x
    return np.concatenate([x[(*lead, slice(-cut, None))], x[(*lead, slice(None, -cut))]], axis=axis)
