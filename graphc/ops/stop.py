"""The value that counts as a constant when differentiating."""

from __future__ import annotations

from typing import Any, ClassVar

from graphc.ir.dims import Dim
from graphc.ir.graph import AbstractOp
from graphc.ir.types import ArrayType
from graphc.ops.base import apply, register


@register
class StopGradient(AbstractOp):
    """The operand; its gradient is zero. Removed once all derivatives have been taken."""

    name: ClassVar[str] = "stop_gradient"

    def infer(self, *args: ArrayType) -> ArrayType:
        return args[0]

    def evaluate(self, *args: Any) -> Any:
        return args[0]

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        return (None,)

    def batch(self, size: Dim, batched: tuple[bool, ...], *args: Any) -> Any:
        return apply(self, *args)
