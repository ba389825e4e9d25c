"""Groups to kernels: loop order, collapsed axes, phases of a row, accumulators."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import numpy as np

from graphc.ir.dims import Dim, product
from graphc.ir.graph import Node
from graphc.lower import kernel_ir as k
from graphc.lower.build import KernelBuilder
from graphc.lower.divide import divide
from graphc.lower.expressions import Offset, Read
from graphc.lower.fuse import Group, Place, is_aligned
from graphc.lower.tasks import Pointwise, Reduction, Task, offsets_of
from graphc.lower.writer import ErrorTable, ExpressionWriter, LoopAxis

STREAMED_BYTES = 8 << 20
STREAMED_WORK = 8  # additions' worth of an iteration, up to which memory is what a loop waits for
SHORT_ROW, MANY_ROWS = 8, 16  # rows of up to 8 elements, if there are at least 16, are vectorised across

COMBINE = {
    "add": "add",
    "mul": "multiply",
    "maximum": "maximum",
    "minimum": "minimum",
    "and": "logical_and",
    "or": "logical_or",
}


def identity_of(monoid: str, dtype: np.dtype) -> float | int | bool:
    """The neutral element of a monoid in a dtype."""
    if monoid in ("add", "or", "mul", "and"):
        neutral: float | int | bool = dtype.type(monoid in ("mul", "and")).item()
        return neutral
    if dtype.kind == "f":
        return float("-inf") if monoid == "maximum" else float("inf")
    if dtype.kind == "b":
        return monoid == "minimum"
    info = np.iinfo(dtype)
    return info.min if monoid == "maximum" else info.max


def collapse(
    axes: Sequence[int],
    sizes: Sequence[Dim],
    offsets: Sequence[Offset],
    same_class: Callable[[int, int], bool],
) -> list[tuple[int, ...]]:
    """Runs of adjacent axes that every index crosses as if they were one."""
    runs: list[list[int]] = []
    for axis in axes:
        if runs and runs[-1][-1] == axis - 1 and same_class(axis - 1, axis):
            size = sizes[axis]
            if all(o.coefficient(axis - 1) == o.coefficient(axis) * size for o in offsets):
                runs[-1].append(axis)
                continue
        runs.append([axis])
    return [tuple(run) for run in runs]


def loop_axes(runs: Sequence[tuple[int, ...]], sizes: Sequence[Dim]) -> list[LoopAxis]:
    """A loop variable for each run of axes."""
    return [LoopAxis(k.Axis(f"i{run[0]}", product(tuple(sizes[a] for a in run))), run) for run in runs]


class LoopScheduler:
    """Writes one loop group as a kernel body."""

    def __init__(self, group: Group, buffers: dict[Node, k.Buffer], errors: ErrorTable) -> None:
        self.group = group
        self.builder = KernelBuilder()
        self.buffers = dict(buffers)
        self.locals: list[k.Buffer] = []
        self.row_values: dict[Node, k.Value] = {}
        self.full_values: dict[Node, k.Value] = {}
        self._pending: list[tuple[Reduction, Place, k.Value]] = []
        self.outer, self.inner = self._axes()
        self.across_rows = self._vectorises_across_rows()
        self.inner_sizes = product(tuple(a.axis.extent for a in self.inner))
        self.division = divide(group, self.outer, self.inner)
        self.partial: dict[Node, k.Buffer] = {}  # accumulators with a copy for each task
        self.writer = ExpressionWriter(
            self.builder, [*self.outer, *self.inner], self.buffers, errors, self._forwarded
        )

    def _axes(self) -> tuple[list[LoopAxis], list[LoopAxis]]:
        rank = len(self.group.domain)
        rows = rank - self.group.inner if self.group.inner is not None else 0
        offsets = [o for task in self.group.tasks for o in offsets_of(task)]
        runs = collapse(range(rank), self.group.domain, offsets, lambda a, b: (a < rows) == (b < rows))
        axes = loop_axes(runs, self.group.domain)
        outer = [a for a in axes if a.covers[0] < rows]
        return outer, axes[len(outer) :]

    def _vectorises_across_rows(self) -> bool:
        """Whether lanes are rows: where rows are too short to fill a vector and there are many.

        The points of (N, 3) are such rows. Nothing may pass from row to row, or wait in a row's memory.
        """
        inner = self.inner if self.group.inner is not None else self.inner[-1:]
        outer = self.outer if self.group.inner is not None else self.inner[:-1]
        length = product(tuple(a.axis.extent for a in inner))
        if not outer or not isinstance(length, int) or length > SHORT_ROW:
            return False
        rows = outer[-1].axis.extent
        alone = all(p.level != "terminal" for p in self.group.places.values())
        if not isinstance(rows, int) or rows < MANY_ROWS or not alone or self._waiting():
            return False
        self.outer, self.inner = outer, inner
        return True

    def build(self) -> list[k.Statement]:
        """The kernel's statements."""
        self._allocate_locals()
        if self.division:
            self._allocate_partials()
        else:
            for reduction in self._terminal():
                self._clear(reduction)
        for task in self.group.tasks:
            if task.node in self.buffers:
                self.builder.will_write(self.buffers[task.node])
        with self._loops(self.outer, lanes=self.across_rows):
            for phase in range(self.group.phases):
                self._row_tasks(phase)
                self._full_tasks(phase)
        for reduction in self._terminal():
            if self.division:
                self._combine_partials(reduction)
        return self.builder.body

    def _terminal(self) -> list[Reduction]:
        """The reductions whose results are complete when all loops have ended."""
        places = self.group.places.items()
        return [t for t, place in places if place.level == "terminal" and isinstance(t, Reduction)]

    # ---- one row

    def _tasks(self, level: str, phase: int) -> list[tuple[Task, Place]]:
        return [
            (t, p) for t, p in self.group.places.items() if p.phase == phase and self._runs_at(t, p) == level
        ]

    def _runs_at(self, task: Task, place: Place) -> str:
        if place.level != "terminal":
            return place.level
        rows = len(self.group.domain) - (self.group.inner or 0)
        assert isinstance(task, Reduction)
        return "row" if self.group.inner is not None and len(task.domain) == rows else "full"

    def _row_tasks(self, phase: int) -> None:
        for task, place in self._tasks("row", phase):
            assert isinstance(task, Pointwise | Reduction)
            value = self.writer.write(task.value)
            if place.level == "terminal":
                assert isinstance(task, Reduction)
                self._accumulate(task, value)
                continue
            self.row_values[task.node] = value
            self._store(task, value)

    def _full_tasks(self, phase: int) -> None:
        tasks = self._tasks("full", phase)
        if not tasks:
            return
        self.full_values = {}
        folds: list[tuple[Reduction, Place, k.Value]] = []
        with self._loops(self.inner, lanes=not self.across_rows, folds=True):
            for task, place in tasks:
                assert isinstance(task, Pointwise | Reduction)
                value = self.writer.write(task.value)
                if isinstance(task, Pointwise):
                    self.full_values[task.node] = value
                    self._store(task, value)
                elif place.level == "terminal" and self._target_moves(task):
                    self._accumulate(task, value)
                else:
                    folds.append((task, place, value))
            self._pending = folds
        self.full_values = {}

    def _target_moves(self, task: Reduction) -> bool:
        """Whether the innermost loop moves along the result, so that lanes add to different elements."""
        return bool(self.inner) and task.target.coefficient(self.inner[-1].covers[-1]) != 0

    # ---- loops

    @contextmanager
    def _loops(self, axes: list[LoopAxis], *, lanes: bool, folds: bool = False) -> Iterator[None]:
        """The nest of `axes`, ending in a vector loop if `lanes`; closes its folds on the way out."""
        self._pending = []
        with ExitStack() as stack:
            for i, axis in enumerate(axes):
                kind: k.LoopKind = "lanes" if lanes and i == len(axes) - 1 else "serial"
                division = self.division if self.division and self.division.first is axis else None
                if division:
                    stack.enter_context(self.builder.loop(division.task, "parallel", least=division.least))
                    for task in self._terminal():
                        self._clear(task)
                if folds:
                    stack.callback(self._close_level, axis)
                loop = stack.enter_context(
                    self.builder.loop(axis.axis, kind, division.task, division.share)
                    if division
                    else self.builder.loop(axis.axis, kind)
                )
                if folds:
                    stack.callback(self._fold_level, loop)
            yield

    def _fold_level(self, loop: k.Loop) -> None:
        """Just before a loop closes: its pending reductions become folds of that loop."""
        self._pending = [(t, p, self.builder.fold(loop, t.monoid, v)) for t, p, v in self._pending]

    def _close_level(self, axis: LoopAxis) -> None:
        """Just after a loop closed: reductions that are complete here are stored or accumulated."""
        remaining: list[tuple[Reduction, Place, k.Value]] = []
        outer_inner = self.inner[: self.inner.index(axis)]
        for task, place, value in self._pending:
            if place.level == "terminal":
                if not self._next_loop_reduces(task, outer_inner):
                    self._accumulate(task, value)
                    continue
            elif not outer_inner:
                self.row_values[task.node] = value
                self._store(task, value)
                continue
            remaining.append((task, place, value))
        self._pending = remaining

    def _next_loop_reduces(self, task: Reduction, enclosing: list[LoopAxis]) -> bool:
        return bool(enclosing) and all(a in task.axes for a in enclosing[-1].covers)

    # ---- memory

    def _allocate_partials(self) -> None:
        """Accumulators with a copy for each task."""
        assert self.division
        for task in self._terminal():
            buffer = self.buffers[task.node]
            size = buffer.size * self.division.copies(buffer.size)
            partial = k.Buffer(f"partial{len(self.partial)}", buffer.dtype, size, "local")
            self.partial[task.node] = partial
            self.locals.append(partial)
            self.builder.will_write(partial)

    def _clear(self, task: Reduction) -> None:
        """Fills an accumulator, or the current task's copy of it, with the monoid's identity."""
        b, buffer = self.builder, self.buffers[task.node]
        size, start = buffer.size, k.Index()
        if self.division:
            buffer, start = self.partial[task.node], k.Index(((self.division.task, size),))
        value = b.constant(identity_of(task.monoid, buffer.dtype), buffer.dtype)
        with self._elements(size) as element:
            b.store(buffer, k.Index((*start.terms, *element)), value)

    def _combine_partials(self, task: Reduction) -> None:
        """The tasks' copies of an accumulator, folded in task order."""
        assert self.division
        buffer, partial = self.buffers[task.node], self.partial[task.node]
        b, which = self.builder, self.division.task
        with self._elements(buffer.size) as element:
            with b.loop(which, "serial") as loop:
                part = b.load(partial, k.Index(((which, buffer.size), *element)))
                total = b.fold(loop, task.monoid, part)
            b.store(buffer, k.Index(element), total)

    @contextmanager
    def _elements(self, size: Dim) -> Iterator[tuple[tuple[k.Axis, Dim], ...]]:
        """A loop over an accumulator's elements; the term of their index. One element needs no loop."""
        if size == 1:
            yield ()
            return
        axis = k.Axis("z", size)
        with self.builder.loop(axis, "lanes"):
            yield ((axis, 1),)

    def _accumulate(self, task: Reduction, value: k.Value) -> None:
        buffer = self.buffers[task.node]
        index = self.writer.index(task.target)
        if task.node in self.partial:
            assert self.division
            terms = ((self.division.task, buffer.size), *index.terms)
            buffer, index = self.partial[task.node], k.Index(terms, index.offset, index.dynamic)
        b = self.builder
        old = b.load(buffer, index)
        b.store(buffer, index, b.let(COMBINE[task.monoid], (old, value), buffer.dtype))

    def _store(self, task: Pointwise | Reduction, value: k.Value) -> None:
        buffer = self.buffers.get(task.node)
        if buffer is None:
            return
        index = self._index(buffer, task.target)
        self.builder.store(buffer, index, value, streaming=self._streams(buffer, index))

    def _streams(self, buffer: k.Buffer, index: k.Index) -> bool:
        """Whether a result is so large that writing it should not displace what the caches hold.

        It must not be read again in this kernel, and rows must begin where the whole array is aligned. Loops
        that compute longer than they write are slower with such stores.
        """
        if buffer.space != "output" or not isinstance(buffer.size, int) or not self.inner:
            return False
        if self.builder.work_here() > STREAMED_WORK:
            return False
        width = buffer.dtype.itemsize
        lanes = self.inner[-1].axis
        others = [c for a, c in index.terms if a is not lanes] + [index.offset]
        aligned = all(isinstance(c, int) and c * width % k.LINE == 0 for c in others)
        read = any(buffer is self.buffers.get(n) for t in self.group.tasks for n in t.nodes_read)
        large = buffer.size * width >= STREAMED_BYTES
        return large and aligned and not read and index.coefficient(lanes) == 1

    def _index(self, buffer: k.Buffer, offset: Offset) -> k.Index:
        """Where the current point is in a buffer; row buffers hold one row for each task."""
        if buffer.space != "local":
            return self.writer.index(offset)
        index = self.writer.index(self._local_offset(offset))
        if self.division is None:
            return index
        return k.Index(((self.division.task, self.inner_sizes), *index.terms), index.offset, index.dynamic)

    def _local_offset(self, offset: Offset) -> Offset:
        """A position within the current row."""
        inner = {a for loop in self.inner for a in loop.covers}
        return Offset(tuple((a, c) for a, c in offset.terms if a in inner), 0)

    def _allocate_locals(self) -> None:
        """A row buffer for each full value that only later phases of this kernel read again."""
        for node in self._waiting():
            size = self.inner_sizes * (self.division.copies(self.inner_sizes) if self.division else 1)
            buffer = k.Buffer(f"row{len(self.locals)}", node.array_type.dtype, size, "local")
            self.locals.append(buffer)
            self.buffers[node] = buffer

    def _waiting(self) -> list[Node]:
        """The full values without memory that a later phase reads again."""
        places = self.group.places.items()
        return [
            node
            for node, made in self.group.made.items()
            if node not in self.buffers
            and made.level == "full"
            and any(p.phase > made.phase and node in t.nodes_read for t, p in places)
        ]

    def _forwarded(self, read: Read) -> k.Value | None:
        """The register that holds what is read, if it was made at this very point."""
        place = self.group.made.get(read.node)
        if place is None or not is_aligned(read, self.group, place.level):
            return None
        if read.node in self.full_values:
            return self.full_values[read.node]
        if read.node in self.row_values:
            return self.row_values[read.node]
        buffer = self.buffers[read.node]
        return self.builder.load(buffer, self._index(buffer, read.offset))


def expression_count(task: Task) -> int:
    """How many scalar operations one point of a task takes."""
    return len(task.expressions) if isinstance(task, Pointwise | Reduction) else 1
