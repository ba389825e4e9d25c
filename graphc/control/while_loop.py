"""A loop that runs as long as a condition on what it carries holds."""

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
class While(AbstractControl):
    """carries = body(captured…, carries…) as long as condition(captured…, carries…) holds.

    Operands: `captured` values that stay the same, then the carries. Results: the carries.
    """

    condition: Graph
    body: Graph
    captured: int

    name: ClassVar[str] = "while"

    def infer(self, *args: ArrayType) -> TupleType:
        check_operands("the condition of a while loop", input_types(self.condition), args)
        check_operands("the body of a while loop", input_types(self.body), args)
        if output_types(self.condition) != (ArrayType(np.dtype(np.bool_)),):
            raise ShapeError(
                f"the condition of a while loop is one bool, got {output_types(self.condition)[0]}"
            )
        check_operands("the carry of a while loop", args[self.captured :], output_types(self.body))
        return TupleType(args[self.captured :])

    def capturing(self, count: int, change: Callable[[Graph], Graph]) -> While:
        return While(change(self.condition), change(self.body), self.captured + count)

    def evaluate(self, *args: Any) -> Any:
        fixed, carries = args[: self.captured], tuple(np.asarray(c) for c in args[self.captured :])
        while run(self.condition, *fixed, *carries)[0]:
            carries = run(self.body, *fixed, *carries)
        return carries

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        raise NotImplementedError("the reverse rule of while")
