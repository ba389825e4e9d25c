"""Rounding to integers. Step functions: their gradient is 0 everywhere, jumps included."""

from __future__ import annotations

import numpy as np

from graphc.ops.base import AbstractElementwise, register


@register
class Floor(AbstractElementwise):
    """⌊x⌋."""

    name = "floor"
    arity = 1
    numpy = np.floor
    expression = "floor(x)"
    numba = "np.floor({0})"
    differentiable = False


@register
class Ceil(AbstractElementwise):
    """⌈x⌉."""

    name = "ceil"
    arity = 1
    numpy = np.ceil
    expression = "ceiling(x)"
    numba = "np.ceil({0})"
    differentiable = False


@register
class Trunc(AbstractElementwise):
    """x rounded towards 0."""

    name = "trunc"
    arity = 1
    numpy = np.trunc
    expression = "trunc(x)"
    numba = "np.trunc({0})"
    differentiable = False


@register
class Rint(AbstractElementwise):
    """The nearest integer, ties to even."""

    name = "rint"
    arity = 1
    numpy = np.rint
    expression = "rint(x)"
    numba = "np.rint({0})"
    differentiable = False
