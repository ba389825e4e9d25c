"""The numbers that the kernel of a transform reads: roots of unity, chirps and their transforms."""

from __future__ import annotations

import functools
from dataclasses import field

import numpy as np

from graphc.dataclass import dataclass
from graphc.lower.fourier.plan import Chirp, Plan, Split, Stages


@dataclass
class Layout:
    """Where in one long array each part starts; parts are made when the array is."""

    parts: list[np.ndarray] = field(default_factory=list)
    size: int = 0

    def add(self, numbers: np.ndarray) -> int:
        """Appends complex `numbers` as a plane of real parts and a plane of imaginary ones; their start."""
        start = self.size
        self.parts += [numbers.real.ravel(), numbers.imag.ravel()]
        self.size += 2 * numbers.size
        return start


@dataclass(frozen=True)
class StagesAt:
    """Where the rotations of each stage start, in order; the last one has none."""

    plan: Stages
    rotations: tuple[int, ...]


@dataclass(frozen=True)
class SplitAt:
    """Where the numbers of a split start: exp(-2πi jk/n) for every row k and column j."""

    plan: Split
    rows: StagesAt
    columns: StagesAt
    rotations: int


@dataclass(frozen=True)
class ChirpAt:
    """Where the chirp and the transform of the filter start."""

    plan: Chirp
    inner: StagesAt | SplitAt
    chirp: int
    filter: int


@dataclass(frozen=True)
class Tables:
    """All numbers of a transform of length `n`: `numbers` holds them in f64.

    `halves` is where the roots of unity start that take half a transform to one of real numbers.
    """

    at: StagesAt | SplitAt | ChirpAt
    numbers: np.ndarray
    halves: int


@functools.lru_cache(8)
def tables_of(plan: Plan, real_length: int) -> Tables:
    """The tables of a plan; `real_length`, where not 0, is twice its length."""
    layout = Layout()
    at = _placed(layout, plan)
    halves = layout.add(roots(np.arange(plan.n + 1), real_length)) if real_length else 0
    parts = layout.parts or [np.zeros(2)]  # a single number would be no array
    return Tables(at, np.concatenate(parts), halves)


def is_split(at: StagesAt | SplitAt | ChirpAt) -> bool:
    """Whether the vectors of a transform run along a line."""
    return isinstance(at, SplitAt) or (isinstance(at, ChirpAt) and isinstance(at.inner, SplitAt))


def roots(numerators: np.ndarray, n: int) -> np.ndarray:
    """exp(-2πi k/n) for integers k: an angle is reduced to an eighth of a turn before it is rounded."""
    k = 4 * (numerators.astype(np.int64) % n)
    quarter, rest = k // n, k % n
    swapped = 2 * rest > n
    angle = np.where(swapped, n - rest, rest) * (np.pi / 2 / n)
    cos, sin = np.cos(angle), np.sin(angle)
    cos, sin = np.where(swapped, sin, cos), np.where(swapped, cos, sin)
    turned: np.ndarray = (cos - 1j * sin) * np.array([1, -1j, -1, 1j])[quarter]
    return turned


def _placed(layout: Layout, plan: Plan) -> StagesAt | SplitAt | ChirpAt:
    match plan:
        case Stages():
            return _stages(layout, plan)
        case Split(n, rows, columns):
            angles = np.outer(np.arange(rows.n), np.arange(columns.n))
            placed = _stages(layout, rows), _stages(layout, columns)
            return SplitAt(plan, *placed, layout.add(roots(angles, n)))
        case Chirp():
            return _chirp(layout, plan)


def _stages(layout: Layout, plan: Stages) -> StagesAt:
    """exp(-2πi pl/m) for p < m/r and 0 < l < r, where m is what is left of n before a stage of radix r."""
    starts, rest = [], plan.n
    for radix in plan.radices[:-1]:
        angles = np.outer(np.arange(rest // radix), np.arange(1, radix))
        starts.append(layout.add(roots(angles, rest)))
        rest //= radix
    return StagesAt(plan, tuple(starts))


def _chirp(layout: Layout, plan: Chirp) -> ChirpAt:
    n, m = plan.n, plan.inner.n
    inner = _placed(layout, plan.inner)
    assert not isinstance(inner, ChirpAt)
    k = np.arange(n)
    chirp = roots(k * k % (2 * n), 2 * n)
    response = np.zeros(m, complex)
    response[k] = response[-k] = chirp.conj()
    return ChirpAt(plan, inner, layout.add(chirp), layout.add(np.fft.fft(response) / m))
