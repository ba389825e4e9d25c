"""Terms of entropies and divergences, with 0 ln 0 = 0."""

from __future__ import annotations

from graphc.ops.base import register
from graphc.ops.elementwise.by_scalar import AbstractSpecial


@register
class Xlogy(AbstractSpecial):
    """x ln y, and 0 where x is 0. Gradient ln y, and x/y with 0 where x is 0."""

    name = "xlogy"
    special = "xlogy"
    arity = 2
    expression = "x*log(y)"
    gradients = ("log(y)", "mul_or_zero(x, 1/y)")
    numba = "special.xlogy({0}, {1})"
    domain = ((-3.0, 3.0), (0.2, 3.0))
    finite = False


@register
class Xlog1py(AbstractSpecial):
    """x ln(1 + y), and 0 where x is 0. Gradient ln(1 + y), and x/(1 + y) with 0 where x is 0."""

    name = "xlog1py"
    special = "xlog1py"
    arity = 2
    expression = "x*log(1 + y)"
    gradients = ("log1p(y)", "mul_or_zero(x, 1/(1 + y))")
    numba = "special.xlog1py({0}, {1})"
    domain = ((-3.0, 3.0), (-0.8, 3.0))
    finite = False


@register
class Entr(AbstractSpecial):
    """-x ln x, 0 at 0 and -∞ below."""

    name = "entr"
    special = "entr"
    arity = 1
    expression = "-x*log(x)"
    gradients = ("-log(x) - 1",)
    numba = "special.entr({0})"
    domain = ((0.1, 3.0),)
    finite = False


@register
class RelEntr(AbstractSpecial):
    """x ln(x/y), 0 where x = 0 ≤ y, ∞ outside."""

    name = "rel_entr"
    special = "rel_entr"
    arity = 2
    expression = "x*log(x/y)"
    gradients = ("log(x/y) + 1", "-x/y")
    numba = "special.rel_entr({0}, {1})"
    domain = ((0.2, 3.0), (0.2, 3.0))
    finite = False


@register
class KlDiv(AbstractSpecial):
    """x ln(x/y) - x + y, y where x = 0 ≤ y, ∞ outside."""

    name = "kl_div"
    special = "kl_div"
    arity = 2
    expression = "x*log(x/y) - x + y"
    gradients = ("log(x/y)", "1 - x/y")
    numba = "special.kl_div({0}, {1})"
    domain = ((0.2, 3.0), (0.2, 3.0))
    finite = False
