"""What kernels cost: arithmetic and memory traffic, as functions of the program's sizes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from graphc.dataclass import dataclass
from graphc.ir.dims import Dim, evaluate, product
from graphc.lower import kernel_ir as k
from graphc.ops.cost import operation_cost


@dataclass(frozen=True)
class KernelCost:
    """What one run of a kernel takes.

    `flops` counts additions; a division counts as 4 and an elementary function as 12 of them. `read` and
    `written` are bytes, each element counted once however often the kernel comes back to it: what must
    cross the memory bus. Where the data decide how often a loop runs, flops are an upper bound,
    which can be far away (`at_most`), or those of one iteration (`at_least`).
    """

    name: str
    operations: tuple[str, ...]
    flops: Dim
    read: Dim
    written: Dim
    double: bool  # the arithmetic is f64
    at_most: bool = False
    at_least: bool = False

    @property
    def known(self) -> bool:
        """Whether the sizes alone decide what is computed."""
        return not (self.at_most or self.at_least)

    @property
    def moved(self) -> Dim:
        """Bytes read and written."""
        return self.read + self.written

    @property
    def intensity(self) -> float | None:
        """Flops per byte moved; None while a size or the flops are unknown."""
        if isinstance(self.flops, int) and isinstance(self.moved, int) and self.moved and self.known:
            return self.flops / self.moved
        return None

    def at(self, sizes: Mapping[str, int]) -> KernelCost:
        """The cost for these sizes."""
        return replace(
            self,
            flops=evaluate(self.flops, sizes),
            read=evaluate(self.read, sizes),
            written=evaluate(self.written, sizes),
        )


def kernel_cost(kernel: k.Kernel) -> KernelCost:
    """The cost of a kernel, counted statement by statement."""
    count = _Count()
    count.body(kernel.body, {})
    return KernelCost(
        kernel.name,
        tuple(count.operations),
        count.flops,
        sum((_traffic(b, footprints) for b, footprints in count.read.items()), 0),
        sum((_traffic(b, footprints) for b, footprints in count.written.items()), 0),
        count.double,
        count.at_most,
        count.at_least,
    )


def buffer_bytes(buffers: tuple[k.Buffer, ...]) -> Dim:
    """The bytes of these buffers, shared ones counted once."""
    total: Dim = 0
    for buffer in dict.fromkeys(buffers):
        total = total + buffer.size * buffer.dtype.itemsize
    return total


class _Count:
    """Adds up a body; `extents` says how often each enclosing loop runs."""

    def __init__(self) -> None:
        self.flops: Dim = 0
        self.double = self.at_most = self.at_least = False
        self.operations: dict[str, None] = {}
        self.tasks: set[k.Axis] = set()
        self.read: dict[k.Buffer, dict[k.Index, Dim]] = {}
        self.written: dict[k.Buffer, dict[k.Index, Dim]] = {}

    def body(self, body: list[k.Statement] | tuple[k.Statement, ...], extents: dict[k.Axis, Dim]) -> None:
        for statement in body:
            self._statement(statement, extents)

    def _statement(self, s: k.Statement, extents: dict[k.Axis, Dim]) -> None:
        match s:
            case k.Let() if any(v.dtype.kind == "f" for v in (s.result, *s.operands)):
                self._operation(s.op, s.operands[0], operation_cost(s.op), extents)
            case k.Load():
                _touch(self.read, s.buffer, s.index, extents)
            case k.Store():
                _touch(self.written, s.buffer, s.index, extents)
            case k.Loop():
                self._loop(s, extents)
            case k.If():
                self.body(s.body, extents)
            case k.While():
                self.at_least = True
                self.body(s.test, extents)
                self.body(s.body, extents)
            case k.Matmul():
                self._matmul(s, extents)

    def _operation(self, name: str, value: k.Value, cost: int, extents: dict[k.Axis, Dim]) -> None:
        self.flops = self.flops + cost * product(tuple(extents.values()))
        self.operations.setdefault(name)
        self.double = self.double or value.dtype.itemsize == 8

    def _loop(self, s: k.Loop, extents: dict[k.Axis, Dim]) -> None:
        if s.kind == "parallel" and any(isinstance(x, k.Loop) and x.part_of is s.axis for x in s.body):
            # The parts of a divided loop make one whole loop; what else a task does is little beside it.
            self.tasks.add(s.axis)
            self.body(s.body, extents)
            return
        if s.axis in self.tasks:
            return  # what the tasks leave behind is gathered
        inner = {**extents, s.axis: s.axis.extent}
        self.at_most = self.at_most or any(v is not None for v in (s.first, s.end, s.stop))
        self.body(s.body, inner)
        for fold in s.folds:
            if fold.value.dtype.kind == "f":
                self._operation("sum" if fold.monoid == "add" else fold.monoid, fold.value, 1, inner)

    def _matmul(self, s: k.Matmul, extents: dict[k.Axis, Dim]) -> None:
        tile = {**extents, s.row: s.row.extent, s.column: s.column.extent}
        self._operation("matmul", s.result, 2, {**tile, s.step: s.depth})
        for operand, axes in ((s.left, (s.row, s.step)), (s.right, (s.step, s.column))):
            if isinstance(operand, k.Computed):
                self.body(operand.body, {**extents, **{axis: axis.extent for axis in axes}})
                continue
            terms = tuple(zip(axes, operand.strides, strict=True))
            index = k.Index((*operand.index.terms, *terms), operand.index.offset, operand.index.dynamic)
            _touch(self.read, operand.buffer, index, {**tile, s.step: s.depth})
        self.body(s.body, tile)


def _touch(
    table: dict[k.Buffer, dict[k.Index, Dim]], buffer: k.Buffer, index: k.Index, extents: dict[k.Axis, Dim]
) -> None:
    """Notes how many elements an index reaches: the loops it depends on, all of them if it is computed."""
    if buffer.space == "local":  # stays in the nearest cache
        return
    reached = {axis for axis, stride in index.terms if stride != 0}
    counted = tuple(n for axis, n in extents.items() if axis in reached or index.dynamic)
    table.setdefault(buffer, {})[index] = product(counted)


def _traffic(buffer: k.Buffer, footprints: Mapping[k.Index, Dim]) -> Dim:
    """Bytes: the sum of what the indices reach, at most the whole buffer."""
    whole, elements = buffer.size, sum(footprints.values(), 0)
    if len(footprints) > 1 and not (isinstance(elements, int) and isinstance(whole, int)):
        elements = whole  # which of them overlap is not known: the bound
    elif isinstance(elements, int) and isinstance(whole, int):
        elements = min(elements, whole)
    return elements * buffer.dtype.itemsize
