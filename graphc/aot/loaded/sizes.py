"""Sizes of arrays, read from text such as 2*N+1."""

from __future__ import annotations

import ast
import operator
from collections.abc import Mapping

OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}


class Size:
    """One size: an expression of named sizes. `symbol` is the name if it is nothing else."""

    def __init__(self, text: int | str) -> None:
        self.text = str(text)
        self.node = ast.parse(self.text, mode="eval").body
        self.symbol = self.node.id if isinstance(self.node, ast.Name) else None

    def value(self, sizes: Mapping[str, int]) -> int:
        """The number that it is for these sizes; ZeroDivisionError where it is none."""
        return size_of(self.node, sizes)


def size_of(node: ast.expr, sizes: Mapping[str, int]) -> int:
    """The value of one part of an expression."""
    match node:
        case ast.Constant(value=int() as value):
            return value
        case ast.Name(id=name):
            return sizes[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -size_of(operand, sizes)
        case ast.BinOp(left=left, op=op, right=right):
            return int(OPERATORS[type(op)](size_of(left, sizes), size_of(right, sizes)))
    raise ValueError(f"{ast.unparse(node)} is no size")
