"""The complex transform of a unit, as its plan says.

Sources: Stockham (1966) for stages that need no reordering, Gentleman & Sande (1966) for splits,
Bluestein (1970) for lengths with large prime factors.
"""

from __future__ import annotations

from graphc.dataclass import dataclass
from graphc.lower.fourier.tables import ChirpAt, SplitAt, StagesAt
from graphc.lower.opaque.fourier.butterflies import butterfly
from graphc.lower.opaque.fourier.complex import Pair
from graphc.lower.opaque.fourier.units import (
    AbstractUnit,
    Lane,
    Load,
    Store,
    Tile,
    scratch_pairs,
    tiles,
)
from graphc.lower.opaque.notation import Array, Notation, Point


@dataclass(frozen=True, eq=False)
class Numbers:
    """The tables, as the kernel reads them."""

    code: Notation
    table: Array

    def row(self, start: int, size: int, index: Point) -> Pair:
        """The number `index` of `size` numbers that start at `start`."""
        return Pair(self.table[index + start], self.table[index + (start + size)])


def transform(
    unit: AbstractUnit, at: StagesAt | SplitAt | ChirpAt, numbers: Numbers, load: Load, store: Store
) -> None:
    """store(k) = Σ load(j) exp(-2πi jk/n), for every line of the unit. Each load and store happens once."""
    match at:
        case ChirpAt():
            _convolve(unit, at, numbers, load, store)
        case SplitAt():
            _split(unit, at, numbers, load, store)
        case StagesAt():
            assert isinstance(unit, Tile), "stages run on lines side by side"
            _stages(unit, at, numbers, load, store)


def inverse(
    unit: AbstractUnit, at: StagesAt | SplitAt | ChirpAt, numbers: Numbers, load: Load, store: Store
) -> None:
    """The same with exp(2πi jk/n)."""
    transform(
        unit,
        at,
        numbers,
        lambda j, lane: load(j, lane).swapped,
        lambda k, lane, value: store(k, lane, value.swapped),
    )


def _stages(tile: Tile, at: StagesAt, numbers: Numbers, load: Load, store: Store) -> None:
    """Stockham's stages. Before a stage of radix r there are s transforms of length m r, one after the other.

    Place q + s (p + m k) of the old numbers and q + s (r p + l) of the new ones meet in the butterfly (p, q).
    """
    n, radices = at.plan.n, at.plan.radices
    memory = [tile.scratch("stage", n) for i in range(min(2, len(radices) - 1))]
    done = 1
    for number, radix in enumerate(radices):
        first, last = number == 0, number == len(radices) - 1
        source = load if first else memory[(number - 1) % 2].load
        target = store if last else memory[number % 2].store
        rotations = None if last else at.rotations[number]
        _stage(tile, radix, done, n // (done * radix), numbers, rotations, source, target)
        done *= radix


def _stage(
    tile: Tile,
    radix: int,
    s: int,
    m: int,
    numbers: Numbers,
    rotations: int | None,
    load: Load,
    store: Store,
) -> None:
    code, others = tile.code, radix - 1
    with code.loop(m, name="p") as p, code.loop(s, name="q") as q, tile.lanes() as lane:
        y = butterfly([load(q.at + (p.at + m * k) * s, lane) for k in range(radix)])
        if rotations is not None:
            turns = [numbers.row(rotations, m * others, p.at * others + (i - 1)) for i in range(1, radix)]
            y = [y[0], *(value * turn for value, turn in zip(y[1:], turns, strict=True))]
        for i, value in enumerate(y):
            store(q.at + (p.at * radix + i) * s, lane, value)


def _split(unit: AbstractUnit, at: SplitAt, numbers: Numbers, load: Load, store: Store) -> None:
    """The line as a matrix of `rows` × `columns`, in row-major order: columns first, then rows.

    Number (k, j) of the transformed columns waits at (j, k), so that lanes lie side by side again.
    """
    code, n, rows, columns = unit.code, at.plan.n, at.plan.rows.n, at.plan.columns.n
    waiting = scratch_pairs(code, "waiting", unit.dtype, (columns, rows))

    def load_column(j: Point, lane: Lane | None) -> Pair:
        return load(j * columns + _column(lane), None)

    def store_column(k: Point, lane: Lane | None, value: Pair) -> None:
        turn = numbers.row(at.rotations, n, k * columns + _column(lane))
        waiting[_column(lane), k] = value * turn

    with tiles(code, unit.dtype, rows, columns) as tile:
        _stages(tile, at.rows, numbers, load_column, store_column)
    with tiles(code, unit.dtype, columns, rows) as tile:
        _stages(
            tile,
            at.columns,
            numbers,
            lambda j, lane: waiting[j, _column(lane)],
            lambda k, lane, value: store(k * rows + _column(lane), None, value),
        )


def _column(lane: Lane | None) -> Point:
    assert lane is not None
    return lane.whole


def _convolve(unit: AbstractUnit, at: ChirpAt, numbers: Numbers, load: Load, store: Store) -> None:
    """X[k] = c[k] Σ (x[j] c[j]) c̄[k - j] with c[k] = exp(-iπ k²/n), a circular convolution of length m."""
    n, m = at.plan.n, at.plan.inner.n
    before, after = unit.scratch("chirped", m), unit.scratch("convolved", m)
    with unit.each(n) as (j, lane):
        before.store(j, lane, load(j, lane) * numbers.row(at.chirp, n, j))
    with unit.each(m - n) as (j, lane):
        zero = unit.code.number(0, unit.dtype)
        before.store(j + n, lane, Pair(zero, zero))
    transform(unit, at.inner, numbers, before.load, after.store)
    with unit.each(m) as (j, lane):
        before.store(j, lane, after.load(j, lane) * numbers.row(at.filter, m, j))
    inverse(unit, at.inner, numbers, before.load, after.store)
    with unit.each(n) as (k, lane):
        store(k, lane, after.load(k, lane) * numbers.row(at.chirp, n, k))
