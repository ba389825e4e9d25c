"""Conversion between number types."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from graphc.ir.dims import Dim
from graphc.ir.types import ArrayType
from graphc.ops.base import AbstractLinear, apply, register


@register
class Cast(AbstractLinear):
    """The same numbers in another dtype, converted as `astype` converts."""

    dtype: np.dtype

    name: ClassVar[str] = "cast"

    def infer(self, *args: ArrayType) -> ArrayType:
        return args[0].with_dtype(self.dtype)

    def evaluate(self, *args: Any) -> Any:
        return np.asarray(args[0]).astype(self.dtype)

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        (x,) = args
        differentiable = x.dtype.kind == "f" and self.dtype.kind == "f"
        return (g.astype(x.dtype) if differentiable else None,)

    def batch(self, size: Dim, batched: tuple[bool, ...], *args: Any) -> Any:
        return apply(self, *args)
