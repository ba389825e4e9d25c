"""New arrays shaped like traced ones, conversions, and ranges with traced ends."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from graphc.ir.dims import Dim, SymbolicDim
from graphc.trace.aliasing import copy as copy_of
from graphc.trace.complex_numbers.kinds import real_dtype
from graphc.trace.functions import implements
from graphc.trace.numpy_functions.arguments import constant, coordinates, finish, strong
from graphc.trace.tracer import Tracer, as_tracer
from graphc.trace.ufuncs import broadcast_to, cast, unsupported


def dims_of(shape: Any) -> tuple[Dim, ...]:
    """A shape argument as a tuple of sizes, symbolic ones included."""
    listed = shape if isinstance(shape, tuple | list) else (shape,)
    return tuple(n if isinstance(n, SymbolicDim) else operator.index(n) for n in listed)


def filled(shape: Any, value: Any, dtype: Any) -> Any:
    """An array of `shape` that holds `value` everywhere."""
    if np.dtype(dtype).kind == "c":
        return as_complex(filled(shape, value, real_dtype(dtype)))
    scalar = cast(value, dtype) if isinstance(value, Tracer) else constant(value, dtype)
    result: Any = broadcast_to(Tracer(scalar.owner, scalar.node), dims_of(shape))
    return result


def as_complex(x: Any) -> Any:
    """x + 0i."""
    from graphc.trace.complex_numbers.tracer import joined

    return joined(x, None)


def astype(x: Any, dtype: Any, *, casting: Any = "unsafe", copy: bool = True) -> Any:
    """x converted to `dtype`; x itself only where nothing changes and `copy` is false."""
    value: Any = as_tracer(x)
    to = np.dtype(dtype)
    if not np.can_cast(value.dtype, to, casting):
        raise TypeError(
            f"Cannot cast array data from {value.dtype!r} to {to!r} according to the rule '{casting}'"
        )
    if to.kind == "c":
        return as_complex(cast(value, real_dtype(to)))
    if value.dtype != to:
        return cast(value, to)
    return copy_of(value) if copy or value.weak is not None else value


@implements(np.astype)
def astype_(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    """x converted to `dtype`, f64 if that is None."""
    return astype(x, dtype, copy=copy)


@implements(np.zeros_like, np.empty_like)
def zeros_like(
    a: Any, dtype: Any = None, order: Any = "K", subok: bool = True, shape: Any = None, *, device: Any = None
) -> Any:
    """Zeros in the shape and dtype of a (`empty_like` as well: its content is unspecified)."""
    return _like(a, 0, dtype, shape)


@implements(np.ones_like)
def ones_like(
    a: Any, dtype: Any = None, order: Any = "K", subok: bool = True, shape: Any = None, *, device: Any = None
) -> Any:
    """Ones in the shape and dtype of a."""
    return _like(a, 1, dtype, shape)


@implements(np.full_like)
def full_like(
    a: Any,
    fill_value: Any,
    dtype: Any = None,
    order: Any = "K",
    subok: bool = True,
    shape: Any = None,
    *,
    device: Any = None,
) -> Any:
    """fill_value in the shape and dtype of a."""
    x = as_tracer(a)
    target = x.dtype if dtype is None else dtype
    value = cast(fill_value, target)
    return broadcast_to(value, x.shape if shape is None else dims_of(shape))


def _like(a: Any, value: int, dtype: Any, shape: Any) -> Any:
    x = as_tracer(a)
    return filled(x.shape if shape is None else shape, value, x.dtype if dtype is None else dtype)


# Called with like=: NumPy hands these over when `like` is traced.


@implements(np.zeros, np.empty)
def zeros(shape: Any, dtype: Any = float, order: str = "C", *, device: Any = None) -> Any:
    """Zeros of a shape that may hold symbolic sizes."""
    return filled(shape, 0, float if dtype is None else dtype)


@implements(np.ones)
def ones(shape: Any, dtype: Any = None, order: str = "C", *, device: Any = None) -> Any:
    """Ones of a shape that may hold symbolic sizes."""
    return filled(shape, 1, float if dtype is None else dtype)


@implements(np.full)
def full(shape: Any, fill_value: Any, dtype: Any = None, order: str = "C", *, device: Any = None) -> Any:
    """fill_value in a shape that may hold symbolic sizes."""
    value = strong(fill_value)
    return broadcast_to(value if dtype is None else cast(value, dtype), dims_of(shape))


@implements(np.eye)
def eye(
    N: Any, M: Any = None, k: int = 0, dtype: Any = float, order: str = "C", *, device: Any = None
) -> Any:
    """Ones on the k-th diagonal, zeros elsewhere."""
    (rows,), (columns,) = dims_of(N), dims_of(N if M is None else M)
    i, j = (coordinates((rows, columns), axis) for axis in (0, 1))
    return cast(i + k == j, dtype)


@implements(np.identity)
def identity(n: Any, dtype: Any = None) -> Any:
    """The n × n identity matrix."""
    return eye(n, dtype=float if dtype is None else dtype)


@implements(np.arange)
def arange(
    start_or_stop: Any, /, stop: Any = None, step: Any = 1, *, dtype: Any = None, device: Any = None
) -> Any:
    """Numbers from start to stop; the ends are sizes or numbers, their count is never traced."""
    start, stop = (0, start_or_stop) if stop is None else (start_or_stop, stop)
    if any(isinstance(v, Tracer) for v in (start, stop, step)):
        raise unsupported("numpy.arange with traced ends: its length would depend on the data")
    if all(isinstance(v, int | np.integer | SymbolicDim) for v in (start, stop, step)):
        length = stop - start if step == 1 else -((start - stop) // step)
        if isinstance(length, int) and length < 0:
            length = 0
        line = coordinates((length,), 0)
        line = line if step == 1 else line * step
        line = line if isinstance(start, int) and start == 0 else line + start
        return cast(line, np.int64 if dtype is None else dtype)
    ends: Any = (start, stop, step)
    return constant(np.arange(*ends, dtype=dtype))


@implements(np.array, np.asarray, np.ascontiguousarray, np.asanyarray)
def array(
    object: Any, dtype: Any = None, *, copy: Any = True, order: Any = "K", subok: bool = False, ndmin: int = 0
) -> Any:
    """The values as a traced array (called with like=)."""
    value = strong(object)
    result: Any = copy_of(value) if dtype is None else astype(value, dtype)
    lead = (1,) * max(ndmin - result.ndim, 0)
    return np.reshape(result, lead + result.shape) if lead else result


@implements(np.copy)
def copy(a: Any, order: str = "K", subok: bool = False) -> Any:
    """The same values in memory of their own."""
    return copy_of(as_tracer(a))


@implements(np.copyto)
def copyto(dst: Any, src: Any, casting: Any = "same_kind", where: Any = True) -> None:
    """Stores src in dst, where the mask holds."""
    value = as_tracer(src)
    if not isinstance(dst, Tracer):
        raise unsupported("numpy.copyto into a concrete array")
    if value.weak is None and not np.can_cast(value.dtype, dst.dtype, casting):
        raise TypeError(
            f"Cannot cast array data from {value.dtype!r} to {dst.dtype!r} according to the rule '{casting}'"
        )
    value = cast(value, dst.dtype)
    dst[...] = value if where is True else np.where(where, value, dst)


@implements(np.linspace)
def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
    *,
    device: Any = None,
) -> Any:
    """num numbers from start to stop, evenly spaced."""
    count = operator.index(num)
    if count < 0:
        raise ValueError(f"Number of samples, {count}, must be non-negative.")
    a, b = as_tracer(start) * 1.0, as_tracer(stop) * 1.0
    intervals = count - 1 if endpoint else count
    delta = strong(b - a)
    kind = np.result_type(strong(a).dtype, strong(b).dtype, float(count))
    places = constant(np.arange(count).reshape((-1, *(1,) * delta.ndim)), kind)
    step = delta / intervals if intervals > 0 else delta * np.nan
    y = places * step + a if intervals > 0 else places * delta + a
    if endpoint and count > 1:
        last = coordinates(y.shape, 0) == count - 1
        y = np.where(last, b, y)
    y = y if axis == 0 else np.moveaxis(y, 0, axis)
    if dtype is not None:
        integral = np.issubdtype(dtype, np.integer)
        y = cast(np.floor(y) if integral else y, dtype)
    return (y, step) if retstep else y


@implements(np.logspace)
def logspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    base: Any = 10.0,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """baseˣ for x evenly spaced between start and stop."""
    ends: tuple[Any, Any, Any] = (start, stop, base)
    if np.ndim(base):  # its axes count too when `axis` is found
        ndim = max(np.ndim(v) for v in ends)
        start, stop, base = (np.reshape(v, (1,) * (ndim - np.ndim(v)) + np.shape(v)) for v in ends)
        base = np.expand_dims(base, axis)
    y = np.power(base, linspace(start, stop, num, endpoint, axis=axis))
    return y if dtype is None else cast(y, dtype)


@implements(np.geomspace)
def geomspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0
) -> Any:
    """Numbers between two ends of one sign, with a constant ratio; NaN where the signs differ."""
    first, last = strong(start), strong(stop)
    sign = np.sign(first)
    y = np.exp(linspace(np.log(first / sign), np.log(last / sign), num, endpoint)) * sign
    at = coordinates(y.shape, 0)
    y = np.where(at == 0, first, y)
    if endpoint and num > 1:
        y = np.where(at == num - 1, last, y)
    y = y if axis == 0 else np.moveaxis(y, 0, axis)
    return y if dtype is None else cast(y, dtype)


@implements(np.meshgrid)
def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> Any:
    """Coordinate arrays of a grid."""
    if indexing not in ("xy", "ij"):
        raise ValueError("Valid values for `indexing` are 'xy' and 'ij'.")
    ndim = len(xi)
    order = list(range(ndim))
    if indexing == "xy" and ndim > 1:
        order[0], order[1] = 1, 0
    lines = [strong(x) for x in xi]
    grids = []
    for x, axis in zip(lines, order, strict=True):
        grids.append(np.reshape(x, tuple(x.size if a == axis else 1 for a in range(ndim))))
    if sparse:
        return tuple(grids)
    shape: list[Dim] = [1] * ndim
    for x, axis in zip(lines, order, strict=True):
        shape[axis] = x.size
    return tuple(finish(copy_of(broadcast_to(g, tuple(shape))), None) for g in grids)
