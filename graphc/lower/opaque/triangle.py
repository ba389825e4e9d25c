"""Long vectors as few numbers: a triangle of their coordinates, and the reflections back from it."""

from __future__ import annotations

from graphc.ir.dims import Dim
from graphc.lower.opaque.notation import Array, Notation, Point, Scalar
from graphc.lower.opaque.tridiagonal import reflector


class Triangle:
    """`size` vectors of `length` elements, in the rows of `long`; their coordinates in the rows of `core`.

    Householder's reflections (Golub & Van Loan, Matrix Computations, §5.2), of the last vector first.
    Each clears all of one vector but its end, so that the coordinates are the last elements.
    """

    def __init__(self, code: Notation, long: Array, size: Dim, length: Dim) -> None:
        self.code, self.long, self.size, self.length = code, long, size, length
        self.core = code.local("core", long.dtype, (size, size))
        self._factors = code.local("factors", long.dtype, (size,))
        self._restored = code.local("restored", long.dtype, (size, length))

    def reduce(self) -> None:
        """Fills `core`; the reflections take the place of the vectors."""
        code, skipped = self.code, self.length - self.size
        with code.loop(self.size, name="step") as step:
            row = step.at * -1 + (self.size - 1)
            tau, pivot = reflector(code, self.long.at(row), row + (skipped + 1))
            self._factors[row] = tau
            with code.loop(self.size, end=row, name="other") as other:
                self._reflect(self.long.at(other.at), row, tau)
            with code.lanes(self.size) as x:
                self.core[row, x.at] = (x.at < row).choose(0, self.long[row, x.at + skipped])
            self.core[row, row] = pivot

    def restored(self) -> Array:
        """The vectors whose coordinates are in `core` now."""
        code, skipped = self.code, self.length - self.size
        with code.loop(self.size, name="vector") as vector:
            row = self._restored.at(vector.at)
            with code.lanes(skipped) as x:
                row[x.at] = 0
            with code.lanes(self.size) as x:
                row[x.at + skipped] = self.core[vector.at, x.at]
            with code.loop(self.size, name="step") as step:
                self._reflect(row, step.at, self._factors[step.at])
        return self._restored

    def _reflect(self, target: Array, row: Point, tau: Scalar) -> None:
        """target -= τ v (vᵀ target) with the reflection of this row."""
        code, v, end = self.code, self.long.at(row), row + (self.length - self.size + 1)
        with code.lanes(self.length, end=end) as x:
            inner = x.fold("add", v[x.at] * target[x.at])
        factor = tau * inner
        with code.lanes(self.length, end=end) as x:
            target[x.at] = target[x.at] - factor * v[x.at]
