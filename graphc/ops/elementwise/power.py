"""Powers and roots."""

from __future__ import annotations

import numpy as np

from graphc.ir.graph import Node
from graphc.ops.base import AbstractElementwise, register
from graphc.ops.elementwise.constants import known_whole


@register
class Power(AbstractElementwise):
    """xʸ. Integers to negative integer powers are an error, as in NumPy.

    Gradients y xʸ⁻¹ and xʸ ln x; the first is 0 where y = 0 and the second, with its derivatives, where
    xʸ = 0. For other x < 0 the second is NaN: xʸ is real at isolated y only.
    """

    name = "power"
    arity = 2
    numpy = np.power
    expression = "x**y"
    gradients = ("mul_or_zero(y, x**(y - 1))", "select(r != 0, r*log(x), 0.0)")
    numba = "np.power({0}, {1})"
    domain = ((0.2, 3.0), (-2.0, 3.0))
    finite = False

    def numba_for(self, *dtypes: np.dtype) -> str:
        if dtypes[0].kind == "f":
            return self.numba
        return "special.integer_power(np.int64({0}), np.int64({1}))"

    def stays_finite(self, *args: Node) -> bool:
        return known_whole(args[1])


@register
class Sqrt(AbstractElementwise):
    """√x; NaN below 0. Gradient 1 / (2√x), infinite at 0."""

    name = "sqrt"
    arity = 1
    numpy = np.sqrt
    expression = "sqrt(x)"
    gradients = ("0.5/r",)
    numba = "np.sqrt({0})"
    domain = ((0.1, 3.0),)
    finite = False


@register
class Cbrt(AbstractElementwise):
    """∛x, odd in x. Gradient 1 / (3∛x²), infinite at 0."""

    name = "cbrt"
    arity = 1
    numpy = np.cbrt
    expression = "sign(x)*Abs(x)**(1/3)"
    gradients = ("(1/3)/r**2",)
    numba = "np.cbrt({0})"
    domain = ((0.2, 3.0),)


@register
class Hypot(AbstractElementwise):
    """√(x² + y²) without overflow. Gradients x/r and y/r, 0 at the origin (the subgradient of least norm)."""

    name = "hypot"
    arity = 2
    numpy = np.hypot
    expression = "sqrt(x**2 + y**2)"
    gradients = ("select(r != 0, x/r, 0.0)", "select(r != 0, y/r, 0.0)")
    numba = "np.hypot({0}, {1})"
    domain = ((0.2, 3.0), (0.2, 3.0))
