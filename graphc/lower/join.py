"""Runs of small kernels become one kernel: what passes between them stays in registers.

Fusion stops where kernels would exhaust registers while they are scheduled, and where domains differ. For
kernels of a few hundred operations a call and the way through memory cost as much as their work; the code
generator allots the registers of one long straight piece of code as well as of many short ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

from graphc.dataclass import dataclass
from graphc.lower import kernel_ir as k
from graphc.lower.build import KernelBuilder
from graphc.lower.inline import Inliner, without_dead_stores
from graphc.lower.memory import Time

SMALL_WORK = 2000  # scalar operations of a kernel, below which it is joined to its neighbours
LONGEST = 4000  # statements of a joined kernel


@dataclass(frozen=True)
class Steps:
    """Kernels in order and the temporaries between them, with the times they live."""

    kernels: tuple[k.Kernel, ...]
    temporaries: tuple[tuple[k.Buffer, Time, Time], ...]


def join_small(steps: Steps) -> Steps:
    """The same program with runs of small kernels joined."""
    runs = list(_runs(steps.kernels))
    if all(first == last for first, last in runs):
        return steps
    kernels = [_joined(steps, first, last) for first, last in runs]
    touched = {b for kernel in kernels for b in kernel.buffers}
    moved = (
        (b, _moved(runs, first, end=False), _moved(runs, last, end=True))
        for b, first, last in steps.temporaries
        if b in touched
    )
    return Steps(tuple(replace(kernel, name=f"k{i}") for i, kernel in enumerate(kernels)), tuple(moved))


def _runs(kernels: tuple[k.Kernel, ...]) -> Iterator[tuple[int, int]]:
    """(first, last) of every run, a kernel that is not small being one of its own."""
    first, length = 0, 0
    for i, kernel in enumerate(kernels):
        size = sum(1 for _ in k.statements(kernel.body))
        small = _is_small(kernel)
        if i > first and (not small or length == 0 or length + size > LONGEST):
            yield first, i - 1
            first, length = i, 0
        length = length + size if small else 0
    if kernels:
        yield first, len(kernels) - 1


def _is_small(kernel: k.Kernel) -> bool:
    work = k.work(kernel.body)
    alone = any(isinstance(s, k.Matmul) or _is_parallel(s) for s in k.statements(kernel.body))
    return isinstance(work, int) and work <= SMALL_WORK and not alone


def _is_parallel(s: k.Statement) -> bool:
    return isinstance(s, k.Loop) and s.kind == "parallel"


def _joined(steps: Steps, first: int, last: int) -> k.Kernel:
    if first == last:
        return steps.kernels[first]
    inliner = Inliner(KernelBuilder(), {})
    copied = [s for kernel in steps.kernels[first : last + 1] for s in inliner.copy(kernel.body)]
    private = {b for b, start, end in steps.temporaries if first <= start and end < last + 1}
    body = without_dead_stores(copied, private)
    buffers, _ = k.buffers_of(body)
    return k.Kernel(steps.kernels[first].name, buffers, steps.kernels[first].symbols, tuple(body))


def _moved(runs: list[tuple[int, int]], time: Time, *, end: bool) -> Time:
    """A time in terms of the joined kernels: all of a kernel's temporaries live as long as it runs.

    Buffers that meet in one kernel then never share memory.
    """
    step = math.floor(time)
    number = next(i for i, (first, last) in enumerate(runs) if first <= step <= last)
    first, last = runs[number]
    if first == last:
        return number + (time - step)
    return number + Fraction(1, 2) if end else number
