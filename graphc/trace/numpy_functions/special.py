"""Special functions: NumPy's i0, and those of scipy.special that follow from others."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ops.base import AbstractElementwise, apply
from graphc.ops.elementwise.special import I0
from graphc.trace.functions import implements
from graphc.trace.numpy_functions.arguments import strong
from graphc.trace.ufuncs import SPECIAL_COMPOSED, cast


def _of_floats(op: AbstractElementwise, x: Any) -> Any:
    x = strong(x)
    return apply(op, x if x.dtype.kind == "f" else cast(x, np.float64))


@implements(np.i0)
def i0(x: Any) -> Any:
    """The modified Bessel function of order 0."""
    return _of_floats(I0(), x)


def exp10(x: Any) -> Any:
    """10ˣ."""
    return np.power(10.0, x)


def huber(delta: Any, r: Any) -> Any:
    """r²/2 for |r| ≤ δ, else δ(|r| - δ/2); ∞ for δ < 0."""
    size = np.abs(r)
    inside: Any = np.where(size <= delta, 0.5 * np.square(r), delta * (size - 0.5 * delta))
    return np.where(delta < 0, np.inf, inside)


def pseudo_huber(delta: Any, r: Any) -> Any:
    """δ² (√(1 + (r/δ)²) - 1), in the form that does not cancel; ∞ for δ < 0."""
    scaled = r / delta
    value: Any = np.square(r) / (np.sqrt(1.0 + np.square(scaled)) + 1.0)
    return np.where(delta < 0, np.inf, np.where(delta == 0, 0.0, value))


SPECIAL_COMPOSED.update(exp10=exp10, huber=huber, pseudo_huber=pseudo_huber)
