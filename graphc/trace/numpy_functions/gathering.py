"""Elements at computed positions: take, put, and the ufunc method `at`."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.errors import TraceError, located
from graphc.ops.gather import Gather, ScatterAdd, ScatterSet
from graphc.trace.aliasing import assign, check_writable, view
from graphc.trace.context import user_line_with_text
from graphc.trace.functions import implements
from graphc.trace.index_parts import plan_index
from graphc.trace.numpy_functions.arguments import coordinates, finish, one_axis, strong
from graphc.trace.numpy_functions.reductions import reshaped
from graphc.trace.numpy_functions.refusals import data_dependent
from graphc.trace.numpy_functions.selection import where
from graphc.trace.tracer import Tracer, as_tracer, record
from graphc.trace.ufuncs import (
    METHODS,
    broadcast_shapes,
    broadcast_to,
    cast,
    dtype_error,
    full_name,
    loop_dtypes,
    unsupported,
)


@implements(np.take)
def take(a: Any, indices: Any, axis: int | None = None, out: Any = None, mode: str = "raise") -> Any:
    """The elements of a at positions along an axis."""
    x = strong(a)
    if axis is None:
        x, axis = reshaped(x, (x.size,)), 0
    place = one_axis(axis, x.ndim)
    index = indices
    if mode in ("wrap", "clip"):
        index = strong(indices)
        n = x.shape[place]
        index = index % n if mode == "wrap" else np.clip(index, 0, n - 1)
    elif mode not in ("raise", None):
        raise ValueError("clipmode not understood")
    if isinstance(index, list | tuple):
        index = np.asarray(index) if not any(isinstance(i, Tracer) for i in index) else strong(index)
    return finish(x[(*(slice(None),) * place, index)], out)


def _along(x: Any, indices: Any, axis: int) -> tuple[Any, tuple[Any, ...]]:
    """x broadcast against the indices off `axis`, and one index array per axis."""
    if x.ndim != indices.ndim:
        raise ValueError("`indices` and `arr` must have the same number of dimensions")
    if indices.dtype.kind not in "iu":
        raise IndexError("`indices` must be an integer array")
    off = broadcast_shapes(*((*t.shape[:axis], 1, *t.shape[axis + 1 :]) for t in (x, indices)))
    x = broadcast_to(x, (*off[:axis], x.shape[axis], *off[axis + 1 :]))
    shape = (*off[:axis], indices.shape[axis], *off[axis + 1 :])
    index = broadcast_to(cast(indices, np.int64), shape)
    if indices.dtype.kind == "i":
        index = where(index < 0, index + x.shape[axis], index)
    return x, tuple(index if a == axis else coordinates(shape, a) for a in range(x.ndim))


@implements(np.take_along_axis)
def take_along_axis(arr: Any, indices: Any, axis: int | None = -1) -> Any:
    """arr[…, indices[…, j], …]: one position per line along an axis."""
    x, index = strong(arr), strong(indices)
    if axis is None:
        x, axis = reshaped(x, (x.size,)), 0
    x, positions = _along(x, index, one_axis(axis, x.ndim))
    return record(Gather(tuple(range(x.ndim))), x, *positions)


@implements(np.put_along_axis)
def put_along_axis(arr: Any, indices: Any, values: Any, axis: int | None) -> None:
    """Stores values at one position per line along an axis."""
    x = target_of(arr, "put_along_axis")
    if axis is None:
        if strong(indices).ndim != 1:
            raise ValueError("when axis=None, `indices` must have a single dimension.")
        put(x, indices, values)
        return
    _, positions = _along(x, strong(indices), one_axis(axis, x.ndim))
    # An axis of length one that the indices stretch: all of them store in its one place, the last wins.
    positions = tuple(p % n if n == 1 else p for p, n in zip(positions, x.shape, strict=True))
    updates = broadcast_to(cast(values, x.dtype), positions[0].shape)
    assign(x, record(ScatterSet(tuple(range(x.ndim))), x, updates, *positions).node)


@implements(np.put)
def put(a: Any, ind: Any, v: Any, mode: str = "raise") -> None:
    """Stores values at flat positions; too few of them are repeated."""
    x = target_of(a, "put")
    flat = x.reshape(-1)
    index, values = strong(ind).reshape(-1), strong(v).reshape(-1)
    if mode in ("wrap", "clip"):
        index = index % x.size if mode == "wrap" else np.clip(index, 0, x.size - 1)
    elif mode not in ("raise", None):
        raise ValueError("clipmode not understood")
    if values.size == 0 or index.size == 0:
        return
    flat[index] = np.resize(values, index.shape) if values.shape != index.shape else values
    if x.node is not flat.node:
        assign(x, reshaped(flat, x.shape).node)


def _cycled(values: Any, places: Any) -> Any:
    """The elements at `places`, counted on from the first after the last."""
    flat = reshaped(values, (values.size,))
    return flat[places % values.size]


@implements(np.putmask)
def putmask(a: Any, mask: Any, values: Any) -> None:
    """Stores the values where the mask holds, each at its own flat position; too few are repeated."""
    x = target_of(a, "putmask")
    new, test = cast(values, x.dtype), strong(mask)
    if test.size != x.size:
        raise ValueError("putmask: mask and data must be the same size")
    if new.shape != x.shape:
        new = reshaped(_cycled(new, np.arange(x.size, like=x)), x.shape)
    x[...] = where(reshaped(test, x.shape), new, x)


@implements(np.place)
def place(arr: Any, mask: Any, vals: Any) -> None:
    """Stores the values one after another where the mask holds; too few are repeated."""
    x = target_of(arr, "place")
    new, test = cast(vals, x.dtype), strong(mask)
    if test.size != x.size:
        raise ValueError("place: mask and data must be the same size")
    if new.size == 0:
        raise unsupported("numpy.place without values, an error in NumPy unless the mask is false everywhere")
    test = reshaped(test, (x.size,)) != 0
    number = np.maximum(np.cumsum(test) - 1, 0)
    x[...] = where(reshaped(test, x.shape), reshaped(_cycled(new, number), x.shape), x)


@implements(np.fill_diagonal)
def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    """Stores a value on the main diagonal."""
    x = target_of(a, "fill_diagonal")
    if x.ndim < 2:
        raise ValueError("array must be at least 2-d")
    if x.ndim > 2 and any(n != x.shape[0] for n in x.shape):
        raise ValueError("All dimensions of input must be of equal length")
    value, row, column = as_tracer(val), coordinates(x.shape, 0), coordinates(x.shape, 1)
    number, on = row, row == column
    if wrap and x.ndim == 2:  # every (columns + 1)th element: below a square the diagonal starts again
        step = x.shape[1] + 1
        place = row * x.shape[1] + column
        number, on = place // step, place % step == 0
    if value.ndim:
        value = _cycled(value, number)
    for axis in range(2, x.ndim):
        on = on & (coordinates(x.shape, 0) == coordinates(x.shape, axis))
    x[...] = where(on, cast(value, x.dtype), x)


@implements(np.compress)
def compress(condition: Any, a: Any, axis: int | None = None, out: Any = None) -> Any:
    """The elements along an axis where a known condition holds."""
    if isinstance(condition, Tracer):
        raise data_dependent("compress", "Use np.where(condition, a, 0) with a mask along the axis.")
    return take(a, np.flatnonzero(np.asarray(condition)), axis, out)


def target_of(a: Any, function: str) -> Any:
    """The traced array that is written to."""
    if not isinstance(a, Tracer):
        raise TraceError(
            located(
                f"numpy.{function} of traced values into a concrete array",
                user_line_with_text(),
                "Make the array with np.zeros_like(x) or graphc.zeros, so that it is traced as well.",
            )
        )
    check_writable(a)
    return a


def operand_of(ufunc: np.ufunc, x: Any, b: Any) -> Any:
    """The second operand of `ufunc.at` in x's dtype; DTypeError where NumPy would round after every step."""
    operands = (x, b if type(b) in (int, float) else as_tracer(b))
    dtypes = loop_dtypes(ufunc, operands)
    result = ufunc.resolve_dtypes((*dtypes, None))[-1]
    if not np.can_cast(result, x.dtype, "same_kind"):
        raise dtype_error(
            f"{full_name(ufunc)}.at of {x.dtype} computes in {result} and rounds after every step, "
            "which graphc does not",
            "Convert the array first, or the values: values.astype(x.dtype).",
        )
    return cast(operands[1], np.bool_ if result == np.bool_ else x.dtype)


def _add_at(a: Any, indices: Any, b: Any) -> None:
    """a[indices] += b, repeated indices adding up."""
    x = target_of(a, "add.at")
    plan = plan_index(x, indices)
    part = view(x, *plan.ops)
    value = cast(operand_of(np.add, x, b), x.dtype)
    if not plan.arrays:
        assign(part, (part + broadcast_to(value, part.shape)).node)
        return
    count = len(plan.arrays[0].shape)
    rest = tuple(n for axis, n in enumerate(part.shape) if axis not in plan.axes)
    p = plan.position
    updates = broadcast_to(value, (*rest[:p], *plan.arrays[0].shape, *rest[p:]))
    if p:
        updates = updates.transpose(*range(p, p + count), *range(p), *range(p + count, updates.ndim))
    assign(part, record(ScatterAdd(plan.axes), part, updates, *plan.arrays).node)


def _subtract_at(a: Any, indices: Any, b: Any) -> None:
    _add_at(a, indices, -strong(b))


METHODS[np.add, "at"] = _add_at
METHODS[np.subtract, "at"] = _subtract_at
