"""Matrix, inner, outer and other products, each a contraction over labelled axes."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from graphc.ir.dims import Dim
from graphc.ops.contract import Contract
from graphc.ops.reduce import Any_, Sum
from graphc.trace.functions import implements
from graphc.trace.numpy_functions.arguments import common, finish, one_axis, strong
from graphc.trace.numpy_functions.reductions import reduced, reshaped
from graphc.trace.tracer import record
from graphc.trace.ufuncs import broadcast_shapes

Labels = tuple[int, ...]


def contract(a: Any, b: Any, left: Labels, right: Labels, out: Labels) -> Any:
    """Σ a[left] b[right] over the labels outside `out`. Each label at most once per operand."""
    x, y = common(a, b)
    x, left = _summed_alone(x, left, set(right) | set(out))
    y, right = _summed_alone(y, right, set(left) | set(out))
    result: Any = record(Contract(left, right, out), x, y)
    return result


def _summed_alone(x: Any, labels: Labels, needed: set[int]) -> tuple[Any, Labels]:
    """x with the axes summed whose labels nobody else has."""
    alone = tuple(axis for axis, label in enumerate(labels) if label not in needed)
    kept = tuple(label for label in labels if label in needed)
    return reduced(Any_ if x.dtype == np.bool_ else Sum, x, alone), kept


def _mismatch(name: str, a: Any, b: Any, n: Dim, m: Dim) -> ValueError:
    return ValueError(f"{name}: shapes {_text(a.shape)} and {_text(b.shape)} do not fit: {n} and {m} differ")


def _text(shape: tuple[Dim, ...]) -> str:
    return f"({','.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


def matmul(x1: Any, x2: Any) -> Any:
    """The matrix product over the last two axes, leading axes broadcast."""
    a, b = strong(x1), strong(x2)
    if not a.ndim or not b.ndim:
        raise ValueError(
            "matmul: Input operand 0 does not have enough dimensions (has 0, gufunc core with signature "
            "(n?,k),(k,m?)->(n?,m?) requires 1)"
        )
    n, m = a.shape[-1], b.shape[-2] if b.ndim > 1 else b.shape[0]
    if n != m:
        raise ValueError(
            "matmul: Input operand 1 has a mismatch in its core dimension 0, with gufunc signature "
            f"(n?,k),(k,m?)->(n?,m?) (size {m} is different from {n})"
        )
    batch = broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a, left = _without_stretched(a, batch, 2 if a.ndim > 1 else 1)
    b, right = _without_stretched(b, batch, 2 if b.ndim > 1 else 1)
    k, row, column = len(batch), len(batch) + 1, len(batch) + 2
    left += (row, k) if strong(x1).ndim > 1 else (k,)
    right += (k, column) if strong(x2).ndim > 1 else (k,)
    outer = (row,) * (strong(x1).ndim > 1) + (column,) * (strong(x2).ndim > 1)
    return contract(a, b, left, right, (*range(k), *outer))


def _without_stretched(x: Any, batch: tuple[Dim, ...], core: int) -> tuple[Any, Labels]:
    """x without the batch axes of length one that broadcasting stretches, and its other batch labels."""
    lead = x.ndim - core
    labels = tuple(
        len(batch) - lead + axis for axis in range(lead) if x.shape[axis] == batch[len(batch) - lead + axis]
    )
    kept = tuple(batch[label] for label in labels)
    return reshaped(x, kept + x.shape[x.ndim - core :]), labels


@implements(np.dot)
def dot(a: Any, b: Any, out: Any = None) -> Any:
    """Σ over the last axis of a and the second to last of b."""
    x, y = strong(a), strong(b)
    if not x.ndim or not y.ndim:
        return finish(x * y, out)
    return finish(_over_axes("dot", x, y, (x.ndim - 1,), (max(y.ndim - 2, 0),)), out)


@implements(np.inner)
def inner(a: Any, b: Any, /) -> Any:
    """Σ over the last axes of both."""
    x, y = strong(a), strong(b)
    return _over_axes("inner", x, y, (x.ndim - 1,), (y.ndim - 1,)) if x.ndim and y.ndim else x * y


def _over_axes(name: str, a: Any, b: Any, of_a: Labels, of_b: Labels) -> Any:
    """Σ over pairs of axes; the other axes of a, then those of b."""
    for i, j in zip(of_a, of_b, strict=True):
        if a.shape[i] != b.shape[j]:
            raise _mismatch(name, a, b, a.shape[i], b.shape[j])
    left = tuple(range(a.ndim))
    right = tuple(of_a[of_b.index(j)] if j in of_b else a.ndim + j for j in range(b.ndim))
    free = (*(i for i in left if i not in of_a), *(a.ndim + j for j in range(b.ndim) if j not in of_b))
    return contract(a, b, left, right, free)


@implements(np.vdot)
def vdot(a: Any, b: Any, /) -> Any:
    """Σ over all elements of both, flattened."""
    x, y = strong(a), strong(b)
    return _over_axes("vdot", reshaped(x, (x.size,)), reshaped(y, (y.size,)), (0,), (0,))


@implements(np.outer)
def outer(a: Any, b: Any, out: Any = None) -> Any:
    """a[i] b[j] of both flattened."""
    x, y = strong(a), strong(b)
    return finish(reshaped(x, (x.size, 1)) * reshaped(y, (1, y.size)), out)


@implements(np.linalg.outer)
def linalg_outer(x1: Any, x2: Any, /) -> Any:
    """x1[i] x2[j] of two vectors."""
    if strong(x1).ndim != 1 or strong(x2).ndim != 1:
        raise ValueError("Input arrays must be one-dimensional")
    return outer(x1, x2)


@implements(np.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """Σ over pairs of axes."""
    x, y = strong(a), strong(b)
    if isinstance(axes, int):
        of_a, of_b = tuple(range(x.ndim - axes, x.ndim)), tuple(range(axes))
    else:
        listed = [s if isinstance(s, tuple | list) else (s,) for s in axes]
        of_a = tuple(one_axis(i, x.ndim) for i in listed[0])
        of_b = tuple(one_axis(j, y.ndim) for j in listed[1])
    if len(set(of_a)) != len(of_a) or len(set(of_b)) != len(of_b):
        raise ValueError("duplicate axes are not allowed in tensordot")
    if len(of_a) != len(of_b) or any(x.shape[i] != y.shape[j] for i, j in zip(of_a, of_b, strict=True)):
        raise ValueError("shape-mismatch for sum")
    return _over_axes("tensordot", x, y, of_a, of_b)


@implements(np.linalg.tensordot)
def linalg_tensordot(x1: Any, x2: Any, /, *, axes: Any = 2) -> Any:
    """Σ over pairs of axes."""
    return tensordot(x1, x2, axes)


@implements(np.linalg.matmul)
def linalg_matmul(x1: Any, x2: Any, /) -> Any:
    """The matrix product."""
    return matmul(x1, x2)


def vecdot(x1: Any, x2: Any) -> Any:
    """Σ x1 x2 over the last axes."""
    return matmul(strong(x1)[..., None, :], strong(x2)[..., :, None])[..., 0, 0]


def matvec(x1: Any, x2: Any) -> Any:
    """Matrix times vector over the last axes."""
    return matmul(x1, strong(x2)[..., :, None])[..., 0]


def vecmat(x1: Any, x2: Any) -> Any:
    """Vector times matrix over the last axes."""
    return matmul(strong(x1)[..., None, :], x2)[..., 0, :]


@implements(np.kron)
def kron(a: Any, b: Any) -> Any:
    """The Kronecker product: every element of a times the whole of b."""
    x, y = strong(a), strong(b)
    ndim = max(x.ndim, y.ndim)
    x = reshaped(x, (1,) * (ndim - x.ndim) + x.shape)
    y = reshaped(y, (1,) * (ndim - y.ndim) + y.shape)
    apart = tuple(n for pair in zip(x.shape, (1,) * ndim, strict=True) for n in pair)
    close = tuple(n for pair in zip((1,) * ndim, y.shape, strict=True) for n in pair)
    product = reshaped(x, apart) * reshaped(y, close)
    return reshaped(product, tuple(n * m for n, m in zip(x.shape, y.shape, strict=True)))


@implements(np.cross)
def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Any:
    """The vector product of 3-vectors along an axis; 2-vectors count as having z = 0."""
    if axis is not None:
        axisa = axisb = axisc = operator.index(axis)
    x, y = np.moveaxis(strong(a), axisa, -1), np.moveaxis(strong(b), axisb, -1)
    if x.shape[-1] not in (2, 3) or y.shape[-1] not in (2, 3):
        raise ValueError("incompatible dimensions for cross product\n(dimension must be 2 or 3)")
    x0, x1, y0, y1 = x[..., 0], x[..., 1], y[..., 0], y[..., 1]
    z = x0 * y1 - x1 * y0
    if x.shape[-1] == y.shape[-1] == 2:
        return z
    zero = np.zeros_like(x0)
    x2 = x[..., 2] if x.shape[-1] == 3 else zero
    y2 = y[..., 2] if y.shape[-1] == 3 else np.zeros_like(y0)
    parts = np.broadcast_arrays(x1 * y2 - x2 * y1, x2 * y0 - x0 * y2, z)
    return np.moveaxis(np.stack(parts, axis=-1), -1, axisc)


@implements(np.linalg.cross)
def linalg_cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """The vector product of 3-vectors."""
    return cross(x1, x2, axis=axis)
