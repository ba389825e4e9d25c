"""Functions of scipy.special of a fixed whole order: orthogonal polynomials, Bessel functions Iₙ and Kₙ.

Polynomials are computed by their recurrences of three terms (DLMF 18.9.1), stable where they oscillate; their
derivatives are those of the recurrence.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.errors import UnsupportedError, located
from graphc.ops.base import AbstractElementwise, apply
from graphc.ops.elementwise.bessel import K0, K1, K0e, K1e
from graphc.ops.elementwise.special import I0, I1, I0e, I1e
from graphc.trace.context import user_line_with_text
from graphc.trace.ufunc_rules import constant_of
from graphc.trace.ufuncs import SPECIAL_COMPOSED

LARGEST_DEGREE = 100
# pₖ₊₁ = (a x + c) pₖ - b pₖ₋₁, from p₀ = 1 and p₁ = a₀ x + c₀: (a, b, c) for every k.
Coefficients = Callable[[int], tuple[float, float, float]]


def fixed_order(name: str, n: Any, largest: int) -> int:
    """The order n if it is known while tracing, whole and not too large; `UnsupportedError` otherwise."""
    order = constant_of(n)
    if order is None:
        raise UnsupportedError(
            located(
                f"graphc cannot trace scipy.special.{name} of an order that is traced or an array",
                user_line_with_text(),
                "Pass the order as a Python integer, or make it static (static_argnames).",
            )
        )
    if order != int(order) or not 0 <= order <= largest:
        raise UnsupportedError(
            located(
                f"graphc cannot trace scipy.special.{name} of order {order:g}",
                user_line_with_text(),
                f"It does for the whole orders 0 to {largest}.",
            )
        )
    return int(order)


def _polynomial(name: str, coefficients: Coefficients) -> Callable[[Any, Any], Any]:
    def evaluate(n: Any, x: Any) -> Any:
        degree = fixed_order(name, n, LARGEST_DEGREE)
        before: Any = np.zeros_like(x)
        value: Any = np.ones_like(x)
        for k in range(degree):
            a, b, c = coefficients(k)
            factor = a * x + c if c else a * x
            before, value = value, factor * value - b * before if k else factor
        return value

    return evaluate


POLYNOMIALS: dict[str, Coefficients] = {
    "eval_legendre": lambda k: ((2 * k + 1) / (k + 1), k / (k + 1), 0.0),
    "eval_chebyt": lambda k: (2.0 if k else 1.0, 1.0, 0.0),
    "eval_chebyu": lambda k: (2.0, 1.0, 0.0),
    "eval_hermite": lambda k: (2.0, 2.0 * k, 0.0),
    "eval_hermitenorm": lambda k: (1.0, float(k), 0.0),
    "eval_laguerre": lambda k: (-1 / (k + 1), k / (k + 1), (2 * k + 1) / (k + 1)),
}


def _bessel(name: str, *ops: AbstractElementwise) -> Callable[[Any, Any], Any]:
    def evaluate(order: Any, x: Any) -> Any:
        return apply(ops[fixed_order(name, order, len(ops) - 1)], x)

    return evaluate


def _second_kind(name: str, *first: AbstractElementwise) -> Callable[[Any, Any], Any]:
    """Kₙ from K₀ and K₁: Kₙ₊₁ = Kₙ₋₁ + 2n/x Kₙ, whose terms are all positive (DLMF 10.29.1)."""

    def evaluate(order: Any, x: Any) -> Any:
        n = fixed_order(name, order, LARGEST_DEGREE)
        if n == 0:
            return apply(first[0], x)
        before, value = (apply(op, x) for op in first)
        for k in range(1, n):
            before, value = value, before + 2 * k / x * value
        return value

    return evaluate


SPECIAL_COMPOSED.update({name: _polynomial(name, c) for name, c in POLYNOMIALS.items()})
SPECIAL_COMPOSED.update(iv=_bessel("iv", I0(), I1()), ive=_bessel("ive", I0e(), I1e()))
SPECIAL_COMPOSED.update({name: _second_kind(name, K0(), K1()) for name in ("kn", "kv")})
SPECIAL_COMPOSED.update(kve=_second_kind("kve", K0e(), K1e()))
