"""Conversions: to the same dtype, and chains in which an intermediate dtype holds every value."""

from __future__ import annotations

import numpy as np

from graphc.ir.graph import Node
from graphc.ops.cast import Cast
from graphc.passes.engine import Maker, Rules


def holds_exactly(narrow: np.dtype, wide: np.dtype) -> bool:
    """Whether every value of `narrow` is a value of `wide` (i64 to f64 is `safe` to NumPy, but rounds)."""
    if narrow.kind in "iu" and wide.kind == "f":
        return 8 * narrow.itemsize <= np.finfo(wide).nmant + 1
    return bool(np.can_cast(narrow, wide, "safe"))


def cast(make: Maker, op: Cast, args: tuple[Node, ...]) -> Node | None:
    """cast(x, own dtype) = x; cast(cast(x, wide), d) = cast(x, d) where `wide` holds every value of x."""
    (x,) = args
    if x.array_type.dtype == op.dtype:
        return x
    if isinstance(x.op, Cast) and holds_exactly(x.args[0].array_type.dtype, x.op.dtype):
        return make.make(op, x.args[0]) if x.args[0].array_type.dtype != op.dtype else x.args[0]
    return None


RULES: Rules = {"cast": (cast,)}
