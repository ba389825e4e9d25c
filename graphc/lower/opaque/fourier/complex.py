"""Complex numbers of kernels: pairs of scalars, and pairs of arrays that hold them."""

from __future__ import annotations

from graphc.dataclass import dataclass
from graphc.lower.opaque.notation import Array, Coordinate, Scalar


@dataclass(frozen=True, eq=False)
class Pair:
    """re + i im."""

    re: Scalar
    im: Scalar

    def __add__(self, other: Pair) -> Pair:
        return Pair(self.re + other.re, self.im + other.im)

    def __sub__(self, other: Pair) -> Pair:
        return Pair(self.re - other.re, self.im - other.im)

    def __mul__(self, other: Pair) -> Pair:
        return Pair(self.re * other.re - self.im * other.im, self.re * other.im + self.im * other.re)

    def scaled(self, factor: Scalar | float) -> Pair:
        """The product with a real number."""
        return Pair(self.re * factor, self.im * factor)

    @property
    def swapped(self) -> Pair:
        """im + i re: a transform of swapped numbers, swapped, is the inverse transform."""
        return Pair(self.im, self.re)

    @property
    def conjugate(self) -> Pair:
        return Pair(self.re, -self.im)

    @property
    def turned(self) -> Pair:
        """The product with -i."""
        return Pair(self.im, -self.re)


@dataclass(frozen=True, eq=False)
class Pairs:
    """Two arrays of one shape as an array of complex numbers."""

    re: Array
    im: Array

    def at(self, *coordinates: Coordinate) -> Pairs:
        """The part with its leading axes fixed."""
        return Pairs(self.re.at(*coordinates), self.im.at(*coordinates))

    @property
    def swapped(self) -> Pairs:
        return Pairs(self.im, self.re)

    def __getitem__(self, coordinates: Coordinate | tuple[Coordinate, ...]) -> Pair:
        return Pair(self.re[coordinates], self.im[coordinates])

    def __setitem__(self, coordinates: Coordinate | tuple[Coordinate, ...], value: Pair) -> None:
        self.re[coordinates] = value.re
        self.im[coordinates] = value.im
