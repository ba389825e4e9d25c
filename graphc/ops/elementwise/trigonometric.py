"""Circular functions and their inverses."""

from __future__ import annotations

import numpy as np

from graphc.ops.base import AbstractElementwise, register


@register
class Sin(AbstractElementwise):
    """sin x; NaN at ±∞."""

    name = "sin"
    arity = 1
    numpy = np.sin
    expression = "sin(x)"
    numba = "np.sin({0})"


@register
class Cos(AbstractElementwise):
    """cos x; NaN at ±∞."""

    name = "cos"
    arity = 1
    numpy = np.cos
    expression = "cos(x)"
    numba = "np.cos({0})"


@register
class Tan(AbstractElementwise):
    """tan x."""

    name = "tan"
    arity = 1
    numpy = np.tan
    expression = "tan(x)"
    gradients = ("r**2 + 1",)
    numba = "np.tan({0})"
    domain = ((-1.4, 1.4),)


@register
class Arcsin(AbstractElementwise):
    """arcsin x for |x| ≤ 1, else NaN. Gradient 1/√(1 - x²), infinite at ±1."""

    name = "arcsin"
    arity = 1
    numpy = np.arcsin
    expression = "asin(x)"
    gradients = ("1/sqrt((1 - x)*(1 + x))",)
    numba = "np.arcsin({0})"
    domain = ((-0.9, 0.9),)
    finite = False


@register
class Arccos(AbstractElementwise):
    """arccos x for |x| ≤ 1, else NaN. Gradient -1/√(1 - x²), infinite at ±1."""

    name = "arccos"
    arity = 1
    numpy = np.arccos
    expression = "acos(x)"
    gradients = ("-1/sqrt((1 - x)*(1 + x))",)
    numba = "np.arccos({0})"
    domain = ((-0.9, 0.9),)
    finite = False


@register
class Arctan(AbstractElementwise):
    """arctan x."""

    name = "arctan"
    arity = 1
    numpy = np.arctan
    expression = "atan(x)"
    gradients = ("1/(1 + x**2)",)
    numba = "np.arctan({0})"


@register
class Arctan2(AbstractElementwise):
    """The angle of the point (y, x), in [-π, π]; the first operand is the ordinate.

    Gradients y/h² and -x/h² with h = hypot(x, y), divided in two steps so that h² cannot overflow.
    """

    name = "arctan2"
    arity = 2
    numpy = np.arctan2
    expression = "atan2(x, y)"
    gradients = ("y/hypot(x, y)/hypot(x, y)", "-x/hypot(x, y)/hypot(x, y)")
    numba = "np.arctan2({0}, {1})"
    domain = ((0.2, 3.0), (0.2, 3.0))


@register
class Deg2rad(AbstractElementwise):
    """x π / 180."""

    name = "deg2rad"
    arity = 1
    numpy = np.deg2rad
    expression = "x*(pi/180)"
    numba = "np.deg2rad({0})"


@register
class Rad2deg(AbstractElementwise):
    """x 180 / π."""

    name = "rad2deg"
    arity = 1
    numpy = np.rad2deg
    expression = "x*(180/pi)"
    numba = "np.rad2deg({0})"
