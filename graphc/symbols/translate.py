"""From SymPy expressions to a tape of NumPy calls, by a walk over their nodes.

Equal subexpressions are computed once. Sums are written with subtractions and products as one quotient, so
that the formula has no more operations than a person would write. Constant parts are evaluated by SymPy to
forty digits and rounded once.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, NoReturn

import numpy as np
import sympy
from sympy.functions.elementary.piecewise import ExprCondPair

from graphc.errors import UnsupportedError, located
from graphc.symbols.numpy_functions import BY_GAMMA, EVALUATED, FUNCTIONS, OF_ORDER, piecewise
from graphc.symbols.tape import Constant, Step, Tape

_DIGITS = 40


def translate(expressions: Iterable[Any], arguments: Sequence[Any]) -> Tape:
    """The tape that computes `expressions` from the values of the symbols `arguments`, in this order.

    `UnsupportedError` for a node that has no meaning on real numbers in NumPy, or a symbol without a value.
    """
    translator = _Translator(arguments)
    outputs = tuple([translator.place(expression) for expression in expressions])
    return Tape(tuple(translator.steps), outputs)


class _Translator:
    """Gives every expression the place of its value on the tape."""

    def __init__(self, arguments: Sequence[Any]) -> None:
        self.arguments = tuple(arguments)
        self.places: dict[Any, int] = {symbol: place for place, symbol in enumerate(arguments)}
        self.steps: list[Constant | Step] = []

    def place(self, expression: Any) -> int:
        """Where the value of `expression` is."""
        if expression not in self.places:
            self.places[expression] = self.translated(expression)
        return self.places[expression]

    def add(self, step: Constant | Step) -> int:
        self.steps.append(step)
        return len(self.arguments) + len(self.steps) - 1

    def call(self, function: Callable[..., Any], *operands: int) -> int:
        """The place of `function` of the values at `operands`."""
        return self.add(Step(function, operands))

    def translated(self, e: Any) -> int:
        """The place of a node that has none yet."""
        if e in (sympy.true, sympy.false):
            return self.add(Constant(bool(e)))
        if isinstance(e, sympy.Expr) and e.is_number:
            return self.add(Constant(number(e)))
        match e:
            case sympy.Add():
                return self.sum(e)
            case sympy.Mul():
                return self.quotient(e)
            case sympy.Pow():
                return self.power(e.base, e.exp)
            case sympy.Piecewise():
                return self.choice(e)
            case sympy.ITE():
                return self.call(piecewise, *map(self.place, (e.args[1], e.args[0], e.args[2])))
            case sympy.im():
                return self.place(sympy.S.Zero)
        if type(e) in FUNCTIONS:
            return self.call(FUNCTIONS[type(e)], *map(self.place, e.args))
        if e.args and (type(e), e.args[0]) in OF_ORDER:
            return self.call(OF_ORDER[type(e), int(e.args[0])], self.place(e.args[1]))
        return self.place(_expressed(e, self.arguments))

    # ---- sums, products, powers

    def sum(self, e: Any) -> int:
        """Terms added in SymPy's order, those with a negative factor subtracted after the first other one."""
        terms = sorted(e.args, key=_is_negated)
        total = self.place(terms[0])
        for term in terms[1:]:
            negated = _is_negated(term)
            function = operator.sub if negated else operator.add
            total = self.call(function, total, self.place(-term if negated else term))
        return total

    def quotient(self, e: Any) -> int:
        """Factors with negative exponents below one fraction line; constants as one factor."""
        constant = sympy.Mul(*(factor for factor in e.args if factor.is_number))
        if constant == -1:
            return self.call(operator.neg, self.place(-e))
        above: list[Any] = []
        below: list[Any] = []
        for factor in (factor for factor in e.args if not factor.is_number):
            base, exponent = factor.as_base_exp()
            divides = exponent.is_number and exponent.is_negative and not isinstance(factor, sympy.exp)
            (below if divides else above).append(base**-exponent if divides else factor)
        if constant.is_Rational:
            above += [sympy.Integer(constant.p)] if constant.p != 1 else []
            below += [sympy.Integer(constant.q)] if constant.q != 1 else []
        else:
            above.append(constant)
        numerator = self.product(above) if above else self.place(sympy.S.One)
        return self.call(operator.truediv, numerator, self.product(below)) if below else numerator

    def product(self, factors: Sequence[Any]) -> int:
        result = self.place(factors[0])
        for factor in factors[1:]:
            result = self.call(operator.mul, result, self.place(factor))
        return result

    def power(self, base: Any, exponent: Any) -> int:
        """Roots and whole powers by NumPy's functions for them; real, so NaN for most powers below 0."""
        if exponent.is_number and exponent.is_negative:
            return self.call(operator.truediv, self.place(sympy.S.One), self.place(base**-exponent))
        if exponent == sympy.Rational(1, 2):
            return self.call(np.sqrt, self.place(base))
        if exponent == sympy.Rational(1, 3) and base.is_nonnegative:
            return self.call(np.cbrt, self.place(base))
        if exponent.is_Integer:
            return self.call(partial(_whole_power, int(exponent)), self.place(base))
        if base == 2:
            return self.call(np.exp2, self.place(exponent))
        return self.call(np.power, self.place(base), self.place(exponent))

    def choice(self, e: Any) -> int:
        """The first value whose condition holds, NaN if none does."""
        operands: list[Any] = []
        for value, condition in map(_pair, e.args):
            if condition == sympy.true:
                return self.call(piecewise, *map(self.place, (*operands, value)))
            operands += [value, condition]
        return self.call(piecewise, *map(self.place, (*operands, sympy.nan)))


def number(e: Any) -> float:
    """The double nearest to a constant; `UnsupportedError` where it is not real."""
    if e.is_Rational:
        try:
            return int(e.p) / int(e.q)
        except OverflowError:
            return float("inf") if e.p > 0 else float("-inf")
    value = e.evalf(_DIGITS)
    if value in (sympy.nan, sympy.zoo):
        return float("nan")
    if not value.is_extended_real:
        refuse(f"the constant {e}, which is not real", "graphc computes with real numbers.")
    return float(value)


def refuse(what: str, remedy: str) -> NoReturn:
    """Raises an `UnsupportedError` about an expression."""
    raise UnsupportedError(located(f"from_sympy cannot compute {what}", None, remedy))


def _whole_power(exponent: int, x: Any) -> Any:
    return x**exponent


def _is_negated(term: Any) -> bool:
    """Whether the term has a negative rational factor in front."""
    return bool(term.as_coeff_Mul()[0].is_negative)


def _pair(e: ExprCondPair) -> tuple[Any, Any]:
    return e.expr, e.cond


def _expressed(e: Any, arguments: Sequence[Any]) -> Any:
    """A node without a NumPy function of its own by nodes that have one, where SymPy knows how."""
    if isinstance(e, sympy.Symbol | sympy.Indexed | sympy.matrices.expressions.matexpr.MatrixElement):
        listed = ", ".join(map(str, arguments)) or "none"
        refuse(
            f"the symbol {e}, which has no value",
            f"Pass it among the arguments (given: {listed}), or substitute a number: expr.subs({e}, 1).",
        )
    evaluated = e
    if isinstance(e, EVALUATED):
        evaluated = e.doit()
    elif isinstance(e, BY_GAMMA):
        evaluated = e.rewrite(sympy.gamma)
    if evaluated == e or evaluated.has(type(e)):
        refuse(
            f"{type(e).__name__} (in {e})",
            "Rewrite it with functions that NumPy or scipy.special has: expr.rewrite(...), expr.doit(), or "
            "expr.replace(...).",
        )
    return evaluated
