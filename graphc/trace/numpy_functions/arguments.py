"""What NumPy's functions share: axes, out=, keywords that are not covered, sizes as numbers."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from graphc.ir.dims import Dim, SymbolicDim
from graphc.ops.barrier import Barrier
from graphc.ops.leaf import Const, Iota
from graphc.trace.tracer import Tracer, as_tracer, record
from graphc.trace.ufuncs import cast, concrete_out, unsupported

NO_VALUE: Any = np._NoValue
LARGEST_CONSTANT = 4096  # elements; larger arrays become inputs of the program


def one_axis(axis: Any, ndim: int) -> int:
    """`axis` as a number in [0, ndim), or NumPy's AxisError."""
    index = operator.index(axis)
    if not -ndim <= index < ndim:
        raise np.exceptions.AxisError(index, ndim)
    return index % ndim


def all_axes(axis: Any, ndim: int) -> tuple[int, ...]:
    """The axes that `axis` names, ascending: all of them for None."""
    if axis is None:
        return tuple(range(ndim))
    listed = axis if isinstance(axis, tuple | list) else (axis,)
    axes = sorted(one_axis(a, ndim) for a in listed)
    if len(set(axes)) != len(axes):
        raise ValueError("duplicate value in 'axis'")
    return tuple(axes)


def finish(result: Any, out: Any) -> Any:
    """`result`, stored in `out` if there is one."""
    if isinstance(out, tuple):
        (out,) = out
    if out is None:
        return result
    if not isinstance(out, Tracer):
        raise concrete_out("out=")
    if not np.can_cast(result.dtype, out.dtype, "same_kind"):
        raise TypeError(
            f"Cannot cast output from {result.dtype!r} to {out.dtype!r} with casting rule 'same_kind'"
        )
    if result.shape != out.shape:
        raise ValueError(f"output array has shape {out.shape}, the result {result.shape}")
    out[...] = result
    return out


def needing(x: Tracer, least_zero: Dim) -> Tracer:
    """`x`, for sizes where this difference of sizes is at least zero; others are an error of the call."""
    if isinstance(least_zero, int):
        return x
    result: Tracer = record(Barrier((least_zero,)), x)
    return result


def refuse(function: str, **given: tuple[Any, Any]) -> None:
    """Raises for a keyword that is not covered, where it is (value, default) and not the default."""
    for name, (value, default) in given.items():
        if value is not default and value is not NO_VALUE and not _same(value, default):
            raise unsupported(f"numpy.{function} with {name}={value!r}")


def _same(value: Any, default: Any) -> bool:
    return type(value) is type(default) and not isinstance(value, Tracer | np.ndarray) and value == default


def strong(x: Any) -> Any:
    """`x` as a traced array: a Python scalar takes its default dtype, as in np.asarray(x)."""
    tracer = as_tracer(x)
    return tracer if tracer.weak is None else Tracer(tracer.owner, tracer.node)


def constant(array: Any, dtype: Any = None) -> Any:
    """A small array made while tracing, as part of the program; a large one as an input."""
    value = np.asarray(array, dtype)
    return record(Const.of(value)) if value.size <= LARGEST_CONSTANT else as_tracer(value)


def coordinates(shape: tuple[Dim, ...], axis: int, dtype: Any = np.int64) -> Any:
    """The coordinate along `axis` of every element of an array of `shape`."""
    return record(Iota(np.dtype(dtype), tuple(shape), axis))


def count_of(shape: tuple[Dim, ...], axes: tuple[int, ...]) -> Dim:
    """How many elements a reduction over `axes` folds into one."""
    count: Dim = 1
    for axis in axes:
        count = count * shape[axis]
    return count


def common(*values: Any) -> tuple[Any, ...]:
    """Traced values of one dtype, NumPy's promotion of theirs; shapes as they are."""
    tracers = tuple(as_tracer(v) for v in values)
    dtype = promoted(*tracers)
    return tuple(cast(t, dtype) for t in tracers)


def promoted(*values: Any) -> np.dtype:
    """np.result_type of traced and concrete values; Python scalars adapt."""
    from graphc.trace.ufuncs import promotable

    return np.result_type(*(promotable(as_tracer(v)) for v in values))


def static_int(value: Any, function: str, name: str) -> int:
    """A number that must be known while tracing."""
    if isinstance(value, Tracer | SymbolicDim):
        raise unsupported(f"numpy.{function} with a traced {name}=")
    return operator.index(value)
