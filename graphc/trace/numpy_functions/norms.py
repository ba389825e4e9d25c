"""Norms of vectors and matrices, and condition numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.trace.functions import implements
from graphc.trace.numpy_functions.arguments import all_axes, one_axis
from graphc.trace.numpy_functions.decompositions import svdvals
from graphc.trace.numpy_functions.linalg import floating, inv
from graphc.trace.ufuncs import cast


@implements(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """|x| of any of NumPy's orders."""
    a = floating(x)
    if axis is None:
        flat = ord is None or (ord in ("f", "fro") and a.ndim == 2) or (ord == 2 and a.ndim == 1)
        if flat:
            total = np.sqrt(np.sum(np.square(a)))
            return np.reshape(total, (1,) * a.ndim) if keepdims else total
        axis = tuple(range(a.ndim))
    axes = axis if isinstance(axis, tuple | list) else (axis,)
    if len(axes) == 1:
        return _vector(a, ord, one_axis(axes[0], a.ndim), keepdims)
    if len(axes) == 2:
        return _matrix(a, ord, tuple(one_axis(i, a.ndim) for i in axes), keepdims)
    raise ValueError("Improper number of dimensions to norm.")


def _vector(a: Any, order: Any, axis: Any, keepdims: bool) -> Any:
    if order is None or order == 2:
        return np.sqrt(np.sum(np.square(a), axis=axis, keepdims=keepdims))
    if isinstance(order, str):
        raise ValueError(f"Invalid norm order '{order}' for vectors")
    size = np.abs(a)
    if order == np.inf:
        return np.max(size, axis=axis, keepdims=keepdims, initial=0)
    if order == -np.inf:
        return np.min(size, axis=axis, keepdims=keepdims)
    if order == 0:
        return np.sum(cast(a != 0, a.dtype), axis=axis, keepdims=keepdims)
    if order == 1:
        return np.sum(size, axis=axis, keepdims=keepdims)
    return np.sum(size**order, axis=axis, keepdims=keepdims) ** (1.0 / order)


def _matrix(a: Any, order: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    row, column = axes
    if row == column:
        raise ValueError("Duplicate axes given.")
    if order in (None, "fro", "f"):
        return np.sqrt(np.sum(np.square(a), axis=axes, keepdims=keepdims))
    if order in (1, 2, np.inf, "nuc") and 0 in (a.shape[row], a.shape[column]):
        return np.sum(a, axis=axes, keepdims=keepdims)  # the largest of no numbers counts as zero
    fold: dict[Any, Any] = {np.inf: (column, row, np.max), -np.inf: (column, row, np.min)}
    fold |= {1: (row, column, np.max), -1: (row, column, np.min)}
    if order in fold:
        summed, chosen, choose = fold[order]
        return (
            choose(np.sum(np.abs(a), summed, keepdims=True), chosen, keepdims=True)
            if keepdims
            else choose(np.sum(np.abs(a), summed), chosen - (chosen > summed))
        )
    s = svdvals(np.moveaxis(a, axes, (-2, -1)))
    if order in (2, -2):
        result = np.max(s, axis=-1) if order == 2 else np.min(s, axis=-1)
    elif order == "nuc":
        result = np.sum(s, axis=-1)
    else:
        raise ValueError("Invalid norm order for matrices.")
    return np.expand_dims(result, axes) if keepdims else result


@implements(np.linalg.vector_norm)
def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    """|x| over axes taken as one vector."""
    a = floating(x)
    return _vector(a, ord, all_axes(axis, a.ndim), keepdims)


@implements(np.linalg.matrix_norm)
def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """|x| of the last two axes."""
    a = floating(x)
    return _matrix(a, ord, (a.ndim - 2, a.ndim - 1), keepdims)


@implements(np.linalg.cond)
def cond(x: Any, p: Any = None) -> Any:
    """The condition number |x| |x⁻¹|."""
    a = floating(x)
    if p in (None, 2, -2):
        s = svdvals(a)
        ratio = s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
        # 0/0 of a matrix of zeros is infinite too; only NaN in the matrix gives NaN.
        return np.where(np.isnan(ratio) & ~np.any(np.isnan(a), axis=(-2, -1)), np.inf, ratio)
    axes = (a.ndim - 2, a.ndim - 1)
    return _matrix(a, p, axes, False) * _matrix(inv(a), p, axes, False)
