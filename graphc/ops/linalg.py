"""Factorisations of matrices, batched over leading axes: NumPy's result is LAPACK's.

Reverse rules: Giles (2008) for triangular solves, Murray (2016) for Cholesky, Walter & Lehmann (2010)
for QR, Townsend (2016) for the SVD.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from graphc.errors import DTypeError, ShapeError
from graphc.ir.dims import Dim
from graphc.ir.graph import AbstractOp
from graphc.ir.types import ArrayType, TupleType
from graphc.ops.base import apply, every_example, register


def _matrix(name: str, a: ArrayType, square: bool = False) -> tuple[Dim, Dim]:
    """The sizes of a floating matrix (or a batch of them), or an error."""
    if a.ndim < 2:
        raise ShapeError(f"{name} of {a}, which has fewer than two axes")
    if a.dtype.kind != "f":
        raise DTypeError(f"{name} of {a}: convert to a floating dtype first")
    n, m = a.shape[-2:]
    if square and n != m:
        raise ShapeError(f"{name} of {a}, whose last two axes differ")
    return n, m


def _each(function: Any, *arrays: Any) -> Any:
    """function of every matrix of a batch, stacked; leading shapes are equal."""
    lead = arrays[0].shape[:-2]
    results = [function(*(a[place] for a in arrays)) for place in np.ndindex(*lead)]
    # Without a matrix, one of ones tells the shapes and dtypes of what there is none of.
    samples = results or [function(*(np.ones(a.shape[-2:], a.dtype) for a in arrays))]
    if isinstance(samples[0], tuple):
        return tuple(_stack(parts, lead) for parts in zip(*samples, strict=True))
    return _stack(samples, lead)


def _stack(parts: Any, lead: tuple[int, ...]) -> Any:
    count = math.prod(lead)
    return np.stack(parts)[:count].reshape(lead + np.shape(parts[0]))


def _t(x: Any) -> Any:
    """The transpose of the last two axes."""
    return np.swapaxes(x, -1, -2)


def _lower_half(x: Any) -> Any:
    """The lower triangle with half the diagonal: Φ of Murray (2016)."""
    return np.tril(x) - 0.5 * x * np.eye(x.shape[-1], dtype=x.dtype, like=x)


@register
class Cholesky(AbstractOp):
    """Lower L with A = L Lᵀ, reading the lower triangle of A. LinAlgError if A is not positive definite."""

    name: ClassVar[str] = "cholesky"

    def infer(self, *args: ArrayType) -> ArrayType:
        _matrix(self.name, args[0], square=True)
        return args[0]

    def evaluate(self, *args: Any) -> Any:
        return np.linalg.cholesky(args[0])

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        """Ā = ½ (S + Sᵀ) with S = L⁻ᵀ Φ(Lᵀ L̄) L⁻¹ (Murray 2016, eq. 10)."""
        middle = _lower_half(_t(y) @ np.tril(g))
        left = apply(TriangularSolve(True, True, False), y, middle)
        s = _t(apply(TriangularSolve(True, True, False), y, _t(left)))
        return (0.5 * (s + _t(s)),)

    def batch(self, size: Dim, batched: tuple[bool, ...], *args: Any) -> Any:
        return apply(self, *args)


@register
class TriangularSolve(AbstractOp):
    """X with T X = B, or Tᵀ X = B with `transpose`, for triangular T of which one half is read.

    `unit_diagonal`: the diagonal counts as ones and is not read. LinAlgError where it is zero.
    """

    lower: bool
    transpose: bool
    unit_diagonal: bool

    name: ClassVar[str] = "triangular_solve"

    def infer(self, *args: ArrayType) -> ArrayType:
        t, b = args
        n, _ = _matrix(self.name, t, square=True)
        if b.ndim < 2 or b.shape[:-1] != (*t.shape[:-2], n) or b.dtype != t.dtype:
            raise ShapeError(f"{self.name} of {t} and {b}")
        return b

    def evaluate(self, *args: Any) -> Any:
        return _each(self._solve, *args)

    def _solve(self, t: Any, b: Any) -> Any:
        t = t.T if self.transpose else t
        x = np.array(b)
        n = len(t)
        downwards = self.lower != self.transpose
        for i in range(n) if downwards else reversed(range(n)):
            known = slice(0, i) if downwards else slice(i + 1, n)
            x[i] = x[i] - t[i, known] @ x[known]
            if not self.unit_diagonal:
                if t[i, i] == 0:
                    raise np.linalg.LinAlgError("Singular matrix")
                x[i] = x[i] / t[i, i]
        return x

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        """B̄ = T⁻ᵀ X̄ and T̄ = -B̄ Xᵀ, its half that is read (Giles 2008, 2.3.1)."""
        t, _ = args
        of_b = apply(TriangularSolve(self.lower, not self.transpose, self.unit_diagonal), t, g)
        of_t = -(y @ _t(of_b)) if self.transpose else -(of_b @ _t(y))
        k = 1 if self.unit_diagonal else 0
        return (np.tril(of_t, -k) if self.lower else np.triu(of_t, k), of_b)

    def batch(self, size: Dim, batched: tuple[bool, ...], *args: Any) -> Any:
        if batched[0]:
            return apply(self, *every_example(size, batched, args))
        # One matrix for all examples: their right-hand sides are columns of one solve.
        t, b = args
        *lead, n, k = b.shape[1:]
        wide = np.reshape(np.moveaxis(b, 0, -2), (*lead, n, size * k))
        return np.moveaxis(np.reshape(apply(self, t, wide), (*lead, n, size, k)), -2, 0)


@register
class LU(AbstractOp):
    """(packed L\\U, rows) with A[rows] = L U: L unit lower, U upper, rows an i64 permutation.

    Partial pivoting by the largest absolute value of a column. A singular matrix has a zero in U.
    """

    name: ClassVar[str] = "lu"

    def infer(self, *args: ArrayType) -> TupleType:
        n, _ = _matrix(self.name, args[0], square=True)
        return TupleType((args[0], ArrayType(np.dtype(np.int64), (*args[0].shape[:-2], n))))

    def evaluate(self, *args: Any) -> Any:
        return _each(_factor, np.asarray(args[0]))

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        """Ā[rows] = L⁻ᵀ (tril₋₁(Lᵀ L̄) + triu(Ū Uᵀ)) U⁻ᵀ (Giles 2008, by differentiating A = L U)."""
        packed, rows = y
        of_packed = g[0]
        eye = np.eye(packed.shape[-1], dtype=packed.dtype, like=packed)
        lower, upper = np.tril(packed, -1) + eye, np.triu(packed)
        middle = np.tril(_t(lower) @ np.tril(of_packed, -1), -1) + np.triu(np.triu(of_packed) @ _t(upper))
        left = apply(TriangularSolve(True, True, True), packed, middle)
        right = _t(apply(TriangularSolve(False, False, False), packed, _t(left)))
        return (np.take_along_axis(right, np.argsort(rows, axis=-1)[..., None], axis=-2),)

    def batch(self, size: Dim, batched: tuple[bool, ...], *args: Any) -> Any:
        return apply(self, *args)


def _factor(a: Any) -> tuple[Any, Any]:
    packed = np.array(a)
    n = len(packed)
    rows = np.arange(n)
    for k in range(n):
        pivot = k + int(np.argmax(np.abs(packed[k:, k]))) if k < n else k
        if packed[pivot, k] == 0:
            continue
        packed[[k, pivot]] = packed[[pivot, k]]
        rows[[k, pivot]] = rows[[pivot, k]]
        packed[k + 1 :, k] /= packed[k, k]
        packed[k + 1 :, k + 1 :] -= np.outer(packed[k + 1 :, k], packed[k, k + 1 :])
    return packed, rows


@register
class Eigh(AbstractOp):
    """(eigenvalues ascending, eigenvectors in columns) of a symmetric matrix; its lower triangle is read."""

    name: ClassVar[str] = "eigh"

    def infer(self, *args: ArrayType) -> TupleType:
        (a,) = args
        _matrix(self.name, a, square=True)
        return TupleType((a.with_shape(a.shape[:-1]), a))

    def evaluate(self, *args: Any) -> Any:
        return tuple(np.linalg.eigh(args[0]))

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        """Ā = V (diag w̄ + F ∘ Vᵀ V̄) Vᵀ, Fᵢⱼ = 1/(wⱼ - wᵢ) off the diagonal (Giles 2008, 3.1).

        Not differentiable where eigenvalues are equal and the vectors matter: F is taken as 0 there.
        """
        (w, v), (of_w, of_v) = y, g
        gap = w[..., None, :] - w[..., :, None]
        equal = gap == 0
        f = np.where(equal, 0.0, 1.0) / np.where(equal, np.ones_like(gap), gap)
        eye = np.eye(w.shape[-1], dtype=w.dtype, like=w)
        inner = eye * of_w[..., None, :] + f.astype(w.dtype) * (_t(v) @ of_v)
        full = v @ inner @ _t(v)
        return (0.5 * (full + _t(full)),)

    def batch(self, size: Dim, batched: tuple[bool, ...], *args: Any) -> Any:
        return apply(self, *args)


@register
class QR(AbstractOp):
    """(Q, R) with A = Q R, Q with orthonormal columns, R upper triangular: the reduced form of LAPACK."""

    name: ClassVar[str] = "qr"

    def infer(self, *args: ArrayType) -> TupleType:
        (a,) = args
        n, m = _matrix(self.name, a)
        k = smaller(self.name, n, m)
        lead = a.shape[:-2]
        return TupleType((a.with_shape((*lead, n, k)), a.with_shape((*lead, k, m))))

    def evaluate(self, *args: Any) -> Any:
        return tuple(np.linalg.qr(args[0]))

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        """Ā = (Q̄ + Q copyltu(M)) R⁻ᵀ, M = R R̄ᵀ - Q̄ᵀ Q, for n ≥ m (Walter & Lehmann 2010).

        A wide A is [X Y] with X = Q U square and R = [U V]: Ȳ = Q V̄, and Q̄ gains Y V̄ᵀ.
        """
        (q, r), (of_q, of_r) = y, g
        (a,) = args
        n, m = a.shape[-2:]
        if n == m or smaller(self.name, n, m) == m:
            return (_qr_cotangent(q, r, of_q, of_r),)
        rest = a[..., n:]
        of_v = of_r[..., n:]
        of_x = _qr_cotangent(q, r[..., :n], of_q + rest @ _t(of_v), of_r[..., :n])
        return (np.concatenate([of_x, q @ of_v], axis=-1),)

    def batch(self, size: Dim, batched: tuple[bool, ...], *args: Any) -> Any:
        return apply(self, *args)


def _qr_cotangent(q: Any, r: Any, of_q: Any, of_r: Any) -> Any:
    m = r @ _t(of_r) - _t(of_q) @ q
    symmetric = np.tril(m, -1) + _t(np.tril(m, -1)) + m * np.eye(m.shape[-1], dtype=m.dtype, like=m)
    inner = of_q + q @ symmetric
    return _t(apply(TriangularSolve(False, False, False), r, _t(inner)))


@register
class SVD(AbstractOp):
    """(U, s, Vᵀ) with A = U diag(s) Vᵀ, s descending, the reduced form."""

    name: ClassVar[str] = "svd"

    def infer(self, *args: ArrayType) -> TupleType:
        (a,) = args
        n, m = _matrix(self.name, a)
        k = smaller(self.name, n, m)
        lead = a.shape[:-2]
        shapes = ((*lead, n, k), (*lead, k), (*lead, k, m))
        return TupleType(tuple(a.with_shape(shape) for shape in shapes))

    def evaluate(self, *args: Any) -> Any:
        return tuple(np.linalg.svd(args[0], full_matrices=False))

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        """Ā of Townsend (2016): the part inside the singular spaces, and what leaves them.

        Not differentiable where singular values are equal (or zero) and the vectors matter: the
        factors 1/(sⱼ² - sᵢ²) and 1/s are taken as 0 there.
        """
        (u, s, vt), (of_u, of_s, of_vt) = y, g
        (a,) = args
        v, of_v = _t(vt), _t(of_vt)
        eye = np.eye(s.shape[-1], dtype=s.dtype, like=s)
        gap = (s[..., None, :] - s[..., :, None]) * (s[..., None, :] + s[..., :, None])
        f = _reciprocal(gap)
        left = f * (_t(u) @ of_u - _t(of_u) @ u)
        right = f * (_t(v) @ of_v - _t(of_v) @ v)
        row, column = s[..., None, :], s[..., :, None]
        inner = eye * of_s[..., None, :] + left * row + column * right
        total = u @ inner @ vt
        inverse = _reciprocal(row)
        n, m = a.shape[-2:]
        if n != m and smaller(self.name, n, m) == m:
            total = total + ((of_u - u @ (_t(u) @ of_u)) * inverse) @ vt
        elif n != m:
            total = total + u @ _t((of_v - v @ (_t(v) @ of_v)) * inverse)
        return (total,)

    def batch(self, size: Dim, batched: tuple[bool, ...], *args: Any) -> Any:
        return apply(self, *args)


def _reciprocal(x: Any) -> Any:
    """1/x, 0 where x is 0."""
    zero = x == 0
    return np.where(zero, np.zeros_like(x), 1 / np.where(zero, np.ones_like(x), x))


def smaller(name: str, n: Dim, m: Dim) -> Dim:
    """min(n, m), where that is known."""
    if isinstance(n, int) and isinstance(m, int):
        return min(n, m)
    if n == m:
        return n
    raise ShapeError(f"{name} of a matrix with sizes {n} and {m}: which is smaller is not known")
