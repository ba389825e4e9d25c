"""numpy.linalg: solving, decomposing and measuring matrices."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.errors import UnsupportedError, located
from graphc.ops.linalg import LU, QR, SVD, Cholesky, Eigh, TriangularSolve
from graphc.trace.context import user_line_with_text
from graphc.trace.functions import implements
from graphc.trace.numpy_functions.arguments import NO_VALUE, coordinates, strong
from graphc.trace.numpy_functions.einsum import einsum
from graphc.trace.numpy_functions.selection import where
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


@implements(np.linalg.slogdet)
def slogdet(a: Any) -> Any:
    """(sign, log |det a|)."""
    matrix = square(a)
    packed, rows = _factored(matrix)
    diagonal = np.diagonal(packed, axis1=-2, axis2=-1)
    sign = np.prod(np.sign(diagonal), axis=-1) * cast(_sign_of(rows), matrix.dtype)
    return _named("SlogdetResult", sign, np.sum(np.log(np.abs(diagonal)), axis=-1))


def _named(kind: str, *parts: Any) -> Any:
    """NumPy's own named tuple for the results of a decomposition."""
    makers = {
        "SlogdetResult": np.linalg.slogdet(np.ones((1, 1))),
        "EighResult": np.linalg.eigh(np.ones((1, 1))),
        "QRResult": np.linalg.qr(np.ones((1, 1))),
        "SVDResult": np.linalg.svd(np.ones((1, 1))),
    }
    return type(makers[kind])(*parts)


@implements(np.linalg.cholesky)
def cholesky(a: Any, /, *, upper: bool = False) -> Any:
    """L with a = L Lᵀ; the gradient is that of a symmetric matrix."""
    matrix = square(a)
    lower = record(Cholesky(), np.swapaxes(matrix, -1, -2) if upper else matrix)
    return np.swapaxes(lower, -1, -2) if upper else lower


@implements(np.linalg.eigh)
def eigh(a: Any, UPLO: str = "L") -> Any:
    """Eigenvalues and eigenvectors of a symmetric matrix; the gradient is that of a symmetric matrix."""
    return _named("EighResult", *_eigh(a, UPLO))


def _eigh(a: Any, UPLO: str) -> Any:
    if UPLO.upper() not in ("L", "U"):
        raise ValueError("UPLO argument must be 'L' or 'U'")
    matrix = square(a)
    return record(Eigh(), matrix if UPLO.upper() == "L" else np.swapaxes(matrix, -1, -2))


@implements(np.linalg.eigvalsh)
def eigvalsh(a: Any, UPLO: str = "L") -> Any:
    """Eigenvalues of a symmetric matrix, ascending."""
    return _eigh(a, UPLO)[0]


@implements(np.linalg.qr)
def qr(a: Any, mode: str = "reduced") -> Any:
    """Q R with orthonormal Q and upper triangular R."""
    if mode not in ("reduced", "r"):
        raise unsupported(f"numpy.linalg.qr with mode={mode!r}")
    q, r = record(QR(), floating(a))
    return r if mode == "r" else _named("QRResult", q, r)


@implements(np.linalg.svd)
def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    """U diag(s) Vᵀ, the reduced form."""
    matrix = floating(a)
    if hermitian:
        raise unsupported("numpy.linalg.svd with hermitian=True")
    if full_matrices and compute_uv and matrix.shape[-1] != matrix.shape[-2]:
        raise unsupported("numpy.linalg.svd with full_matrices=True of a matrix that is not square")
    u, s, vt = record(SVD(), matrix)
    return _named("SVDResult", u, s, vt) if compute_uv else s


@implements(np.linalg.svdvals)
def svdvals(x: Any, /) -> Any:
    """Singular values, descending."""
    return record(SVD(), floating(x))[1]


def _inverse_of(s: Any, cutoff: Any) -> Any:
    large = s > cutoff
    return where(large, 1 / where(large, s, np.ones_like(s)), np.zeros_like(s))


@implements(np.linalg.pinv)
def pinv(a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = NO_VALUE) -> Any:
    """The pseudo-inverse; singular values below rcond times the largest count as zero."""
    if hermitian:
        raise unsupported("numpy.linalg.pinv with hermitian=True")
    matrix = floating(a)
    if rcond is None:
        wide = max(matrix.shape[-2:]) if rtol is None else 0
        rcond = 1e-15 if rtol is NO_VALUE else rtol
        rcond = wide * float(np.finfo(matrix.dtype).eps) if rcond is None else rcond
    u, s, vt = record(SVD(), matrix)
    cutoff = np.asarray(rcond)[..., None] * np.max(s, axis=-1, keepdims=True)
    inverse = _inverse_of(s, cutoff)
    return np.swapaxes(vt, -1, -2) @ (inverse[..., None] * np.swapaxes(u, -1, -2))


@implements(np.linalg.lstsq)
def lstsq(a: Any, b: Any, rcond: Any = None) -> Any:
    """(x, residuals, rank, s) minimising |b - a x|.

    For more rows than columns the residuals are always computed, where NumPy returns none for a
    matrix without full rank, whose number of residuals would depend on the data.
    """
    matrix, right = floating(a), floating(b)
    kind = np.result_type(matrix.dtype, right.dtype)
    matrix, right = cast(matrix, kind), cast(right, kind)
    n, m = matrix.shape
    vector = right.ndim == 1
    right = right[:, None] if vector else right
    limit = float(np.finfo(kind).eps) * max(n, m) if rcond is None else rcond
    u, s, vt = record(SVD(), matrix)
    cutoff = limit * s[0]
    x = vt.T @ (_inverse_of(s, cutoff)[:, None] * (u.T @ right))
    residuals = np.sum((right - matrix @ x) ** 2, axis=0)[: None if n > m else 0]
    rank = cast(np.count_nonzero(s > cutoff), np.int32)
    return (x[:, 0] if vector else x), residuals, rank, s


@implements(np.linalg.matrix_rank)
def matrix_rank(A: Any, tol: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Any:
    """How many singular values exceed the tolerance."""
    if hermitian:
        raise unsupported("numpy.linalg.matrix_rank with hermitian=True")
    a = floating(A)
    if a.ndim < 2:
        return cast(~np.all(a == 0), np.int64)
    s = svdvals(a)
    if tol is None:
        factor = max(a.shape[-2:]) * float(np.finfo(a.dtype).eps) if rtol is None else rtol
        tol = np.max(s, axis=-1, keepdims=True) * factor
    return np.count_nonzero(s > tol, axis=-1)


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


@implements(np.linalg.tensorinv)
def tensorinv(a: Any, ind: int = 2) -> Any:
    """The inverse of a tensor as a map from its last axes to its first."""
    x = floating(a)
    if ind <= 0:
        raise ValueError("Invalid ind argument.")
    size = int(np.prod(x.shape[ind:]))
    return inv(x.reshape(size, -1)).reshape(x.shape[ind:] + x.shape[:ind])


def _refuse_eig(function: Any) -> None:
    @implements(function)
    def refused(a: Any) -> Any:
        raise UnsupportedError(
            located(
                f"numpy.linalg.{function.__name__}: eigenvalues of a general matrix may be complex",
                user_line_with_text(),
                "For a symmetric matrix use np.linalg.eigh or np.linalg.eigvalsh.",
            )
        )


NO_REAL_RESULT = (np.linalg.eig, np.linalg.eigvals)
for _function in NO_REAL_RESULT:
    _refuse_eig(_function)
