"""Reductions over axes."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from graphc.dataclass import dataclass
from graphc.errors import DTypeError, ShapeError
from graphc.ir.dims import Dim
from graphc.ir.graph import AbstractOp
from graphc.ir.types import ArrayType
from graphc.ops.base import AbstractLinear, AbstractReduction, apply, register
from graphc.ops.elementwise.cotangents import scaled


def spread(g: Any, axes: tuple[int, ...], shape: tuple[Any, ...]) -> Any:
    """A reduced value repeated along the axes it was reduced over."""
    return np.broadcast_to(np.expand_dims(g, axes), shape)


@register
class Sum(AbstractLinear, AbstractReduction):
    """Sum over `axes`. 0 where nothing is summed."""

    name: ClassVar[str] = "sum"
    monoid: ClassVar[str] = "add"

    def evaluate(self, *args: Any) -> Any:
        return np.sum(args[0], axis=self.axes, dtype=args[0].dtype)

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        return (spread(g, self.axes, args[0].shape),)


@register
class Prod(AbstractReduction):
    """Product over `axes`. 1 where nothing is multiplied."""

    name: ClassVar[str] = "prod"
    monoid: ClassVar[str] = "mul"

    def evaluate(self, *args: Any) -> Any:
        return np.prod(args[0], axis=self.axes, dtype=args[0].dtype)

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        """g times the product of the others, exact where factors are zero (no division)."""
        (x,) = args
        if not self.axes:
            return (g,)
        rest = tuple(a for a in range(len(x.shape)) if a not in self.axes)
        order = (*rest, *self.axes)
        length = math.prod(x.shape[a] for a in self.axes)
        flat = np.reshape(np.transpose(x, order), (*(x.shape[a] for a in rest), length))
        one = np.expand_dims(np.ones_like(g), -1)
        before = np.concatenate([one, np.cumprod(flat, axis=-1)], axis=-1)[..., :-1]
        after = np.concatenate([one, np.cumprod(np.flip(flat, -1), axis=-1)], axis=-1)[..., :-1]
        others = np.reshape(before * np.flip(after, -1), tuple(x.shape[a] for a in order))
        back = np.transpose(others, tuple(order.index(i) for i in range(len(order))))
        return (scaled(spread(g, self.axes, x.shape), back),)


class _Extremum(AbstractReduction):
    """Shared gradient of max and min: ties share it equally, so that it is a subgradient."""

    def infer(self, *args: ArrayType) -> ArrayType:
        (x,) = args
        if any(x.shape[a] == 0 for a in self.axes):
            raise ShapeError(f"{self.name} over an empty axis of {x}, which has no identity")
        return AbstractReduction.infer(self, x)

    def conditions(self, *args: ArrayType) -> list[Dim]:
        return [args[0].shape[a] - 1 for a in self.axes]

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        (x,) = args
        chosen = (x == spread(y, self.axes, x.shape)).astype(x.dtype)
        share = g / np.sum(chosen, axis=self.axes, dtype=x.dtype)
        return (chosen * spread(share, self.axes, x.shape),)


@register
class Max(_Extremum):
    """Largest element over `axes`; NaN if there is one."""

    name: ClassVar[str] = "max"
    monoid: ClassVar[str] = "maximum"

    def evaluate(self, *args: Any) -> Any:
        return np.max(args[0], axis=self.axes)


@register
class Supremum(_Extremum):
    """Largest float over `axes`, NaN if there is one; -inf where there are none."""

    name: ClassVar[str] = "supremum"
    monoid: ClassVar[str] = "maximum"

    def infer(self, *args: ArrayType) -> ArrayType:
        return AbstractReduction.infer(self, *args)

    def result_dtype(self, dtype: np.dtype) -> np.dtype:
        if dtype.kind != "f":
            raise DTypeError(f"supremum of {dtype}, which has no infinity")
        return dtype

    def conditions(self, *args: ArrayType) -> list[Dim]:
        return []

    def evaluate(self, *args: Any) -> Any:
        return np.max(args[0], axis=self.axes, initial=-np.inf)


@register
class Min(_Extremum):
    """Smallest element over `axes`; NaN if there is one."""

    name: ClassVar[str] = "min"
    monoid: ClassVar[str] = "minimum"

    def evaluate(self, *args: Any) -> Any:
        return np.min(args[0], axis=self.axes)


class _Logical(AbstractReduction):
    def result_dtype(self, dtype: np.dtype) -> np.dtype:
        if dtype != np.bool_:
            raise DTypeError(f"{self.name} of {dtype}: convert to bool first")
        return dtype

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        return (None,)


@register
class All(_Logical):
    """Whether all booleans over `axes` are true; true where there are none."""

    name: ClassVar[str] = "all"
    monoid: ClassVar[str] = "and"

    def evaluate(self, *args: Any) -> Any:
        return np.all(args[0], axis=self.axes)


@register
class Any_(_Logical):
    """Whether some boolean over `axes` is true; false where there are none."""

    name: ClassVar[str] = "any"
    monoid: ClassVar[str] = "or"

    def evaluate(self, *args: Any) -> Any:
        return np.any(args[0], axis=self.axes)


@dataclass(frozen=True)
class _ArgExtremum(AbstractOp):
    axis: int

    def infer(self, *args: ArrayType) -> ArrayType:
        (x,) = args
        if not 0 <= self.axis < x.ndim or x.shape[self.axis] == 0:
            raise ShapeError(f"{self.name} along axis {self.axis} of {x}")
        return ArrayType(np.dtype(np.int64), x.shape[: self.axis] + x.shape[self.axis + 1 :])

    def conditions(self, *args: ArrayType) -> list[Dim]:
        return [args[0].shape[self.axis] - 1]

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        return (None,)

    def batch(self, size: Dim, batched: tuple[bool, ...], *args: Any) -> Any:
        return apply(type(self)(self.axis + 1), *args)


@register
class ArgMax(_ArgExtremum):
    """Position along `axis` of the first largest element, or of the first NaN."""

    axis: int

    name: ClassVar[str] = "argmax"

    def evaluate(self, *args: Any) -> Any:
        return np.argmax(args[0], axis=self.axis)


@register
class ArgMin(_ArgExtremum):
    """Position along `axis` of the first smallest element, or of the first NaN."""

    axis: int

    name: ClassVar[str] = "argmin"

    def evaluate(self, *args: Any) -> Any:
        return np.argmin(args[0], axis=self.axis)
