"""Tangents and cotangents that are known while the program is made: basis vectors on their way.

They are NumPy arrays among traced values. Linear ops of few elements are applied to them at once, and
where they have become zeros they are exact zeros. The first basis vector is 1 at `x[0]`, nothing at `x[1]`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.ir.graph import Node
from graphc.ir.types import TupleType
from graphc.ops.base import AbstractLinear
from graphc.ops.leaf import Const
from graphc.trace.context import Trace
from graphc.trace.tracer import Tracer

LARGEST = 64  # elements of a number that is worked out now; larger ones are part of the program


def applies_now(node: Node, values: Sequence[Any]) -> bool:
    """Whether the derivative of `node` at `values` is worked out now: a linear op, few elements."""
    if not isinstance(node.op, AbstractLinear) or any(isinstance(v, Tracer) for v in values):
        return False
    results = node.type.elements if isinstance(node.type, TupleType) else (node.array_type,)
    sizes = [type_.size for type_ in (*results, *(x.array_type for x in node.args))]
    return all(isinstance(n, int) and n <= LARGEST for n in sizes)


def is_zero(value: Any) -> bool:
    """Whether `value` is a number and zero: an exact zero."""
    return isinstance(value, np.ndarray | np.generic) and not np.any(value)


def traced(trace: Trace, value: Any) -> Any:
    """`value` as a traced value, numbers as constants of the program; None stays None."""
    if value is None or isinstance(value, Tracer):
        return value
    return Tracer(trace, trace.builder.add(Const.of(value)))
