"""How a matrix product is cut: register tile, cache blocks and which operands are packed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from graphc.backends.cpu.index import round_up
from graphc.dataclass import dataclass


@dataclass(frozen=True)
class MatmulShape:
    """C[m, n] = Σ_k A[m, k] B[k, n]; sizes are ints, or None where known only at run time.

    Strides count elements: `a_strides` along (m, k), `b_strides` along (k, n). Operands that are `computed`
    are always packed; of their strides only counts which of them is 1.
    """

    dtype: np.dtype
    m: int | None
    n: int | None
    k: int | None
    a_strides: tuple[int | None, int | None]
    b_strides: tuple[int | None, int | None]
    computed: tuple[bool, bool] = (False, False)


@dataclass(frozen=True)
class CacheSizes:
    """What blocking may use, in bytes."""

    l1: int = 48 * 1024
    l2: int = 1024 * 1024


@dataclass(frozen=True)
class Plan:
    """The schedule of one product: rows × (vectors · lanes) register tiles in kc × nc blocks of B.

    `other_rows` are the row counts of further microkernels, largest first, always ending in 1.
    `pack_b_rows` is the least number of rows that pays for packing B (None: never, 0: always).
    """

    lanes: int
    rows: int
    vectors: int
    other_rows: tuple[int, ...]
    pack_a: bool
    pack_b_rows: int | None
    kc: int
    nc: int
    mc: int
    blocked: bool

    @property
    def width(self) -> int:
        return self.lanes * self.vectors


UNKNOWN = 512  # the size assumed for a dimension known only at run time
ROWS_FOR_PACKING = 384  # below that, copying a large B costs more than reading it with gaps


def plan_matmul(
    shape: MatmulShape, vector_bytes: int = 64, caches: CacheSizes | None = None, registers: int = 32
) -> Plan:
    """The plan for `shape`; it depends on nothing but its arguments."""
    caches = caches or CacheSizes()
    size = shape.dtype.itemsize
    lanes = vector_bytes // size
    pack_b_rows = _rows_that_pay_for_packing_b(shape, caches)
    pack_a = _packs_a(shape, caches)
    # A large B is read faster in long runs of each of its rows.
    narrowest = 3 if _is_large(shape, caches) and pack_b_rows != 0 else 1
    tallest = 8 if shape.a_strides[0] is None and not pack_a else 16
    rows, vectors = _register_tile(shape, lanes, (narrowest, tallest), registers)
    kc, blocked = _depth(shape, caches)
    width = lanes * vectors
    # Read in place, the rows of B share fewer sets of the cache.
    block = caches.l2 * (5 if pack_b_rows == 0 else 3) // 8
    nc = max(width, block // (kc * size) // width * width)
    if shape.n is not None:
        blocks = max(1, -(-shape.n // nc))
        nc = max(width, round_up(-(-shape.n // blocks), width))
    mc = min(round_up(1024, rows), round_up(max(1, shape.m or 1024), rows))
    return Plan(lanes, rows, vectors, _other_rows(shape.m, rows), pack_a, pack_b_rows, kc, nc, mc, blocked)


def _is_large(shape: MatmulShape, caches: CacheSizes) -> bool:
    """Whether B shares the L2 cache with little else."""
    return (shape.k or UNKNOWN) * (shape.n or UNKNOWN) * shape.dtype.itemsize > caches.l2 // 4


def _rows_that_pay_for_packing_b(shape: MatmulShape, caches: CacheSizes) -> int | None:
    if shape.computed[1] or (shape.b_strides[1] != 1 and shape.n != 1):
        return 0
    if not _is_large(shape, caches):
        return None
    if shape.m is None:
        return ROWS_FOR_PACKING
    return 0 if shape.m >= ROWS_FOR_PACKING else None


def _packs_a(shape: MatmulShape, caches: CacheSizes) -> bool:
    if shape.computed[0]:
        return True
    if (shape.n or UNKNOWN) < 64 or shape.m == 1:
        return False
    a_sm, a_sk = shape.a_strides
    if a_sm is None or a_sk is None:
        return True
    # A handful of contiguous rows is read as well in place, whatever lies between them.
    return a_sk != 1 and (shape.m or UNKNOWN) * (shape.k or UNKNOWN) * shape.dtype.itemsize > caches.l1


def _depth(shape: MatmulShape, caches: CacheSizes) -> tuple[int, bool]:
    """The number of k handled at once, and whether sums go through memory between such blocks."""
    deepest = caches.l1 // 48 // shape.dtype.itemsize
    if shape.k is None:
        return deepest, True
    if shape.k <= 2 * deepest:
        return max(1, shape.k), False
    blocks = -(-shape.k // deepest)
    return round_up(-(-shape.k // blocks), 8), True


def _register_tile(
    shape: MatmulShape, lanes: int, limits: tuple[int, int], registers: int
) -> tuple[int, int]:
    """(rows, vectors) with the fewest estimated cycles for the whole product.

    limits: the least number of vectors (where there are as many), the greatest number of rows.
    """
    m, n = shape.m or UNKNOWN, shape.n or 4096
    vectors = max(1, -(-n // lanes))

    def cycles(tile: tuple[int, int]) -> tuple[float, int]:
        heights, widths = _pieces(m, tile[0]), _pieces(vectors, tile[1])
        total = sum(a * b * tile_cycles(height, width) for height, a in heights for width, b in widths)
        # Further kernels for the last rows or columns must earn their compile time.
        return total * (1 + 0.01 * len(heights)) * (1 + 0.03 * len(widths)), -tile[0]

    tiles = _candidates(shape.m, vectors, limits, registers)
    return min(tiles, key=cycles)


def _candidates(
    m: int | None, vectors: int, limits: tuple[int, int], registers: int
) -> Iterator[tuple[int, int]]:
    narrowest, tallest = limits
    # Batches that come at run time are mostly powers of two.
    heights = (1, 2, 4, 8, 16) if m is None else range(1, max(m, 1) + 1)
    for width in range(min(vectors, narrowest), min(vectors, 8 if m == 1 else 4) + 1):
        for height in heights:
            # The operands need a register per vector and one for the broadcast scalar.
            if height <= tallest and height * width + width + 1 <= registers:
                yield height, width


def _pieces(total: int, size: int) -> list[tuple[int, int]]:
    """(piece, how many) that make up `total`."""
    return [(piece, count) for piece, count in ((size, total // size), (total % size, 1)) if piece and count]


def tile_cycles(rows: int, vectors: int) -> float:
    """Estimated cycles of one k step: two FMAs and two loads a cycle, a chain of four cycles.

    B streams from L2, which costs a little more; a small preference for short code settles ties.
    """
    registers = max(4.0, rows * vectors / 2, (rows + vectors) / 2)
    return (registers + 0.25 * vectors) * (1 + 0.003 * rows * vectors)


def _other_rows(m: int | None, rows: int) -> tuple[int, ...]:
    if m is None:
        return tuple(size for size in (8, 4, 1) if size < rows)
    return tuple(size for size in dict.fromkeys((m % rows, 1)) if 0 < size < rows)
