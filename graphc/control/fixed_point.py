"""x = g(params…, x) by iteration; the derivative is a fixed point of the linearised iteration.

From x = g(p, x) follows dx = ∂g/∂x dx + ∂g/∂p dp: the tangent is itself a fixed point, and so is the adjoint
λ = (∂g/∂x)ᵀ λ + x̄, with p̄ = (∂g/∂p)ᵀ λ (Christianson 1994). Both iterations contract as fast as that of x
does near x, need no Jacobian, and have derivatives of the same kind, to any order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from graphc.autodiff.forward import pushforward
from graphc.autodiff.reverse import pullback
from graphc.control.building import loop_while
from graphc.control.implicit import AbstractImplicit, checked, closed_trace, largest, types_with
from graphc.control.regions import input_types
from graphc.control.while_loop import While
from graphc.ir.graph import Graph
from graphc.ops.base import apply, register
from graphc.trace.function import call_graph

REMEDY = (
    "g must bring points near the solution closer to it: damp it, (1 - d) * x + d * g(x), start closer, "
    "raise max_steps or tol, or use graphc.root."
)


@register
class FixedPoint(AbstractImplicit):
    """x with x = equation(params…, x); see `AbstractImplicit`. `what` is the function's name in errors."""

    body: Graph
    equation: Graph
    tol: float
    max_steps: int
    what: str

    name: ClassVar[str] = "fixed_point"

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        params, (x,), (seed,) = args[:-1], y, g
        pulled = pullback(self.equation, [len(params)], [0])

        def adjoint(values: Sequence[Any]) -> Any:
            *given, start, adjoint = values
            return call_graph(pulled, [*given, adjoint])[1] + start

        return self.pulled(self._linear(adjoint, [*params, x], seed), params, x)

    def jvp(self, tangents: tuple[Any, ...], y: Any, *args: Any) -> Any:
        params, (x,) = args[:-1], y
        start = self.pushed(tangents, params, x)
        if start is None:
            return (None,)
        pushed = pushforward(self.equation, [len(params)])

        def tangent(values: Sequence[Any]) -> Any:
            *given, start, tangent = values
            return call_graph(pushed, [*given, tangent])[1] + start

        return (self._linear(tangent, [*params, x], start),)

    def _linear(self, step: Callable[[Sequence[Any]], Any], given: Sequence[Any], start: Any) -> Any:
        """The fixed point of a linear step, a function of (given…, start, v): zero for a zero start."""
        equation = closed_trace(lambda *values: [step(values)], types_with(self.equation, 2))
        what = self.what if self.what.startswith("the derivative") else f"the derivative of {self.what}"
        return fixed_point(equation, [*given, start], start, self.tol, self.max_steps, what, floor=0.0)


def fixed_point(
    equation: Graph,
    params: Sequence[Any],
    start: Any,
    tol: float,
    max_steps: int,
    what: str = "fixed_point",
    floor: float = 1.0,
) -> Any:
    """x: (…, n) with x = equation(params…, x), from `start`.

    The iteration ends when no element changes by more than tol (floor + max|x|), in every example.
    """

    def search(*values: Any) -> list[Any]:
        *given, initial = values
        return [
            _iterate(lambda x: call_graph(equation, [*given, x])[0], initial, tol, max_steps, what, floor)
        ]

    op = FixedPoint(closed_trace(search, input_types(equation)), equation, tol, max_steps, what)
    return apply(op, *params, start)[0]


def _iterate(
    step: Callable[[Any], Any], start: Any, tol: float, max_steps: int, what: str, floor: float
) -> Any:
    def goes_on(values: Sequence[Any]) -> Any:
        _, change, steps = values
        return (change > tol) & (steps < max_steps)

    def body(values: Sequence[Any]) -> list[Any]:
        x, _, steps = values
        new = step(x)
        change, size = largest(new - x), floor + largest(new)
        # A fixed point at zero has no size: no change is no change.
        relative = change / np.where(change == 0, np.ones_like(size), size)
        return [new, np.max(relative), steps + 1]

    # Before the first step nothing is known: infinitely far.
    initial = [start, start.dtype.type(np.inf), np.int64(0)]
    x, change, steps = loop_while(While, goes_on, body, initial)
    question = f"{what} did not converge to tol={tol:g} within max_steps={max_steps}"
    return checked(x, change <= tol, change, steps, question, REMEDY)
