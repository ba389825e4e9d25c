"""`odeint`: solutions of ordinary differential equations, built on `scan` and `while_loop`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.api.control_flow.loops import fori_loop, scan, while_loop
from graphc.api.runge_kutta import Field, dopri5_step, error_norm, first_step, rk4_step, step_factor
from graphc.api.transform import stop_gradient
from graphc.api.vectors import Vectors, vectors_like
from graphc.control.implicit import checked
from graphc.dataclass import dataclass
from graphc.errors import ArgumentError, ShapeError, located
from graphc.trace import tree
from graphc.trace.context import user_line_with_text

REMEDY = (
    "t must increase or decrease throughout. Raise max_steps or the tolerances; a stiff equation needs an "
    "implicit method."
)


def odeint(
    f: Callable[..., Any],
    y0: Any,
    t: Any,
    *args: Any,
    method: str = "dopri5",
    rtol: float | None = None,
    atol: float | None = None,
    max_steps: int = 10_000,
    steps: int = 1,
) -> Any:
    """The solution of y' = f(y, t, *args), y(t[0]) = y0, at the times t: (T,), stacked along a new axis 0.

    y0: a tree of real arrays and numbers; f returns a tree like it. t increases or decreases; element 0 of
    the result is y0. Times have the dtype of y0.

    "dopri5": the method of order 5 of Dormand & Prince (1980), whose steps adapt so that the estimated error
    of each stays below atol + rtol |y|, root mean square (Hairer, Nørsett & Wanner 1993, II.4), and end
    at the times t. Tolerances are 1.4e-8, in f32 1e-5, unless given. "rk4": the classical method of order 4
    with `steps` equal steps from one time to the next.

    Derivatives, by y0, t, args and what f closes over, are those of the computed solution (discretise, then
    optimise), with the chosen step sizes held fixed: exact for the steps that were taken. Reverse mode keeps
    the states of the steps between two times; see `while_loop` for its memory.

    Raises ConvergenceError where "dopri5" needs more than `max_steps` steps from one time to the next,
    when it runs; ShapeError where f returns something else than y0.
    """
    vectors = vectors_like(y0, "y0")
    _check_settings(method, max_steps, steps, t)
    field, start = _field(f, vectors, args), vectors.vector(y0)
    times = (np.asarray(t) if isinstance(t, list | tuple) else t).astype(vectors.dtype)
    if method == "rk4":
        states = _fixed(field, start, times, steps)
    else:
        usual = 1.4e-8 if vectors.dtype == np.float64 else 1e-5
        control = _Control(
            rtol if rtol is not None else usual, atol if atol is not None else usual, max_steps
        )
        states = _adaptive(field, start, times, control)
    return vectors.tree(np.concatenate([start[None], states]))


def _fixed(f: Field, start: Any, times: Any, steps: int) -> Any:
    """The states after the first time."""

    def interval(y: Any, between: tuple[Any, Any]) -> tuple[Any, Any]:
        first, last = between
        h = (last - first) / steps
        new = fori_loop(0, steps, lambda i, y: rk4_step(f, y, first + i * h, h), y)
        return new, new

    return scan(interval, start, (times[:-1], times[1:]))[1]


@dataclass(frozen=True)
class _Control:
    """How long steps may be, and how many."""

    rtol: float
    atol: float
    max_steps: int


def _adaptive(f: Field, start: Any, times: Any, control: _Control) -> Any:
    """The states after the first time; backwards in time as forwards, with f and t negated."""
    sign = np.where(times[-1] < times[0], times.dtype.type(-1), times.dtype.type(1))
    times = sign * times

    def forwards(y: Any, t: Any) -> Any:
        return sign * f(y, sign * t)

    slope = forwards(start, times[0])
    h = stop_gradient(first_step(forwards, start, times[0], slope, control.rtol, control.atol))

    def interval(carry: tuple[Any, ...], end: Any) -> tuple[Any, Any]:
        *state, count = _advance(forwards, carry, end, control)
        return tuple(state), (state[0], np.abs(end - state[1]), count)

    made = scan(interval, (start, times[0], slope, h), times[1:])[1]
    states, missing, counts = made
    what = f"odeint did not reach every time in t within max_steps={control.max_steps}"
    reached = np.all(missing == 0)
    return checked(states, reached, np.max(missing, initial=0), np.max(counts, initial=0), what, REMEDY)


def _advance(f: Field, carry: tuple[Any, ...], end: Any, control: _Control) -> tuple[Any, ...]:
    """(y, t, y', next h, steps) after as many steps as it takes to `end`; t is not `end` if that failed."""
    eps = np.finfo(end.dtype).eps

    def goes_on(state: tuple[Any, ...]) -> Any:
        _, t, _, h, count = state
        return (t < end) & (count < control.max_steps) & (h > eps * np.abs(t))

    def step(state: tuple[Any, ...]) -> tuple[Any, ...]:
        y, t, slope, wanted, count = state
        last = stop_gradient(t + wanted) >= stop_gradient(end)
        h = np.where(last, end - t, wanted)
        new, new_slope, error = dopri5_step(f, y, t, h, slope)
        norm = stop_gradient(error_norm(error, y, new, control.rtol, control.atol))
        good = norm <= 1
        following = stop_gradient(h) * step_factor(norm)
        # A step that was cut short to end at a time says nothing against the longer one.
        following = np.where(last & good, np.maximum(following, wanted), following)
        return (
            np.where(good, new, y),
            np.where(good, np.where(last, end, t + h), t),
            np.where(good, new_slope, slope),
            stop_gradient(following),
            count + 1,
        )

    made: tuple[Any, ...] = while_loop(goes_on, step, (*carry, np.int64(0)))
    return made


def _field(f: Callable[..., Any], vectors: Vectors, args: tuple[Any, ...]) -> Field:
    """f as a function of vectors."""

    def field(y: Any, t: Any) -> Any:
        state = vectors.tree(y)
        slope = f(state, t, *args)
        shapes = [np.shape(leaf) for leaf in tree.flatten(slope)[0]]
        if tree.flatten(slope)[1] != vectors.structure or shapes != list(vectors.shapes):
            text = (
                f"f of odeint returned {tree.show(tree.flatten(slope)[1])} with shapes {shapes}, "
                f"but y0 is {tree.show(vectors.structure)} with shapes {list(vectors.shapes)}"
            )
            raise ShapeError(located(text, user_line_with_text(), "f returns the derivative of y, like y0."))
        return vectors.vector(slope)

    return field


def _check_settings(method: str, max_steps: int, steps: int, t: Any) -> None:
    place = user_line_with_text()
    if method not in ("dopri5", "rk4"):
        raise ArgumentError(located(f"method={method!r}", place, "Choose 'dopri5' or 'rk4'."))
    if max_steps < 1 or steps < 1:
        text = f"odeint with max_steps={max_steps} and steps={steps}"
        raise ArgumentError(located(text, place, "Both are positive."))
    if np.ndim(t) != 1 or np.shape(t)[0] == 0:
        text = f"odeint at times t of shape {np.shape(t)}"
        raise ShapeError(located(text, place, "t is a vector: where the solution starts, then other times."))
