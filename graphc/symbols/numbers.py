"""The exact number that a floating-point constant in a program stands for."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import sympy

_DIGITS = 40


def exact(value: Any) -> Any:
    """The SymPy number that a NumPy scalar stands for.

    Integers and truth values are themselves. A float is a decimal of at most ten digits if one rounds to it,
    so 0.1 is 1/10. Else it is a fraction of numbers up to 1000, or such a fraction times a well-known
    constant (π, √π, √2, ln 2, …), if one is at most two units in the last place away, as after roundings:
    0.5641895835477563 is 1/√π. Others are the float's own value as a SymPy `Float`. Of f32, only decimals of
    at most five digits and fractions with small denominators count: more would be near any float by chance.
    """
    if value.dtype.kind == "b":
        return sympy.true if value else sympy.false
    if value.dtype.kind in "iu":
        return sympy.Integer(int(value))
    if not np.isfinite(value):
        return sympy.nan if np.isnan(value) else sympy.oo if value > 0 else -sympy.oo
    is_double = value.dtype.itemsize == 8
    decimal = Decimal(str(value)).normalize()
    if len(decimal.as_tuple().digits) <= (10 if is_double else 5):
        return sympy.Rational(str(decimal))
    for constant, factor in _constants() if is_double else _constants()[:1]:
        near = Fraction(float(value) / factor).limit_denominator(1000 if is_double else 20)
        number = sympy.Rational(near.numerator, near.denominator) * constant
        error = abs(float(number.evalf(_DIGITS)) - float(value))
        if near != 0 and abs(near.numerator) <= 1000 and error <= 2 * np.spacing(abs(value)):
            return number
    return sympy.Float(float(value), 17)


@cache
def _constants() -> tuple[tuple[Any, float], ...]:
    """Factors that constants of programs have, 1 first, with their values."""
    pi, log = sympy.pi, sympy.log
    roots = (sympy.sqrt(n) for n in (2, 3, pi, 1 / pi, 2 * pi, 2 / pi))
    logarithms = (log(2), 1 / log(2), log(10), 1 / log(10), log(2 * pi))
    constants = (sympy.Integer(1), pi, 1 / pi, pi**2, *roots, *logarithms, sympy.E)
    return tuple((constant, float(constant.evalf(_DIGITS))) for constant in constants)
