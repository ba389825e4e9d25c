"""The formula of every elementary op, by the name of its NumPy or SciPy ufunc."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from llvmlite import ir

from graphc.backends.cpu.llvm import Code
from graphc.backends.cpu.math import exponential, hyperbolic, logarithm, trigonometric
from graphc.backends.cpu.math.number import Number, sqrt
from graphc.backends.cpu.math.outline import helper

Formula = Callable[..., Number]
Writer = Callable[..., ir.Value]


def inline(formula: Formula) -> Writer:
    """Writes the formula where it is used."""

    def write(code: Code, *operands: ir.Value) -> ir.Value:
        return formula(*(Number(code, operand) for operand in operands)).value

    return write


def outlined(formula: Formula) -> Writer:
    """Writes the formula as an internal function once per module and type, and a call of it."""

    def write(code: Code, *operands: ir.Value) -> ir.Value:
        return helper(code, formula.__name__, inline(formula), operands)

    return write


def widened(formula: Formula) -> Formula:
    """The formula computed in f64: for f32 it is then correct but for rare halfway cases."""

    def wide(*operands: Number) -> Number:
        if not operands[0].single:
            return formula(*operands)
        return formula(*(operand.widened() for operand in operands)).narrowed()

    wide.__name__ = formula.__name__
    return wide


MATH: Final[dict[str, Writer]] = {
    "exp": inline(exponential.exp),
    "exp2": inline(exponential.exp2),
    "expm1": inline(exponential.expm1),
    "log": inline(logarithm.log),
    "log2": inline(logarithm.log2),
    "log10": inline(logarithm.log10),
    "log1p": inline(logarithm.log1p),
    "sqrt": inline(sqrt),
    "sin": inline(trigonometric.sin),
    "cos": inline(trigonometric.cos),
    "tan": inline(trigonometric.tan),
    "sinh": inline(hyperbolic.sinh),
    "cosh": inline(hyperbolic.cosh),
    "tanh": inline(hyperbolic.tanh),
    "expit": inline(hyperbolic.expit),
}
