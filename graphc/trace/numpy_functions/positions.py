"""Positions known from shapes, conversions between kinds of positions, and parts left out or put in."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.trace.functions import implements
from graphc.trace.numpy_functions.arguments import one_axis, strong
from graphc.trace.numpy_functions.reductions import reshaped
from graphc.trace.numpy_functions.refusals import data_dependent
from graphc.trace.tracer import Tracer
from graphc.trace.ufuncs import broadcast_shapes, broadcast_to, cast, unsupported


@implements(np.tril_indices_from)
def tril_indices_from(arr: Any, k: int = 0) -> Any:
    """The positions of the lower triangle of a matrix of fixed size."""
    rows, columns = _fixed(arr, "tril_indices_from")
    return np.tril_indices(rows, k, columns)


@implements(np.triu_indices_from)
def triu_indices_from(arr: Any, k: int = 0) -> Any:
    """The positions of the upper triangle of a matrix of fixed size."""
    rows, columns = _fixed(arr, "triu_indices_from")
    return np.triu_indices(rows, k, columns)


@implements(np.diag_indices_from)
def diag_indices_from(arr: Any) -> Any:
    """The positions of the diagonal of an array of fixed size."""
    shape = _fixed(arr, "diag_indices_from")
    if len(shape) < 2:
        raise ValueError("input array must be at least 2-d")
    if len(set(shape)) != 1:
        raise ValueError("All dimensions of input must be of equal length")
    return np.diag_indices(shape[0], len(shape))


def _fixed(arr: Any, function: str) -> tuple[int, ...]:
    shape: tuple[Any, ...] = strong(arr).shape
    if not all(isinstance(n, int) for n in shape):
        raise unsupported(f"numpy.{function} of an array of symbolic size")
    return shape


@implements(np.ravel_multi_index)
def ravel_multi_index(multi_index: Any, dims: Any, mode: Any = "raise", order: str = "C") -> Any:
    """Flat positions of positions along each axis; mode='raise' is not covered for traced positions."""
    indices = [cast(i, np.int64) for i in multi_index]
    modes = mode if isinstance(mode, tuple) else (mode,) * len(dims)
    if order != "C" or "raise" in modes:
        raise unsupported("numpy.ravel_multi_index with order='F' or mode='raise'; use mode='clip' or 'wrap'")
    flat: Any = 0
    for index, n, how in zip(indices, dims, modes, strict=True):
        flat = flat * n + (index % n if how == "wrap" else np.clip(index, 0, n - 1))
    return flat


@implements(np.unravel_index)
def unravel_index(indices: Any, shape: Any, order: str = "C") -> Any:
    """Positions along each axis of flat positions, which are not checked."""
    if order != "C":
        raise unsupported("numpy.unravel_index with order='F'")
    rest = cast(indices, np.int64)
    sizes = shape if isinstance(shape, tuple | list) else (shape,)
    found = []
    for n in reversed(sizes):
        found.append(rest % n)
        rest = rest // n
    return tuple(reversed(found))


@implements(np.delete)
def delete(arr: Any, obj: Any, axis: int | None = None) -> Any:
    """The array without the parts at known positions."""
    if isinstance(obj, Tracer):
        raise data_dependent("delete", "Use np.where to replace what is to go, or a reduction with where=.")
    x, place = _flattened(arr, axis)
    kept = np.delete(np.arange(_fixed(x, "delete")[place]), obj)
    return np.take(x, kept, axis=place)


@implements(np.insert)
def insert(arr: Any, obj: Any, values: Any, axis: int | None = None) -> Any:
    """The array with values put in before a known position, or before several."""
    if isinstance(obj, Tracer):
        raise unsupported("numpy.insert at traced positions")
    x, place = _flattened(arr, axis)
    n = _fixed(x, "insert")[place]
    where = np.insert(np.arange(n), obj, n + np.arange(np.size(obj)) if np.ndim(obj) else n)
    new = cast(values, x.dtype)
    if np.ndim(obj) == 0 and new.ndim == x.ndim and axis is not None:
        count = new.shape[0] if place == 0 and x.ndim == 1 else new.shape[place]
        where = np.insert(np.arange(n), [int(obj)] * count, n + np.arange(count))
    elif np.ndim(obj) == 0 and x.ndim == 1 and new.ndim == 1:
        where = np.insert(np.arange(n), [int(obj)] * new.shape[0], n + np.arange(new.shape[0]))
    elif np.ndim(obj) == 0:
        new = np.expand_dims(new, place) if new.ndim == x.ndim - 1 and new.ndim else new
    count = len(where) - n
    new = broadcast_to(new, (*x.shape[:place], count, *x.shape[place + 1 :]))
    return np.take(np.concatenate([x, new], axis=place), where, axis=place)


def _flattened(arr: Any, axis: int | None) -> tuple[Any, int]:
    x = strong(arr)
    return (reshaped(x, (x.size,)), 0) if axis is None else (x, one_axis(axis, x.ndim))


@implements(np.isin)
def isin(
    element: Any,
    test_elements: Any,
    assume_unique: bool = False,
    invert: bool = False,
    *,
    kind: Any = None,
) -> Any:
    """Whether each element is among the others, by comparing all pairs."""
    x, others = strong(element), strong(test_elements)
    others = reshaped(others, (others.size,))
    found = np.any(np.expand_dims(x, -1) == others, axis=-1)
    return ~found if invert else found


@implements(np.lexsort)
def lexsort(keys: Any, axis: int = -1) -> Any:
    """Positions that sort by the last key, then by the one before, and so on."""
    listed = [strong(k) for k in (keys if not isinstance(keys, Tracer) else list(keys))]
    shape = broadcast_shapes(*(k.shape for k in listed))
    order = np.argsort(broadcast_to(listed[0], shape), axis=axis)
    for key in listed[1:]:
        again = np.argsort(np.take_along_axis(broadcast_to(key, shape), order, axis), axis=axis)
        order = np.take_along_axis(order, again, axis)
    return order


@implements(np.resize)
def resize(a: Any, new_shape: Any) -> Any:
    """The elements repeated, in order, to fill another fixed shape."""
    x = strong(a)
    shape = (new_shape,) if isinstance(new_shape, int) else tuple(new_shape)
    count = int(np.prod(shape))
    flat = reshaped(x, (x.size,))
    times = -(-count // max(1, _fixed(flat, "resize")[0]))
    return reshaped(np.concatenate([flat] * times)[:count], shape)


@implements(np.fft.fftshift)
def fftshift(x: Any, axes: Any = None) -> Any:
    """The halves exchanged along axes, as after a transform."""
    return _shifted(x, axes, 1)


@implements(np.fft.ifftshift)
def ifftshift(x: Any, axes: Any = None) -> Any:
    """The inverse of fftshift."""
    return _shifted(x, axes, -1)


def _shifted(x: Any, axes: Any, sign: int) -> Any:
    value = strong(x)
    listed = range(value.ndim) if axes is None else (axes,) if isinstance(axes, int) else axes
    shifts = tuple(value.shape[i] // 2 if sign > 0 else -(value.shape[i] // 2) for i in listed)
    return np.roll(value, shifts, tuple(listed))
