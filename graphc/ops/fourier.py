"""Discrete Fourier transforms along an axis. Complex numbers are pairs of real arrays, and nothing is scaled.

With θ = 2πjk/n, the transform of length n is X[k] = Σ_j x[j] e^(-iθ).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from graphc.dataclass import dataclass
from graphc.errors import DTypeError, ShapeError
from graphc.ir.dims import Dim
from graphc.ir.types import ArrayType, TupleType
from graphc.ops.base import AbstractLinear, apply, every_example, register


@dataclass(frozen=True)
class AbstractFourier(AbstractLinear):
    """A transform along `axis`, one example after the other."""

    axis: int

    def batch(self, size: Dim, batched: tuple[bool, ...], *args: Any) -> Any:
        return apply(replace(self, axis=self.axis + 1), *every_example(size, batched, args))


def _length(op: AbstractFourier, *args: ArrayType) -> int:
    """The length of the operands along the axis, or an error."""
    x = args[0]
    if any(a != x for a in args) or not 0 <= op.axis < x.ndim:
        raise ShapeError(f"{op.name} along axis {op.axis} of {' and '.join(map(str, args))}")
    if x.dtype.kind != "f":
        raise DTypeError(f"{op.name} of {x}: convert to a floating dtype first")
    n = x.shape[op.axis]
    if not isinstance(n, int) or n < 1:
        raise ShapeError(f"{op.name} along axis {op.axis} of {x}: its length must be a number, at least 1")
    return n


def _resized(x: ArrayType, axis: int, n: int) -> ArrayType:
    return x.with_shape((*x.shape[:axis], n, *x.shape[axis + 1 :]))


def _joined(re: Any, im: Any) -> Any:
    """re + i im, rounded nowhere."""
    z = np.empty(re.shape, np.result_type(re.dtype, np.complex64))
    z.real, z.imag = re, im
    return z


def _parts(z: Any) -> tuple[Any, Any]:
    return np.ascontiguousarray(z.real), np.ascontiguousarray(z.imag)


@register
class Fourier(AbstractFourier):
    """(Re X, Im X) with X[k] = Σ (re + i im)[j] e^(-iθ); with `inverse`, e^(iθ)."""

    axis: int
    inverse: bool = False

    name: ClassVar[str] = "fourier"

    def infer(self, *args: ArrayType) -> TupleType:
        re, im = args
        _length(self, re, im)
        return TupleType((re, re))

    def evaluate(self, *args: Any) -> Any:
        z = _joined(*args)
        if self.inverse:
            return _parts(np.fft.ifft(z, axis=self.axis, norm="forward"))
        return _parts(np.fft.fft(z, axis=self.axis))

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        """The matrix [[C, S], [-S, C]], transposed: θ changes its sign."""
        of_re, of_im = apply(replace(self, inverse=not self.inverse), *g)
        return of_re, of_im


@register
class RealFourier(AbstractFourier):
    """(Re X, Im X) of real x, k ≤ n/2: X[n-k] is the conjugate of X[k]."""

    axis: int

    name: ClassVar[str] = "real_fourier"

    def infer(self, *args: ArrayType) -> TupleType:
        (x,) = args
        half = _resized(x, self.axis, _length(self, x) // 2 + 1)
        return TupleType((half, half))

    def evaluate(self, *args: Any) -> Any:
        return _parts(np.fft.rfft(args[0], axis=self.axis))

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        return (apply(RealFourierTransposed(self.axis, args[0].shape[self.axis]), *g),)


@register
class RealFourierTransposed(AbstractFourier):
    """x[j] = Σ re[k] cos θ - im[k] sin θ over k ≤ n/2, j < n: the transposed of `RealFourier`.

    It is the unscaled inverse where 0 < k < n/2 stand for themselves and for n - k, and were doubled before.
    """

    axis: int
    n: int

    name: ClassVar[str] = "real_fourier_transposed"

    def infer(self, *args: ArrayType) -> ArrayType:
        re, im = args
        if _length(self, re, im) != self.n // 2 + 1 or self.n < 1:
            raise ShapeError(f"{self.name} of {re} and {im} cannot have length {self.n}")
        return _resized(re, self.axis, self.n)

    def evaluate(self, *args: Any) -> Any:
        weights = np.full(self.n // 2 + 1, 0.5, args[0].dtype)
        weights[0] = 1
        if self.n % 2 == 0:
            weights[-1] = 1
        along = weights.reshape((-1,) + (1,) * (args[0].ndim - self.axis - 1))
        return np.fft.irfft(_joined(*args) * along, self.n, self.axis, norm="forward")

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        of_re, of_im = apply(RealFourier(self.axis), g)
        return of_re, of_im
