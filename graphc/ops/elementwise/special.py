"""Gamma, Bessel and cardinal sine functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ops.base import register
from graphc.ops.elementwise.by_scalar import AbstractSpecial
from graphc.ops.elementwise.selection import select


def trigamma(x: Any) -> Any:
    """The derivative of digamma, Σ (x + k)⁻²: ten terms and the asymptotic series of the rest.

    (Abramowitz & Stegun 6.4.12; below 0 the reflection 6.4.7.) Plain NumPy, so that its derivatives follow.
    """
    z = select(x < 0, 1 - x, x)
    total = 1 / (z * z)
    for _ in range(9):
        z = z + 1
        total = total + 1 / (z * z)
    z = z + 1
    w = 1 / (z * z)
    series = 1 / 6 - w * (1 / 30 - w * (1 / 42 - w * (1 / 30 - w * (5 / 66 - w * (691 / 2730)))))
    direct = total + (1 + w * series) / z + w / 2
    sine = np.sin(np.pi * (x - np.rint(x)))
    return select(x < 0, np.pi**2 / (sine * sine) - direct, direct)


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
    """Γ'(x)/Γ(x), SciPy's `digamma`. Gradient `trigamma`."""

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
