"""Diagonals, triangles and matrices built from vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir.dims import SymbolicDim
from graphc.ops.view import Pad, Reshape, Slice, Transpose
from graphc.trace.aliasing import view
from graphc.trace.functions import implements
from graphc.trace.numpy_functions.arguments import coordinates, finish, one_axis, static_int, strong
from graphc.trace.numpy_functions.reductions import reshaped, sum_
from graphc.trace.numpy_functions.selection import where
from graphc.trace.tracer import record
from graphc.trace.ufuncs import cast, unsupported


@implements(np.diagonal)
def diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """x[i, i + offset] along two axes; a read-only view."""
    x = strong(a)
    if x.ndim < 2:
        raise ValueError("diag requires an array of at least two dimensions")
    i, j = one_axis(axis1, x.ndim), one_axis(axis2, x.ndim)
    if i == j:
        raise ValueError("axis1 and axis2 cannot be the same")
    k = static_int(offset, "diagonal", "offset")
    order = (*(axis for axis in range(x.ndim) if axis not in (i, j)), i, j)
    n, m = x.shape[i], x.shape[j]
    lead = tuple(x.shape[axis] for axis in order[:-2])
    if isinstance(n, SymbolicDim) or isinstance(m, SymbolicDim):
        if n != m or k:
            raise unsupported(
                "numpy.diagonal of a matrix of symbolic size that is not square, or off its centre"
            )
        moved = view(x, Transpose(order))
        on = coordinates(moved.shape, x.ndim - 2) == coordinates(moved.shape, x.ndim - 1)
        return np.sum(where(on, moved, np.zeros((), x.dtype)), -1, dtype=x.dtype)
    count = max(0, min(n, m - k) if k >= 0 else min(n + k, m))
    start = (k if k >= 0 else -k * m) if count else 0
    flat = Reshape((*lead, n * m))
    steps = (1,) * len(lead) + (m + 1 if count > 1 else 1,)
    part = Slice((0,) * len(lead) + (start,), (*lead, count), steps)
    return view(x, Transpose(order), flat, part, readonly=True)


@implements(np.linalg.diagonal)
def linalg_diagonal(x: Any, /, *, offset: int = 0) -> Any:
    """The diagonal of the last two axes."""
    return diagonal(x, offset, -2, -1)


@implements(np.trace)
def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: Any = None) -> Any:
    """The sum of the diagonal."""
    return sum_(diagonal(a, offset, axis1, axis2), -1, dtype, out)


@implements(np.linalg.trace)
def linalg_trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    """The sum of the diagonal of the last two axes."""
    return trace(x, offset, -2, -1, dtype)


@implements(np.diag)
def diag(v: Any, k: int = 0) -> Any:
    """The diagonal of a matrix, or the matrix with a vector on its diagonal."""
    x = strong(v)
    if x.ndim == 2:
        return diagonal(x, k)
    if x.ndim != 1:
        raise ValueError("Input must be 1- or 2-d.")
    n = x.shape[0] + abs(static_int(k, "diag", "k"))
    if isinstance(n, SymbolicDim):
        if k:
            raise unsupported("numpy.diag of a vector of symbolic length, off the centre")
        on = coordinates((n, n), 0) == coordinates((n, n), 1)
        return where(on, reshaped(x, (n, 1)), np.zeros((), x.dtype))
    start = k if k >= 0 else -k * n
    step = n + 1 if x.shape[0] != 1 else 1
    if x.shape[0] == 0:
        return np.zeros((n, n), x.dtype, like=x)
    return reshaped(record(Pad((start,), (n * n,), (step,)), x), (n, n))


@implements(np.diagflat)
def diagflat(v: Any, k: int = 0) -> Any:
    """The matrix with all elements of v on its diagonal."""
    x = strong(v)
    return diag(reshaped(x, (x.size,)), k)


def _triangle(m: Any, k: int, lower: bool) -> Any:
    x = strong(m)
    if x.ndim == 1:
        x = reshaped(x, (1, x.shape[0]))
        x = np.broadcast_to(x, (x.shape[1], x.shape[1]))
    rows, columns = (coordinates(x.shape, x.ndim - i) for i in (2, 1))
    offset = static_int(k, "tril", "k")
    keep = columns - rows <= offset if lower else columns - rows >= offset
    result: Any = where(keep, x, np.zeros((), x.dtype))
    return result


@implements(np.tril)
def tril(m: Any, k: int = 0) -> Any:
    """The elements on and below the k-th diagonal, zeros above."""
    return _triangle(m, k, True)


@implements(np.triu)
def triu(m: Any, k: int = 0) -> Any:
    """The elements on and above the k-th diagonal, zeros below."""
    return _triangle(m, k, False)


@implements(np.tri)
def tri(N: Any, M: Any = None, k: int = 0, dtype: Any = float) -> Any:
    """Ones on and below the k-th diagonal."""
    shape = (N, N if M is None else M)
    return cast(coordinates(shape, 1) - coordinates(shape, 0) <= k, dtype)


@implements(np.vander)
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """Powers of x as columns, the highest first."""
    values = strong(x)
    if values.ndim != 1:
        raise ValueError("x must be a one-dimensional array or sequence.")
    count = values.shape[0] if N is None else N
    kind = np.promote_types(values.dtype, int)
    values = cast(values, kind)
    columns = [np.ones_like(values)]
    for _ in range(int(count) - 1):
        columns.append(columns[-1] * values)
    columns = columns[: int(count)]
    stacked = columns if increasing else columns[::-1]
    return np.stack(stacked, axis=1) if stacked else np.zeros((values.shape[0], 0), kind)


@implements(np.ix_)
def ix_(*args: Any) -> Any:
    """Open grids of positions."""
    vectors = [strong(a) for a in args]
    if any(v.dtype == np.bool_ for v in vectors):
        raise unsupported("numpy.ix_ of traced masks")
    if any(v.ndim != 1 for v in vectors):
        raise ValueError("Cross index must be 1 dimensional")
    return tuple(
        finish(reshaped(v, tuple(v.shape[0] if a == axis else 1 for a in range(len(vectors)))), None)
        for axis, v in enumerate(vectors)
    )
