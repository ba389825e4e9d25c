"""Which steps make up a transform of length n: butterflies, two shorter transforms, or a convolution."""

from __future__ import annotations

import functools
import math
from typing import TypeAlias

from graphc.dataclass import dataclass

PRIMES = (2, 3, 5, 7, 11, 13)  # lengths with other factors become convolutions
SHORTEST = 7  # transforms of a split: fewer lanes would leave vectors half empty


@dataclass(frozen=True)
class Stages:
    """Butterflies of these radices, one after the other: Stockham's algorithm, which needs no reordering."""

    n: int
    radices: tuple[int, ...]


@dataclass(frozen=True)
class Split:
    """n = rows · columns: all columns, a rotation, all rows (Gentleman & Sande 1966)."""

    n: int
    rows: Stages
    columns: Stages


@dataclass(frozen=True)
class Chirp:
    """A convolution of length `inner.n` ≥ 2 n - 1 with the chirp exp(iπ k²/n) (Bluestein 1970)."""

    n: int
    inner: Stages | Split


Plan: TypeAlias = Stages | Split | Chirp


@functools.lru_cache(256)
def plan_of(n: int, split: bool) -> Plan:
    """The steps for length n; `split` allows two shorter transforms where there is one number after another.

    The transforms of a split run side by side, as do all transforms that are not split.
    """
    if not _is_smooth(n):
        inner = plan_of(_convolution_length(2 * n - 1), split)
        assert not isinstance(inner, Chirp)
        return Chirp(n, inner)
    rows = _nearest_to_root(n) if split else 1
    if min(rows, n // rows) < SHORTEST:
        return Stages(n, radices_of(n))
    columns = n // rows
    return Split(n, Stages(rows, radices_of(rows)), Stages(columns, radices_of(columns)))


def radices_of(n: int) -> tuple[int, ...]:
    """The butterflies of a smooth length: 8 and 4 before 2, then odd primes."""
    twos = (n & -n).bit_length() - 1
    radices = [8] * (twos // 3) + [2 ** (twos % 3)] * (twos % 3 > 0)
    if radices[-2:] == [8, 2]:
        radices[-2:] = [4, 4]
    rest = n >> twos
    for prime in PRIMES[1:]:
        while rest % prime == 0:
            radices.append(prime)
            rest //= prime
    assert rest == 1, f"{n} has a large prime factor"
    return tuple(radices) or (1,)


def _is_smooth(n: int) -> bool:
    for prime in PRIMES:
        while n % prime == 0:
            n //= prime
    return n == 1


def _nearest_to_root(n: int) -> int:
    """The largest divisor of n up to √n."""
    return next(d for d in range(math.isqrt(n), 0, -1) if n % d == 0)


def _convolution_length(least: int) -> int:
    """The smallest 2ᵃ, 3·2ᵃ or 5·2ᵃ from `least` on."""
    return min(factor << max(0, (-(-least // factor) - 1).bit_length()) for factor in (1, 3, 5))
