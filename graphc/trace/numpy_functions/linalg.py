"""numpy.linalg: solving, determinants, powers and products."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.ops.linalg import LU, TriangularSolve
from graphc.trace.functions import implements
from graphc.trace.numpy_functions.arguments import coordinates, strong
from graphc.trace.numpy_functions.einsum import einsum
from graphc.trace.tracer import Tracer, record
from graphc.trace.ufuncs import broadcast_shapes, broadcast_to, cast, unsupported


def floating(x: Any) -> Any:
    """x as a floating array: integers become f64, as in numpy.linalg."""
    value = strong(x)
    return value if value.dtype.kind == "f" else cast(value, np.float64)


def square(x: Any) -> Any:
    """x as a floating square matrix or batch of them, or NumPy's LinAlgError."""
    a = floating(x)
    if a.ndim < 2:
        raise np.linalg.LinAlgError(
            f"{a.ndim}-dimensional array given. Array must be at least two-dimensional"
        )
    if a.shape[-1] != a.shape[-2]:
        raise np.linalg.LinAlgError("Last 2 dimensions of the array must be square")
    return a


def _identity(a: Any) -> Any:
    n = a.shape[-1]
    return cast(coordinates((n, n), 0) == coordinates((n, n), 1), a.dtype)


def _factored(a: Any) -> tuple[Any, Any]:
    packed, rows = record(LU(), a)
    return packed, rows


def _solved(a: Any, b: Any) -> Any:
    """a⁻¹ b for matrices with equal batch axes: A[rows] = L U."""
    packed, rows = _factored(a)
    permuted = np.take_along_axis(b, rows[..., None], axis=-2)
    middle = record(TriangularSolve(True, False, True), packed, permuted)
    return record(TriangularSolve(False, False, False), packed, middle)


@implements(np.linalg.solve)
def solve(a: Any, b: Any) -> Any:
    """x with a x = b. LinAlgError at run time if a is singular."""
    matrix, right = square(a), floating(b)
    kind = np.result_type(matrix.dtype, right.dtype)
    matrix, right = cast(matrix, kind), cast(right, kind)
    vector = right.ndim == 1
    if vector:
        right = right[:, None]
    if right.shape[-2] != matrix.shape[-1]:
        raise ValueError(
            "solve: Input operand 1 has a mismatch in its core dimension 0, with gufunc signature "
            f"(m,m),(m,n)->(m,n) (size {right.shape[-2]} is different from {matrix.shape[-1]})"
        )
    batch = broadcast_shapes(matrix.shape[:-2], right.shape[:-2])
    matrix = broadcast_to(matrix, batch + matrix.shape[-2:])
    right = broadcast_to(right, batch + right.shape[-2:])
    x = _solved(matrix, right)
    return x[..., 0] if vector else x


@implements(np.linalg.inv)
def inv(a: Any) -> Any:
    """The inverse. LinAlgError at run time if a is singular."""
    matrix = square(a)
    return _solved(matrix, broadcast_to(_identity(matrix), matrix.shape))


def _sign_of(rows: Any) -> Any:
    """1 for an even permutation, -1 for an odd one, by the number of pairs out of order."""
    after, before = rows[..., None, :], rows[..., :, None]
    n = rows.shape[-1]
    later = coordinates((n, n), 1) > coordinates((n, n), 0)
    pairs = np.sum(later & (after < before), axis=(-2, -1))
    return 1 - 2 * (pairs % 2)


@implements(np.linalg.det)
def det(a: Any) -> Any:
    """The determinant. Its gradient needs an invertible matrix."""
    matrix = square(a)
    packed, rows = _factored(matrix)
    diagonal = np.diagonal(packed, axis1=-2, axis2=-1)
    return np.prod(diagonal, axis=-1) * cast(_sign_of(rows), matrix.dtype)


def named(kind: str, *parts: Any) -> Any:
    """NumPy's own named tuple for the results of a decomposition."""
    makers = {
        "SlogdetResult": np.linalg.slogdet(np.ones((1, 1))),
        "EighResult": np.linalg.eigh(np.ones((1, 1))),
        "QRResult": np.linalg.qr(np.ones((1, 1))),
        "SVDResult": np.linalg.svd(np.ones((1, 1))),
    }
    return type(makers[kind])(*parts)


@implements(np.linalg.slogdet)
def slogdet(a: Any) -> Any:
    """(sign, log |det a|)."""
    matrix = square(a)
    packed, rows = _factored(matrix)
    diagonal = np.diagonal(packed, axis1=-2, axis2=-1)
    sign = np.prod(np.sign(diagonal), axis=-1) * cast(_sign_of(rows), matrix.dtype)
    return named("SlogdetResult", sign, np.sum(np.log(np.abs(diagonal)), axis=-1))


@implements(np.linalg.matrix_power)
def matrix_power(a: Any, n: Any) -> Any:
    """a multiplied n times, by repeated squaring."""
    if isinstance(n, Tracer):
        raise unsupported("numpy.linalg.matrix_power with a traced exponent")
    count = operator.index(n)
    matrix = strong(a)
    square(matrix)
    if count < 0:
        matrix, count = inv(matrix), -count
    if count == 0:
        return broadcast_to(_identity(matrix), matrix.shape)
    result: Any = None
    while count:
        if count & 1:
            result = matrix if result is None else result @ matrix
        count >>= 1
        matrix = matrix @ matrix if count else matrix
    return result.copy()


@implements(np.linalg.multi_dot)
def multi_dot(arrays: Sequence[Any], *, out: Any = None) -> Any:
    """The product of several matrices; the first and the last may be vectors."""
    if len(arrays) < 2:
        raise ValueError("Expecting at least two arrays.")
    listed = [strong(a) for a in arrays]
    labels = [[i, i + 1] for i in range(len(listed))]
    labels[0] = labels[0][1:] if listed[0].ndim == 1 else labels[0]
    labels[-1] = labels[-1][:1] if listed[-1].ndim == 1 else labels[-1]
    free = [0] * (listed[0].ndim == 2) + [len(listed)] * (listed[-1].ndim == 2)
    return einsum(*(part for pair in zip(listed, labels, strict=True) for part in pair), free, out=out)


@implements(np.linalg.tensorsolve)
def tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    """x with tensordot(a, x) = b."""
    matrix, right = strong(a), strong(b)
    if axes is not None:
        kept = [i for i in range(matrix.ndim) if i not in axes]
        matrix = np.transpose(matrix, (*kept, *axes))
    shape = matrix.shape[right.ndim :]
    size = int(np.prod(shape))
    if int(np.prod(matrix.shape)) != size**2:
        raise np.linalg.LinAlgError(
            "Input arrays must satisfy the requirement prod(a.shape[b.ndim:]) == prod(a.shape[:b.ndim])"
        )
    return solve(matrix.reshape(size, size), right.reshape(-1)).reshape(shape)


@implements(np.linalg.tensorinv)
def tensorinv(a: Any, ind: int = 2) -> Any:
    """The inverse of a tensor as a map from its last axes to its first."""
    x = floating(a)
    if ind <= 0:
        raise ValueError("Invalid ind argument.")
    size = int(np.prod(x.shape[ind:]))
    return inv(x.reshape(size, -1)).reshape(x.shape[ind:] + x.shape[:ind])
