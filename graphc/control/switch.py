"""A choice between programs: one of several branches runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from graphc.control.regions import AbstractControl, check_operands, input_types, output_types, run
from graphc.errors import ShapeError
from graphc.ir.graph import Graph
from graphc.ir.types import ArrayType, TupleType
from graphc.ops.base import register


@register
class Switch(AbstractControl):
    """branches[min(max(index, 0), last)](operands…): the first operand is the index, i64.

    All branches take the same operands and return values of the same types.
    """

    branches: tuple[Graph, ...]

    name: ClassVar[str] = "switch"
    captures_from: ClassVar[int] = 1

    def infer(self, *args: ArrayType) -> TupleType:
        index, *operands = args
        if index != ArrayType(np.dtype(np.int64)) or not self.branches:
            raise ShapeError(f"switch takes an i64 index and at least one branch, got {index}")
        results = output_types(self.branches[0])
        for branch in self.branches:
            check_operands("a branch of a switch", input_types(branch), operands)
            check_operands("a branch of a switch returns as the first does", results, output_types(branch))
        return TupleType(results)

    def capturing(self, count: int, change: Callable[[Graph], Graph]) -> Switch:
        return Switch(tuple(map(change, self.branches)))

    def evaluate(self, *args: Any) -> Any:
        index = min(max(int(args[0]), 0), len(self.branches) - 1)
        return run(self.branches[index], *args[1:])

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        raise NotImplementedError("the reverse rule of switch")
