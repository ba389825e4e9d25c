"""Sorting along an axis: stable, NaN last, as NumPy."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from graphc.dataclass import dataclass
from graphc.errors import ShapeError
from graphc.ir.dims import Dim
from graphc.ir.graph import AbstractOp
from graphc.ir.types import ArrayType
from graphc.ops.base import apply, every_example, register


@dataclass(frozen=True)
class _Sorting(AbstractOp):
    axis: int

    def infer(self, *args: ArrayType) -> ArrayType:
        (x,) = args
        if not 0 <= self.axis < x.ndim:
            raise ShapeError(f"{self.name} along axis {self.axis} of {x}")
        return x.with_dtype(self.result_dtype(x.dtype))

    def result_dtype(self, dtype: np.dtype) -> np.dtype:
        return dtype

    def batch(self, size: Dim, batched: tuple[bool, ...], *args: Any) -> Any:
        return apply(type(self)(self.axis + 1), *args)


@register
class Sort(_Sorting):
    """The elements along `axis` in ascending order, NaN last."""

    axis: int

    name: ClassVar[str] = "sort"

    def evaluate(self, *args: Any) -> Any:
        return np.sort(args[0], self.axis, kind="stable")

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        """The cotangent of a place goes to the element that landed there."""
        order = apply(ArgSort(self.axis), args[0])
        return (np.take_along_axis(g, apply(ArgSort(self.axis), order), self.axis),)

    def jvp(self, tangents: tuple[Any, ...], y: Any, *args: Any) -> Any:
        return np.take_along_axis(tangents[0], apply(ArgSort(self.axis), args[0]), self.axis)


@register
class ArgSort(_Sorting):
    """Positions that put the elements along `axis` in ascending order, equal ones as they stood."""

    axis: int

    name: ClassVar[str] = "argsort"

    def result_dtype(self, dtype: np.dtype) -> np.dtype:
        return np.dtype(np.int64)

    def evaluate(self, *args: Any) -> Any:
        return np.argsort(args[0], self.axis, kind="stable")

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        return (None,)


@register
class SearchSorted(AbstractOp):
    """How many elements of the ascending vector are below each value; with `right`, not above it.

    Vectors may stand along the last axis of a batch, whose axes then lead in the values too.
    """

    right: bool

    name: ClassVar[str] = "searchsorted"

    def infer(self, *args: ArrayType) -> ArrayType:
        ascending, values = args
        lead = ascending.shape[:-1]
        if not ascending.ndim or values.shape[: len(lead)] != lead or ascending.dtype != values.dtype:
            raise ShapeError(f"{self.name} of {values} in {ascending}")
        return values.with_dtype(np.dtype(np.int64))

    def evaluate(self, *args: Any) -> Any:
        ascending, values = (np.asarray(x) for x in args)
        y = np.empty(values.shape, np.int64)
        for place in np.ndindex(*ascending.shape[:-1]):
            y[place] = np.searchsorted(ascending[place], values[place], "right" if self.right else "left")
        return y

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        return (None, None)

    def batch(self, size: Dim, batched: tuple[bool, ...], *args: Any) -> Any:
        if len(args[0].shape) == 1:  # one vector for all examples
            return apply(self, *args)
        return apply(self, *every_example(size, batched, args))
