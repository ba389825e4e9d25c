"""numpy.linalg: factors of matrices, and what follows from singular values."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ops.linalg import QR, SVD, Cholesky, Eigh, smaller
from graphc.ops.stop import StopGradient
from graphc.trace.functions import implements
from graphc.trace.numpy_functions.arguments import NO_VALUE
from graphc.trace.numpy_functions.linalg import floating, named, square
from graphc.trace.numpy_functions.selection import where
from graphc.trace.tracer import Tracer, record
from graphc.trace.ufuncs import broadcast_to, cast, unsupported


@implements(np.linalg.cholesky)
def cholesky(a: Any, /, *, upper: bool = False) -> Any:
    """L with a = L Lᵀ; the gradient is that of a symmetric matrix."""
    matrix = square(a)
    lower = record(Cholesky(), np.swapaxes(matrix, -1, -2) if upper else matrix)
    return np.swapaxes(lower, -1, -2) if upper else lower


@implements(np.linalg.eigh)
def eigh(a: Any, UPLO: str = "L") -> Any:
    """Eigenvalues and eigenvectors of a symmetric matrix; the gradient is that of a symmetric matrix."""
    return named("EighResult", *_eigh(a, UPLO))


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
    """Q R with orthonormal Q and upper triangular R; with mode="complete", Q is square."""
    if mode not in ("reduced", "r", "complete"):
        raise unsupported(f"numpy.linalg.qr with mode={mode!r}")
    matrix = floating(a)
    q, r = record(QR(), matrix)
    n, m = matrix.shape[-2:]
    if mode == "complete" and smaller("qr", n, m) == m and n != m:
        below = broadcast_to(cast(0, r.dtype), (*r.shape[:-2], n - m, m))
        q, r = np.concatenate([q, complement(q)], axis=-1), np.concatenate([r, below], axis=-2)
    return r if mode == "r" else named("QRResult", q, r)


def complement(q: Any) -> Any:
    """Orthonormal columns that complete the n × k orthonormal columns of q, n > k, to a basis.

    They are determined up to a rotation among themselves. Their derivative is the smallest of all that keep
    them orthogonal to q, -q (dq)ᵀ p: it is right for whatever does not depend on that rotation.
    """
    n, k = q.shape[-2:]
    padding = broadcast_to(cast(0, q.dtype), (*q.shape[:-1], n - k))
    basis, _ = record(QR(), np.concatenate([q, padding], axis=-1))
    p = record(StopGradient(), basis[..., k:])
    return p - q @ (np.swapaxes(q, -1, -2) @ p)


@implements(np.linalg.svd)
def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    """U diag(s) Vᵀ, full by default as in NumPy: then U and V are square."""
    matrix = floating(a)
    if hermitian:
        return _symmetric_svd(matrix, compute_uv)
    u, s, vt = record(SVD(), matrix)
    if not compute_uv:
        return s
    n, m = matrix.shape[-2:]
    if full_matrices and n != m:
        if smaller("svd", n, m) == m:
            u = np.concatenate([u, complement(u)], axis=-1)
        else:
            other = complement(np.swapaxes(vt, -1, -2))
            vt = np.concatenate([vt, np.swapaxes(other, -1, -2)], axis=-2)
    return named("SVDResult", u, s, vt)


def _symmetric_svd(matrix: Any, compute_uv: bool) -> Any:
    """From eigenvalues w and vectors v of a symmetric matrix: s = |w|, U = v, Vᵀ = (sign(w) v)ᵀ."""
    w, v = _eigh(matrix, "L")
    order = np.argsort(-np.abs(w), axis=-1)
    w = np.take_along_axis(w, order, axis=-1)
    if not compute_uv:
        return np.abs(w)
    u = np.take_along_axis(v, order[..., None, :], axis=-1)
    signs = np.where(w < 0, np.ones_like(w) * -1, np.ones_like(w))
    return named("SVDResult", u, np.abs(w), np.swapaxes(u * signs[..., None, :], -1, -2))


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
    if rcond is not None and rtol is not NO_VALUE:
        raise ValueError("`rtol` and `rcond` can't be both set.")
    matrix = floating(a)
    if 0 in matrix.shape:
        return np.zeros_like(np.swapaxes(matrix, -1, -2))
    if rcond is None:
        wide = max(matrix.shape[-2:]) if rtol is None else 0
        rcond = 1e-15 if rtol is NO_VALUE else rtol
        rcond = wide * float(np.finfo(matrix.dtype).eps) if rcond is None else rcond
    u, s, vt = svd(matrix, full_matrices=False, hermitian=hermitian)
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
    if n == 0 or m == 0:
        raise unsupported("numpy.linalg.lstsq of an empty matrix")
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
    if rtol is not None and tol is not None:
        raise ValueError("`tol` and `rtol` can't be both set.")
    a = floating(A)
    if a.ndim < 2:
        rank = cast(~np.all(a == 0), np.int64)
        return Tracer(rank.owner, rank.node, int)  # NumPy returns a Python number for a vector
    if 0 in a.shape[-2:]:
        return np.zeros(a.shape[:-2], np.int64)
    s = svd(a, compute_uv=False, hermitian=hermitian)
    if tol is None:
        factor = max(a.shape[-2:]) * float(np.finfo(a.dtype).eps) if rtol is None else rtol
        tol = np.max(s, axis=-1, keepdims=True) * factor
    return np.count_nonzero(s > tol, axis=-1)
