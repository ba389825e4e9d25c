"""Bit patterns of integers, and logic of booleans."""

from __future__ import annotations

import numpy as np

from graphc.ops.base import AbstractElementwise, register


@register
class BitwiseAnd(AbstractElementwise):
    """Bits set in both x and y."""

    name = "bitwise_and"
    arity = 2
    numpy = np.bitwise_and
    expression = "bitwise_and(x, y)"
    numba = "{0} & {1}"
    domain = ((-3.0, 3.0), (-3.0, 3.0))
    differentiable = False


@register
class BitwiseOr(AbstractElementwise):
    """Bits set in x or y."""

    name = "bitwise_or"
    arity = 2
    numpy = np.bitwise_or
    expression = "bitwise_or(x, y)"
    numba = "{0} | {1}"
    domain = ((-3.0, 3.0), (-3.0, 3.0))
    differentiable = False


@register
class BitwiseXor(AbstractElementwise):
    """Bits set in exactly one of x and y."""

    name = "bitwise_xor"
    arity = 2
    numpy = np.bitwise_xor
    expression = "bitwise_xor(x, y)"
    numba = "{0} ^ {1}"
    domain = ((-3.0, 3.0), (-3.0, 3.0))
    differentiable = False


@register
class Invert(AbstractElementwise):
    """Bits of x flipped; `not` on booleans."""

    name = "invert"
    arity = 1
    numpy = np.invert
    expression = "invert(x)"
    numba = "~{0}"
    differentiable = False

    def numba_for(self, *dtypes: np.dtype) -> str:
        return "not {0}" if dtypes[0].kind == "b" else self.numba


@register
class LeftShift(AbstractElementwise):
    """x 2ʸ modulo the word; 0 where y is at least the number of bits or negative."""

    name = "left_shift"
    arity = 2
    numpy = np.left_shift
    expression = "left_shift(x, y)"
    numba = "np.left_shift({0}, {1})"
    domain = ((-9.0, 9.0), (0.0, 9.0))
    differentiable = False

    def numba_for(self, *dtypes: np.dtype) -> str:
        return f"({{0}} << {{1}} if 0 <= {{1}} < {8 * dtypes[0].itemsize} else {{0}} - {{0}})"


@register
class RightShift(AbstractElementwise):
    """⌊x / 2ʸ⌋; 0 or -1 where y is at least the number of bits or negative."""

    name = "right_shift"
    arity = 2
    numpy = np.right_shift
    expression = "right_shift(x, y)"
    numba = "np.right_shift({0}, {1})"
    domain = ((-9.0, 9.0), (0.0, 9.0))
    differentiable = False

    def numba_for(self, *dtypes: np.dtype) -> str:
        bits = 8 * dtypes[0].itemsize
        beyond = f"{{0}} >> {bits - 1}" if dtypes[0].kind == "i" else "{0} - {0}"
        return f"({{0}} >> {{1}} if 0 <= {{1}} < {bits} else {beyond})"


@register
class BitwiseCount(AbstractElementwise):
    """The number of bits set in |x|, u8."""

    name = "bitwise_count"
    arity = 1
    numpy = np.bitwise_count
    expression = "bitwise_count(x)"
    numba = "special.bitwise_count({0})"
    differentiable = False

    def numba_for(self, *dtypes: np.dtype) -> str:
        magnitude = "abs({0})" if dtypes[0].kind == "i" else "{0}"
        return f"special.bitwise_count(np.uint64(np.uint{8 * dtypes[0].itemsize}({magnitude})))"
