"""Gamma, Bessel and cardinal sine functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ops.base import apply, register
from graphc.ops.elementwise import special_functions
from graphc.ops.elementwise.by_scalar import AbstractSpecial
from graphc.ops.elementwise.cotangents import scaled


@register
class Gammaln(AbstractSpecial):
    """ln |Γ(x)|. Gradient digamma(x)."""

    name = "gammaln"
    special = "gammaln"
    arity = 1
    expression = "loggamma(x)"
    gradients = ("psi(x)",)
    numba = "special.gammaln({0})"
    domain = ((0.2, 5.0),)
    finite = False


@register
class Gamma(AbstractSpecial):
    """Γ(x). Gradient Γ(x) digamma(x)."""

    name = "gamma"
    special = "gamma"
    arity = 1
    expression = "gamma(x)"
    gradients = ("r*psi(x)",)
    numba = "special.gamma({0})"
    domain = ((0.2, 5.0),)
    finite = False


@register
class Digamma(AbstractSpecial):
    """Γ'(x)/Γ(x), SciPy's `digamma`. Gradient polygamma(1, x)."""

    name = "psi"
    special = "psi"
    arity = 1
    expression = "polygamma(0, x)"
    gradients = ("trigamma(x)",)
    numba = "special.digamma({0})"
    domain = ((0.2, 5.0),)
    finite = False


@register
class I0(AbstractSpecial):
    """The modified Bessel function I₀."""

    name = "i0"
    special = "i0"
    arity = 1
    expression = "besseli(0, x)"
    gradients = ("i1(x)",)
    numba = "special.i0({0})"
    finite = False


@register
class I1(AbstractSpecial):
    """The modified Bessel function I₁."""

    name = "i1"
    special = "i1"
    arity = 1
    expression = "besseli(1, x)"
    gradients = ("i0(x) - select(x != 0, r/x, 0.5)",)
    numba = "special.i1({0})"
    finite = False


@register
class I0e(AbstractSpecial):
    """e^(-|x|) I₀(x)."""

    name = "i0e"
    special = "i0e"
    arity = 1
    expression = "exp(-Abs(x))*besseli(0, x)"
    gradients = ("i1e(x) - sign(x)*r",)
    numba = "special.i0e({0})"


@register
class I1e(AbstractSpecial):
    """e^(-|x|) I₁(x)."""

    name = "i1e"
    special = "i1e"
    arity = 1
    expression = "exp(-Abs(x))*besseli(1, x)"
    gradients = ("i0e(x) - sign(x)*r - select(x != 0, r/x, 0.5)",)
    numba = "special.i1e({0})"


@register
class Polygamma(AbstractSpecial):
    """The derivative of this order, 1 or more, of digamma."""

    order: int = 1

    name = "polygamma"
    arity = 1
    expression = "polygamma(1, x)"
    numba = "special.polygamma({0}, {1})"
    domain = ((0.2, 5.0),)
    finite = False

    def numba_for(self, *dtypes: np.dtype) -> str:
        return f"special.polygamma({self.order}, {{0}})"

    def scalar(self, *numbers: float) -> float:
        return float(special_functions.polygamma(self.order, np.float64(numbers[0])))

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        return (scaled(g, apply(Polygamma(self.order + 1), *args)),)
