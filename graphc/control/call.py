"""Ops that stand for a graph which runs once; `passes/inline_calls.py` puts the graph in their place."""

from __future__ import annotations

from typing import Any

from graphc.control.regions import check_operands, input_types, output_types, run
from graphc.dataclass import dataclass
from graphc.ir.finite import is_finite
from graphc.ir.graph import AbstractOp, Graph, Node
from graphc.ir.types import ArrayType, TupleType


@dataclass(frozen=True, eq=False)
class AbstractCall(AbstractOp):
    """Runs `body` on the operands. Results: all its outputs."""

    body: Graph

    def infer(self, *args: ArrayType) -> TupleType:
        check_operands(f"the function of a {self.name}", input_types(self.body), args)
        return TupleType(output_types(self.body))

    def evaluate(self, *args: Any) -> Any:
        return run(self.body, *args)

    def stays_finite(self, *args: Node) -> bool:
        known: dict[Node, bool] = {}
        return all(is_finite(node, known) for node in self.body.outputs)
