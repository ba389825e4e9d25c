"""Rough costs of scalar operations: what decides between computing a value again and keeping it."""

from __future__ import annotations

_COST = {
    "threefry2x32": 110,
    **dict.fromkeys(("divide", "sqrt", "remainder", "floor_divide", "fmod", "reciprocal"), 4),
    **dict.fromkeys(
        ("add", "subtract", "multiply", "negative", "absolute", "maximum", "minimum", "where", "square"), 1
    ),
    **dict.fromkeys(("less", "less_equal", "greater", "greater_equal", "equal", "not_equal", "cast"), 1),
    **dict.fromkeys(
        ("logical_and", "logical_or", "logical_not", "copysign", "sign", "floor", "ceil", "rint"), 1
    ),
}


def operation_cost(name: str) -> int:
    """Rough cost of a scalar operation, an addition being one."""
    return _COST.get(name, 12)
