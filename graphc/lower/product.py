"""Schedules a matrix product with its epilogue: which axes are rows, columns, batch and depth."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from graphc.dataclass import dataclass
from graphc.errors import VerificationError
from graphc.ir.dims import Dim
from graphc.ir.graph import Node
from graphc.lower import kernel_ir as k
from graphc.lower.build import KernelBuilder
from graphc.lower.expressions import Expression, Offset, Read
from graphc.lower.fuse import Group, is_aligned
from graphc.lower.schedule import collapse, loop_axes
from graphc.lower.tasks import Pointwise, Product, expressions, offsets_of
from graphc.lower.writer import ErrorTable, ExpressionWriter, LoopAxis


@dataclass(frozen=True)
class Roles:
    """What each loop of a product is for; `swapped`: left and right trade places."""

    row: LoopAxis | None
    column: LoopAxis | None
    depth: LoopAxis | None
    around: tuple[LoopAxis, ...]
    swapped: bool


class ProductScheduler:
    """Writes one product group as a kernel body."""

    def __init__(self, group: Group, buffers: dict[Node, k.Buffer], errors: ErrorTable) -> None:
        self.group = group
        self.buffers = buffers
        self.builder = KernelBuilder()
        first = group.tasks[0]
        assert isinstance(first, Product)
        self.product = first
        self.loops = self._loops()
        self.roles = assign_roles(self.product, self.loops)
        self.writer = ExpressionWriter(self.builder, self._written_axes(), buffers, errors, self._forwarded)
        self.values: dict[Node, k.Value] = {}

    def _loops(self) -> list[LoopAxis]:
        task = self.product
        sizes = (*task.domain, *task.summed)
        offsets = [o for t in self.group.tasks for o in offsets_of(t)]
        runs = collapse(range(len(sizes)), sizes, offsets, lambda a, b: _class(task, a) == _class(task, b))
        return loop_axes(runs, sizes)

    def _written_axes(self) -> list[LoopAxis]:
        roles = self.roles
        return [a for a in (*roles.around, roles.row, roles.column) if a is not None]

    def build(self) -> list[k.Statement]:
        """The kernel's statements."""
        task, roles, b = self.product, self.roles, self.builder
        left, right = (task.right, task.left) if roles.swapped else (task.left, task.right)
        for t in self.group.tasks:
            if t.node in self.buffers:
                b.will_write(self.buffers[t.node])
        with ExitStack() as stack:
            for loop in roles.around:
                stack.enter_context(b.loop(loop.axis, "parallel"))
            row = roles.row.axis if roles.row else k.Axis("row", 1)
            column = roles.column.axis if roles.column else k.Axis("column", 1)
            step = roles.depth.axis if roles.depth else k.Axis("depth", 1)
            operands = (
                self._operand(left, roles.row, roles.depth),
                self._operand(right, roles.depth, roles.column),
            )
            dtype = task.node.array_type.dtype
            value = stack.enter_context(b.matmul(*operands, row, column, step, dtype))
            self._epilogue(value)
        return b.body

    def _epilogue(self, value: k.Value) -> None:
        self.values[self.product.node] = value
        self._store(self.product.node, self.product.target, value)
        for task in self.group.tasks[1:]:
            assert isinstance(task, Pointwise)
            self.values[task.node] = self.writer.write(task.value)
            self._store(task.node, task.target, self.values[task.node])

    def _store(self, node: Node, target: Offset, value: k.Value) -> None:
        if node in self.buffers:
            self.builder.store(self.buffers[node], self.writer.index(target), value)

    def _operand(
        self, read: Expression, first: LoopAxis | None, second: LoopAxis | None
    ) -> k.Operand | k.Computed:
        if not isinstance(read, Read):
            assert first is not None and second is not None, "operands with both axes are computed"
            return self._computed(read, first, second)
        strides = tuple(
            read.offset.coefficient(loop.covers[-1]) if loop is not None else 0 for loop in (first, second)
        )
        around = {loop.covers[-1] for loop in self.roles.around}
        base = Offset(tuple((a, c) for a, c in read.offset.terms if a in around), read.offset.constant)
        return k.Operand(self.buffers[read.node], self.writer.index(base), (strides[0], strides[1]))

    def _computed(self, value: Expression, first: LoopAxis, second: LoopAxis) -> k.Computed:
        """The operand as statements of its own, over the axes in the order in which it lies in memory."""
        reads = [e.offset for e in expressions(value) if isinstance(e, Read)]
        across = sum(o.coefficient(first.covers[-1]) == 1 for o in reads)
        outer, inner = (second, first) if across * 2 > len(reads) else (first, second)
        axes = [*self.roles.around, outer, inner]
        writer = ExpressionWriter(self.builder, axes, self.buffers, self.writer.errors, lambda _: None)
        with self.builder.plane(outer.axis, inner.axis) as body:
            result = writer.write(value)
        return k.Computed(result, (outer.axis, inner.axis), body)

    def _forwarded(self, read: Read) -> k.Value | None:
        if read.node in self.values and is_aligned(read, self.group, "full"):
            return self.values[read.node]
        return None


def _class(task: Product, axis: int) -> tuple[bool, bool, bool]:
    return axis >= len(task.domain), axis in task.left_axes, axis in task.right_axes


def assign_roles(task: Product, loops: Sequence[LoopAxis]) -> Roles:
    """The longest axis of each kind goes into the matrix product, the others loop around it."""
    rank = len(task.domain)
    depth = [LoopAxis(k.Axis("depth", a.axis.extent), a.covers) for a in loops if a.covers[0] >= rank]
    if len(depth) > 1:
        raise VerificationError(f"a product sums over {len(depth)} axes that do not form one")
    result = [a for a in loops if a.covers[0] < rank]
    only_left = [a for a in result if not _in(a, task.right_axes)]
    only_right = [a for a in result if not _in(a, task.left_axes)]
    swapped = _should_swap(task, only_left, only_right, depth[0] if depth else None)
    rows, columns = (only_right, only_left) if swapped else (only_left, only_right)
    row, column = _longest(rows), _innermost(columns)
    around = tuple(a for a in result if a is not row and a is not column)
    return Roles(row, column, depth[0] if depth else None, around, swapped)


def _in(loop: LoopAxis, axes: frozenset[int]) -> bool:
    return loop.covers[0] in axes


def _longest(loops: list[LoopAxis]) -> LoopAxis | None:
    known = [a for a in loops if isinstance(a.axis.extent, int)]
    symbolic = [a for a in loops if not isinstance(a.axis.extent, int)]
    if symbolic:
        return symbolic[-1]
    return max(known, key=lambda a: (_fixed(a.axis.extent), a.covers[0]), default=None)


def _innermost(loops: list[LoopAxis]) -> LoopAxis | None:
    return max(loops, key=lambda a: a.covers[0], default=None)


def _should_swap(
    task: Product, only_left: list[LoopAxis], only_right: list[LoopAxis], depth: LoopAxis | None
) -> bool:
    """Columns are the axis along which the result is contiguous; a lone vector is the right operand."""
    if only_left and only_right:
        return _innermost(only_left).covers[0] > _innermost(only_right).covers[0]  # type: ignore[union-attr]
    if depth is None:
        return bool(only_left)
    if only_right:  # a vector times a matrix: rows of dot products if the matrix is stored that way
        return _stride(task.right, depth) == 1
    if only_left:
        return _stride(task.left, depth) != 1
    return False


def _stride(operand: Expression, loop: LoopAxis) -> Dim:
    assert isinstance(operand, Read), "beside a vector stands a matrix in memory"
    return operand.offset.coefficient(loop.covers[-1])


def _fixed(extent: Dim) -> int:
    assert isinstance(extent, int)
    return extent
