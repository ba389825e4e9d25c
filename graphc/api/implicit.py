"""`fixed_point` and `root`: values defined by equations, differentiated by the implicit function theorem."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc.api.compile import Compiled, Settings
from graphc.api.differentiable import RecordedAt, is_value, record_at
from graphc.api.leaves import Leaves
from graphc.api.vectors import Vectors, joined, vectors_like
from graphc.control import fixed_point as iteration
from graphc.control import root as newton
from graphc.control.implicit import closed_trace
from graphc.dataclass import dataclass
from graphc.errors import ArgumentError, ShapeError, located
from graphc.ir.graph import Graph
from graphc.trace import tree
from graphc.trace.context import current, user_line_with_text
from graphc.trace.function import call_graph
from graphc.trace.tracer import Tracer, as_tracer
from graphc.trace.ufuncs import cast


def fixed_point(
    g: Callable[..., Any], x0: Any, *params: Any, tol: float | None = None, max_steps: int = 1000
) -> Any:
    """x with x = g(x, *params), by iterating x = g(x) from x0.

    x0, params: trees of real arrays and numbers; g returns a tree like x0. The iteration ends when no
    element changes by more than tol (1 + max|x|); tol is 1e-10, in f32 1e-5, unless given. If g contracts
    distances by a factor L < 1, x is then within tol L / (1 - L) (1 + max|x|) of the solution.

    Derivatives by the params, and by traced values that g closes over, are those of the solution, not of
    the iterations: forward and reverse mode, of any order, are fixed points of the linearised iteration, so
    that memory does not depend on the number of steps (Christianson 1994). x0 has derivative zero.

    Raises ConvergenceError where `max_steps` do not suffice or x stops being finite, when it runs, compiled
    or not; ShapeError where g returns something else than x0.
    """
    _check_settings("fixed_point", tol, max_steps)
    if current() is None:
        return _now(lambda x, rest: fixed_point(g, x, *rest, tol=tol, max_steps=max_steps), x0, params)
    problem = _record("fixed_point", g, x0, params)
    x = iteration.fixed_point(
        problem.equation, problem.params, problem.start, problem.tolerance(tol), max_steps
    )
    return problem.vectors.tree(x)


def root(f: Callable[..., Any], x0: Any, *params: Any, tol: float | None = None, max_steps: int = 100) -> Any:
    """x with f(x, *params) = 0, by Newton's method from x0.

    x0, params: trees of real arrays and numbers; f returns as many numbers as x0 has, in any tree. Every
    step solves with the Jacobian of f, (n, n) for n numbers, and is halved until max|f| decreases (Armijo
    1966). The iteration ends after a step of at most tol (1 + max|x|); tol is 1e-10, in f32 1e-5, unless
    given. Where the Jacobian is regular, the error is then about tol². x0 decides which of several roots.

    Derivatives by the params, and by traced values that f closes over, follow from the implicit function
    theorem, dx = -(∂f/∂x)⁻¹ ∂f/∂p dp, in forward and reverse mode and to any order. x0 has derivative zero.

    Raises ConvergenceError where `max_steps` or shorter steps do not suffice, this or
    numpy.linalg.LinAlgError for a singular Jacobian, both when it runs, compiled or not; ShapeError for
    another number of values.
    """
    _check_settings("root", tol, max_steps)
    if current() is None:
        return _now(lambda x, rest: root(f, x, *rest, tol=tol, max_steps=max_steps), x0, params)
    problem = _record("root", f, x0, params)
    x = newton.root(problem.equation, problem.params, problem.start, problem.tolerance(tol), max_steps)
    return problem.vectors.tree(x)


@dataclass(frozen=True)
class _Problem:
    """An equation over vectors: (params…, x: (n,)) -> (n,), and what the vectors stand for."""

    equation: Graph
    params: tuple[Any, ...]
    start: Any
    vectors: Vectors

    def tolerance(self, tol: float | None) -> float:
        """`tol`, or what the dtype can reach with room to spare."""
        return float(tol) if tol is not None else 1e-10 if self.vectors.dtype == np.float64 else 1e-5


def _record(what: str, function: Callable[..., Any], x0: Any, params: Sequence[Any]) -> _Problem:
    """`function` recorded at (x0, *params), as a function of vectors."""
    x0 = tree.tree_map(_real, x0)
    at = record_at(function, (x0, *params), {}, range(1 + len(params)), is_value)
    own = at.leaves.each()[0]
    _check(what, at, own)
    kinds = [r.type.dtype for r in at.recorded.traced.results]
    vectors = vectors_like(x0, "x0", np.result_type(np.float32, *kinds))
    first, rest = at.inputs[: own.count], (*at.inputs[own.count :], *at.recorded.traced.captured)

    def flat(*values: Any) -> list[Any]:
        *given, x = values
        leaves = tree.flatten(vectors.tree(x))[0]
        xs = [cast(leaf, i.dtype) for leaf, i in zip(leaves, first, strict=True)]
        return [joined(call_graph(at.forward, [*xs, *given]), vectors.dtype)]

    start = vectors.vector(tree.tree_map(as_tracer, x0))
    types = [*(n.array_type for n in at.forward.inputs[own.count :]), start.node.array_type]
    operands = tuple(v if isinstance(v, Tracer) else np.asarray(v) for v in rest)
    return _Problem(closed_trace(flat, types), operands, start, vectors)


def _real(leaf: Any) -> Any:
    """A leaf of x0: Python's numbers are real ones."""
    if type(leaf) in (int, bool):
        return float(leaf)
    if isinstance(leaf, Tracer) and leaf.weak is not None:
        return Tracer(leaf.owner, cast(leaf, np.float64).node, float)
    return leaf


def _check(what: str, at: RecordedAt, own: Leaves) -> None:
    """Raises unless the function returned as many real numbers as x0 has."""
    recorded = at.recorded
    results, xs = recorded.traced.results, at.inputs[: own.count]
    ((structure, _),) = own.parts
    alike = recorded.structure == structure and all(
        r.type.shape == x.shape for r, x in zip(results, xs, strict=False)
    )
    total: Any = sum((r.type.size for r in results), start=0)
    wanted: Any = sum((x.size for x in xs), start=0)
    if (what == "root" and total != wanted) or (what == "fixed_point" and not alike):
        returned = ", ".join(str(r.type) for r in results) or "nothing"
        started = ", ".join(str(x.node.array_type) for x in xs)
        remedy = (
            "f returns one number for each number in x0." if what == "root" else "g returns a tree like x0."
        )
        text = f"{what} starts with x0 {tree.show(structure)} of {started}, but the function returns "
        raise ShapeError(
            located(f"{text}{tree.show(recorded.structure)} of {returned}", user_line_with_text(), remedy)
        )


def _check_settings(what: str, tol: float | None, max_steps: int) -> None:
    if (tol is not None and not tol > 0) or max_steps < 1:
        raise ArgumentError(
            located(
                f"{what} with tol={tol} and max_steps={max_steps}",
                user_line_with_text(),
                "Both are positive.",
            )
        )


def _now(solve: Callable[[Any, tuple[Any, ...]], Any], x0: Any, params: tuple[Any, ...]) -> Any:
    """The solution for plain arrays: recorded, and run in NumPy."""
    return Compiled(solve, solve, (), Settings("interpret"))(x0, params)
