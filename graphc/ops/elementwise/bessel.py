"""Modified Bessel functions of the second kind."""

from __future__ import annotations

from graphc.ops.base import register
from graphc.ops.elementwise.by_scalar import AbstractSpecial


@register
class K0(AbstractSpecial):
    """The modified Bessel function K₀: ∞ at 0, NaN below."""

    name = "k0"
    special = "k0"
    arity = 1
    expression = "besselk(0, x)"
    gradients = ("-k1(x)",)
    numba = "special.bessel_k0({0})"
    domain = ((0.2, 6.0),)
    finite = False


@register
class K1(AbstractSpecial):
    """The modified Bessel function K₁: ∞ at 0, NaN below."""

    name = "k1"
    special = "k1"
    arity = 1
    expression = "besselk(1, x)"
    gradients = ("-k0(x) - r/x",)
    numba = "special.bessel_k1({0})"
    domain = ((0.2, 6.0),)
    finite = False


@register
class K0e(AbstractSpecial):
    """eˣ K₀(x)."""

    name = "k0e"
    special = "k0e"
    arity = 1
    expression = "exp(x)*besselk(0, x)"
    gradients = ("r - k1e(x)",)
    numba = "special.bessel_k0e({0})"
    domain = ((0.2, 6.0),)
    finite = False


@register
class K1e(AbstractSpecial):
    """eˣ K₁(x)."""

    name = "k1e"
    special = "k1e"
    arity = 1
    expression = "exp(x)*besselk(1, x)"
    gradients = ("r - k0e(x) - r/x",)
    numba = "special.bessel_k1e({0})"
    domain = ((0.2, 6.0),)
    finite = False
