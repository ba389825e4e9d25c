"""Functions of fractions, infinities and signs, on numbers that have none. All exact."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir.graph import Node
from graphc.passes.engine import Maker, Rules


def classify(make: Maker, op: Any, args: tuple[Node, ...]) -> Node | None:
    """Integers and booleans are finite: isnan(n) = isinf(n) = false, isfinite(n) = true."""
    type_ = args[0].array_type
    if type_.dtype.kind == "f":
        return None
    return make.constant(op.name == "isfinite", np.dtype(np.bool_), type_.shape)


def whole(make: Maker, op: Any, args: tuple[Node, ...]) -> Node | None:
    """floor(n) = ceil(n) = trunc(n) = n where NumPy keeps the dtype; |n| = n without a sign."""
    type_ = args[0].array_type
    kinds = "ub" if op.name == "absolute" else "iub"
    return args[0] if type_.dtype.kind in kinds and op.infer(type_) == type_ else None


RULES: Rules = {
    **dict.fromkeys(("isnan", "isinf", "isfinite"), (classify,)),
    **dict.fromkeys(("floor", "ceil", "trunc", "absolute"), (whole,)),
}
