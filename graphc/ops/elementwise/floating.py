"""The representation of floating-point numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ops.base import AbstractElementwise, register


@register
class IsNan(AbstractElementwise):
    """Whether x is NaN."""

    name = "isnan"
    arity = 1
    numpy = np.isnan
    expression = "Ne(x, x)"
    numba = "np.isnan({0})"
    differentiable = False


@register
class IsInf(AbstractElementwise):
    """Whether x is +∞ or -∞."""

    name = "isinf"
    arity = 1
    numpy = np.isinf
    expression = "isinf(x)"
    numba = "np.isinf({0})"
    differentiable = False


@register
class IsFinite(AbstractElementwise):
    """Whether x is neither infinite nor NaN."""

    name = "isfinite"
    arity = 1
    numpy = np.isfinite
    expression = "isfinite(x)"
    numba = "np.isfinite({0})"
    differentiable = False


@register
class Signbit(AbstractElementwise):
    """Whether the sign bit of x is set: true for -0.0."""

    name = "signbit"
    arity = 1
    numpy = np.signbit
    expression = "signbit(x)"
    numba = "np.signbit({0})"
    differentiable = False


@register
class Copysign(AbstractElementwise):
    """|x| with the sign bit of y. Gradient ±1 in x (0 at 0) and 0 in y."""

    name = "copysign"
    arity = 2
    numpy = np.copysign
    expression = "Abs(x)*sign(y)"
    gradients = ("sign(x)*copysign(1, y)", None)
    numba = "np.copysign({0}, {1})"
    domain = ((-3.0, 3.0), (-3.0, 3.0))


@register
class Nextafter(AbstractElementwise):
    """The float after x towards y."""

    name = "nextafter"
    arity = 2
    numpy = np.nextafter
    expression = "nextafter(x, y)"
    numba = "np.nextafter({0}, {1})"
    domain = ((-3.0, 3.0), (-3.0, 3.0))
    differentiable = False


@register
class Spacing(AbstractElementwise):
    """The distance from x to the next float away from 0."""

    name = "spacing"
    arity = 1
    numpy = np.spacing
    expression = "spacing(x)"
    numba = "(np.spacing({0}) if {0} != 0 else abs(np.spacing({0})))"
    differentiable = False


@register
class Ldexp(AbstractElementwise):
    """x 2ⁿ for an integer n."""

    name = "ldexp"
    arity = 2
    numpy = np.ldexp
    expression = "x*2**y"
    gradients = ("ldexp(1.0, y)", None)
    numba = "np.ldexp({0}, {1})"
    domain = ((-3.0, 3.0), (-3.0, 3.0))
    finite = False

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        """g 2ⁿ, by ldexp itself, which is exact and keeps the dtype of g."""
        return (np.ldexp(g, args[1]), None)
