"""Sums, products, extrema and logical reductions."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir.dims import Dim
from graphc.ir.graph import AbstractOp
from graphc.ops.base import AbstractReduction
from graphc.ops.reduce import All, Any_, ArgMax, ArgMin, Max, Min, Prod, Sum
from graphc.ops.view import Reshape
from graphc.trace.functions import implements
from graphc.trace.numpy_functions.arguments import NO_VALUE, all_axes, finish, one_axis, refuse, strong
from graphc.trace.numpy_functions.selection import where as select
from graphc.trace.tracer import Tracer, record
from graphc.trace.ufuncs import METHODS, broadcast_shapes, broadcast_to, cast


def reduced(op: type[AbstractReduction], x: Any, axes: tuple[int, ...], keepdims: Any = False) -> Any:
    """`op` over `axes` of x; of a 0-d array a value of its own, since NumPy does not return x itself."""
    if axes:
        result: Any = record(op(axes), x)
    else:
        result = record(Reshape(()), x) if x.ndim == 0 else Tracer(x.owner, x.node)
    if keepdims is True or (keepdims is not NO_VALUE and keepdims):
        shape = tuple(1 if a in axes else n for a, n in enumerate(x.shape))
        result = reshaped(result, shape)
    return result


def reshaped(x: Any, shape: tuple[Dim, ...]) -> Any:
    """x with `shape`, in memory of its own."""
    return Tracer(x.owner, x.node) if x.shape == shape else record(Reshape(shape), x)


def masked(x: Any, mask: Any, neutral: Any) -> Any:
    """x where `mask` holds and `neutral` elsewhere, broadcast together."""
    if mask is True or mask is NO_VALUE:
        return x
    shape = broadcast_shapes(x.shape, strong(mask).shape)
    result: Any = select(mask, broadcast_to(x, shape), np.asarray(neutral, x.dtype)[()])
    return result


def _accumulated(
    op: type[AbstractReduction], ufunc: np.ufunc, a: Any, axis: Any, dtype: Any, keepdims: Any, mask: Any
) -> Any:
    x = strong(a)
    wide = np.dtype(dtype) if dtype is not None else ufunc.reduce(np.zeros(1, x.dtype)).dtype
    x = masked(cast(x, wide), mask, ufunc.identity)
    return reduced(op, x, all_axes(axis, x.ndim), keepdims)


@implements(np.sum)
def sum_(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = NO_VALUE,
    where: Any = True,
) -> Any:
    """Σ over the axes; booleans and small integers are summed as int64."""
    result: Any = _accumulated(Sum, np.add, a, axis, dtype, keepdims, where)
    if initial is not NO_VALUE and initial is not None:
        result = cast(result + initial, result.dtype)
    return finish(result, out)


@implements(np.prod)
def prod(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = NO_VALUE,
    where: Any = True,
) -> Any:
    """Π over the axes; booleans and small integers are multiplied as int64."""
    result: Any = _accumulated(Prod, np.multiply, a, axis, dtype, keepdims, where)
    if initial is not NO_VALUE and initial is not None:
        result = cast(result * initial, result.dtype)
    return finish(result, out)


def _extremum(
    op: type[AbstractReduction], ufunc: np.ufunc, a: Any, axis: Any, keepdims: Any, initial: Any, mask: Any
) -> Any:
    x = strong(a)
    if x.dtype == np.bool_:
        op = Any_ if op is Max else All
    axes = all_axes(axis, x.ndim)
    missing = initial is NO_VALUE or initial is None
    empty = any(x.shape[axis] == 0 for axis in axes)
    if missing and not (mask is True or mask is NO_VALUE):
        raise ValueError(
            f"reduction operation '{ufunc.__name__}' does not have an identity, so to use a where mask "
            "one has to specify 'initial'"
        )
    if missing and empty:
        raise ValueError(f"zero-size array to reduction operation {ufunc.__name__} which has no identity")
    if missing:
        return reduced(op, x, axes, keepdims)
    start = np.asarray(initial, x.dtype)[()] if not isinstance(initial, Tracer) else cast(initial, x.dtype)
    if empty:
        kept = tuple(n for i, n in enumerate(x.shape) if i not in axes)
        full = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
        return broadcast_to(start, full if keepdims is True else kept)
    if not (mask is True or mask is NO_VALUE):
        shape = broadcast_shapes(x.shape, strong(mask).shape)
        x = select(mask, broadcast_to(x, shape), start)
    return ufunc(reduced(op, x, axes, keepdims), start)


@implements(np.max, np.amax)
def max_(
    a: Any,
    axis: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = NO_VALUE,
    where: Any = True,
) -> Any:
    """The largest element over the axes; NaN if there is one. Ties share the gradient."""
    return finish(_extremum(Max, np.maximum, a, axis, keepdims, initial, where), out)


@implements(np.min, np.amin)
def min_(
    a: Any,
    axis: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = NO_VALUE,
    where: Any = True,
) -> Any:
    """The smallest element over the axes; NaN if there is one. Ties share the gradient."""
    return finish(_extremum(Min, np.minimum, a, axis, keepdims, initial, where), out)


@implements(np.ptp)
def ptp(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False) -> Any:
    """max - min over the axes."""
    return finish(max_(a, axis, keepdims=keepdims) - min_(a, axis, keepdims=keepdims), out)


def _truth(x: Any) -> Any:
    tracer = strong(x)
    return tracer if tracer.dtype == np.bool_ else tracer != 0


@implements(np.all)
def all_(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = True) -> Any:
    """Whether every element is nonzero."""
    x = masked(_truth(a), where, True)
    return finish(reduced(All, x, all_axes(axis, x.ndim), keepdims), out)


@implements(np.any)
def any_(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = True) -> Any:
    """Whether some element is nonzero."""
    x = masked(_truth(a), where, False)
    return finish(reduced(Any_, x, all_axes(axis, x.ndim), keepdims), out)


@implements(np.count_nonzero)
def count_nonzero(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    """How many elements are nonzero."""
    return sum_(_truth(a), axis, keepdims=keepdims)


def _position(op: Any, name: str, a: Any, axis: Any, keepdims: Any) -> Any:
    x = strong(a)
    ndim = x.ndim
    if axis is None:
        x = reshaped(x, (x.size,))
    index = 0 if axis is None else one_axis(axis, x.ndim)
    if x.shape[index] == 0:
        raise ValueError(f"attempt to get {name} of an empty sequence")
    made: AbstractOp = op(index)
    result: Any = record(made, x)
    if keepdims is True:
        shape = (1,) * ndim if axis is None else (*x.shape[:index], 1, *x.shape[index + 1 :])
        result = reshaped(result, shape)
    return result


@implements(np.argmax)
def argmax(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Any:
    """The position of the first largest element."""
    return finish(_position(ArgMax, "argmax", a, axis, keepdims), out)


@implements(np.argmin)
def argmin(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Any:
    """The position of the first smallest element."""
    return finish(_position(ArgMin, "argmin", a, axis, keepdims), out)


def _method(function: Any) -> Any:
    """`ufunc.reduce`, whose default axis is 0 where the function's is all."""

    def reduce(
        array: Any,
        axis: Any = 0,
        dtype: Any = None,
        out: Any = None,
        keepdims: Any = False,
        initial: Any = NO_VALUE,
        where: Any = True,
    ) -> Any:
        if function in (sum_, prod):
            return function(array, axis, dtype, out, keepdims, initial, where)
        if function in (all_, any_):
            refuse("ufunc.reduce", dtype=(None if dtype in (bool, np.bool_, np.dtype(bool)) else dtype, None))
            refuse("ufunc.reduce", initial=(initial, NO_VALUE))
            return function(array, axis, out, keepdims, where=where)
        array = array if dtype is None else cast(array, dtype)
        return function(array, axis, out, keepdims, initial, where)

    return reduce


for _ufunc, _function in {
    np.add: sum_,
    np.multiply: prod,
    np.maximum: max_,
    np.minimum: min_,
    np.logical_and: all_,
    np.logical_or: any_,
}.items():
    METHODS[_ufunc, "reduce"] = _method(_function)
