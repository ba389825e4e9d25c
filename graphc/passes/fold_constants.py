"""Computes what depends on constants only, with NumPy's own arithmetic."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir.dims import SymbolicDim
from graphc.ir.graph import AbstractOp, Graph, Node
from graphc.ops.leaf import Const
from graphc.passes.engine import ANY, Maker, Rules, apply_rules, region_fields

LARGEST_RESULT = 4096  # elements; larger results stay computations, so that programs stay small

# Ops that are not computations on values, or whose result would only be larger than its operand.
_KEPT = ("input", "item", "broadcast_to", "stop_gradient", "with_gradients", "pad")


def fold_constants(graph: Graph) -> Graph:
    """The graph with constant expressions replaced by their values.

    An expression whose evaluation warns in NumPy (overflow, 0/0) or fails stays, for the run to report.
    """
    return apply_rules(graph, RULES)


def fold(make: Maker, op: AbstractOp, args: tuple[Node, ...]) -> Node | None:
    """The value of `op` on constants, if it is small and raises no warning."""
    if not args or any(not isinstance(arg.op, Const) for arg in args) or region_fields(type(op)):
        return None
    type_ = op.infer(*(arg.array_type for arg in args))
    sizes = getattr(type_, "shape", None)
    if sizes is None or any(isinstance(n, SymbolicDim) for n in sizes) or np.prod(sizes) > LARGEST_RESULT:
        return None
    try:
        with np.errstate(all="raise"):
            value: Any = op.evaluate(*(arg.op.value for arg in args))  # type: ignore[attr-defined]
    except (FloatingPointError, IndexError, ValueError, OverflowError):
        return None
    return make.make(Const.of(value, type_.dtype))  # type: ignore[union-attr]


def fill(make: Maker, op: Const, args: tuple[Node, ...]) -> Node | None:
    """An array that holds one number everywhere: that number, broadcast."""
    size = op.dtype.itemsize
    if len(op.data) <= size or op.data != op.data[:size] * (len(op.data) // size):
        return None
    return make.broadcast(make.builder.add(Const(op.dtype, (), op.data[:size])), op.shape)


RULES: Rules = {ANY: (fold,), **dict.fromkeys(_KEPT, ()), "const": (fill,)}
