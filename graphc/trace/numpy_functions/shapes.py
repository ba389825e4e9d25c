"""Shapes and axes: reshape, transpose and their relatives, as views where NumPy has views."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from graphc.errors import ShapeError, located
from graphc.ir.dims import Dim, Quotient, SymbolicDim, product
from graphc.ops.view import BroadcastTo, Reshape, Transpose
from graphc.trace.aliasing import copy, reshape_is_view, view
from graphc.trace.context import user_line_with_text
from graphc.trace.functions import implements
from graphc.trace.numpy_functions.arguments import all_axes, one_axis, strong
from graphc.trace.tracer import Tracer
from graphc.trace.ufuncs import broadcast_shapes, unsupported


def resolved(x: Any, shape: Any) -> tuple[Dim, ...]:
    """The sizes of a shape argument, -1 worked out; ValueError as NumPy where it does not fit."""
    listed = shape if isinstance(shape, tuple | list) else (shape,)
    if any(isinstance(n, bool) for n in listed):
        raise TypeError("an integer is required")
    dims: list[Dim] = [n if isinstance(n, SymbolicDim) else operator.index(n) for n in listed]
    open_axes = [axis for axis, n in enumerate(dims) if n == -1]
    if len(open_axes) > 1:
        raise ValueError("can only specify one unknown dimension")
    if open_axes:
        dims[open_axes[0]] = _quotient(x, dims, product(tuple(n for n in dims if n != -1)))
    if product(tuple(dims)) != x.size:
        raise _misfit(x, listed)
    return tuple(dims)


def _quotient(x: Any, dims: list[Dim], known: Dim) -> Any:
    if x.size == known:
        return 1
    if known == 0 or (isinstance(x.size, int) and isinstance(known, int) and x.size % known):
        raise _misfit(x, dims)
    dim = x.size // known
    if isinstance(dim, SymbolicDim) and any(
        isinstance(atom, Quotient) for monomial, _ in dim.terms for atom, _ in monomial
    ):
        raise ShapeError(
            located(
                f"cannot reshape {x.node.type} into shape ({', '.join(map(str, dims))}): "
                f"{x.size} is not known to be a multiple of {known}",
                user_line_with_text(),
                f"Name the size as a multiple, such as {known}*K, or trace with fixed sizes.",
            )
        )
    return dim


def _misfit(x: Any, shape: Sequence[Any]) -> Exception:
    text = ",".join(map(str, shape)) + ("," if len(shape) == 1 else "")
    if isinstance(x.size, int):
        return ValueError(f"cannot reshape array of size {x.size} into shape ({text})")
    return ShapeError(
        located(f"cannot reshape {x.node.type} of size {x.size} into shape ({text})", user_line_with_text())
    )


def reshape_to(x: Any, shape: tuple[Dim, ...]) -> Any:
    """x in another shape: a view where NumPy makes one, else a copy."""
    part = view(x, Reshape(shape))
    return part if reshape_is_view(x, shape) else copy(part)


@implements(np.reshape)
def reshape(a: Any, /, shape: Any, order: str = "C", *, copy: Any = None) -> Any:
    """The same elements in another shape."""
    x = strong(a)
    order = order.upper()
    if order not in ("C", "F", "A", "K"):
        raise ValueError(f"order must be one of 'C', 'F', 'A', or 'K' (got {order!r})")
    if order == "F":
        if copy is False:
            raise unsupported("numpy.reshape with order='F' and copy=False")
        dims = resolved(x, shape)
        return transpose(reshape_to(transpose(x), dims[::-1]))
    if order != "C" and x.ndim > 1:
        raise unsupported(f"numpy.reshape with order={order!r}, which depends on memory; use 'C' or 'F'")
    dims = resolved(x, shape)
    if copy is False and not reshape_is_view(x, dims):
        raise ValueError("Unable to avoid creating a copy while reshaping.")
    result = reshape_to(x, dims)
    return result.copy() if copy else result


@implements(np.ravel)
def ravel(a: Any, order: str = "C") -> Any:
    """All elements along one axis."""
    return reshape(a, (-1,), order) if strong(a).size != 0 else reshape(a, (0,))


@implements(np.transpose, np.permute_dims)
def transpose(a: Any, axes: Any = None) -> Any:
    """Axes in another order."""
    x = strong(a)
    if axes is None:
        order = tuple(reversed(range(x.ndim)))
    else:
        if len(axes) != x.ndim:
            raise ValueError("axes don't match array")
        order = tuple(one_axis(axis, x.ndim) for axis in axes)
        if len(set(order)) != len(order):
            raise ValueError("repeated axis in transpose")
    return view(x, Transpose(order))


@implements(np.matrix_transpose, np.linalg.matrix_transpose)
def matrix_transpose(x: Any, /) -> Any:
    """The last two axes exchanged."""
    if strong(x).ndim < 2:
        raise ValueError(f"Input array must be at least 2-dimensional, but it is {strong(x).ndim}")
    return swapaxes(x, -1, -2)


@implements(np.swapaxes)
def swapaxes(a: Any, axis1: Any, axis2: Any) -> Any:
    """Two axes exchanged."""
    x = strong(a)
    order = list(range(x.ndim))
    i, j = one_axis(axis1, x.ndim), one_axis(axis2, x.ndim)
    order[i], order[j] = j, i
    return view(x, Transpose(tuple(order)))


@implements(np.moveaxis)
def moveaxis(a: Any, source: Any, destination: Any) -> Any:
    """Axes moved to other places, the rest in order."""
    x = strong(a)
    origins, places = (
        _distinct(axes, x.ndim, name) for axes, name in ((source, "source"), (destination, "destination"))
    )
    if len(origins) != len(places):
        raise ValueError("`source` and `destination` arguments must have the same number of elements")
    order = [axis for axis in range(x.ndim) if axis not in origins]
    for place, origin in sorted(zip(places, origins, strict=True)):
        order.insert(place, origin)
    return view(x, Transpose(tuple(order)))


def _distinct(axes: Any, ndim: int, name: str) -> list[int]:
    listed = [axes] if isinstance(axes, Tracer) or not isinstance(axes, Iterable) else list(axes)
    places = [one_axis(axis, ndim) for axis in listed]
    if len(set(places)) != len(places):
        raise ValueError(f"repeated axis in `{name}` argument")
    return places


@implements(np.rollaxis)
def rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    """One axis moved before another."""
    x = strong(a)
    origin = one_axis(axis, x.ndim)
    place = start + x.ndim if start < 0 else start
    if not 0 <= place <= x.ndim:
        raise np.exceptions.AxisError(
            f"'start' arg requires {-x.ndim} <= start < {x.ndim + 1}, but {place} was passed in"
        )
    return moveaxis(x, origin, place - 1 if origin < place else place)


@implements(np.expand_dims)
def expand_dims(a: Any, axis: Any) -> Any:
    """New axes of length one."""
    x = strong(a)
    listed = axis if isinstance(axis, tuple | list) else (axis,)
    new = all_axes(tuple(listed), x.ndim + len(listed))
    old = iter(x.shape)
    return reshape_to(x, tuple(1 if i in new else next(old) for i in range(x.ndim + len(new))))


@implements(np.squeeze)
def squeeze(a: Any, axis: Any = None) -> Any:
    """Axes of length one removed."""
    x = strong(a)
    if axis is None:
        axes = tuple(i for i, n in enumerate(x.shape) if n == 1)
    else:
        axes = all_axes(axis, x.ndim)
        if any(x.shape[i] != 1 for i in axes):
            raise ValueError("cannot select an axis to squeeze out which has size not equal to one")
    return reshape_to(x, tuple(n for i, n in enumerate(x.shape) if i not in axes))


@implements(np.atleast_1d)
def atleast_1d(*arys: Any) -> Any:
    """Scalars as arrays of one axis."""
    return _each(arys, lambda x: x if x.ndim else reshape_to(x, (1,)))


@implements(np.atleast_2d)
def atleast_2d(*arys: Any) -> Any:
    """At least two axes, new ones first."""
    return _each(arys, lambda x: reshape_to(x, (1,) * (2 - x.ndim) + x.shape) if x.ndim < 2 else x)


@implements(np.atleast_3d)
def atleast_3d(*arys: Any) -> Any:
    """At least three axes."""

    def deepen(x: Any) -> Any:
        shapes = {0: (1, 1, 1), 1: (1, *x.shape, 1), 2: (*x.shape, 1)}
        return reshape_to(x, shapes[x.ndim]) if x.ndim < 3 else x

    return _each(arys, deepen)


def _each(arrays: Sequence[Any], change: Any) -> Any:
    results = tuple(change(strong(a)) for a in arrays)
    return results[0] if len(results) == 1 else results


@implements(np.broadcast_to)
def broadcast_to(array: Any, shape: Any, subok: bool = False) -> Any:
    """The array repeated to a shape; read-only."""
    x = strong(array)
    listed = shape if isinstance(shape, tuple | list) else (shape,)
    dims = tuple(n if isinstance(n, SymbolicDim) else operator.index(n) for n in listed)
    return view(x, BroadcastTo(dims), readonly=True)


@implements(np.broadcast_arrays)
def broadcast_arrays(*args: Any, subok: bool = False) -> Any:
    """All arrays repeated to their common shape."""
    arrays = [strong(a) for a in args]
    shape = broadcast_shapes(*(a.shape for a in arrays))
    return tuple(a if a.shape == shape else broadcast_to(a, shape) for a in arrays)


@implements(np.flip)
def flip(m: Any, axis: Any = None) -> Any:
    """Elements in reverse order along the axes."""
    x = strong(m)
    axes = all_axes(axis, x.ndim)
    return x[tuple(slice(None, None, -1) if i in axes else slice(None) for i in range(x.ndim))]


@implements(np.fliplr)
def fliplr(m: Any) -> Any:
    """Columns in reverse order."""
    if strong(m).ndim < 2:
        raise ValueError("Input must be >= 2-d.")
    return flip(m, 1)


@implements(np.flipud)
def flipud(m: Any) -> Any:
    """Rows in reverse order."""
    if strong(m).ndim < 1:
        raise ValueError("Input must be >= 1-d.")
    return flip(m, 0)


@implements(np.rot90)
def rot90(m: Any, k: int = 1, axes: Any = (0, 1)) -> Any:
    """Turned by 90° k times in the plane of two axes."""
    x = strong(m)
    first, second = (one_axis(axis, x.ndim) for axis in axes)
    if first == second:
        raise ValueError("Axes must be different.")
    match k % 4:
        case 0:
            return x[...]
        case 1:
            return swapaxes(flip(x, second), first, second)
        case 2:
            return flip(x, (first, second))
        case _:
            return flip(swapaxes(x, first, second), second)


@implements(np.shape)
def shape_(a: Any) -> Any:
    """The sizes of a."""
    return strong(a).shape


@implements(np.ndim)
def ndim_(a: Any) -> Any:
    """How many axes a has."""
    return strong(a).ndim


@implements(np.size)
def size_(a: Any, axis: Any = None) -> Dim:
    """How many elements a has, along some axes."""
    x = strong(a)
    return product(tuple(x.shape[i] for i in all_axes(axis, x.ndim)))
