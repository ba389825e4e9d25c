"""Transforms with the tables of their kernels as an operand: what `prepare` makes of them."""

from __future__ import annotations

from typing import Any, ClassVar

from graphc.dataclass import dataclass
from graphc.ir.dims import Dim, product
from graphc.ir.graph import AbstractOp
from graphc.ir.types import ArrayType, ValueType
from graphc.lower.fourier.plan import plan_of
from graphc.lower.fourier.tables import Tables, tables_of
from graphc.ops.fourier import AbstractFourier, Fourier, RealFourierTransposed

FEW = 8


@dataclass(frozen=True)
class Planned(AbstractOp):
    """`transform` of all operands but the last, which holds numbers for its kernel."""

    transform: AbstractFourier

    name: ClassVar[str] = "planned_fourier"

    def infer(self, *args: ArrayType) -> ValueType:
        return self.transform.infer(*args[:-1])

    def evaluate(self, *args: Any) -> Any:
        return self.transform.evaluate(*args[:-1])

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        raise NotImplementedError("kernels are not differentiated")


def length_of(op: AbstractFourier, x: ArrayType) -> int:
    """The length n of a transform whose first operand is `x`."""
    n = op.n if isinstance(op, RealFourierTransposed) else x.shape[op.axis]
    assert isinstance(n, int)
    return n


def lines_of(op: AbstractFourier, x: ArrayType) -> tuple[Dim, Dim]:
    """How many lines there are before the axis, and how many lie side by side behind it."""
    return product(x.shape[: op.axis]), product(x.shape[op.axis + 1 :])


def is_few(lines: Dim) -> bool:
    """Whether lines that lie side by side are too few to fill vectors."""
    return isinstance(lines, int) and lines < FEW


def tables_for(op: AbstractFourier, x: ArrayType) -> Tables:
    """The tables of a transform whose first operand is `x`; real ones of even length have half of it."""
    n = length_of(op, x)
    halved = n % 2 == 0 and not isinstance(op, Fourier)
    return tables_of(plan_of(n // 2 if halved else n, is_few(lines_of(op, x)[1])), n if halved else 0)
