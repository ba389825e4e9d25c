"""Look-up of generated coefficients and constants in the precision of a number."""

from __future__ import annotations

from graphc.backends.cpu.math.coefficients import DOUBLE, SINGLE
from graphc.backends.cpu.math.number import Number


def fitted(name: str, x: Number) -> tuple[float, ...]:
    """The polynomial `name`, highest power first."""
    return (SINGLE if x.single else DOUBLE)[name]


def constants(name: str, x: Number) -> tuple[float, float]:
    """A constant in two parts: its rounding, and the rounding of the rest."""
    high, low, *_ = (SINGLE if x.single else DOUBLE)[f"#{name}"]
    return high, low


def constant(name: str, x: Number) -> float:
    return constants(name, x)[0]
