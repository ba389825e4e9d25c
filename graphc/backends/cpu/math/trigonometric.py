"""sin, cos, tan: x = n·π/2 + r, |r| ≤ π/4, and polynomials in r².

Three parts of π/2 with exact products reduce moderate x (Cody & Waite 1980). Where a lane is larger,
a branch recomputes those lanes with the bits of 2/π that matter (Payne & Hanek 1983).
"""

from __future__ import annotations

from collections.abc import Callable

from graphc.backends.cpu.math.coefficients import DOUBLE, SINGLE
from graphc.backends.cpu.math.constants import constant
from graphc.backends.cpu.math.double import exact_fma
from graphc.backends.cpu.math.exponential import nearest_integer
from graphc.backends.cpu.math.number import Number
from graphc.backends.cpu.math.outline import with_hard_lanes
from graphc.backends.cpu.math.payne_hanek import reduced_large
from graphc.backends.cpu.math.trigonometric_kernels import (
    cosine_of_quadrant,
    sine_of_quadrant,
    tangent_of_quadrant,
)


def largest_easy(x: Number) -> float:
    """Up to here three parts of π/2 leave r with its full relative accuracy."""
    return 1.0e5 if x.single else 4.0e8


def reduced(x: Number) -> tuple[Number, Number]:
    """(r, n) for |x| ≤ largest_easy; n an integer of which the low bits count."""
    n, quadrant = nearest_integer(x, constant("two_over_pi", x))
    r = x
    for part in (SINGLE if x.single else DOUBLE)["#half_pi"]:
        r = exact_fma(n, -part, r)
    return r, quadrant


def sin(x: Number) -> Number:
    """sin x, for every finite x."""
    return _of_any(x, "sin", sine_of_quadrant, odd=True)


def cos(x: Number) -> Number:
    """cos x, for every finite x."""
    return _of_any(x, "cos", cosine_of_quadrant, odd=False)


def tan(x: Number) -> Number:
    """tan x, for every finite x."""
    return _of_any(x, "tan", tangent_of_quadrant, odd=True)


def _of_any(x: Number, name: str, of_quadrant: Callable[[Number, Number], Number], *, odd: bool) -> Number:
    easy = of_quadrant(*reduced(x))
    if odd:  # The reduction and the polynomial lose the sign of −0.
        easy = x.equals(0.0).where(x, easy)
    return with_hard_lanes(f"{name}_large", [x], easy, _is_large, lambda x: of_quadrant(*reduced_large(x)))


def _is_large(x: Number) -> Number:
    return (abs(x) > largest_easy(x)) & (abs(x) < float("inf"))
