"""f(params…, x) = 0 by Newton's method with a line search; the derivative solves one linear system.

From f(p, x) = 0 follows ∂f/∂x dx = -∂f/∂p dp, the implicit function theorem: dx for forward mode, and with
the transposed matrix the adjoint for reverse mode. Solving and the Jacobian are differentiated like any
other operation, so that derivatives of every order exist.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from graphc.batching.jacobian import jacobian_graph
from graphc.control.building import loop_while
from graphc.control.implicit import AbstractImplicit, checked, closed_trace, largest
from graphc.control.regions import input_types
from graphc.control.while_loop import While
from graphc.ir.graph import Graph
from graphc.ops.base import apply, register
from graphc.trace.function import call_graph

DECREASE = 1e-4  # of the decrease that the linear model promises, what a step must reach (Armijo 1966)
SHORTEST = 2.0**-30  # fraction of Newton's step that is still tried
REMEDY = "Start closer to the solution, scale f and its variables to about 1, or raise max_steps or tol."


@register
class Root(AbstractImplicit):
    """x with equation(params…, x) = 0; see `AbstractImplicit`. `jacobian` is ∂equation/∂x: (…, n, n)."""

    body: Graph
    equation: Graph
    jacobian: Graph

    name: ClassVar[str] = "root"

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        params, (x,), (seed,) = args[:-1], y, g
        matrix = call_graph(self.jacobian, [*params, x])[0]
        return self.pulled(-_solved(np.swapaxes(matrix, -1, -2), seed), params, x)

    def jvp(self, tangents: tuple[Any, ...], y: Any, *args: Any) -> Any:
        params, (x,) = args[:-1], y
        moved = self.pushed(tangents, params, x)
        if moved is None:
            return (None,)
        return (-_solved(call_graph(self.jacobian, [*params, x])[0], moved),)


def root(equation: Graph, params: Sequence[Any], start: Any, tol: float, max_steps: int) -> Any:
    """x: (n,) with equation(params…, x) = 0, from `start`.

    The iteration ends when Newton's step changes no element by more than tol (1 + max|x|), after that step.
    """
    whole = jacobian_graph(equation, [len(params)], "forward", 1)
    jacobian = Graph(whole.inputs, whole.outputs[1:])

    def search(*values: Any) -> list[Any]:
        *given, initial = values

        def f(x: Any) -> Any:
            return call_graph(equation, [*given, x])[0]

        def newton_step(x: Any, residual: Any) -> Any:
            return -_solved(call_graph(jacobian, [*given, x])[0], residual)

        return [_newton(f, newton_step, initial, tol, max_steps)]

    body = closed_trace(search, input_types(equation))
    return apply(Root(body, equation, jacobian), *params, start)[0]


def _newton(
    f: Callable[[Any], Any], newton_step: Callable[[Any, Any], Any], start: Any, tol: float, max_steps: int
) -> Any:
    kind = start.dtype.type

    def goes_on(values: Sequence[Any]) -> Any:
        _, _, error, steps = values
        return (error > tol) & (steps < max_steps)

    def body(values: Sequence[Any]) -> list[Any]:
        x, residual, _, steps = values
        step = newton_step(x, residual)
        if _one(x):  # a root that was hit exactly needs no step, even where the slope is zero
            step = np.where(residual == 0, residual, step)
        error = largest(step) / (1 + largest(x))
        x, residual, stuck = _shortened(f, x, residual, step, error <= tol)
        return [x, residual, np.where(stuck, kind(np.nan), error), steps + 1]

    initial = [start, f(start), kind(np.inf), np.int64(0)]
    x, residual, error, steps = loop_while(While, goes_on, body, initial)
    question = f"root did not converge to tol={tol:g} within max_steps={max_steps}"
    left = largest(residual)
    return checked(x, (error <= tol) & np.isfinite(left), left, steps, question, REMEDY)


def _shortened(f: Callable[[Any], Any], x: Any, residual: Any, step: Any, last: Any) -> tuple[Any, Any, Any]:
    """The point along `step` where f is smaller by the line search, f there, and whether there is none.

    The `last` step is taken whole: what f still changes there may be rounding only.
    """
    before = largest(residual)

    def enough(fraction: Any, after: Any) -> Any:
        return last | (largest(after) <= (1 - DECREASE * fraction) * before)

    def goes_on(values: Sequence[Any]) -> Any:
        fraction, _, after = values
        return ~enough(fraction, after) & (fraction > SHORTEST)

    def halve(values: Sequence[Any]) -> list[Any]:
        fraction = values[0] / 2
        point = x + fraction * step
        return [fraction, point, f(point)]

    point = x + step
    initial = [x.dtype.type(1), point, f(point)]
    fraction, point, after = loop_while(While, goes_on, halve, initial)
    return point, after, ~enough(fraction, after)


def _one(x: Any) -> bool:
    return bool(x.shape[-1] == 1)


def _solved(matrix: Any, right: Any) -> Any:
    """The solution of matrix x = right for matrix: (…, n, n) and right: (…, n)."""
    if _one(right):
        return right / matrix[..., 0]
    return np.linalg.solve(matrix, right[..., None])[..., 0]
