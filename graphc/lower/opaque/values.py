"""Numbers, indices and arrays of the notation in which kernels of algorithms are written."""

from __future__ import annotations

import abc
from typing import Any, TypeAlias

import numpy as np

from graphc.dataclass import dataclass
from graphc.ir.dims import Dim, SymbolicDim
from graphc.lower import kernel_ir as k
from graphc.lower.build import KernelBuilder

INT64 = np.dtype(np.int64)
BOOL = np.dtype(np.bool_)


@dataclass(frozen=True, eq=False)
class Scalar:
    """A number in a register."""

    code: Arithmetic
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

    code: Arithmetic
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

    code: Arithmetic
    buffer: k.Buffer
    strides: tuple[Dim, ...]
    start: k.Index = k.Index()

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


class Arithmetic(abc.ABC):
    """Makes scalars with a builder. `source` is the user's line that they belong to."""

    def __init__(self, builder: KernelBuilder, source: str | None) -> None:
        self.builder = builder
        self.source = source

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

    def bits(self, x: Scalar, dtype: np.dtype) -> Scalar:
        """The number of `dtype` with the bits of x; both are as wide."""
        if x.dtype.kind == "f" or dtype.kind == "f":
            return Scalar(self, self.builder.let("bitcast", (x.value,), dtype))
        return self.cast(x, dtype)

    @abc.abstractmethod
    def load(self, buffer: k.Buffer, index: k.Index) -> Scalar:
        """buffer[index]."""
