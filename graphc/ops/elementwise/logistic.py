"""The logistic function and its logarithm."""

from __future__ import annotations

from graphc.ops.base import register
from graphc.ops.elementwise.by_scalar import AbstractSpecial


@register
class Expit(AbstractSpecial):
    """1 / (1 + e⁻ˣ), the logistic function."""

    name = "expit"
    special = "expit"
    arity = 1
    expression = "1/(1 + exp(-x))"
    gradients = ("r*(1 - r)",)
    numba = "special.expit({0})"
    domain = ((-6.0, 6.0),)


@register
class Logit(AbstractSpecial):
    """ln(x / (1 - x)) for 0 ≤ x ≤ 1."""

    name = "logit"
    special = "logit"
    arity = 1
    expression = "log(x/(1 - x))"
    gradients = ("1/(x*(1 - x))",)
    numba = "special.logit({0})"
    domain = ((0.1, 0.9),)
    finite = False


@register
class LogExpit(AbstractSpecial):
    """ln(1 / (1 + e⁻ˣ)), the log of the logistic function."""

    name = "log_expit"
    special = "log_expit"
    arity = 1
    expression = "log(1/(1 + exp(-x)))"
    gradients = ("expit(-x)",)
    numba = "special.log_expit({0})"
    domain = ((-6.0, 6.0),)


@register
class Softplus(AbstractSpecial):
    """ln(1 + eˣ), a smooth maximum of x and 0."""

    name = "softplus"
    special = "softplus"
    arity = 1
    expression = "log(1 + exp(x))"
    gradients = ("expit(x)",)
    numba = "special.softplus({0})"
    domain = ((-6.0, 6.0),)
