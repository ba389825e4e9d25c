"""Elementwise ops as SymPy expressions: what each one says it means, and the logic of truth values."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import sympy

from graphc.errors import UnsupportedError
from graphc.ops.base import AbstractElementwise
from graphc.ops.derive import OPERANDS, meanings, symbol

# Ops on the bits of numbers, or between them, which have no expression.
WITHOUT_EXPRESSION = frozenset(
    ["gcd", "lcm", "nextafter", "spacing", "bitwise_count", "left_shift", "right_shift", "threefry2x32"]
)
_BITWISE = frozenset(["bitwise_and", "bitwise_or", "bitwise_xor", "invert"])

_TRUTH = {
    "add": sympy.Or,
    "multiply": sympy.And,
    "bitwise_and": sympy.And,
    "bitwise_or": sympy.Or,
    "bitwise_xor": sympy.Xor,
    "invert": sympy.Not,
    "maximum": sympy.Or,
    "minimum": sympy.And,
    "fmax": sympy.Or,
    "fmin": sympy.And,
    "not_equal": sympy.Xor,
    "equal": sympy.Equivalent,
    "logical_and": sympy.And,
    "logical_or": sympy.Or,
    "logical_xor": sympy.Xor,
    "logical_not": sympy.Not,
}


def scalar_function(op: AbstractElementwise, dtypes: tuple[np.dtype, ...]) -> Callable[..., Any]:
    """The function of SymPy expressions that `op` is for operands of these dtypes.

    `UnsupportedError` for ops on the representation of numbers.
    """
    truth = dtypes[-1].kind == "b"
    if op.name == "where":
        return sympy.ITE if truth else _chosen
    if truth and op.name in _TRUTH:
        function: Callable[..., Any] = _TRUTH[op.name]
        return function
    if op.name in ("less", "less_equal", "greater", "greater_equal") and truth:
        return lambda x, y: _meaning(op)(as_number(x), as_number(y))
    if op.name in WITHOUT_EXPRESSION or op.name in _BITWISE:
        raise UnsupportedError(
            f"{op.name} has no SymPy expression: it works on the representation of numbers"
        )
    return _meaning(op)


def as_number(truth: Any) -> Any:
    """1 for true, 0 for false."""
    return sympy.Piecewise((1, truth), (0, True))


def truncated(x: Any) -> Any:
    """x rounded towards 0."""
    return sympy.sign(x) * sympy.floor(sympy.Abs(x))


def _nearest(x: Any) -> Any:
    """The nearest integer, ties to even."""
    half = sympy.Rational(1, 2)
    return sympy.floor(x + half) - sympy.Piecewise((1, sympy.Eq(sympy.Mod(x, 2), half)), (0, True))


def _chosen(condition: Any, a: Any, b: Any) -> Any:
    return sympy.Piecewise((a, condition), (b, True))


# What derivatives do not need to know of these functions, an expression has to say.
_EXACT: dict[str, Any] = {
    "floor": sympy.floor,
    "trunc": truncated,
    "rint": _nearest,
    "isinf": lambda x: sympy.false,
    "isfinite": lambda x: sympy.true,
    "signbit": lambda x: x < 0,
    "copysign": lambda x, y: sympy.Piecewise((sympy.Abs(x), y >= 0), (-sympy.Abs(x), True)),
}
_TEXTS = {"copysign": "copysign(x, y)"}


def _meaning(op: AbstractElementwise) -> Callable[..., Any]:
    """The op's expression as a function of its operands."""
    expression = _expression(type(op))
    symbols = [symbol(name) for name in OPERANDS[: op.arity]]
    return lambda *operands: expression.xreplace(dict(zip(symbols, operands, strict=True)))


@cache
def _expression(op: type[AbstractElementwise]) -> Any:
    text = _TEXTS.get(op.name, op.expression)
    return sympy.sympify(text, locals={**meanings(), **_EXACT})
