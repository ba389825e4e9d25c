"""Leaves of a graph: parameters, constants, and numbers known from shapes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from graphc.ir.dims import Dim
from graphc.ir.graph import AbstractOp, Node
from graphc.ir.types import ArrayType
from graphc.ops.base import register


@register
class Input(AbstractOp):
    """A parameter of the graph."""

    index: int
    type: ArrayType

    name: ClassVar[str] = "input"

    def infer(self, *args: ArrayType) -> ArrayType:
        return self.type

    def evaluate(self, *args: Any) -> Any:
        raise TypeError("an input has no value until the graph is called")

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        return ()


@register
class Const(AbstractOp):
    """A fixed array, keyed by dtype, shape and bytes: 0.0 and -0.0, 1 and 1.0 are different constants."""

    dtype: np.dtype
    shape: tuple[int, ...]
    data: bytes

    name: ClassVar[str] = "const"

    @staticmethod
    def of(value: Any, dtype: np.dtype | None = None) -> Const:
        """The constant equal to `value`; OverflowError where an integer does not fit `dtype`."""
        array = np.asarray(value, dtype)
        return Const(array.dtype, array.shape, array.tobytes())

    @property
    def value(self) -> np.ndarray:
        """The array; read-only."""
        return np.frombuffer(self.data, self.dtype).reshape(self.shape)

    def infer(self, *args: ArrayType) -> ArrayType:
        return ArrayType(self.dtype, self.shape)

    def evaluate(self, *args: Any) -> Any:
        return self.value

    def stays_finite(self, *args: Node) -> bool:
        return self.dtype.kind != "f" or bool(np.isfinite(self.value).all())

    def is_gated(self, gated: Sequence[bool], *args: Node) -> bool:
        return not self.value.any()

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        return ()


@register
class Iota(AbstractOp):
    """The coordinate along `axis`: y[i₀, …] = i_axis."""

    dtype: np.dtype
    shape: tuple[Dim, ...]
    axis: int

    name: ClassVar[str] = "iota"

    def infer(self, *args: ArrayType) -> ArrayType:
        return ArrayType(self.dtype, self.shape)

    def evaluate(self, *args: Any) -> Any:
        shape: Any = self.shape
        line = np.arange(shape[self.axis]).astype(self.dtype)
        lead = [1] * len(self.shape)
        lead[self.axis] = -1
        return np.broadcast_to(line.reshape(lead), shape)

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        return ()


@register
class Unset(AbstractOp):
    """Memory whose elements mean nothing until they are written; zeros in NumPy."""

    type: ArrayType

    name: ClassVar[str] = "unset"

    def infer(self, *args: ArrayType) -> ArrayType:
        return self.type

    def evaluate(self, *args: Any) -> Any:
        shape: Any = self.type.shape
        return np.zeros(shape, self.type.dtype)

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        return ()


@register
class Size(AbstractOp):
    """A size as a number: the value of a symbolic dimension, i64."""

    dim: Dim

    name: ClassVar[str] = "size"

    def infer(self, *args: ArrayType) -> ArrayType:
        return ArrayType(np.dtype(np.int64), ())

    def evaluate(self, *args: Any) -> Any:
        return np.int64(int(self.dim))

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        return ()
