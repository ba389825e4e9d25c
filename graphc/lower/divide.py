"""Divides a kernel's outermost loop into tasks for threads.

The number of tasks depends on sizes only, never on the threads there are: what tasks reduce is combined
in task order, so results are the same bits for any number of threads.
"""

from __future__ import annotations

from graphc.dataclass import dataclass
from graphc.ir.dims import Dim, product
from graphc.lower import kernel_ir as k
from graphc.lower.expressions import Apply
from graphc.lower.fuse import Group
from graphc.lower.tasks import Pointwise, Reduction
from graphc.lower.writer import LoopAxis
from graphc.ops.cost import operation_cost

TASKS = 16
WORTH = 400_000  # additions' worth of work (some 20 µs) from which on threads share a kernel
GRANULE = 256  # elements: shares of a vector loop are whole vectors and whole cache lines


@dataclass(frozen=True, eq=False)
class Division:
    """The loop `first` runs in parts: part number `task` has `share` iterations."""

    task: k.Axis
    first: LoopAxis
    share: int


def divide(group: Group, outer: list[LoopAxis], inner: list[LoopAxis]) -> Division | None:
    """The division of a loop group, or None where it runs faster in one thread."""
    axes = [*outer, *inner]
    if not axes or (group.inner is not None and not outer):
        return None
    points, extent = product(group.domain), axes[0].axis.extent
    if not isinstance(points, int) or not isinstance(extent, int):
        return None
    if points * _cost(group) < WORTH or extent < 2 or _partial_elements(group) * TASKS * 4 > points:
        return None
    is_vector = len(axes) == 1
    share = -(-extent // TASKS)
    if is_vector:
        share = -(-share // GRANULE) * GRANULE
    return Division(k.Axis("task", -(-extent // share)), axes[0], share)


def _partial_elements(group: Group) -> int:
    """Elements of the accumulators that each task needs a copy of."""
    sizes: list[Dim] = [
        task.node.array_type.size for task, place in group.places.items() if place.level == "terminal"
    ]
    return sum(n for n in sizes if isinstance(n, int))


def _cost(group: Group) -> int:
    """Additions' worth of work per point, a memory access counting like one."""
    total = 0
    for task in group.tasks:
        if isinstance(task, Pointwise | Reduction):
            for e in task.expressions:
                total += operation_cost(e.op) if isinstance(e, Apply) else 1
    return max(1, total)
