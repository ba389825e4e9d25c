"""Means, variances and correlations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from graphc.trace.functions import implements
from graphc.trace.numpy_functions.arguments import (
    NO_VALUE,
    all_axes,
    count_of,
    finish,
    one_axis,
    promoted,
    strong,
)
from graphc.trace.numpy_functions.reductions import reshaped, sum_
from graphc.trace.numpy_functions.selection import where as select
from graphc.trace.tracer import Tracer, as_tracer
from graphc.trace.ufuncs import broadcast_shapes, broadcast_to, cast, unsupported


def number_of(x: Any, axis: Any, keepdims: Any, mask: Any) -> Any:
    """How many elements each result folds: a size, or a count of the mask."""
    if mask is True or mask is NO_VALUE:
        return count_of(x.shape, all_axes(axis, x.ndim))
    shape = broadcast_shapes(x.shape, strong(mask).shape)
    return sum_(broadcast_to(strong(mask), shape), axis, keepdims=keepdims)


def _mean(x: Any, axis: Any, dtype: Any, keepdims: Any, mask: Any) -> Any:
    wide = dtype if dtype is not None else (np.float64 if x.dtype.kind in "iub" else None)
    total = sum_(x, axis, wide, keepdims=keepdims, where=mask)
    return cast(total / number_of(x, axis, keepdims, mask), total.dtype)


@implements(np.mean)
def mean(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    *,
    where: Any = True,
) -> Any:
    """Σ x / n; integers are averaged in float64."""
    return finish(_mean(strong(a), axis, dtype, keepdims, where), out)


def variance(
    a: Any, axis: Any, dtype: Any, ddof: Any, keepdims: Any, mask: Any, given: Any, correction: Any
) -> Any:
    x = strong(a)
    if correction is not NO_VALUE:
        if not (isinstance(ddof, int) and ddof == 0):
            raise ValueError("ddof and correction can't be provided simultaneously.")
        ddof = correction
    if x.dtype.kind in "iub" and dtype is None:
        x = cast(x, np.float64)
    if dtype is not None:
        if np.dtype(dtype).kind in "iub":
            raise unsupported(f"a variance computed in {np.dtype(dtype)}")
        x = cast(x, dtype)
    centre = _mean(x, axis, None, True, mask) if given is NO_VALUE else given
    squares = np.square(x - centre)
    number = number_of(x, axis, keepdims, mask) - ddof
    if isinstance(number, int | float):
        number = max(number, 0)
    elif isinstance(number, Tracer) or not (isinstance(ddof, int) and ddof == 0):
        number = np.maximum(number, 0)
    total = sum_(squares, axis, keepdims=keepdims, where=mask)
    return cast(total / number, total.dtype)


# (values, where=) -> the values with some replaced, and a mask of the others
Split: TypeAlias = Callable[[Any, Any], tuple[Any, Any]]


def define_variance(
    function: Callable[..., Any], summary: str, root: bool, split: Split | None = None
) -> None:
    """Gives `function` the meaning of a variance, or of its root, of what `split` leaves."""

    @implements(function)
    def implementation(
        a: Any,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        ddof: Any = 0,
        keepdims: Any = False,
        *,
        where: Any = True,
        mean: Any = NO_VALUE,
        correction: Any = NO_VALUE,
    ) -> Any:
        x, mask = (a, where) if split is None else split(a, where)
        result = variance(x, axis, dtype, ddof, keepdims, mask, mean, correction)
        count = number_of(x, axis, keepdims, mask) if split is not None else None
        if isinstance(count, Tracer):  # nothing is known of so few elements
            free = ddof if correction is NO_VALUE else correction
            result = select(count <= free, np.asarray(np.nan, result.dtype)[()], result)
        return finish(np.sqrt(result) if root else result, out)

    implementation.__doc__ = summary


define_variance(np.var, "Σ (x - x̄)² / (n - ddof).", root=False)
define_variance(np.std, "√(Σ (x - x̄)² / (n - ddof)).", root=True)


@implements(np.average)
def average(
    a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: Any = False
) -> Any:
    """Σ w x / Σ w."""
    x = strong(a)
    if weights is None:
        result = mean(x, axis, keepdims=keepdims)
        total: Any = strong(cast(as_tracer(count_of(x.shape, all_axes(axis, x.ndim))), result.dtype))
    else:
        w = strong(weights)
        kind = promoted(x, w, *((1.0,) if x.dtype.kind in "iub" else ()))
        if x.dtype.kind in "iub":
            kind = np.result_type(x.dtype, w.dtype, "f8")
        if w.shape != x.shape:
            if axis is None:
                raise TypeError("Axis must be specified when shapes of a and weights differ.")
            axes = all_axes(axis, x.ndim)
            given = [one_axis(i, x.ndim) for i in (axis if isinstance(axis, tuple | list) else (axis,))]
            if w.shape != tuple(x.shape[i] for i in given):
                raise ValueError("Shape of weights must be consistent with shape of a along specified axis.")
            w = np.transpose(w, np.argsort(given))
            w = reshaped(w, tuple(n if i in axes else 1 for i, n in enumerate(x.shape)))
            w = broadcast_to(w, x.shape)
        total = sum_(w, axis, kind, keepdims=keepdims)
        result = sum_(cast(x, kind) * cast(w, kind), axis, keepdims=keepdims) / total
    return (result, broadcast_to(total, result.shape)) if returned else result


# ---- correlation


@implements(np.cov)
def cov(
    m: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: Any = None,
    aweights: Any = None,
    *,
    dtype: Any = None,
) -> Any:
    """The covariance matrix of variables in rows; observations may be repeated and weighted."""
    kind = np.dtype(dtype) if dtype is not None else np.float64
    x = _variables(cast(m, kind), not rowvar and strong(m).ndim != 1)
    if y is not None:
        other = cast(y, kind)
        turn = not rowvar and other.ndim == 2 and other.shape[0] != 1
        x = np.concatenate([x, _variables(other, turn)], axis=0)
    free: Any = (0 if bias else 1) if ddof is None else ddof
    if fweights is None and aweights is None:
        centred = x - mean(x, 1, keepdims=True)
        return _shared(centred @ centred.T, x.shape[1] - free)
    weights = _weights(fweights, aweights, x.shape[1], kind)
    total = sum_(weights)
    if aweights is not None:
        free = free * sum_(weights * cast(aweights, kind)) / total
    centred = x - sum_(x * weights, 1, keepdims=True) / total
    return _shared((centred * weights) @ centred.T, total - free)


def _shared(products: Any, free: Any) -> Any:
    """Sums of products over how many of them are free: ∞ or NaN where none is."""
    count = cast(strong(free), products.dtype)
    return np.squeeze(products * (1 / np.maximum(count, 0)))


def _weights(repeats: Any, weights: Any, count: Any, kind: Any) -> Any:
    """The product of the given weights, one for each observation."""
    result: Any = None
    for given, name in ((repeats, "fweights"), (weights, "aweights")):
        if given is None:
            continue
        w = strong(given)
        if w.ndim > 1:
            raise RuntimeError(f"cannot handle multidimensional {name}")
        if w.shape != (count,):
            raise RuntimeError(f"incompatible numbers of samples and {name}")
        if name == "fweights" and w.dtype.kind not in "iu":
            raise TypeError("fweights must be integer")
        result = cast(w, kind) if result is None else result * cast(w, kind)
    return result


def _variables(x: Any, turn: bool) -> Any:
    if x.ndim > 2:
        raise ValueError("m has more than 2 dimensions")
    rows = x if x.ndim == 2 else x.reshape(1, x.size)
    return rows.T if turn else rows


@implements(np.corrcoef)
def corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Any:
    """The matrix of correlation coefficients, limited to [-1, 1]."""
    c = cov(x, y, rowvar, dtype=dtype)
    if c.ndim == 0:
        return c / c
    deviation = np.sqrt(np.diagonal(c))
    return np.clip(c / deviation[:, None] / deviation[None, :], -1, 1)
