"""The result of an iterative method, and the error where the method did not converge."""

from __future__ import annotations

from dataclasses import field
from typing import Any, ClassVar

import numpy as np

from graphc.errors import ConvergenceError, ShapeError, located
from graphc.ir.dims import Dim
from graphc.ir.graph import AbstractOp, Node
from graphc.ir.types import ArrayType
from graphc.ops.base import apply, every_example, register
from graphc.ops.reduce import Supremum


@register
class Converged(AbstractOp):
    """The first operand, which an iterative method found; a ConvergenceError unless the second one holds.

    Operands: x, whether the method converged, how far x is from a solution, the steps taken. `what` says
    what was asked of the method, `remedy` what to do; `place` is the user's line, for errors of `evaluate`.
    """

    what: str
    remedy: str
    place: str | None = field(default=None, metadata={"text": False})

    name: ClassVar[str] = "converged"

    def infer(self, *args: ArrayType) -> ArrayType:
        x, ok, residual, steps = args
        if any(a.shape != () for a in args[1:]) or ok.dtype != np.bool_:
            raise ShapeError(
                f"converged takes a value, a bool and two numbers, got {ok}, {residual}, {steps}"
            )
        return x

    def evaluate(self, *args: Any) -> Any:
        x, ok, residual, steps = args
        if not ok:
            found = f"{self.what}: the residual is {float(residual):.3g} after {int(steps)} steps"
            raise ConvergenceError(located(found, self.place, self.remedy))
        return x

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        """What has not converged has no derivative either: the cotangent passes through the same check."""
        return (apply(self, g, *args[1:]), None, None, None)

    def jvp(self, tangents: tuple[Any, ...], y: Any, *args: Any) -> Any:
        return None if tangents[0] is None else apply(self, tangents[0], *args[1:])

    def batch(self, size: Dim, batched: tuple[bool, ...], *args: Any) -> Any:
        """All examples must have converged; the residual is that of the worst."""
        (x,) = every_example(size, batched[:1], args[:1])
        ok = np.all(args[1]) if batched[1] else args[1]
        # A supremum also exists where there are no examples.
        worst = (
            apply(Supremum((0,)), a.astype(np.float64)) if marked else a
            for a, marked in zip(args[2:], batched[2:], strict=True)
        )
        return apply(self, x, ok, *worst)

    def stays_finite(self, *args: Node) -> bool:
        return True
