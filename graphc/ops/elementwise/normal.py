"""The error function and the normal distribution."""

from __future__ import annotations

from graphc.ops.base import register
from graphc.ops.elementwise.by_scalar import AbstractSpecial


@register
class Erf(AbstractSpecial):
    """2/√π ∫₀ˣ e^(-t²) dt."""

    name = "erf"
    special = "erf"
    arity = 1
    expression = "erf(x)"
    gradients = ("(2/sqrt(pi))*exp(-x*x)",)
    numba = "math.erf({0})"


@register
class Erfc(AbstractSpecial):
    """1 - erf x, accurate where it is small."""

    name = "erfc"
    special = "erfc"
    arity = 1
    expression = "erfc(x)"
    gradients = ("(-2/sqrt(pi))*exp(-x*x)",)
    numba = "math.erfc({0})"


@register
class Erfcx(AbstractSpecial):
    """e^(x²) erfc x."""

    name = "erfcx"
    special = "erfcx"
    arity = 1
    expression = "exp(x**2)*erfc(x)"
    gradients = ("2*x*r - 2/sqrt(pi)",)
    numba = "special.erfcx({0})"
    domain = ((-2.0, 3.0),)
    finite = False


@register
class Erfinv(AbstractSpecial):
    """The y with erf y = x; ±∞ at ±1. Gradient √π/2 e^(y²)."""

    name = "erfinv"
    special = "erfinv"
    arity = 1
    expression = "erfinv(x)"
    gradients = ("(sqrt(pi)/2)*exp(r*r)",)
    numba = "special.erfinv({0})"
    domain = ((-0.9, 0.9),)
    finite = False


@register
class Erfcinv(AbstractSpecial):
    """The y with erfc y = x; ∞ at 0 and -∞ at 2."""

    name = "erfcinv"
    special = "erfcinv"
    arity = 1
    expression = "erfinv(1 - x)"
    gradients = ("(-sqrt(pi)/2)*exp(r*r)",)
    numba = "special.erfcinv({0})"
    domain = ((0.1, 1.9),)
    finite = False


@register
class Ndtr(AbstractSpecial):
    """The normal distribution function."""

    name = "ndtr"
    special = "ndtr"
    arity = 1
    expression = "(1 + erf(x/sqrt(2)))/2"
    gradients = ("(1/sqrt(2*pi))*exp(-x*x/2)",)
    numba = "special.ndtr({0})"


@register
class LogNdtr(AbstractSpecial):
    """ln of the normal distribution function, accurate in the lower tail."""

    name = "log_ndtr"
    special = "log_ndtr"
    arity = 1
    expression = "log(erfc(-x/sqrt(2))/2)"
    gradients = ("sqrt(2/pi)/erfcx(-x*sqrt(1/2))",)
    numba = "special.log_ndtr({0})"


@register
class Ndtri(AbstractSpecial):
    """The normal quantile: the y with ndtr(y) = x."""

    name = "ndtri"
    special = "ndtri"
    arity = 1
    expression = "sqrt(2)*erfinv(2*x - 1)"
    gradients = ("sqrt(2*pi)*exp(r*r/2)",)
    numba = "special.ndtri({0})"
    domain = ((0.05, 0.95),)
    finite = False
