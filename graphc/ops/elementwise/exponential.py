"""Exponentials and logarithms."""

from __future__ import annotations

import numpy as np

from graphc.ops.base import AbstractElementwise, register


@register
class Exp(AbstractElementwise):
    """eˣ."""

    name = "exp"
    arity = 1
    numpy = np.exp
    expression = "exp(x)"
    gradients = ("r",)
    numba = "np.exp({0})"
    finite = False


@register
class Exp2(AbstractElementwise):
    """2ˣ."""

    name = "exp2"
    arity = 1
    numpy = np.exp2
    expression = "2**x"
    gradients = ("log(2)*r",)
    numba = "np.exp2({0})"
    finite = False


@register
class Expm1(AbstractElementwise):
    """eˣ - 1, accurate near 0."""

    name = "expm1"
    arity = 1
    numpy = np.expm1
    expression = "exp(x) - 1"  # whose derivative r + 1 would cancel below -37
    numba = "np.expm1({0})"
    finite = False


@register
class Log(AbstractElementwise):
    """ln x; -∞ at 0, NaN below."""

    name = "log"
    arity = 1
    numpy = np.log
    expression = "log(x)"
    numba = "np.log({0})"
    domain = ((0.1, 3.0),)
    finite = False


@register
class Log2(AbstractElementwise):
    """log₂ x."""

    name = "log2"
    arity = 1
    numpy = np.log2
    expression = "log(x)/log(2)"
    gradients = ("(1/log(2))/x",)
    numba = "np.log2({0})"
    domain = ((0.1, 3.0),)
    finite = False


@register
class Log10(AbstractElementwise):
    """log₁₀ x."""

    name = "log10"
    arity = 1
    numpy = np.log10
    expression = "log(x)/log(10)"
    gradients = ("(1/log(10))/x",)
    numba = "np.log10({0})"
    domain = ((0.1, 3.0),)
    finite = False


@register
class Log1p(AbstractElementwise):
    """ln(1 + x), accurate near 0."""

    name = "log1p"
    arity = 1
    numpy = np.log1p
    expression = "log(1 + x)"
    gradients = ("1/(1 + x)",)
    numba = "np.log1p({0})"
    domain = ((-0.9, 3.0),)
    finite = False


@register
class LogAddExp(AbstractElementwise):
    """ln(eˣ + eʸ) without overflow. Gradients are the two-way softmax, σ(x - y) and σ(y - x)."""

    name = "logaddexp"
    arity = 2
    numpy = np.logaddexp
    expression = "log(exp(x) + exp(y))"
    gradients = ("exp(x - r)", "exp(y - r)")
    numba = "np.logaddexp({0}, {1})"
    domain = ((-3.0, 3.0), (-3.0, 3.0))


@register
class LogAddExp2(AbstractElementwise):
    """log₂(2ˣ + 2ʸ) without overflow."""

    name = "logaddexp2"
    arity = 2
    numpy = np.logaddexp2
    expression = "log(2**x + 2**y)/log(2)"
    gradients = ("exp2(x - r)", "exp2(y - r)")
    numba = "np.logaddexp2({0}, {1})"
    domain = ((-3.0, 3.0), (-3.0, 3.0))
