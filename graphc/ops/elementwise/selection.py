"""Choosing between values. Their gradients select cotangents, never multiply by a 0 or 1.

So an infinite or NaN cotangent of what was chosen does not reach what was not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.errors import DTypeError
from graphc.ir.graph import Node
from graphc.ops.base import AbstractElementwise, AbstractTraced, apply, register
from graphc.ops.view import BroadcastTo


def select(condition: Any, a: Any, b: Any) -> Any:
    """a where `condition` holds, else b; one of a and b may be a Python number of the other's dtype."""
    if isinstance(a, int | float):
        a = filled(b, a)
    if isinstance(b, int | float):
        b = filled(a, b)
    return apply(Where(), condition, a, b)


def filled(like: Any, value: float) -> Any:
    """`value` in the shape and dtype of `like`."""
    constant = np.asarray(value, like.dtype)
    if not isinstance(like, AbstractTraced):
        return np.full(np.shape(like), constant)
    shape = tuple(like.shape)
    return constant if shape == () else like.apply(BroadcastTo(shape), (constant,))


@register
class Where(AbstractElementwise):
    """y where the boolean x holds, else z.

    The cotangent goes to the chosen operand, an exact 0 to the other.
    """

    name = "where"
    arity = 3
    expression = "Piecewise((y, Ne(x, 0)), (z, True))"
    numba = "{1} if {0} else {2}"
    domain = ((0.0, 1.0), (-3.0, 3.0), (-3.0, 3.0))

    def result_dtype(self, *dtypes: np.dtype) -> np.dtype:
        if dtypes[0] != np.bool_ or dtypes[1] != dtypes[2]:
            raise DTypeError(
                f"where takes bool and two operands of one dtype, got {', '.join(map(str, dtypes))}"
            )
        return dtypes[1]

    def is_gated(self, gated: Sequence[bool], *args: Node) -> bool:
        return gated[1] or gated[2]

    def evaluate(self, *args: Any) -> Any:
        return np.where(*args)

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        (condition, _, _) = args
        if g.dtype.kind != "f":
            return (None, None, None)
        return (None, select(condition, g, 0.0), select(condition, 0.0, g))

    def jvp(self, tangents: tuple[Any, ...], y: Any, *args: Any) -> Any:
        _, a, b = tangents
        return select(args[0], 0.0 if a is None else a, 0.0 if b is None else b)


class _GuardedProduct(AbstractElementwise):
    """x y, where a factor 0 wins over an infinite one."""

    arity = 2
    expression = "x*y"
    domain = ((-3.0, 3.0), (-3.0, 3.0))
    annihilated_by = (0, 1)

    def result_dtype(self, *dtypes: np.dtype) -> np.dtype:
        if dtypes[0] != dtypes[1] or dtypes[0].kind != "f":
            raise DTypeError(
                f"{self.name} takes two operands of one float dtype, got {', '.join(map(str, dtypes))}"
            )
        return dtypes[0]

    def jvp(self, tangents: tuple[Any, ...], y: Any, *args: Any) -> Any:
        from graphc.ops.elementwise.cotangents import pushed, total

        return total(pushed(t, d) for t, d in zip(tangents, reversed(args), strict=True))


@register
class MulOrZero(_GuardedProduct):
    """x y, but 0 where x is 0, also if y is infinite or NaN: a cotangent x that is 0 has no effect.

    The reverse pass uses it in place of `multiply` where a local gradient y can be infinite, so that an
    untaken branch of `where` contributes 0 and not 0 · ∞ = NaN.
    """

    name = "mul_or_zero"
    numba = "{0} * {1} if {0} != 0 else {0}"

    def evaluate(self, *args: Any) -> Any:
        x, y = args
        with np.errstate(invalid="ignore"):
            return np.where(x == 0, x, x * y)

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        x, z = args
        return apply(MulOrZero(), g, z), apply(MulZerosWin(), g, x)


@register
class MulZerosWin(_GuardedProduct):
    """x y, but 0 where either is 0, also if the other is infinite or NaN.

    The derivative of `mul_or_zero` by its second factor: where the first is 0, the second has no effect,
    however steeply something depends on the product.
    """

    name = "mul_zeros_win"
    numba = "({0} * {1} if {1} != 0 else {1}) if {0} != 0 else {0}"

    def evaluate(self, *args: Any) -> Any:
        x, y = args
        with np.errstate(invalid="ignore"):
            return np.where(x == 0, x, np.where(y == 0, y, x * y))

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        x, z = args
        return apply(MulZerosWin(), g, z), apply(MulZerosWin(), g, x)


class _Extremum(AbstractElementwise):
    """Shared gradient of maximum and minimum: the chosen operand gets it, equal operands get half each."""

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        if g.dtype.kind != "f":
            return (None, None)
        a, b = args
        chosen_a, chosen_b = self.chosen(a, b)
        half = 0.5 * g
        return (
            select(chosen_a, g, select(chosen_b, 0.0, half)),
            select(chosen_b, g, select(chosen_a, 0.0, half)),
        )

    def jvp(self, tangents: tuple[Any, ...], y: Any, *args: Any) -> Any:
        s, t = (0.0 if t is None else t for t in tangents)
        chosen_a, chosen_b = self.chosen(*args)
        return select(chosen_a, s, select(chosen_b, t, 0.5 * (s + t)))

    def chosen(self, a: Any, b: Any) -> tuple[Any, Any]:
        """Where the result is a alone, and where it is b alone."""
        raise NotImplementedError


class _Larger(_Extremum):
    expression = "Max(x, y)"
    domain = ((-3.0, 3.0), (-3.0, 3.0))
    arity = 2

    def chosen(self, a: Any, b: Any) -> tuple[Any, Any]:
        return a > b, b > a


class _Smaller(_Extremum):
    expression = "Min(x, y)"
    domain = ((-3.0, 3.0), (-3.0, 3.0))
    arity = 2

    def chosen(self, a: Any, b: Any) -> tuple[Any, Any]:
        return a < b, b < a


@register
class Maximum(_Larger):
    """The larger of x and y; NaN if one is. Ties share the gradient, half each."""

    name = "maximum"
    numpy = np.maximum
    numba = "np.maximum({0}, {1})"


@register
class Minimum(_Smaller):
    """The smaller of x and y; NaN if one is. Ties share the gradient, half each."""

    name = "minimum"
    numpy = np.minimum
    numba = "np.minimum({0}, {1})"


@register
class Fmax(_Larger):
    """The larger of x and y; the other if one is NaN. Ties share the gradient, half each."""

    name = "fmax"
    numpy = np.fmax
    numba = "np.fmax({0}, {1})"

    def chosen(self, a: Any, b: Any) -> tuple[Any, Any]:
        return (a > b) | ((b != b) & (a == a)), (b > a) | ((a != a) & (b == b))


@register
class Fmin(_Smaller):
    """The smaller of x and y; the other if one is NaN. Ties share the gradient, half each."""

    name = "fmin"
    numpy = np.fmin
    numba = "np.fmin({0}, {1})"

    def chosen(self, a: Any, b: Any) -> tuple[Any, Any]:
        return (a < b) | ((b != b) & (a == a)), (b < a) | ((a != a) & (b == b))


@register
class Heaviside(AbstractElementwise):
    """0, y or 1 as x is below, at or above 0. Gradient 0 in x (the jump included); in y, 1 where x = 0."""

    name = "heaviside"
    arity = 2
    numpy = np.heaviside
    expression = "Piecewise((0, x < 0), (y, Eq(x, 0)), (1, True))"
    numba = "({0} if {0} != {0} else (0.0 if {0} < 0 else ({1} if {0} == 0 else 1.0)))"
    domain = ((-3.0, 3.0), (-3.0, 3.0))

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        return (None, select(args[0] == 0, g, 0.0))
