"""Divides a kernel's outermost loop into shares for threads.

Shares follow from sizes, never from the threads there are: what shares reduce is combined in their
order, so results are the same bits for any number of threads. Where sizes are symbolic, so are the length
of a share and the number of shares, and a call with less work than is worth it runs in its own thread.
"""

from __future__ import annotations

from graphc.dataclass import dataclass
from graphc.ir.dims import Dim, Quotient, product, symbol
from graphc.lower import kernel_ir as k
from graphc.lower.expressions import Apply
from graphc.lower.fuse import Group
from graphc.lower.tasks import Pointwise, Reduction
from graphc.lower.writer import LoopAxis
from graphc.ops.cost import operation_cost

GRAIN = 100_000  # additions' worth of work (some 5 µs), the least of a share
LEAST = 4  # shares from which on threads take them
MOST = 64  # shares of a kernel, however long it runs
GRANULE = 256  # elements: shares of a vector loop are whole vectors and whole cache lines
POINTS_A_COPY = 32  # points of a share for each element of the accumulators that it has to itself
SMALL_COPY = 16  # elements, of which there is room for as many copies as there can be shares


@dataclass(frozen=True, eq=False)
class Division:
    """The loop `first` runs in parts: part number `task` has `share` iterations.

    Fewer than `least` parts are run one after the other.
    """

    task: k.Axis
    first: LoopAxis
    share: Dim
    least: int

    def copies(self, elements: Dim) -> Dim:
        """How many copies of so many elements there is room for: one for each part."""
        small = isinstance(elements, int) and elements <= SMALL_COPY
        # A constant keeps the formula of the arena short.
        return MOST if small and not isinstance(self.task.extent, int) else self.task.extent


def divide(group: Group, outer: list[LoopAxis], inner: list[LoopAxis]) -> Division | None:
    """The division of a loop group, or None where it runs faster in one thread, whatever its sizes."""
    axes = [*outer, *inner]
    if not axes or (group.inner is not None and not outer):
        return None
    extent, inside = axes[0].axis.extent, product(tuple(a.axis.extent for a in axes[1:]))
    least = min(LEAST, extent) if isinstance(extent, int) else LEAST
    if least < 2:
        return None
    share = _share(_bound(extent), _grain(group, _bound(inside)), vector=len(axes) == 1)
    tasks = _parts(extent, share)
    if isinstance(tasks, int) and tasks < least:
        return None
    return Division(k.Axis("task", tasks), axes[0], share, least)


def _grain(group: Group, inside: Dim) -> Dim:
    """The fewest iterations that are worth a share, of `inside` points each.

    They also keep the time small that the combination of accumulators takes.
    """
    grain = GRAIN // (_cost(group) * inside + 1) + 1
    partial = _bound(_partial_elements(group))
    return grain + POINTS_A_COPY * partial // (inside + 1) if partial != 0 else grain


def _share(extent: Dim, grain: Dim, *, vector: bool) -> Dim:
    """Iterations of a part: at least `grain`, and so many that there are MOST parts at most.

    Where the sizes are known, parts are as even as can be.
    """
    granule = GRANULE if vector else 1
    if isinstance(extent, int) and isinstance(grain, int):
        parts = max(1, min(MOST, extent // grain))
        return -(-extent // (parts * granule)) * granule
    share: Dim = granule * ((grain + (granule - 1)) // granule + extent // (MOST * granule))
    return share


def _parts(extent: Dim, share: Dim) -> Dim:
    """How many parts there are. Where only a call knows, the last one may be empty."""
    parts: Dim = (extent + (share - 1)) // share if isinstance(extent, int) else extent // share + 1
    return parts


def _bound(size: Dim) -> Dim:
    """`size`, or more where it could be negative: what is divided by must be positive in any call.

    Calls with impossible sizes are refused, but not before these numbers were needed.
    """
    if isinstance(size, int):
        return max(0, size)
    total: Dim = 0
    for monomial, coefficient in size.terms:
        atoms = [_bound_of(atom) for atom, power in monomial for _ in range(power)]
        total = total + product((max(0, coefficient), *atoms))
    return total


def _bound_of(atom: str | Quotient) -> Dim:
    if isinstance(atom, str):
        return symbol(atom)
    result: Dim = (
        atom.numerator % atom.denominator if atom.remainder else _bound(atom.numerator) // atom.denominator
    )
    return result


def _partial_elements(group: Group) -> Dim:
    """Elements of the accumulators that each task needs a copy of."""
    sizes: list[Dim] = [
        task.node.array_type.size for task, place in group.places.items() if place.level == "terminal"
    ]
    return sum(sizes, 0)


def _cost(group: Group) -> int:
    """Additions' worth of work per point, a memory access counting like one."""
    total = 0
    for task in group.tasks:
        if isinstance(task, Pointwise | Reduction):
            for e in task.expressions:
                total += operation_cost(e.op) if isinstance(e, Apply) else 1
    return max(1, total)
