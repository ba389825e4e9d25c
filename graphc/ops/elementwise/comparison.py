"""Comparisons: booleans, without gradient. Any comparison with NaN is false, but `!=` is true."""

from __future__ import annotations

import numpy as np

from graphc.ops.base import AbstractElementwise, register


@register
class Equal(AbstractElementwise):
    """x = y."""

    name = "equal"
    arity = 2
    numpy = np.equal
    expression = "Eq(x, y)"
    numba = "{0} == {1}"
    domain = ((-3.0, 3.0), (-3.0, 3.0))
    differentiable = False


@register
class NotEqual(AbstractElementwise):
    """x ≠ y."""

    name = "not_equal"
    arity = 2
    numpy = np.not_equal
    expression = "Ne(x, y)"
    numba = "{0} != {1}"
    domain = ((-3.0, 3.0), (-3.0, 3.0))
    differentiable = False


@register
class Less(AbstractElementwise):
    """x < y."""

    name = "less"
    arity = 2
    numpy = np.less
    expression = "x < y"
    numba = "{0} < {1}"
    domain = ((-3.0, 3.0), (-3.0, 3.0))
    differentiable = False


@register
class LessEqual(AbstractElementwise):
    """x ≤ y."""

    name = "less_equal"
    arity = 2
    numpy = np.less_equal
    expression = "x <= y"
    numba = "{0} <= {1}"
    domain = ((-3.0, 3.0), (-3.0, 3.0))
    differentiable = False


@register
class Greater(AbstractElementwise):
    """x > y."""

    name = "greater"
    arity = 2
    numpy = np.greater
    expression = "x > y"
    numba = "{0} > {1}"
    domain = ((-3.0, 3.0), (-3.0, 3.0))
    differentiable = False


@register
class GreaterEqual(AbstractElementwise):
    """x ≥ y."""

    name = "greater_equal"
    arity = 2
    numpy = np.greater_equal
    expression = "x >= y"
    numba = "{0} >= {1}"
    domain = ((-3.0, 3.0), (-3.0, 3.0))
    differentiable = False
