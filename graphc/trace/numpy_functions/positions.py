"""Positions known from shapes, conversions between kinds of positions, and parts left out or put in."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from graphc.ir.dims import product
from graphc.trace.functions import implements
from graphc.trace.numpy_functions.arguments import constant, one_axis, strong
from graphc.trace.numpy_functions.checked import checked
from graphc.trace.numpy_functions.creation import dims_of
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
    """Flat positions of positions along each axis; IndexError at run time outside, with mode='raise'."""
    sizes = _sizes(dims, order)
    indices = [strong(i) for i in multi_index]
    modes = mode if isinstance(mode, tuple) else (mode,) * len(sizes)
    if len(indices) != len(sizes):
        raise ValueError(f"parameter multi_index must be a sequence of length {len(sizes)}")
    if any(n == 0 for n in sizes) and any(i.size != 0 for i in indices):
        raise ValueError("cannot unravel if shape has zero entries (is empty).")
    flat: Any = 0
    for index, n, how in _in_order(list(zip(indices, sizes, modes, strict=True)), order):
        flat = flat * n + _brought_inside(index, n, how)
    return flat


def _brought_inside(index: Any, n: Any, mode: str) -> Any:
    if mode == "raise":
        return checked(index, n)
    if mode not in ("wrap", "clip"):
        raise ValueError("clipmode must be one of 'clip', 'raise', or 'wrap' (got " + repr(mode) + ")")
    whole = cast(index, np.int64)
    return whole % n if mode == "wrap" else np.clip(whole, 0, n - 1)


def _sizes(shape: Any, order: str) -> tuple[Any, ...]:
    if order not in ("C", "F"):
        raise ValueError("only 'C' or 'F' order is permitted")
    return dims_of(shape)


def _in_order(values: Any, order: str) -> Any:
    """From the axis whose neighbours lie farthest apart to that where they are closest."""
    return values if order == "C" else values[::-1]


@implements(np.unravel_index)
def unravel_index(indices: Any, shape: Any, order: str = "C") -> Any:
    """Positions along each axis of flat positions; IndexError at run time for one outside."""
    sizes = _sizes(shape, order)
    rest = checked(indices, product(sizes))
    found = []
    for n in reversed(_in_order(sizes, order)):
        found.append(rest % n)
        rest = rest // n
    return tuple(_in_order(found[::-1], order))


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
    _fixed(x, "insert")
    new = cast(values, x.dtype)
    # NumPy inserts numbers of elements, which say where each element of the result comes from.
    old_places = np.arange(x.size).reshape(x.shape)
    new_places = x.size + np.arange(new.size).reshape(new.shape)
    both = np.concatenate([reshaped(x, (x.size,)), reshaped(new, (new.size,))])
    return both[np.insert(old_places, obj, new_places, place)]


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
    if kind not in (None, "sort", "table"):
        raise ValueError(f"Invalid kind: '{kind}'. Please use None, 'sort' or 'table'.")
    x, others = strong(element), strong(test_elements)
    others = reshaped(others, (others.size,))
    found = np.any(np.expand_dims(x, -1) == others, axis=-1)
    return ~found if invert else found


@implements(np.lexsort)
def lexsort(keys: Any, axis: int = -1) -> Any:
    """Positions that sort by the last key, then by the one before, and so on."""
    listed = [strong(k) for k in (keys if not isinstance(keys, Tracer) else list(keys))]
    shape = broadcast_shapes(*(k.shape for k in listed))
    if shape == ():  # every key is one number
        return constant(np.int64(0))
    order = np.argsort(broadcast_to(listed[0], shape), axis=axis)
    for key in listed[1:]:
        again = np.argsort(np.take_along_axis(broadcast_to(key, shape), order, axis), axis=axis)
        order = np.take_along_axis(order, again, axis)
    return order


@implements(np.resize)
def resize(a: Any, new_shape: Any) -> Any:
    """The elements repeated, in order, to fill another fixed shape."""
    x = strong(a)
    shape = tuple(new_shape) if isinstance(new_shape, tuple | list) else (operator.index(new_shape),)
    if any(n < 0 for n in shape):
        raise ValueError("all elements of `new_shape` must be non-negative")
    count = int(np.prod(shape))
    flat = reshaped(x, (x.size,))
    size = _fixed(flat, "resize")[0]
    if count == 0 or size == 0:
        return np.zeros_like(x, shape=shape)
    return reshaped(np.concatenate([flat] * -(-count // size))[:count], shape)


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
