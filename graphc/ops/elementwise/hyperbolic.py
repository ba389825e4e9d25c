"""Hyperbolic functions and their inverses."""

from __future__ import annotations

import numpy as np

from graphc.ops.base import AbstractElementwise, register


@register
class Sinh(AbstractElementwise):
    """sinh x."""

    name = "sinh"
    arity = 1
    numpy = np.sinh
    expression = "sinh(x)"
    numba = "np.sinh({0})"
    finite = False


@register
class Cosh(AbstractElementwise):
    """cosh x."""

    name = "cosh"
    arity = 1
    numpy = np.cosh
    expression = "cosh(x)"
    numba = "np.cosh({0})"
    finite = False


@register
class Tanh(AbstractElementwise):
    """tanh x. Gradient 1 - y², which cannot overflow."""

    name = "tanh"
    arity = 1
    numpy = np.tanh
    expression = "tanh(x)"
    gradients = ("1 - r**2",)
    numba = "np.tanh({0})"


@register
class Arcsinh(AbstractElementwise):
    """arsinh x. Gradient 1/√(1 + x²), through hypot so that x² cannot overflow."""

    name = "arcsinh"
    arity = 1
    numpy = np.arcsinh
    expression = "asinh(x)"
    gradients = ("1/hypot(1, x)",)
    numba = "np.arcsinh({0})"


@register
class Arccosh(AbstractElementwise):
    """arcosh x for x ≥ 1, else NaN. Gradient 1/√(x² - 1), infinite at 1."""

    name = "arccosh"
    arity = 1
    numpy = np.arccosh
    expression = "acosh(x)"
    gradients = ("1/(sqrt(x - 1)*sqrt(x + 1))",)
    numba = "np.arccosh({0})"
    domain = ((1.2, 3.0),)
    finite = False


@register
class Arctanh(AbstractElementwise):
    """artanh x for |x| ≤ 1, else NaN. Gradient 1/(1 - x²), infinite at ±1."""

    name = "arctanh"
    arity = 1
    numpy = np.arctanh
    expression = "atanh(x)"
    gradients = ("1/((1 - x)*(1 + x))",)
    numba = "np.arctanh({0})"
    domain = ((-0.9, 0.9),)
    finite = False
