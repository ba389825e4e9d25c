"""Sums, products, quotients and remainders."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graphc.ir.graph import Node
from graphc.ops.base import AbstractElementwise, register
from graphc.ops.elementwise.constants import known_nonzero


@register
class Add(AbstractElementwise):
    """x + y; `or` on booleans. Integers wrap around."""

    name = "add"
    arity = 2
    numpy = np.add
    expression = "x + y"
    numba = "{0} + {1}"
    domain = ((-3.0, 3.0), (-3.0, 3.0))

    def is_gated(self, gated: Sequence[bool], *args: Node) -> bool:
        return all(gated)

    def numba_for(self, *dtypes: np.dtype) -> str:
        return "{0} or {1}" if dtypes[0].kind == "b" else self.numba


@register
class Subtract(AbstractElementwise):
    """x - y. Integers wrap around; NumPy refuses booleans."""

    name = "subtract"
    arity = 2
    numpy = np.subtract
    expression = "x - y"
    numba = "{0} - {1}"
    domain = ((-3.0, 3.0), (-3.0, 3.0))

    def is_gated(self, gated: Sequence[bool], *args: Node) -> bool:
        return all(gated)


@register
class Multiply(AbstractElementwise):
    """x y; `and` on booleans. Integers wrap around."""

    name = "multiply"
    arity = 2
    numpy = np.multiply
    expression = "x*y"
    numba = "{0} * {1}"
    domain = ((-3.0, 3.0), (-3.0, 3.0))
    annihilated_by = (0, 1)

    def numba_for(self, *dtypes: np.dtype) -> str:
        return "{0} and {1}" if dtypes[0].kind == "b" else self.numba


@register
class Divide(AbstractElementwise):
    """x / y, in floating point for integers too."""

    name = "divide"
    arity = 2
    numpy = np.divide
    expression = "x/y"
    gradients = ("1/y", "-r*(1/y)")  # one division serves both
    numba = "{0} / {1}"
    domain = ((-3.0, 3.0), (0.5, 3.0))
    finite = False
    annihilated_by = (0,)

    def stays_finite(self, *args: Node) -> bool:
        return known_nonzero(args[1])


@register
class FloorDivide(AbstractElementwise):
    """⌊x / y⌋, rounded towards -∞. Integers: x // 0 = 0. Gradient 0, as of any step function."""

    name = "floor_divide"
    arity = 2
    numpy = np.floor_divide
    expression = "floor(x/y)"
    numba = "special.floor_divide({0}, {1})"
    domain = ((-3.0, 3.0), (0.5, 3.0))
    differentiable = False
    finite = False

    def numba_for(self, *dtypes: np.dtype) -> str:
        if dtypes[0].kind == "i":
            return "({1} if {1} == 0 else (-{0} if {1} == -1 else {0} // {1}))"
        return "({1} if {1} == 0 else {0} // {1})" if dtypes[0].kind == "u" else self.numba


@register
class Remainder(AbstractElementwise):
    """x - y ⌊x/y⌋, with the sign of y (Python's %). Integers: x % 0 = 0.

    Gradient 1 and -⌊x/y⌋: that of the piece, also at the jumps.
    """

    name = "remainder"
    arity = 2
    numpy = np.remainder
    expression = "x - y*floor(x/y)"
    gradients = ("1", "-floor(x/y)")
    numba = "special.remainder({0}, {1})"
    domain = ((-3.0, 3.0), (0.5, 3.0))
    finite = False

    def numba_for(self, *dtypes: np.dtype) -> str:
        if dtypes[0].kind == "i":
            return "({1} - {1} if {1} == 0 or {1} == -1 else {0} % {1})"
        return "({1} if {1} == 0 else {0} % {1})" if dtypes[0].kind == "u" else self.numba


@register
class Fmod(AbstractElementwise):
    """x - y trunc(x/y), with the sign of x (C's fmod). Integers: fmod(x, 0) = 0."""

    name = "fmod"
    arity = 2
    numpy = np.fmod
    expression = "x - y*trunc(x/y)"
    gradients = ("1", "-trunc(x/y)")
    numba = "np.fmod({0}, {1})"
    domain = ((-3.0, 3.0), (0.5, 3.0))
    finite = False

    def numba_for(self, *dtypes: np.dtype) -> str:
        if dtypes[0].kind == "i":
            rest = "({0} % {1} - {1} if {0} % {1} != 0 and ({0} < 0) != ({1} < 0) else {0} % {1})"
            return "({1} - {1} if {1} == 0 or {1} == -1 else " + rest + ")"
        return "({1} if {1} == 0 else {0} % {1})" if dtypes[0].kind == "u" else self.numba


@register
class Negative(AbstractElementwise):
    """-x. Integers wrap around; NumPy refuses booleans."""

    name = "negative"
    arity = 1
    numpy = np.negative
    expression = "-x"
    numba = "-{0}"
    annihilated_by = (0,)


@register
class Absolute(AbstractElementwise):
    """|x|; the smallest integer stays itself. Gradient sign(x), which is 0 at 0."""

    name = "absolute"
    arity = 1
    numpy = np.absolute
    expression = "Abs(x)"
    numba = "abs({0})"

    def numba_for(self, *dtypes: np.dtype) -> str:
        return self.numba if dtypes[0].kind in "if" else "{0}"


@register
class Fabs(AbstractElementwise):
    """|x| in floating point. Gradient sign(x), which is 0 at 0."""

    name = "fabs"
    arity = 1
    numpy = np.fabs
    expression = "Abs(x)"
    numba = "np.fabs({0})"


@register
class Sign(AbstractElementwise):
    """-1, 0 or 1 as x is below, at or above 0; NaN of NaN. Gradient 0."""

    name = "sign"
    arity = 1
    numpy = np.sign
    expression = "sign(x)"
    numba = "np.sign({0})"
    differentiable = False

    def numba_for(self, *dtypes: np.dtype) -> str:
        if dtypes[0].kind == "f":  # Numba's sign of -0.0 is -0.0
            return "({0} if {0} != {0} else (1.0 if {0} > 0 else (-1.0 if {0} < 0 else 0.0)))"
        return "(1 if {0} > 0 else 0)" if dtypes[0].kind == "u" else self.numba


@register
class Square(AbstractElementwise):
    """x²."""

    name = "square"
    arity = 1
    numpy = np.square
    expression = "x**2"
    gradients = ("2*x",)
    numba = "{0} * {0}"
    annihilated_by = (0,)


@register
class Reciprocal(AbstractElementwise):
    """1 / x, truncated to an integer for integers, for which 1 / 0 is undefined."""

    name = "reciprocal"
    arity = 1
    numpy = np.reciprocal
    expression = "1/x"
    gradients = ("-r*r",)
    numba = "1 / {0}"
    domain = ((0.5, 3.0),)
    finite = False

    def numba_for(self, *dtypes: np.dtype) -> str:
        if dtypes[0].kind == "f":
            return f"np.{dtypes[0].name}(1) / {{0}}"
        return "np.reciprocal({0})"


@register
class Gcd(AbstractElementwise):
    """Greatest common divisor of integers, never negative; gcd(0, 0) = 0."""

    name = "gcd"
    arity = 2
    numpy = np.gcd
    expression = "gcd(x, y)"
    numba = "np.gcd({0}, {1})"
    domain = ((-30.0, 30.0), (-30.0, 30.0))
    differentiable = False


@register
class Lcm(AbstractElementwise):
    """Least common multiple of integers, never negative; 0 where one is 0."""

    name = "lcm"
    arity = 2
    numpy = np.lcm
    expression = "lcm(x, y)"
    numba = "np.lcm({0}, {1})"
    domain = ((-30.0, 30.0), (-30.0, 30.0))
    differentiable = False
