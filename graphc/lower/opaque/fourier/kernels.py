"""Kernels of discrete Fourier transforms of complex and real numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

from graphc.ir.graph import Node
from graphc.ir.types import TupleType
from graphc.lower import kernel_ir as k
from graphc.lower.build import KernelBuilder
from graphc.lower.fourier.planned import Planned, is_few, length_of, lines_of, tables_for
from graphc.lower.fourier.tables import is_split
from graphc.lower.opaque.fourier.complex import Pair, Pairs
from graphc.lower.opaque.fourier.transform import Numbers, inverse, transform
from graphc.lower.opaque.fourier.units import AbstractUnit, Lane, Line, Scratch, tiles
from graphc.lower.opaque.notation import Array, Coordinate, Notation, Point
from graphc.lower.writer import ErrorTable
from graphc.ops.fourier import Fourier, RealFourier

# Where a position on a line, in a lane, lies in an array of (lines before, positions, lines behind).
Where: TypeAlias = Callable[[Point, "Lane | None"], tuple[Coordinate, Coordinate, Coordinate]]


def fourier(
    builder: KernelBuilder,
    node: Node,
    operands: Sequence[k.Buffer],
    results: Sequence[k.Buffer],
    errors: ErrorTable,
) -> list[k.Buffer]:
    """A planned transform, unit by unit."""
    assert isinstance(node.op, Planned)
    kernel = _Kernel(Notation(builder, errors, node.source), node, operands, results)
    write = {Fourier: kernel.complex, RealFourier: kernel.real}.get(type(kernel.op), kernel.transposed)
    with kernel.units() as (unit, where):
        write(unit, where)
    return kernel.code.scratch


class _Kernel:
    """One transform: its arrays as (lines before the axis, positions, lines behind it)."""

    def __init__(
        self, code: Notation, node: Node, operands: Sequence[k.Buffer], results: Sequence[k.Buffer]
    ) -> None:
        assert isinstance(node.op, Planned)
        self.code = code
        self.op = node.op.transform
        x = node.args[0].array_type
        types = node.type.elements if isinstance(node.type, TupleType) else (node.array_type,)
        self.n = length_of(self.op, x)
        self.dtype = x.dtype
        self.lines = lines_of(self.op, x)
        self.tables = tables_for(self.op, x)
        self.numbers = Numbers(code, code.operand(operands[-1], (self.tables.numbers.size,)))
        outer, inner = self.lines
        self.given = [code.operand(b, (outer, x.shape[self.op.axis], inner)) for b in operands[:-1]]
        self.made = [
            code.result(b, (outer, t.shape[self.op.axis], inner)) for b, t in zip(results, types, strict=True)
        ]

    @contextmanager
    def units(self) -> Iterator[tuple[AbstractUnit, Where]]:
        """All lines: one after another where vectors run along them, else as many as fit at once."""
        code, (outer, inner) = self.code, self.lines
        if is_split(self.tables.at):
            with code.loop(outer, name="before") as before, code.loop(inner, name="behind") as behind:
                yield Line(code, self.dtype), lambda j, lane: (before.at, j, behind.at)
        elif is_few(inner):
            with code.loop(inner, name="behind") as behind, tiles(code, self.dtype, self.n, outer) as tile:
                yield tile, lambda j, lane: (of(lane), j, behind.at)
        else:
            with code.loop(outer, name="before") as before, tiles(code, self.dtype, self.n, inner) as tile:
                yield tile, lambda j, lane: (before.at, j, of(lane))

    def complex(self, unit: AbstractUnit, where: Where) -> None:
        """The transform itself; the inverse one is that of swapped numbers, swapped."""
        assert isinstance(self.op, Fourier)
        x, y = Pairs(*self.given), Pairs(*self.made)
        if self.op.inverse:
            x, y = x.swapped, y.swapped

        def store(position: Point, lane: Lane | None, value: Pair) -> None:
            y[where(position, lane)] = value

        transform(unit, self.tables.at, self.numbers, lambda j, lane: x[where(j, lane)], store)

    # ---- real numbers

    def real(self, unit: AbstractUnit, where: Where) -> None:
        """The first half of the transform of real numbers."""
        (x,), y = self.given, Pairs(*self.made)
        if self.n % 2:
            z = unit.scratch("whole", self.n)
            zero = self.code.number(0, self.dtype)
            transform(
                unit,
                self.tables.at,
                self.numbers,
                lambda j, lane: Pair(x[where(j, lane)], zero),
                z.store,
            )
            with unit.each(self.n // 2 + 1) as (i, lane):
                y[where(i, lane)] = z.load(i, lane)
            return
        z = self._pairs_transformed(unit, where, x)
        with unit.each(self.n // 2 + 1) as (i, lane):
            y[where(i, lane)] = self._untangled(i, z.load(i, lane), z.load(i * -1 + self.n // 2, lane))

    def _pairs_transformed(self, unit: AbstractUnit, where: Where, x: Array) -> Scratch:
        """The transform of x[2j] + i x[2j + 1], with its first number once more at the end."""
        half = self.n // 2
        z = unit.scratch("half", half + 1)

        def load(j: Point, lane: Lane | None) -> Pair:
            return Pair(x[where(j * 2, lane)], x[where(j * 2 + 1, lane)])

        transform(unit, self.tables.at, self.numbers, load, z.store)
        with unit.each(1) as (i, lane):
            z.store(i + half, lane, z.load(i, lane))
        return z

    def _untangled(self, i: Point, ahead: Pair, behind: Pair) -> Pair:
        """X[k] = ½ (Z[k] + Z̄[-k]) - ½ i exp(-2πi k/n) (Z[k] - Z̄[-k])."""
        turn = self._half_turn(i).turned
        even, odd = ahead + behind.conjugate, ahead - behind.conjugate
        return (even + odd * turn).scaled(0.5)

    def _half_turn(self, i: Point) -> Pair:
        """exp(-2πi k/n) for k ≤ n/2."""
        return self.numbers.row(self.tables.halves, self.n // 2 + 1, i)

    def transposed(self, unit: AbstractUnit, where: Where) -> None:
        """Re Σ g[k] exp(iθ) over k ≤ n/2: the inverse transform of h, where h[k] and h[-k] share g[k]."""
        g, (y,) = Pairs(*self.given), self.made
        if self.n % 2:
            h = self._mirrored(unit, where, g)

            def store(j: Point, lane: Lane | None, value: Pair) -> None:
                y[where(j, lane)] = value.re

        else:
            h = self._tangled(unit, where, g)

            def store(j: Point, lane: Lane | None, value: Pair) -> None:
                y[where(j * 2, lane)] = value.re
                y[where(j * 2 + 1, lane)] = value.im

        inverse(unit, self.tables.at, self.numbers, h.load, store)

    def _mirrored(self, unit: AbstractUnit, where: Where, g: Pairs) -> Scratch:
        """h[0] = Re g[0], h[k] = ½ g[k] and h[n - k] = ½ ḡ[k]."""
        h = unit.scratch("whole", self.n)
        with unit.each(1) as (i, lane):
            h.store(i, lane, Pair(g.re[where(i, lane)], self.code.number(0, self.dtype)))
        with unit.each(self.n // 2) as (i, lane):
            value = g[where(i + 1, lane)].scaled(0.5)
            h.store(i + 1, lane, value)
            h.store(i * -1 + (self.n - 1), lane, value.conjugate)
        return h

    def _tangled(self, unit: AbstractUnit, where: Where, g: Pairs) -> Scratch:
        """z[k] = (h[k] + h̄[n/2 - k]) + i exp(2πi k/n) (h[k] - h̄[n/2 - k]), of y[2j] + i y[2j + 1]."""
        half = self.n // 2
        z = unit.scratch("half", half)
        with unit.each(1) as (i, lane):
            first, last = g.re[where(i, lane)], g.re[where(i + half, lane)]
            z.store(i, lane, Pair(first + last, first - last))
        with unit.each(half - 1) as (i, lane):
            ahead, behind = g[where(i + 1, lane)], g[where(i * -1 + (half - 1), lane)]
            turn = self._half_turn(i + 1).turned.conjugate
            even, odd = ahead + behind.conjugate, ahead - behind.conjugate
            z.store(i + 1, lane, (even + odd * turn).scaled(0.5))
        return z


def of(lane: Lane | None) -> Point:
    """The number of a lane among all lines."""
    assert lane is not None
    return lane.whole
