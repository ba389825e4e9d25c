"""Groups tasks into kernels.

Groups run in list order; a task joins the first group that comes no earlier than what it reads and
that it fits. Inside a loop group the values of one row pass through *phases*: a reduction over the
row ends a phase, what depends on its result belongs to a later one.
"""

from __future__ import annotations

import functools
from dataclasses import field
from typing import Literal, TypeAlias

from graphc.dataclass import dataclass
from graphc.ir.dims import Dim, product
from graphc.ir.graph import Item, Node
from graphc.lower.expressions import Offset, Read, axis_offset, flat
from graphc.lower.tasks import Opaque, Pointwise, Product, Reduction, Task

Level: TypeAlias = Literal["full", "row", "terminal"]

MAX_EXPRESSIONS = 400  # per kernel: beyond this, registers and compile time suffer
SINGLE_ROW = 1 << 15  # a reduction of everything is one row up to this size, then its readers wait


@dataclass(frozen=True)
class Place:
    """Where in a group a task runs. A `full` task runs at each point, a `row` task once per row."""

    level: Level
    phase: int


@dataclass(eq=False)
class Group:
    """Tasks that become one kernel. `inner`: how many trailing axes form a row, once that is decided."""

    kind: Literal["loops", "product", "opaque"]
    domain: tuple[Dim, ...]
    inner: int | None = None
    places: dict[Task, Place] = field(default_factory=dict)
    made: dict[Node, Place] = field(default_factory=dict)
    size: int = 0

    @property
    def tasks(self) -> list[Task]:
        return list(self.places)

    @property
    def phases(self) -> int:
        return 1 + max((p.phase for p in self.places.values()), default=0)

    def add(self, task: Task, place: Place) -> None:
        self.places[task] = place
        if isinstance(task, Reduction) and place.level != "terminal":
            self.inner = len(task.axes)
            self.made[task.node] = Place("row", place.phase + 1)
        else:
            self.made[task.node] = place
        self.size += _size(task)


def fuse(tasks: list[Task], after: dict[Task, list[Task]] | None = None) -> list[Group]:
    """The groups of `tasks`, in execution order. `after`: tasks whose kernels must have ended before."""
    groups: list[Group] = []
    home: dict[Node, int] = {}
    where: dict[Task, int] = {}
    for task in tasks:
        owners = (n.args[0] if isinstance(n.op, Item) else n for n in task.nodes_read)
        earliest = max((home[n] for n in owners if n in home), default=0)
        earliest = max([earliest, *(where[t] + 1 for t in (after or {}).get(task, ()))])
        index = _join(task, groups, earliest, home)
        home[task.node] = max(index, home.get(task.node, 0))
        where[task] = index
    return groups


def _join(task: Task, groups: list[Group], earliest: int, home: dict[Node, int]) -> int:
    if not isinstance(task, Opaque | Product):
        for index in range(earliest, len(groups)):
            group = groups[index]
            place = placement(task, group)
            if place is not None and group.size + _size(task) <= MAX_EXPRESSIONS:
                group.add(task, place)
                return index
    groups.append(_new_group(task))
    return len(groups) - 1


def _new_group(task: Task) -> Group:
    match task:
        case Product():
            group = Group("product", task.domain)
        case Opaque():
            group = Group("opaque", ())
        case _:
            group = Group("loops", task.domain)
    place = placement(task, group) if not isinstance(task, Opaque | Product) else Place("full", 0)
    assert place is not None
    group.add(task, place)
    return group


def placement(task: Pointwise | Reduction, group: Group) -> Place | None:
    """Where `task` can run in `group`, or None."""
    if group.kind == "opaque":
        return None
    if group.kind == "product":
        fits = isinstance(task, Pointwise) and task.domain == group.domain
        return Place("full", 0) if fits and _reads_inside(task, group) and _aligned(task, group) else None
    if task.domain == group.domain:
        return _full_placement(task, group)
    if group.inner is not None and task.domain == group.domain[: len(group.domain) - group.inner]:
        return _row_placement(task, group)
    return None


def _full_placement(task: Pointwise | Reduction, group: Group) -> Place | None:
    phase = _phase(task, group, row=False)
    if phase is None:
        return None
    if isinstance(task, Pointwise):
        return Place("full", phase)
    axes = len(task.axes)
    trailing = task.axes == tuple(range(len(task.domain) - axes, len(task.domain)))
    if not trailing or _is_long_row(task) or (group.inner is not None and group.inner != axes):
        return Place("terminal", phase)
    return Place("full", phase)


def _is_long_row(task: Reduction) -> bool:
    if len(task.axes) != len(task.domain):
        return False
    size = product(task.domain)
    return not isinstance(size, int) or size > SINGLE_ROW


def _row_placement(task: Pointwise | Reduction, group: Group) -> Place | None:
    phase = _phase(task, group, row=True)
    if phase is None:
        return None
    return Place("row" if isinstance(task, Pointwise) else "terminal", phase)


def _phase(task: Pointwise | Reduction, group: Group, *, row: bool) -> int | None:
    """The earliest phase in which everything `task` reads inside the group exists."""
    phase = 0
    for read in task.reads:
        place = group.made.get(read.node)
        if place is None:
            continue
        if place.level == "terminal" or (row and place.level == "full"):
            return None
        if not is_aligned(read, group, place.level):
            return None
        phase = max(phase, place.phase)
    return phase


def _reads_inside(task: Task, group: Group) -> bool:
    return any(n in group.made for n in task.nodes_read)


def _aligned(task: Task, group: Group) -> bool:
    return all(is_aligned(r, group, "full") for r in task.reads if r.node in group.made)


def is_aligned(read: Read, group: Group, level: Level) -> bool:
    """Whether a read of a value made in the group is at the very point where it is made."""
    axes = len(group.domain) - (group.inner or 0 if level == "row" else 0)
    own, size = _own_point(group.domain[:axes])
    return read.guard is None and read.offset == own and read.node.array_type.size == size


@functools.lru_cache(256)
def _own_point(domain: tuple[Dim, ...]) -> tuple[Offset, Dim]:
    """(where the current point is in an array of the domain's shape, the size of that array)."""
    return flat([axis_offset(a) for a in range(len(domain))], domain), product(domain)


def _size(task: Task) -> int:
    return 4 + len(task.expressions)
