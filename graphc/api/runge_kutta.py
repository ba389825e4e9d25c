"""Steps of explicit Runge–Kutta methods for y' = f(y, t), y: (n,), and the control of their size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

Field: TypeAlias = Callable[[Any, Any], Any]  # (y, t) -> y'

# Dormand & Prince (1980), table 2, RK5(4)7M: rows of a, then b. The last row of a is b.
A = (
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
C = (1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0)
# b minus the weights of the method of order 4: h Σ E k is its estimated error.
E = (71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)

SAFETY, SHRINK, GROW = 0.9, 0.2, 10.0


def rk4_step(f: Field, y: Any, t: Any, h: Any) -> Any:
    """y at t + h by the classical method of order 4 (Kutta 1901)."""
    k1 = f(y, t)
    k2 = f(y + h / 2 * k1, t + h / 2)
    k3 = f(y + h / 2 * k2, t + h / 2)
    k4 = f(y + h * k3, t + h)
    return y + h / 6 * (k1 + 2 * (k2 + k3) + k4)


def dopri5_step(f: Field, y: Any, t: Any, h: Any, k1: Any) -> tuple[Any, Any, Any]:
    """(y, y') at t + h by a method of order 5, and the error of one of order 4; k1 is f(y, t)."""
    stages, new = [k1], y
    for row, c in zip(A, C, strict=True):
        new = y + h * _combination(row, stages)
        stages.append(f(new, t + c * h))
    return new, stages[-1], h * _combination(E, stages)


def error_norm(error: Any, before: Any, after: Any, rtol: float, atol: float) -> Any:
    """The error in units of what is tolerated, root mean square (Hairer, Nørsett & Wanner 1993, II.4.11)."""
    tolerated = atol + rtol * np.maximum(np.abs(before), np.abs(after))
    return np.sqrt(np.mean((error / tolerated) ** 2))


def step_factor(error: Any) -> Any:
    """By what the step should change for an error of this norm; it shrinks if the error is no number."""
    tiny = error.dtype.type(1e-10)  # smaller errors do not change the factor, whose derivative nobody takes
    factor = SAFETY * np.maximum(error, tiny) ** -0.2
    return np.where(error >= 0, np.clip(factor, SHRINK, GROW), error.dtype.type(SHRINK))


def first_step(f: Field, y: Any, t: Any, k1: Any, rtol: float, atol: float) -> Any:
    """A first step for a method of order 5 (Hairer, Nørsett & Wanner 1993, II.4, "starting step size")."""
    size, slope = error_norm(y, y, y, rtol, atol), error_norm(k1, y, y, rtol, atol)
    known = (size >= 1e-5) & (slope >= 1e-5)
    h = np.where(known, 0.01 * size / np.where(known, slope, np.ones_like(slope)), size.dtype.type(1e-6))
    curvature = error_norm(f(y + h * k1, t + h) - k1, y, y, rtol, atol) / h
    largest = np.maximum(slope, curvature)
    flat = largest <= 1e-15
    other = np.where(
        flat,
        np.maximum(h * 1e-3, size.dtype.type(1e-6)),
        (0.01 / np.where(flat, np.ones_like(h), largest)) ** 0.2,
    )
    return np.minimum(100 * h, other)


def _combination(weights: tuple[float, ...], stages: list[Any]) -> Any:
    terms = [w * k for w, k in zip(weights, stages, strict=True) if w != 0]
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total
