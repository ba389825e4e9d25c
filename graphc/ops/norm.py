"""The Euclidean norm as one op, so that its derivative can be taken of the norm, not of a sum of squares."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from graphc.errors import DTypeError, ShapeError
from graphc.ir.dims import Dim
from graphc.ir.graph import AbstractOp
from graphc.ir.types import ArrayType
from graphc.ops.base import apply, register
from graphc.ops.elementwise.cotangents import scaled
from graphc.ops.reduce import spread


@register
class Norm(AbstractOp):
    """√Σ x² over `axes`: neither overflows nor underflows unless the norm itself does.

    The pass `erase_markers` replaces it by sums of scaled squares, once all derivatives have been taken.
    """

    axes: tuple[int, ...]

    name: ClassVar[str] = "norm"

    def infer(self, *args: ArrayType) -> ArrayType:
        (x,) = args
        if x.dtype.kind != "f":
            raise DTypeError(f"norm of {x.dtype}: convert to a float first")
        if any(not 0 <= a < x.ndim for a in self.axes):
            raise ShapeError(f"norm over axes {self.axes} of {x}")
        return ArrayType(x.dtype, tuple(n for a, n in enumerate(x.shape) if a not in self.axes))

    def evaluate(self, *args: Any) -> Any:
        """By powers of two, so that scaling rounds nothing (Anderson 2017, Algorithm 978)."""
        (x,) = args
        largest = np.max(np.abs(x), axis=self.axes, initial=0, keepdims=True)
        exponent = np.frexp(np.where(np.isfinite(largest), largest, 1))[1]
        total = np.sum(np.ldexp(x, -exponent) ** 2, axis=self.axes, dtype=x.dtype)
        return np.ldexp(np.sqrt(total), np.reshape(exponent, total.shape))

    def batch(self, size: Dim, batched: tuple[bool, ...], *args: Any) -> Any:
        return apply(Norm(tuple(axis + 1 for axis in self.axes)), *args)

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        """g x/‖x‖: the quotient is at most 1, where 1/‖x‖ and g x may be out of range.

        NaN for x = 0, unless g is 0.
        """
        (x,) = args
        return (scaled(spread(g, self.axes, x.shape), x / spread(y, self.axes, x.shape)),)
