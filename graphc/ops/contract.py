"""Products summed over shared axes: matrix products of every layout, with batch axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from graphc.errors import DTypeError, ShapeError
from graphc.ir.dims import Dim
from graphc.ir.graph import AbstractOp, Node
from graphc.ir.types import ArrayType
from graphc.ops.base import apply, register
from graphc.ops.elementwise.cotangents import needs_guard, scaled


@register
class Contract(AbstractOp):
    """y[out] = Σ a[left] b[right]: an einsum of two operands.

    Labels are small integers. Each label occurs at most once per operand; a label outside `out`
    occurs in both operands and is summed. Booleans combine with `or` and `and`, as in `@`.
    """

    left: tuple[int, ...]
    right: tuple[int, ...]
    out: tuple[int, ...]

    name: ClassVar[str] = "contract"

    def is_gated(self, gated: Sequence[bool], *args: Node) -> bool:
        return any(gated)

    def infer(self, *args: ArrayType) -> ArrayType:
        a, b = args
        if a.dtype != b.dtype:
            raise DTypeError(f"contract of {a} and {b}: convert the operands to one dtype first")
        sizes: dict[int, Dim] = {}
        pairs = [*zip(self.left, a.shape, strict=True), *zip(self.right, b.shape, strict=True)]
        for label, n in pairs:
            if sizes.setdefault(label, n) != n:
                raise ShapeError(f"contract[{self}] of {a} and {b}: sizes {sizes[label]} and {n} differ")
        summed = (set(self.left) | set(self.right)) - set(self.out)
        if not summed <= set(self.left) & set(self.right) or len(set(self.out)) != len(self.out):
            raise ShapeError(f"contract[{self}]: labels {summed} are summed but not shared")
        return ArrayType(a.dtype, tuple(sizes[label] for label in self.out))

    def __str__(self) -> str:
        letters = ("".join(chr(97 + i) for i in part) for part in (self.left, self.right, self.out))
        return "{},{}->{}".format(*letters)

    def evaluate(self, *args: Any) -> Any:
        a, b = args
        return np.einsum(a, list(self.left), b, list(self.right), list(self.out))

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        a, b = args
        return (self._scaled(g, b, self.right, self.left, a), self._scaled(g, a, self.left, self.right, b))

    def _scaled(self, g: Any, d: Any, of_d: tuple[int, ...], to: tuple[int, ...], like: Any) -> Any:
        """The contraction of g and d that has the labels `to` and the shape of `like`.

        Where it sums nothing it is a product of elements: there a zero can win, see `cotangents`.
        """
        if needs_guard(g, d) and set(self.out) | set(of_d) <= set(to):
            return scaled(_spread(g, self.out, to, like.shape), _spread(d, of_d, to, like.shape))
        return apply(Contract(self.out, of_d, to), g, d)

    def batch(self, size: Dim, batched: tuple[bool, ...], *args: Any) -> Any:
        """One larger product: the examples are an axis more of the operands that have them, never a loop."""
        example = max((*self.left, *self.right), default=-1) + 1
        left, right = (
            (example, *labels) if marked else labels
            for marked, labels in zip(batched, (self.left, self.right), strict=True)
        )
        return apply(Contract(left, right, (example, *self.out)), *args)


def _spread(x: Any, labels: tuple[int, ...], to: tuple[int, ...], shape: tuple[Dim, ...]) -> Any:
    """x with its axes where `to` has their labels, repeated along the other axes of `shape`."""
    ordered = np.transpose(x, sorted(range(len(labels)), key=lambda axis: to.index(labels[axis])))
    places = tuple(slice(None) if label in labels else None for label in to)
    return np.broadcast_to(ordered[places], shape)  # type: ignore[arg-type]
