"""Reading and writing at computed positions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from graphc.errors import DTypeError, ShapeError
from graphc.ir.dims import Dim
from graphc.ir.graph import AbstractOp, Node
from graphc.ir.types import ArrayType
from graphc.ops.base import AbstractTraced, apply, every_example, register
from graphc.ops.leaf import Iota


@register
class Gather(AbstractOp):
    """y[s…, rest…] = x with the axes `axes` fixed at indices[s…].

    Operands: x, then one i64 array per axis of `axes`, all of one shape, values in [0, n). The index
    axes come first in the result. An index outside its axis raises IndexError.
    """

    axes: tuple[int, ...]

    name: ClassVar[str] = "gather"

    def is_gated(self, gated: Sequence[bool], *args: Node) -> bool:
        return gated[0]

    def infer(self, *args: ArrayType) -> ArrayType:
        x, *indices = args
        check_indices(self.name, x, self.axes, indices)
        rest = tuple(n for axis, n in enumerate(x.shape) if axis not in self.axes)
        return ArrayType(x.dtype, indices[0].shape + rest)

    def evaluate(self, *args: Any) -> Any:
        x, *indices = args
        check_bounds(np.shape(x), self.axes, indices)
        return np.moveaxis(x, self.axes, range(len(self.axes)))[tuple(indices)]

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        x, *indices = args
        zeros = np.zeros_like(x)
        return (apply(ScatterAdd(self.axes), zeros, g, *indices), *(None for _ in indices))

    def batch(self, size: Dim, batched: tuple[bool, ...], *args: Any) -> Any:
        x, *indices = args
        axes = tuple(axis + 1 for axis in self.axes)
        if not any(batched[1:]):
            return np.moveaxis(apply(Gather(axes), x, *indices), len(indices[0].shape), 0)
        own = every_example(size, batched[1:], indices)
        if not batched[0]:
            return apply(self, x, *own)
        return apply(Gather((0, *axes)), x, example_numbers(own[0]), *own)


@register
class ScatterAdd(AbstractOp):
    """x plus updates[s…, rest…] added where `axes` are at indices[s…]; repeated indices add up."""

    axes: tuple[int, ...]

    name: ClassVar[str] = "scatter_add"

    def is_gated(self, gated: Sequence[bool], *args: Node) -> bool:
        return gated[0] and gated[1]

    def infer(self, *args: ArrayType) -> ArrayType:
        x, updates, *indices = args
        check_updates(self.name, x, updates, self.axes, indices)
        return x

    def evaluate(self, *args: Any) -> Any:
        x, updates, *indices = args
        check_bounds(np.shape(x), self.axes, indices)
        y = np.array(x)
        np.add.at(np.moveaxis(y, self.axes, range(len(self.axes))), tuple(indices), updates)
        return y

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        _, _, *indices = args
        return (g, apply(Gather(self.axes), g, *indices), *(None for _ in indices))

    def batch(self, size: Dim, batched: tuple[bool, ...], *args: Any) -> Any:
        return _batched_scatter(ScatterAdd, self.axes, size, batched, args)

    def jvp(self, tangents: tuple[Any, ...], y: Any, *args: Any) -> Any:
        pairs = zip(tangents[:2], args[:2], strict=True)
        return apply(self, *(np.zeros_like(x) if t is None else t for t, x in pairs), *args[2:])


@register
class ScatterSet(AbstractOp):
    """x with updates[s…, rest…] stored where `axes` are at indices[s…]; the last of repeated ones wins."""

    axes: tuple[int, ...]

    name: ClassVar[str] = "scatter_set"

    def infer(self, *args: ArrayType) -> ArrayType:
        x, updates, *indices = args
        check_updates(self.name, x, updates, self.axes, indices)
        return x

    def evaluate(self, *args: Any) -> Any:
        x, updates, *indices = args
        check_bounds(np.shape(x), self.axes, indices)
        y = np.array(x)
        np.moveaxis(y, self.axes, range(len(self.axes)))[tuple(indices)] = updates
        return y

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        """The last writer of a position gets its cotangent: writers are numbered, then read back."""
        _, updates, *indices = args
        cleared = apply(self, g, np.zeros_like(updates), *indices)
        shape = tuple(indices[0].shape)
        number = np.reshape(np.arange(indices[0].size, like=g), shape)
        nobody = np.zeros((), np.int64, like=g)  # NumPy itself reads the shape of zeros: no symbols there
        owners = np.broadcast_to(nobody, tuple(g.shape[a] for a in self.axes))
        flat = type(self)(tuple(range(len(self.axes))))
        winner = apply(Gather(flat.axes), apply(flat, owners, number, *indices), *indices) == number
        keep = np.reshape(winner, shape + (1,) * (len(updates.shape) - len(shape)))
        wrote = apply(Gather(self.axes), g, *indices)
        return (cleared, np.where(keep, wrote, np.zeros_like(wrote)), *(None for _ in indices))

    def batch(self, size: Dim, batched: tuple[bool, ...], *args: Any) -> Any:
        return _batched_scatter(ScatterSet, self.axes, size, batched, args)


def _batched_scatter(
    kind: type[ScatterAdd] | type[ScatterSet],
    axes: tuple[int, ...],
    size: Dim,
    batched: tuple[bool, ...],
    args: tuple[Any, ...],
) -> Any:
    """Updates at positions that all examples share, or at the number of the example and its own positions."""
    x, updates = every_example(size, batched[:2], args[:2])
    indices = args[2:]
    later = tuple(axis + 1 for axis in axes)
    if not any(batched[2:]):
        return apply(kind(later), x, np.moveaxis(updates, 0, len(indices[0].shape)), *indices)
    own = every_example(size, batched[2:], indices)
    return apply(kind((0, *later)), x, updates, example_numbers(own[0]), *own)


def example_numbers(like: Any) -> Any:
    """For each element of `like`, its place along axis 0, i64."""
    op = Iota(np.dtype(np.int64), tuple(like.shape), 0)
    return like.apply(op, ()) if isinstance(like, AbstractTraced) else op.evaluate()


def check_indices(name: str, x: ArrayType, axes: tuple[int, ...], indices: list[ArrayType]) -> None:
    """Refuses index operands that do not fit `axes`."""
    if len(axes) != len(indices) or not axes or len(set(axes)) != len(axes) or max(axes) >= x.ndim:
        raise ShapeError(f"{name} along axes {axes} of {x} with {len(indices)} index arrays")
    if any(i.dtype != np.int64 for i in indices):
        raise DTypeError(f"{name}: index arrays must be i64, got {', '.join(map(str, indices))}")
    if any(i.shape != indices[0].shape for i in indices):
        raise ShapeError(f"{name}: index arrays differ in shape: {', '.join(map(str, indices))}")


def check_updates(
    name: str, x: ArrayType, updates: ArrayType, axes: tuple[int, ...], indices: list[ArrayType]
) -> None:
    """Refuses updates that are not the shape a gather would read, or of another dtype."""
    check_indices(name, x, axes, indices)
    rest = tuple(n for axis, n in enumerate(x.shape) if axis not in axes)
    if updates.shape != indices[0].shape + rest or updates.dtype != x.dtype:
        raise ShapeError(f"{name}: updates {updates} do not fit {x} at index arrays {indices[0]}")


def check_bounds(shape: tuple[int, ...], axes: tuple[int, ...], indices: list[Any]) -> None:
    """NumPy's IndexError for the first index outside its axis."""
    for axis, index in zip(axes, indices, strict=True):
        values = np.asarray(index)
        outside = values[(values < 0) | (values >= shape[axis])]
        if outside.size:
            raise IndexError(
                f"index {int(outside.flat[0])} is out of bounds for axis {axis} with size {shape[axis]}"
            )
