"""Local gradients of an expression, in the form that computes best.

SymPy's derivative of a formula can overflow where its value is harmless, and can repeat work that the result
has done. Several equal forms are tried as they will run, against the derivative to thirty digits, and the
cheapest of the most accurate ones is taken: a small version of what Herbie does (Panchekha et al. 2015).
"""

from __future__ import annotations

import itertools
import operator
import random
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import sympy

from graphc.dataclass import dataclass
from graphc.ops.derive import meanings
from graphc.symbols.tape import Constant, Step
from graphc.symbols.translate import translate

_POINTS = (0.0, 0.3, -0.3, 1.0, -1.0, 3.7, -3.7, 1e-7, -1e-7, 30.0, -30.0, 300.0, -300.0, 800.0, -800.0)
_FEW_POINTS = (0.0, 0.3, -1.0, 3.7, 30.0, -300.0, 800.0)  # of several operands
_MOST_POINTS = 60
_TOLERANCE = 1e-12
_LARGE = 80  # operations above which SymPy is not asked to factor; `simplify` can take seconds below
_COSTS: dict[Callable[..., Any], int] = {operator.truediv: 4} | dict.fromkeys(
    (operator.add, operator.sub, operator.mul, operator.neg, np.abs, np.sign, np.where), 1
)
_FUNCTION_COST = 12  # an elementary function, in additions, as in docs/decisions/060-cost.md


def local_gradients(expression: Any, symbols: Sequence[Any], result: Any) -> tuple[Any, ...]:
    """∂expression/∂symbol for each symbol, as expressions of the symbols and of `result`, its value."""
    return tuple(_best(expression, symbol, symbols, result) for symbol in symbols)


def derivative(expression: Any, symbol: Any) -> Any:
    """SymPy's derivative; steps have derivative 0, impulses at jumps are left out."""
    floor = meanings()["floor"]
    stepped = expression.replace(sympy.Mod, lambda a, b: a - b * sympy.floor(a / b))
    stepped = stepped.replace(sympy.frac, lambda a: a - sympy.floor(a))
    stepped = stepped.replace(sympy.ceiling, lambda a: -sympy.floor(-a))
    stepped = stepped.replace(sympy.floor, floor)
    derived = sympy.diff(stepped, symbol).replace(floor, sympy.floor)
    return sympy.powsimp(derived.replace(sympy.DiracDelta, lambda *_: sympy.Integer(0)))


# ---- equal forms


def _forms(expression: Any, derived: Any, symbol: Any, result: Any) -> Iterator[Any]:
    """Expressions equal to `derived`, itself first."""
    plain = [derived, _by_parts(expression, symbol)]
    if sympy.count_ops(derived) <= _LARGE and not derived.has(sympy.Piecewise):
        signs = derived.replace(sympy.sign, lambda a: sympy.Abs(a) / a)  # so that x sign(x) becomes |x|
        plain += [sympy.together(derived), sympy.factor(derived), sympy.factor(signs)]
    for form in plain:
        yield form
        yield form.subs(expression, result)
    for generator in _generators(expression):
        yield from _in_result_alone(expression, derived, generator, result)
    for generator in _generators(derived):
        yield from _below_one(derived, generator)


def _generators(e: Any) -> list[Any]:
    """The functions and roots of symbols that `e` is built from."""
    nodes = e.atoms(sympy.Function) | {p for p in e.atoms(sympy.Pow) if not p.exp.is_Integer}
    return sorted((n for n in nodes if n.free_symbols), key=sympy.default_sort_key)


def _rational_in(e: Any, generator: Any, t: Any) -> Any:
    """`e` as a rational function of t = generator, or None."""
    replaced = e.subs(generator, t).subs(1 / generator, 1 / t)
    return (
        sympy.cancel(replaced) if replaced.free_symbols == {t} and replaced.is_rational_function(t) else None
    )


def _in_result_alone(expression: Any, derived: Any, generator: Any, result: Any) -> Iterator[Any]:
    """`derived` as a function of the result only, where the result is (a t + b)/(c t + d)."""
    t = sympy.Dummy("t", real=True)
    value, slope = _rational_in(expression, generator, t), _rational_in(derived, generator, t)
    if value is None or slope is None:
        return
    above, below = sympy.fraction(value)
    relation = sympy.Poly(above - result * below, t)
    if relation.degree() == 1:
        leading, constant = relation.all_coeffs()
        yield sympy.factor(sympy.cancel(slope.subs(t, -constant / leading)))


def _below_one(derived: Any, generator: Any) -> Iterator[Any]:
    """c tᵏ/Q(t) as c/(Q(t)/tᵏ): powers of an exponential t that overflow then give 0 and not ∞/∞."""
    t = sympy.Dummy("t", positive=True)
    slope = _rational_in(derived, generator, t)
    if slope is None or not isinstance(generator, sympy.exp):
        return
    above, below = sympy.fraction(sympy.factor(slope))
    if not below.has(t):
        return
    coefficient, power = sympy.expand(above).as_coeff_exponent(t)
    if not coefficient.has(t):
        yield coefficient / sympy.expand(sympy.expand(below) / t**power).subs(t, generator)


def _by_parts(e: Any, symbol: Any) -> Any:
    """The derivative by the rules for sums, products and compositions, parts in forms that stay finite."""
    if not e.has(symbol):
        return sympy.Integer(0)
    if e == symbol:
        return sympy.Integer(1)
    if isinstance(e, sympy.Piecewise):
        return sympy.Piecewise(*((_by_parts(value, symbol), condition) for value, condition in e.args))
    derived = derivative(e, symbol)
    for generator in _generators(derived):
        for form in _below_one(derived, generator):
            return form
    total = sympy.Integer(0)
    for position, argument in enumerate(e.args):
        inner = sympy.Dummy(real=True)
        outer = derivative(e.func(*e.args[:position], inner, *e.args[position + 1 :]), inner)
        total += outer.subs(inner, argument) * _by_parts(argument, symbol)
    return total


# ---- which is best


@dataclass(frozen=True)
class _Trial:
    """Points at which the derivative is real and finite, its values there, and those of the result."""

    points: tuple[np.ndarray, ...]
    values: np.ndarray
    results: np.ndarray


def _best(expression: Any, symbol: Any, symbols: Sequence[Any], result: Any) -> Any:
    """The cheapest of the forms that are accurate at most points, and wherever the plain one is."""
    derived = derivative(expression, symbol)
    if not derived.free_symbols:
        return derived
    trial = _trial(expression, derived, symbols)
    plain = _accurate(derived, symbols, result, trial)
    best, best_score = derived, (len(plain) + 1, 0, False)
    for form in dict.fromkeys(_forms(expression, derived, symbol, result)):
        accurate = _accurate(form, symbols, result, trial)
        cost = _cost(expression, form, symbols, result)
        score = (int(np.sum(~accurate)), cost, not form.has(result))
        if np.all(accurate | ~plain) and score < best_score:
            best, best_score = form, score
    return best


def _trial(expression: Any, derived: Any, symbols: Sequence[Any]) -> _Trial:
    grid = list(itertools.product(_POINTS if len(symbols) == 1 else _FEW_POINTS, repeat=len(symbols)))
    random.Random(0).shuffle(grid)
    rows, values = [], []
    for row in grid[:_MOST_POINTS]:
        exact = derived.subs({s: sympy.Float(p, 40) for s, p in zip(symbols, row, strict=True)}).evalf(30)
        if exact.is_Float or exact.is_Rational:
            rows.append(row)
            values.append(float(exact))
    columns = np.array(rows, np.float64).reshape(-1, len(symbols)).T
    points = tuple(columns)
    return _Trial(points, np.array(values), _run(expression, symbols, points))


def _run(e: Any, symbols: Sequence[Any], points: Sequence[np.ndarray]) -> np.ndarray:
    (found,) = translate([e], symbols).run(points, np.dtype(np.float64))
    return np.broadcast_to(np.asarray(found), np.shape(points[0]))


def _accurate(form: Any, symbols: Sequence[Any], result: Any, trial: _Trial) -> np.ndarray:
    """At which points of the trial `form` is what it should be."""
    found = _run(form, (*symbols, result), (*trial.points, trial.results))
    with np.errstate(invalid="ignore"):
        error = np.abs(found - trial.values)
    return np.asarray(error <= _TOLERANCE * np.abs(trial.values) + 1e-300)


def _cost(expression: Any, form: Any, symbols: Sequence[Any], result: Any) -> int:
    """Additions' worth of work that `form` takes when the expression has been computed."""
    together = translate([expression, form], (*symbols, result)).steps
    alone = translate([expression], (*symbols, result)).steps
    return sum(_weight(step) for step in together[len(alone) :])


def _weight(step: Step | Constant) -> int:
    if isinstance(step, Constant):
        return 0
    return 2 if isinstance(step.function, partial) else _COSTS.get(step.function, _FUNCTION_COST)
