"""sin, cos, tan: x = n·π/2 + r, |r| ≤ π/4, and polynomials in r².

Three parts of π/2 with fused multiply-add reduce moderate x (Cody & Waite 1980). Where a lane is larger,
a branch recomputes those lanes with the bits of 2/π that matter (Payne & Hanek 1983).
"""

from __future__ import annotations

from graphc.backends.cpu.math.coefficients import DOUBLE, SINGLE
from graphc.backends.cpu.math.constants import constant
from graphc.backends.cpu.math.exponential import nearest_integer
from graphc.backends.cpu.math.number import Number, fma
from graphc.backends.cpu.math.payne_hanek import large_argument
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
        r = fma(n, -part, r)
    return r, quadrant


def with_large(x: Number, easy: Number, kind: str) -> Number:
    """`easy`, with lanes of large finite x computed the long way."""
    large = (abs(x) > largest_easy(x)) & (abs(x) < float("inf"))
    code = x.code
    before = code.b.block
    recompute = code.function.append_basic_block("large")
    done = code.function.append_basic_block("reduced")
    code.b.cbranch(large.any_lane(), recompute, done)
    code.b.position_at_end(recompute)
    corrected = large_argument(kind, x, easy, largest_easy(x))
    code.b.branch(done)
    last = code.b.block
    code.b.position_at_end(done)
    result = code.b.phi(x.type)
    result.add_incoming(easy.value, before)
    result.add_incoming(corrected.value, last)
    return x.same(result)


def sin(x: Number) -> Number:
    """sin x, for every finite x."""
    r, quadrant = reduced(x)
    return with_large(x, _odd(x, sine_of_quadrant(r, quadrant)), "sin")


def cos(x: Number) -> Number:
    """cos x, for every finite x."""
    r, quadrant = reduced(x)
    return with_large(x, cosine_of_quadrant(r, quadrant), "cos")


def tan(x: Number) -> Number:
    """tan x, for every finite x."""
    r, quadrant = reduced(x)
    return with_large(x, _odd(x, tangent_of_quadrant(r, quadrant)), "tan")


def _odd(x: Number, result: Number) -> Number:
    """The reduction and the polynomial lose the sign of −0."""
    return x.equals(0.0).where(x, result)
