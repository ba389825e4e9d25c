"""What is transformed at once: some lines side by side, one in each lane, or a single line.

A place in a unit is a position on the line and, where there are lines side by side, a lane.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TypeAlias

import numpy as np

from graphc.dataclass import dataclass
from graphc.ir.dims import Dim
from graphc.lower.opaque.fourier.complex import Pair, Pairs
from graphc.lower.opaque.notation import Coordinate, Notation, Point, Scalar

WIDEST = 512  # bytes of a row of lanes
NARROWEST = 64
CACHED = 16 << 10  # bytes of scratch up to which rows are made wider


@dataclass(frozen=True, eq=False)
class Lane:
    """One line of several: its number in the tile, and among all lines."""

    local: Point
    whole: Point


Place: TypeAlias = "tuple[Point, Lane | None]"
Load: TypeAlias = Callable[[Point, "Lane | None"], Pair]
Store: TypeAlias = Callable[[Point, "Lane | None", Pair], None]


class AbstractUnit(abc.ABC):
    """The lines, all of one length."""

    def __init__(self, code: Notation, dtype: np.dtype) -> None:
        self.code = code
        self.dtype = dtype

    @abc.abstractmethod
    def each(self, count: int) -> AbstractContextManager[Place]:
        """A loop over positions 0, 1, … on the line, and over the lanes."""

    @abc.abstractmethod
    def scratch(self, name: str, length: int) -> Scratch:
        """Memory for `length` numbers a line."""


@dataclass(frozen=True, eq=False)
class Scratch:
    """Numbers of a unit."""

    pairs: Pairs
    has_lanes: bool

    def load(self, position: Coordinate, lane: Lane | None) -> Pair:
        return self.pairs[(position, lane.local) if lane is not None else position]

    def store(self, position: Coordinate, lane: Lane | None, value: Pair) -> None:
        self.pairs[(position, lane.local) if lane is not None else position] = value


def scratch_pairs(code: Notation, name: str, dtype: np.dtype, shape: tuple[Dim, ...]) -> Pairs:
    """Scratch memory for complex numbers."""
    number = len(code.scratch) // 2
    return Pairs(
        code.local(f"{name}{number}_re", dtype, shape), code.local(f"{name}{number}_im", dtype, shape)
    )


class Line(AbstractUnit):
    """One line; vectors run along it."""

    @contextmanager
    def each(self, count: int) -> Iterator[Place]:
        with self.code.lanes(count, name="j") as j:
            yield j.at, None

    def scratch(self, name: str, length: int) -> Scratch:
        return Scratch(scratch_pairs(self.code, name, self.dtype, (length,)), False)


class Tile(AbstractUnit):
    """`width` lines or, at the end, fewer: those from `first` up to `end`."""

    def __init__(
        self, code: Notation, dtype: np.dtype, width: int, first: Point, end: Scalar | None = None
    ) -> None:
        super().__init__(code, dtype)
        self.width = width
        self.first = first
        self.end = end

    @contextmanager
    def lanes(self) -> Iterator[Lane]:
        """A loop over the lines, as vectors."""
        with self.code.lanes(self.width, end=self.end, name="lane") as lane:
            yield Lane(lane.at, self.first + lane.at)

    @contextmanager
    def each(self, count: int) -> Iterator[Place]:
        with self.code.loop(count, name="j") as j, self.lanes() as lane:
            yield j.at, lane

    def scratch(self, name: str, length: int) -> Scratch:
        return Scratch(scratch_pairs(self.code, name, self.dtype, (length, self.width)), True)


@contextmanager
def tiles(code: Notation, dtype: np.dtype, length: int, lines: Dim) -> Iterator[Tile]:
    """A loop over tiles of `lines` lines of `length` numbers, whose scratch fits the nearest cache."""
    width = WIDEST // dtype.itemsize
    while width * dtype.itemsize > NARROWEST and 4 * length * width * dtype.itemsize > CACHED:
        width //= 2
    if isinstance(lines, int) and lines <= width:
        yield Tile(code, dtype, lines, code.point(0))
        return
    with code.loop((lines + width - 1) // width, name="tile") as tile:
        first = tile.at * width
        even = isinstance(lines, int) and lines % width == 0
        left = (first * -1 + lines).number()
        yield Tile(code, dtype, width, first, None if even else left.minimum(width))
