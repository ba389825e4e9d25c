"""Ops that move elements without computing on them: pure index arithmetic for every backend."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from graphc.errors import ShapeError
from graphc.ir.dims import Dim, product
from graphc.ir.types import ArrayType
from graphc.ops.base import AbstractLinear, apply, every_example, register


@register
class BroadcastTo(AbstractLinear):
    """Repeat along new leading axes and along axes of length one."""

    shape: tuple[Dim, ...]

    name: ClassVar[str] = "broadcast_to"

    def infer(self, *args: ArrayType) -> ArrayType:
        (x,) = args
        lead = len(self.shape) - x.ndim
        if lead < 0 or any(n not in (1, self.shape[lead + i]) for i, n in enumerate(x.shape)):
            raise ShapeError(f"cannot broadcast {x} to shape ({', '.join(map(str, self.shape))})")
        return ArrayType(x.dtype, self.shape)

    def evaluate(self, *args: Any) -> Any:
        shape: Any = self.shape
        return np.broadcast_to(args[0], shape)

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        (x,) = args
        lead = len(self.shape) - len(x.shape)
        stretched = tuple(lead + i for i, n in enumerate(x.shape) if n == 1 and self.shape[lead + i] != 1)
        return (np.reshape(np.sum(g, axis=(*range(lead), *stretched)), x.shape),)

    def batch(self, size: Dim, batched: tuple[bool, ...], *args: Any) -> Any:
        (x,) = args
        lead = len(self.shape) - (len(x.shape) - 1)
        apart = apply(Reshape((size, *(1,) * lead, *x.shape[1:])), x) if lead else x
        return apply(BroadcastTo((size, *self.shape)), apart)


@register
class Reshape(AbstractLinear):
    """Same elements in C order, another shape."""

    shape: tuple[Dim, ...]

    name: ClassVar[str] = "reshape"

    def infer(self, *args: ArrayType) -> ArrayType:
        (x,) = args
        if product(x.shape) != product(self.shape):
            raise ShapeError(f"cannot reshape {x} into shape ({', '.join(map(str, self.shape))})")
        return ArrayType(x.dtype, self.shape)

    def evaluate(self, *args: Any) -> Any:
        return np.reshape(args[0], self.shape)

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        return (np.reshape(g, args[0].shape),)

    def batch(self, size: Dim, batched: tuple[bool, ...], *args: Any) -> Any:
        return apply(Reshape((size, *self.shape)), *args)


@register
class Transpose(AbstractLinear):
    """Axes in another order: y's axis i is x's axis axes[i]."""

    axes: tuple[int, ...]

    name: ClassVar[str] = "transpose"

    def infer(self, *args: ArrayType) -> ArrayType:
        (x,) = args
        if sorted(self.axes) != list(range(x.ndim)):
            raise ShapeError(f"axes {self.axes} do not permute those of {x}")
        return ArrayType(x.dtype, tuple(x.shape[a] for a in self.axes))

    def evaluate(self, *args: Any) -> Any:
        return np.transpose(args[0], self.axes)

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        return (np.transpose(g, tuple(self.axes.index(i) for i in range(len(self.axes)))),)

    def batch(self, size: Dim, batched: tuple[bool, ...], *args: Any) -> Any:
        return apply(Transpose((0, *(axis + 1 for axis in self.axes))), *args)


@register
class Slice(AbstractLinear):
    """A regular part: y[i₀, …] = x[start₀ + step₀ i₀, …]; steps may be negative."""

    start: tuple[Dim, ...]
    shape: tuple[Dim, ...]
    step: tuple[int, ...]

    name: ClassVar[str] = "slice"

    def infer(self, *args: ArrayType) -> ArrayType:
        (x,) = args
        if not len(self.start) == len(self.shape) == len(self.step) == x.ndim or 0 in self.step:
            raise ShapeError(f"slice of {x} with start {self.start}, shape {self.shape}, step {self.step}")
        for n, start, length, step in zip(x.shape, self.start, self.shape, self.step, strict=True):
            last = start + (length - 1) * step
            known = isinstance(n, int) and isinstance(start, int) and isinstance(last, int)
            if known and length != 0 and not (0 <= start < n and 0 <= last < n):
                raise ShapeError(f"slice {start}:{last}:{step} leaves the axis of length {n} of {x}")
        return ArrayType(x.dtype, self.shape)

    def conditions(self, *args: ArrayType) -> list[Dim]:
        return inside(args[0].shape, self.start, self.shape, self.step)

    def evaluate(self, *args: Any) -> Any:
        (x,) = args
        for axis, (a, n, s) in enumerate(zip(self.start, self.shape, self.step, strict=True)):
            x = np.take(x, np.arange(int(n)) * s + a, axis=axis)
        return x

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        return (apply(Pad(self.start, tuple(args[0].shape), self.step), g),)

    def batch(self, size: Dim, batched: tuple[bool, ...], *args: Any) -> Any:
        return apply(Slice((0, *self.start), (size, *self.shape), (1, *self.step)), *args)


def inside(
    whole: tuple[Dim, ...], starts: tuple[Dim, ...], part: tuple[Dim, ...], steps: tuple[int, ...]
) -> list[Dim]:
    """Dims that are not negative exactly if the part lies in the whole; an empty one may start at its end."""
    dims: list[Dim] = []
    for n, start, length, step in zip(whole, starts, part, steps, strict=True):
        if length == 0 or (start == 0 and length == n):
            continue
        last = start + (length - 1) * step
        first, final = (start, last) if step > 0 else (last, start)
        dims += [first, n - 1 - final] if isinstance(length, int) else [length, first + 1, n - final]
    return dims


@register
class Pad(AbstractLinear):
    """Zeros of `shape` with x placed in them: y[start₀ + step₀ i₀, …] = x[i₀, …]. Adjoint of `Slice`."""

    start: tuple[Dim, ...]
    shape: tuple[Dim, ...]
    step: tuple[int, ...]

    name: ClassVar[str] = "pad"

    def infer(self, *args: ArrayType) -> ArrayType:
        (x,) = args
        Slice(self.start, x.shape, self.step).infer(ArrayType(x.dtype, self.shape))
        return ArrayType(x.dtype, self.shape)

    def conditions(self, *args: ArrayType) -> list[Dim]:
        return inside(self.shape, self.start, args[0].shape, self.step)

    def evaluate(self, *args: Any) -> Any:
        (x,) = args
        y = np.zeros(self.shape, x.dtype)
        places = (np.arange(n) * s + a for a, n, s in zip(self.start, np.shape(x), self.step, strict=True))
        y[np.ix_(*places) if self.shape else ()] = x
        return y

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        return (apply(Slice(self.start, tuple(args[0].shape), self.step), g),)

    def batch(self, size: Dim, batched: tuple[bool, ...], *args: Any) -> Any:
        return apply(Pad((0, *self.start), (size, *self.shape), (1, *self.step)), *args)


@register
class Concatenate(AbstractLinear):
    """Operands one after another along `axis`."""

    axis: int

    name: ClassVar[str] = "concatenate"

    def infer(self, *args: ArrayType) -> ArrayType:
        first = args[0]
        others = [a.shape[: self.axis] + a.shape[self.axis + 1 :] for a in args]
        if any(o != others[0] for o in others) or len({a.dtype for a in args}) != 1:
            raise ShapeError(f"cannot concatenate {', '.join(map(str, args))} along axis {self.axis}")
        length: Dim = 0
        for a in args:
            length = length + a.shape[self.axis]
        return ArrayType(first.dtype, (*first.shape[: self.axis], length, *first.shape[self.axis + 1 :]))

    def evaluate(self, *args: Any) -> Any:
        return np.concatenate(args, axis=self.axis)

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        parts = []
        offset: Dim = 0
        for x in args:
            start: list[Dim] = [0] * len(x.shape)
            start[self.axis] = offset
            parts.append(apply(Slice(tuple(start), tuple(x.shape), (1,) * len(x.shape)), g))
            offset = offset + x.shape[self.axis]
        return tuple(parts)

    def batch(self, size: Dim, batched: tuple[bool, ...], *args: Any) -> Any:
        return apply(Concatenate(self.axis + 1), *every_example(size, batched, args))
