"""Logic of truth values: what is not 0 is true, NaN too."""

from __future__ import annotations

import numpy as np

from graphc.ops.base import AbstractElementwise, register


@register
class LogicalAnd(AbstractElementwise):
    """Whether x and y are both nonzero."""

    name = "logical_and"
    arity = 2
    numpy = np.logical_and
    expression = "And(Ne(x, 0), Ne(y, 0))"
    numba = "({0} != 0) and ({1} != 0)"
    domain = ((-3.0, 3.0), (-3.0, 3.0))
    differentiable = False


@register
class LogicalOr(AbstractElementwise):
    """Whether x or y is nonzero."""

    name = "logical_or"
    arity = 2
    numpy = np.logical_or
    expression = "Or(Ne(x, 0), Ne(y, 0))"
    numba = "({0} != 0) or ({1} != 0)"
    domain = ((-3.0, 3.0), (-3.0, 3.0))
    differentiable = False


@register
class LogicalXor(AbstractElementwise):
    """Whether exactly one of x and y is nonzero."""

    name = "logical_xor"
    arity = 2
    numpy = np.logical_xor
    expression = "Xor(Ne(x, 0), Ne(y, 0))"
    numba = "({0} != 0) != ({1} != 0)"
    domain = ((-3.0, 3.0), (-3.0, 3.0))
    differentiable = False


@register
class LogicalNot(AbstractElementwise):
    """Whether x is zero."""

    name = "logical_not"
    arity = 1
    numpy = np.logical_not
    expression = "Eq(x, 0)"
    numba = "{0} == 0"
    differentiable = False
