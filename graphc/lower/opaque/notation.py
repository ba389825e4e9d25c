"""Algorithms written as loops over array elements: `a[i, j] = a[i, j] - l[i, k] * l[j, k]`.

A thin notation for a `KernelBuilder`. Reads of arrays that the kernel writes happen where they stand;
reads of its operands and arithmetic move out of loops.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from graphc.dataclass import dataclass
from graphc.ir.dims import Dim, product
from graphc.lower import kernel_ir as k
from graphc.lower.build import KernelBuilder
from graphc.lower.expressions import strides_of
from graphc.lower.opaque.values import INT64, Arithmetic, Array, Coordinate, Point, Scalar
from graphc.lower.writer import ErrorTable

__all__ = ["INT64", "Array", "Carried", "Coordinate", "Notation", "Point", "Repetition", "Scalar"]


@dataclass(frozen=True, eq=False)
class Carried:
    """A variable that goes from one iteration to the next; `result` is its last value, after the loop."""

    code: Notation
    loop: k.Loop
    now: Scalar
    result: Scalar

    def becomes(self, following: Any) -> None:
        """Sets the value in the next iteration."""
        value = self.now.like(following).value
        assert value.depth <= self.now.value.depth, "the value must exist at the end of the iteration"
        self.code.builder.carry_on(self.loop, self.now.value, value)


@dataclass(frozen=True, eq=False)
class Repetition:
    """An open loop: the current place `at`, carried variables, folds, and the break."""

    code: Notation
    loop: k.Loop
    at: Point

    def carry(self, initial: Scalar) -> Carried:
        """A variable that is `initial`, a value made before the loop, in the first iteration."""
        assert initial.value.depth < self.code.builder.depth, "the value must exist before the loop"
        now, result = self.code.builder.carry(self.loop, initial.value)
        return Carried(self.code, self.loop, Scalar(self.code, now), Scalar(self.code, result))

    def fold(self, monoid: str, value: Scalar) -> Scalar:
        """The fold of `value` over the loop, known after it."""
        return Scalar(self.code, self.code.builder.fold(self.loop, monoid, value.value))

    def stop_if(self, condition: Scalar) -> None:
        """Breaks after the iteration in which `condition` holds."""
        self.loop.stop = condition.value


class Notation(Arithmetic):
    """One kernel in this notation. `scratch` collects the local buffers it asked for."""

    def __init__(self, builder: KernelBuilder, errors: ErrorTable, source: str | None = None) -> None:
        super().__init__(builder, source)
        self.errors = errors
        self.scratch: list[k.Buffer] = []
        self._written: list[k.Buffer] = []
        self._conditions = 0

    # ---- arrays

    def operand(self, buffer: k.Buffer, shape: Sequence[Dim]) -> Array:
        """A contiguous array that is only read."""
        return Array(self, buffer, strides_of(shape))

    def result(self, buffer: k.Buffer, shape: Sequence[Dim]) -> Array:
        """A contiguous array that is written, and may be read."""
        if buffer not in self._written:
            self._written.append(buffer)
            self.builder.will_write(buffer)
        return Array(self, buffer, strides_of(shape))

    def local(self, name: str, dtype: np.dtype, shape: Sequence[Dim]) -> Array:
        """Contiguous scratch memory."""
        buffer = k.Buffer(name, dtype, product(tuple(shape)), "local")
        self.scratch.append(buffer)
        return self.result(buffer, shape)

    def load(self, buffer: k.Buffer, index: k.Index) -> Scalar:
        """buffer[index]: read here if the kernel writes the buffer or if a condition protects the read."""
        if self._conditions and buffer not in self._written:
            self.builder.will_write(buffer)
        return Scalar(self, self.builder.load(buffer, index))

    # ---- structure

    @contextmanager
    def loop(
        self,
        extent: Dim,
        kind: k.LoopKind = "serial",
        *,
        first: Coordinate = 0,
        end: Coordinate | None = None,
        name: str = "i",
    ) -> Iterator[Repetition]:
        """`for at in range(first, end)`, by default range(extent); 0 ≤ first, end ≤ extent."""
        axis = k.Axis(name, extent)
        start = None if isinstance(first, int) and first == 0 else self._bound(first)
        limit = None if end is None else self._bound(end)
        self._announce()
        with self.builder.loop(axis, kind, first=start, end=limit) as loop:
            yield Repetition(self, loop, Point(self, k.Index(((axis, 1),))))
        self._announce()

    def lanes(
        self, extent: Dim, *, first: Coordinate = 0, end: Coordinate | None = None, name: str = "x"
    ) -> Any:
        """A loop whose iterations are independent, run as vectors."""
        return self.loop(extent, "lanes", first=first, end=end, name=name)

    @contextmanager
    def when(self, condition: Scalar) -> Iterator[None]:
        """What is written inside happens only where `condition` holds."""
        self._conditions += 1
        with self.builder.when(condition.value):
            yield
        self._conditions -= 1
        self._announce()

    def fail_if(self, condition: Scalar, exception: str, message: str) -> None:
        """Reports the run-time error if `condition` holds."""
        place = f"\n  at {self.source}" if self.source else ""
        self.builder.flag(condition.value, self.errors.number(exception, message + place))

    def _bound(self, c: Coordinate) -> k.Value:
        if isinstance(c, Scalar):
            return c.value
        return c.number().value if isinstance(c, Point) else self.size(c).value

    def _announce(self) -> None:
        for buffer in self._written:
            self.builder.will_write(buffer)
