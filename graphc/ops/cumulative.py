"""Running sums, products and extrema along an axis."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from graphc.dataclass import dataclass
from graphc.errors import ShapeError
from graphc.ir.dims import Dim
from graphc.ir.graph import AbstractOp
from graphc.ir.types import ArrayType
from graphc.ops.base import AbstractLinear, apply, every_example, register


@dataclass(frozen=True)
class AbstractCumulative(AbstractOp):
    """y[i] = y[i-1] ∘ x[i] along `axis`, where `combine` names the elementwise op ∘."""

    axis: int

    combine: ClassVar[str]

    def infer(self, *args: ArrayType) -> ArrayType:
        (x,) = args
        if not 0 <= self.axis < x.ndim:
            raise ShapeError(f"{self.name} along axis {self.axis} of {x}")
        return x

    def batch(self, size: Dim, batched: tuple[bool, ...], *args: Any) -> Any:
        return apply(replace(self, axis=self.axis + 1), *args)


@register
class CumSum(AbstractLinear, AbstractCumulative):
    """y[i] = Σ x[j] over j ≤ i along `axis`; with `reverse`, over j ≥ i."""

    axis: int
    reverse: bool = False

    name: ClassVar[str] = "cumsum"
    combine: ClassVar[str] = "add"

    def evaluate(self, *args: Any) -> Any:
        (x,) = args
        if self.reverse:
            return np.flip(np.cumsum(np.flip(x, self.axis), self.axis, x.dtype), self.axis)
        return np.cumsum(x, self.axis, x.dtype)

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        return (apply(CumSum(self.axis, not self.reverse), g),)


@register
class CumProd(AbstractCumulative):
    """y[i] = Π x[j] over j ≤ i along `axis`; with `reverse`, over j ≥ i."""

    axis: int
    reverse: bool = False

    name: ClassVar[str] = "cumprod"
    combine: ClassVar[str] = "multiply"

    def evaluate(self, *args: Any) -> Any:
        (x,) = args
        if self.reverse:
            return np.flip(np.cumprod(np.flip(x, self.axis), self.axis, x.dtype), self.axis)
        return np.cumprod(x, self.axis, x.dtype)

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        """Exact where factors are zero: Σ_{j≥i} g_j Π_{k≤j, k≠i} x_k, by h_i = g_i + x_{i+1} h_{i+1}.

        The sum is before_i · h_i with before_i = Π_{k<i} x_k; the recurrence h is one linear scan.
        """
        (x,) = args
        before = shifted(y, self.axis, not self.reverse)
        return (before * apply(LinearRecurrence(self.axis, not self.reverse), self._factors(x), g),)

    def _factors(self, x: Any) -> Any:
        """x_{i+1} at i, one at the end."""
        return shifted(x, self.axis, self.reverse)


def shifted(x: Any, axis: int, later: bool) -> Any:
    """x moved by one place along `axis`, to later places or to earlier ones; one comes in."""
    lead = (slice(None),) * axis
    one = np.ones_like(x[(*lead, slice(0, 1))])
    if later:
        return np.concatenate([one, x[(*lead, slice(None, -1))]], axis)
    return np.concatenate([x[(*lead, slice(1, None))], one], axis)


class _RunningExtremum(AbstractCumulative):
    """Shared gradient of running maxima and minima: that of the first of equal elements."""

    axis: int

    reverse: ClassVar[bool] = False

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        """What arrives at a run of equal results goes to the element that began it: h_i = g_i + h_{i+1}."""
        (x,) = args
        lead = (slice(None),) * self.axis
        later, before = x[(*lead, slice(1, None))], y[(*lead, slice(None, -1))]
        begins = self._replaces(later, before) | (np.isnan(later) & ~np.isnan(before))
        edge = np.ones_like(x[(*lead, slice(0, 1))], dtype=bool)
        continues = np.concatenate([~begins, ~edge], self.axis).astype(g.dtype)
        total = apply(LinearRecurrence(self.axis, True), continues, g)
        return (np.where(np.concatenate([edge, begins], self.axis), total, np.zeros_like(total)),)

    def _replaces(self, later: Any, before: Any) -> Any:
        raise NotImplementedError


@register
class CumMax(_RunningExtremum):
    """y[i] = max x[j] over j ≤ i along `axis`; NaN from the first NaN on."""

    axis: int

    name: ClassVar[str] = "cummax"
    combine: ClassVar[str] = "maximum"

    def evaluate(self, *args: Any) -> Any:
        return np.maximum.accumulate(args[0], self.axis)

    def _replaces(self, later: Any, before: Any) -> Any:
        return later > before


@register
class CumMin(_RunningExtremum):
    """y[i] = min x[j] over j ≤ i along `axis`; NaN from the first NaN on."""

    axis: int

    name: ClassVar[str] = "cummin"
    combine: ClassVar[str] = "minimum"

    def evaluate(self, *args: Any) -> Any:
        return np.minimum.accumulate(args[0], self.axis)

    def _replaces(self, later: Any, before: Any) -> Any:
        return later < before


@register
class LinearRecurrence(AbstractOp):
    """y[i] = a[i] y[i-1] + b[i] along `axis`, from zero; with `reverse`, y[i] = a[i] y[i+1] + b[i]."""

    axis: int
    reverse: bool = False

    name: ClassVar[str] = "linear_recurrence"

    def infer(self, *args: ArrayType) -> ArrayType:
        a, b = args
        if a != b or not 0 <= self.axis < a.ndim:
            raise ShapeError(f"{self.name} along axis {self.axis} of {a} and {b}")
        return a

    def evaluate(self, *args: Any) -> Any:
        a, b = (np.moveaxis(x, self.axis, 0) for x in args)
        y = np.empty_like(b)
        state = np.zeros(b.shape[1:], b.dtype)
        places = range(len(b))
        for i in reversed(places) if self.reverse else places:
            state = a[i] * state + b[i]
            y[i] = state
        return np.moveaxis(y, 0, self.axis)

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        """h_i = g_i + a_{i+1} h_{i+1} is ∂/∂b_i; ∂/∂a_i = h_i y_{i-1}."""
        a, _ = args
        h = apply(LinearRecurrence(self.axis, not self.reverse), shifted(a, self.axis, self.reverse), g)
        previous = shifted(y, self.axis, not self.reverse)
        lead = (slice(None),) * self.axis
        first = slice(0, 1) if not self.reverse else slice(-1, None)
        edge = np.zeros_like(y[(*lead, first)])
        inner = previous[(*lead, slice(1, None) if not self.reverse else slice(None, -1))]
        parts = [edge, inner] if not self.reverse else [inner, edge]
        return (h * np.concatenate(parts, self.axis), h)

    def batch(self, size: Dim, batched: tuple[bool, ...], *args: Any) -> Any:
        return apply(LinearRecurrence(self.axis + 1, self.reverse), *every_example(size, batched, args))
