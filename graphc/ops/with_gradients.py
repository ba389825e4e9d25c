"""A value with its local gradients stated beside it."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from graphc.errors import DTypeError, ShapeError
from graphc.ir.dims import Dim
from graphc.ir.graph import AbstractOp
from graphc.ir.types import ArrayType
from graphc.ops.base import apply, register
from graphc.ops.elementwise.cotangents import scaled


@register
class WithGradients(AbstractOp):
    """r of the operands (r, x₁ … xₙ, d₁ … dₙ), where ∂r/∂xᵢ counts as dᵢ, element by element.

    How r and the dᵢ were computed from the xᵢ does not matter to the first derivative; the second is that of
    the dᵢ. Removed once all derivatives have been taken, as are the dᵢ that none has used.
    """

    name: ClassVar[str] = "with_gradients"

    def infer(self, *args: ArrayType) -> ArrayType:
        if len(args) % 2 != 1:
            raise ShapeError(f"{self.name} takes a value, operands and as many gradients, got {len(args)}")
        if len(set(args)) != 1:
            raise ShapeError(f"{self.name}: operands differ in type: {', '.join(map(str, args))}")
        if args[0].dtype.kind != "f":
            raise DTypeError(f"{self.name} of {args[0]}, which is not real")
        return args[0]

    def evaluate(self, *args: Any) -> Any:
        return args[0]

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        n = len(args) // 2
        return (None, *(scaled(g, d) for d in args[1 + n :]), *(None,) * n)

    def jvp(self, tangents: tuple[Any, ...], y: Any, *args: Any) -> Any:
        n = len(args) // 2
        terms = [
            scaled(t, d) for t, d in zip(tangents[1 : 1 + n], args[1 + n :], strict=True) if t is not None
        ]
        return sum(terms[1:], terms[0]) if terms else None

    def batch(self, size: Dim, batched: tuple[bool, ...], *args: Any) -> Any:
        """Operands that are the same for all examples are repeated."""
        shape: Any = next(x.shape for x, has in zip(args, batched, strict=True) if has)
        return apply(
            self, *(x if has else np.broadcast_to(x, shape) for x, has in zip(args, batched, strict=True))
        )
