"""The memory plan: where each intermediate lives in the arena, from first write to last read."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TypeAlias

from graphc.dataclass import dataclass
from graphc.ir.dims import Dim
from graphc.lower import kernel_ir as k

ALIGNMENT = 64
PADDING = 64  # vector loads may touch a line beyond a buffer's end
PAGE = 4096
LARGE = 8 * PAGE  # bytes from which a buffer of known size begins at a page (decision 167)


# A step of the program; a fraction is a moment within a step.
Time: TypeAlias = int | Fraction


@dataclass(frozen=True)
class Plan:
    """Byte offsets of the arena buffers, and the arena's size."""

    offsets: dict[k.Buffer, Dim]
    size: Dim

    def __str__(self) -> str:
        places = [f"{buffer.name} at {offset}" for buffer, offset in self.offsets.items()]
        return ", ".join([f"{self.size} bytes", *places])


def plan(lifetimes: Sequence[tuple[k.Buffer, Time, Time]]) -> Plan:
    """A plan for buffers alive from time `first` to time `last`, both included.

    Buffers of known size share memory when their lifetimes do not overlap (first fit, in order of
    size); those of symbolic size follow after them, sharing only with equal sizes.
    """
    fixed = [(b, f, l) for b, f, l in lifetimes if isinstance(b.size, int)]
    symbolic = [(b, f, l) for b, f, l in lifetimes if not isinstance(b.size, int)]
    offsets, end = _place_fixed(fixed)
    slots: list[tuple[Dim, Dim, list[tuple[Time, Time]]]] = []
    total: Dim = end
    for buffer, first, last in symbolic:
        size = _bytes(buffer)
        for slot_offset, slot_size, uses in slots:
            if slot_size == size and all(last < f or l < first for f, l in uses):
                uses.append((first, last))
                offsets[buffer] = slot_offset
                break
        else:
            slots.append((total, size, [(first, last)]))
            offsets[buffer] = total
            total = total + size
    return Plan(offsets, total)


def _bytes(buffer: k.Buffer) -> Dim:
    size = buffer.size * buffer.dtype.itemsize + PADDING
    if isinstance(size, int):
        return -(-size // ALIGNMENT) * ALIGNMENT
    aligned: Dim = (size + (ALIGNMENT - 1)) // ALIGNMENT * ALIGNMENT
    return aligned


def _place_fixed(buffers: list[tuple[k.Buffer, Time, Time]]) -> tuple[dict[k.Buffer, Dim], int]:
    placed: list[tuple[int, int, Time, Time]] = []  # offset, end, first, last
    offsets: dict[k.Buffer, Dim] = {}
    largest_first = sorted(buffers, key=lambda item: (-_fixed_bytes(item[0]), item[1]))
    for buffer, first, last in largest_first:
        size = _fixed_bytes(buffer)
        unit = PAGE if size >= LARGE else ALIGNMENT
        offset = 0
        for start, end, f, l in sorted(placed):
            if f > last or l < first:
                continue
            if offset + size <= start:
                break
            offset = max(offset, -(-end // unit) * unit)
        offsets[buffer] = offset
        placed.append((offset, offset + size, first, last))
    return offsets, max((end for _, end, _, _ in placed), default=0)


def _fixed_bytes(buffer: k.Buffer) -> int:
    size = _bytes(buffer)
    assert isinstance(size, int)
    return size
