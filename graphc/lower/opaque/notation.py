"""Algorithms written as loops over array elements: `a[i, j] = a[i, j] - l[i, k] * l[j, k]`.

A thin notation for a `KernelBuilder`. Reads of arrays that the kernel writes happen where they stand;
reads of its operands and arithmetic move out of loops.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from graphc.ir.dims import Dim, SymbolicDim, product
from graphc.lower import kernel_ir as k
from graphc.lower.build import KernelBuilder
from graphc.lower.expressions import strides_of
from graphc.lower.writer import ErrorTable

INT64 = np.dtype(np.int64)
BOOL = np.dtype(np.bool_)


@dataclass(frozen=True, eq=False)
class Scalar:
    """A number in a register."""

    code: Notation
    value: k.Value

    @property
    def dtype(self) -> np.dtype:
        return self.value.dtype

    def __add__(self, other: Any) -> Scalar:
        return self.code.apply("add", self, other)

    def __sub__(self, other: Any) -> Scalar:
        return self.code.apply("subtract", self, other)

    def __mul__(self, other: Any) -> Scalar:
        return self.code.apply("multiply", self, other)

    def __truediv__(self, other: Any) -> Scalar:
        return self.code.apply("divide", self, other)

    def __floordiv__(self, other: Any) -> Scalar:
        return self.code.apply("floor_divide", self, other)

    def __radd__(self, other: Any) -> Scalar:
        return self.code.apply("add", self.like(other), self)

    def __rsub__(self, other: Any) -> Scalar:
        return self.code.apply("subtract", self.like(other), self)

    def __rmul__(self, other: Any) -> Scalar:
        return self.code.apply("multiply", self.like(other), self)

    def __rtruediv__(self, other: Any) -> Scalar:
        return self.code.apply("divide", self.like(other), self)

    def __neg__(self) -> Scalar:
        return self.code.apply("negative", self)

    def __abs__(self) -> Scalar:
        return self.code.apply("absolute", self)

    def __lt__(self, other: Any) -> Scalar:
        return self.code.compare("less", self, other)

    def __le__(self, other: Any) -> Scalar:
        return self.code.compare("less_equal", self, other)

    def __gt__(self, other: Any) -> Scalar:
        return self.code.compare("greater", self, other)

    def __ge__(self, other: Any) -> Scalar:
        return self.code.compare("greater_equal", self, other)

    def equals(self, other: Any) -> Scalar:
        return self.code.compare("equal", self, other)

    def differs(self, other: Any) -> Scalar:
        return self.code.compare("not_equal", self, other)

    def __and__(self, other: Scalar) -> Scalar:
        return self.code.apply("logical_and", self, other)

    def __or__(self, other: Scalar) -> Scalar:
        return self.code.apply("logical_or", self, other)

    def __invert__(self) -> Scalar:
        return self.code.apply("logical_not", self)

    def sqrt(self) -> Scalar:
        return self.code.apply("sqrt", self)

    def minimum(self, other: Any) -> Scalar:
        return self.code.apply("minimum", self, other)

    def maximum(self, other: Any) -> Scalar:
        return self.code.apply("maximum", self, other)

    def choose(self, yes: Any, no: Any) -> Scalar:
        """`yes` where this truth value holds, `no` elsewhere; one of them is a scalar."""
        model = yes if isinstance(yes, Scalar) else no
        return self.code.apply("where", self, model.like(yes), model.like(no), dtype=model.dtype)

    def like(self, number: Any) -> Scalar:
        """`number` as a scalar of this dtype."""
        if isinstance(number, Scalar):
            return number
        if isinstance(number, Point):
            return number.number()
        if isinstance(number, SymbolicDim):
            return self.code.size(number)
        return self.code.number(number, self.dtype)


@dataclass(frozen=True, eq=False)
class Point:
    """An affine index: loop variables, sizes and numbers, with coefficients."""

    code: Notation
    index: k.Index

    def number(self) -> Scalar:
        """The index as a scalar."""
        return Scalar(self.code, self.code.builder.coordinate(self.index))

    def __add__(self, other: Coordinate) -> Point:
        return Point(self.code, sum_of(self.index, index_of(other)))

    def __sub__(self, other: Coordinate) -> Point:
        return Point(self.code, sum_of(self.index, scaled(index_of(other), -1)))

    def __mul__(self, factor: Dim) -> Point:
        return Point(self.code, scaled(self.index, factor))

    def __lt__(self, other: Any) -> Scalar:
        return self.code.compare("less", self.number(), other)

    def __ge__(self, other: Any) -> Scalar:
        return self.code.compare("greater_equal", self.number(), other)

    def equals(self, other: Any) -> Scalar:
        return self.number().equals(other)


Coordinate: TypeAlias = "Point | Scalar | Dim"


def index_of(c: Coordinate) -> k.Index:
    """A coordinate as an index."""
    match c:
        case Point():
            return c.index
        case Scalar():
            return k.Index((), 0, ((c.value, 1),))
    return k.Index((), c)


def sum_of(a: k.Index, b: k.Index) -> k.Index:
    """a + b, each loop variable and each value once."""
    terms: dict[k.Axis, Dim] = dict(a.terms)
    for axis, c in b.terms:
        terms[axis] = terms.get(axis, 0) + c
    dynamic: dict[k.Value, Dim] = dict(a.dynamic)
    for value, c in b.dynamic:
        dynamic[value] = dynamic.get(value, 0) + c
    return k.Index(
        tuple((x, c) for x, c in terms.items() if c != 0),
        a.offset + b.offset,
        tuple((v, c) for v, c in dynamic.items() if c != 0),
    )


def scaled(index: k.Index, factor: Dim) -> k.Index:
    """index · factor."""
    if factor == 0:
        return k.Index()
    return k.Index(
        tuple((a, c * factor) for a, c in index.terms),
        index.offset * factor,
        tuple((v, c * factor) for v, c in index.dynamic),
    )


@dataclass(frozen=True, eq=False)
class Array:
    """A strided view of a buffer: element (i, j, …) is at start + Σ coordinate · stride."""

    code: Notation
    buffer: k.Buffer
    strides: tuple[Dim, ...]
    start: k.Index = k.Index()  # noqa: RUF009  (frozen)

    @property
    def dtype(self) -> np.dtype:
        return self.buffer.dtype

    def at(self, *coordinates: Coordinate) -> Array:
        """The part with its leading axes fixed."""
        start = self.start
        for c, stride in zip(coordinates, self.strides, strict=False):
            start = sum_of(start, scaled(index_of(c), stride))
        return Array(self.code, self.buffer, self.strides[len(coordinates) :], start)

    def __getitem__(self, coordinates: Coordinate | tuple[Coordinate, ...]) -> Scalar:
        return self.code.load(self.buffer, self._index(coordinates))

    def __setitem__(self, coordinates: Coordinate | tuple[Coordinate, ...], value: Any) -> None:
        scalar = value if isinstance(value, Scalar) else self.code.number(value, self.dtype)
        self.code.builder.store(self.buffer, self._index(coordinates), scalar.value)

    def _index(self, coordinates: Coordinate | tuple[Coordinate, ...]) -> k.Index:
        all_ = coordinates if isinstance(coordinates, tuple) else (coordinates,)
        assert len(all_) == len(self.strides), "one coordinate per axis"
        return self.at(*all_).start


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


class Notation:
    """One kernel in this notation. `scratch` collects the local buffers it asked for."""

    def __init__(self, builder: KernelBuilder, errors: ErrorTable, source: str | None = None) -> None:
        self.builder = builder
        self.errors = errors
        self.source = source
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

    # ---- scalars

    def number(self, value: Any, dtype: np.dtype) -> Scalar:
        return Scalar(self, self.builder.constant(value, dtype))

    def size(self, dim: Dim) -> Scalar:
        return Scalar(self, self.builder.size(dim))

    def point(self, c: Coordinate) -> Point:
        return Point(self, index_of(c))

    def apply(self, op: str, x: Scalar, *others: Any, dtype: np.dtype | None = None) -> Scalar:
        """op(x, others); numbers among them take the dtype of x."""
        operands = [x.value, *(x.like(o).value for o in others)]
        return Scalar(self, self.builder.let(op, operands, dtype or x.dtype, self.source))

    def compare(self, relation: str, x: Scalar, y: Any) -> Scalar:
        return Scalar(self, self.builder.let(relation, (x.value, x.like(y).value), BOOL, self.source))

    def cast(self, x: Scalar, dtype: np.dtype) -> Scalar:
        if x.dtype == dtype:
            return x
        return Scalar(self, self.builder.let("cast", (x.value,), dtype))

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
