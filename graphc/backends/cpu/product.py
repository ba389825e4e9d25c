"""Matrix products of kernel IR: calls of the generated product, its rows or columns divided among threads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llvmlite import ir

from graphc.backends.cpu.computed import Element, Evaluated
from graphc.backends.cpu.frame import Capture, Lanes
from graphc.backends.cpu.gemm import MatmulShape, Tile, column_block, emit_matmul, row_block, scratch_bytes
from graphc.backends.cpu.index import Truth, at_least, both
from graphc.backends.cpu.llvm import I8, I64, PTR, Code, i64, lanes_of
from graphc.backends.cpu.parallel import fork_join
from graphc.dataclass import dataclass
from graphc.ir.dims import Dim, SymbolicDim, product
from graphc.lower import kernel_ir as k

if TYPE_CHECKING:
    from graphc.backends.cpu.emit import KernelEmitter

LONG_EPILOGUE = 6  # operations from which on the epilogue's code exists once, in a loop
PARALLEL_PRODUCT = 1 << 20  # multiply-adds from which on threads share a product


def emit_product(emitter: KernelEmitter, s: k.Matmul) -> None:
    """Code for one product with its epilogue."""
    shape, target = _shape(s), emitter.target
    capture = Capture(emitter.frame, s.body)
    rows, columns, depth = (emitter.size(d) for d in (s.row.extent, s.column.extent, s.depth))
    division = _division(emitter, s, shape)
    long = sum(1 for x in k.statements(s.body) if isinstance(x, k.Let)) > LONG_EPILOGUE
    function = emit_matmul(
        emitter.code.module,
        emitter.part_name("product"),
        shape,
        lambda code, tile: _epilogue(emitter, s, capture, code, tile),
        target.vector_bytes,
        unrolled_epilogue=not long,
        by_columns=division.by_columns,
        registers=target.registers,
        evaluated=(_evaluated(emitter, s, s.left), _evaluated(emitter, s, s.right)),
    )
    function.linkage = "internal"
    scratch = packing_bytes(emitter, s)
    strides = [emitter.size(d) for o in (s.left, s.right) for d in _strides(o, s)]
    operands = [
        emitter.address(o.buffer, emitter.uniform_part(o.index)[0])
        if isinstance(o, k.Operand)
        else Capture(emitter.frame, o.body).pack(emitter.code)
        for o in (s.left, s.right)
    ]
    numbers = [rows, columns, depth, *strides]
    context = capture.pack(emitter.code)
    tasks, whole = division.tasks, columns if division.by_columns else rows
    emitter.scratch_bytes = max(emitter.scratch_bytes, scratch * tasks)

    def alone() -> None:
        emitter.code.b.call(function, [*operands, context, i64(0), whole, *numbers, emitter.frame.scratch])

    def together() -> None:
        assert emitter.frame.scratch is not None
        carried = [*operands, context, emitter.frame.scratch, *numbers]
        body = _task(emitter, function, scratch, len(carried), division.by_columns)
        fork_join(emitter, body, [*carried, _share(emitter, whole, division)], tasks)

    if tasks == 1:
        alone()
        return
    pays = _pays(emitter, s, division)
    if pays is True:
        together()
    else:
        emitter.code.when(pays, together, alone)


def _pays(emitter: KernelEmitter, s: k.Matmul, division: Division) -> Truth:
    """Whether threads share a product that they can share, as far as that is known before a call."""
    code, whole = emitter.code, s.column.extent if division.by_columns else s.row.extent
    work = product((s.row.extent, s.column.extent, s.depth))
    shared = emitter.frame.shared
    return both(
        code,
        at_least(code, emitter.number(work), PARALLEL_PRODUCT),
        at_least(code, emitter.number(whole), division.block + 1),
        True if shared is None else code.b.not_(shared),
    )


def packing_bytes(emitter: KernelEmitter, s: k.Matmul) -> int:
    """The scratch that one thread needs for a product, in whole cache lines."""
    target = emitter.target
    needed = scratch_bytes(_shape(s), vector_bytes=target.vector_bytes, registers=target.registers)
    return -(-needed // k.LINE) * k.LINE


def can_be_shared(emitter: KernelEmitter, s: k.Matmul) -> bool:
    """Whether threads may share one product, if that is large enough."""
    return _division(emitter, s, _shape(s)).tasks > 1


def _shape(s: k.Matmul) -> MatmulShape:
    a, b = ([_known(d) for d in _strides(o, s)] for o in (s.left, s.right))
    return MatmulShape(
        s.result.dtype,
        _known(s.row.extent),
        _known(s.column.extent),
        _known(s.depth),
        (a[0], a[1]),
        (b[0], b[1]),
        (isinstance(s.left, k.Computed), isinstance(s.right, k.Computed)),
    )


def _strides(operand: k.Operand | k.Computed, s: k.Matmul) -> tuple[Dim, Dim]:
    """The strides of an operand; of one that is computed, 1 along the axis that its vectors go along."""
    if isinstance(operand, k.Operand):
        return operand.strides
    second = s.step if operand is s.left else s.column
    return (0, 1) if operand.axes[1] is second else (1, 0)


def _evaluated(emitter: KernelEmitter, s: k.Matmul, operand: k.Operand | k.Computed) -> Evaluated | None:
    """The code of an operand that is computed, from the frame of the product."""
    if isinstance(operand, k.Operand):
        return None
    capture, (outer_axis, inner_axis) = Capture(emitter.frame, operand.body), operand.axes

    def begin(code: Code, context: ir.Value) -> Element:
        frame = capture.unpack(code, context)

        def element(outer: ir.Value, inner: ir.Value, lanes: int, mask: ir.Value | None) -> ir.Value:
            frame.axes[outer_axis], frame.axes[inner_axis] = outer, inner
            body = type(emitter)(code, frame, emitter.name, emitter.target)
            body.lanes = Lanes(inner_axis, inner, lanes, mask) if lanes > 1 else None
            body.emit(operand.body)
            value = frame.values[operand.value]
            return value if lanes_of(value.type) == lanes else code.splat(value, lanes)

        return element

    # A is packed along the axis that is contiguous, B along its columns.
    return Evaluated(begin, crosswise=operand is s.right and inner_axis is s.step)


def _known(dim: Dim) -> int | None:
    return None if isinstance(dim, SymbolicDim) else dim


@dataclass(frozen=True)
class Division:
    """How many threads share a product, and along which axis: in multiples of `block` rows or columns."""

    tasks: int
    block: int
    by_columns: bool


def _division(emitter: KernelEmitter, s: k.Matmul, shape: MatmulShape) -> Division:
    """The division of a product; the result does not depend on it."""
    work = product((s.row.extent, s.column.extent, s.depth))
    small = isinstance(work, int) and work < PARALLEL_PRODUCT
    target = emitter.target
    threads = 1 if small else target.threads
    columns = column_block(shape, target.vector_bytes, registers=target.registers)
    if columns is not None and shape.n is not None and threads > 1:
        return Division(max(1, min(threads, -(-shape.n // columns))), columns, True)
    block = row_block(shape, target.vector_bytes, registers=target.registers)
    blocks = 1 << 30 if shape.m is None else -(-shape.m // block)
    return Division(max(1, min(threads, blocks)), block, False)


def _share(emitter: KernelEmitter, whole: ir.Value, division: Division) -> ir.Value:
    """Rows or columns per task, a multiple of those of the register tile."""
    b = emitter.code.b
    blocks = b.sdiv(b.add(whole, i64(division.block - 1)), i64(division.block))
    return b.mul(b.sdiv(b.add(blocks, i64(division.tasks - 1)), i64(division.tasks)), i64(division.block))


def _task(
    emitter: KernelEmitter, function: ir.Function, scratch: int, carried: int, by_columns: bool
) -> ir.Function:
    """`void body(ptr context, i64 task, i64 worker)`: one part of the rows, or of the columns."""
    code = Code(emitter.code.module, emitter.part_name("part"), [PTR, I64, I64], internal=True)
    block, task, _ = code.args
    pointers = [code.load(code.at(block, I64, i), PTR) for i in range(4)]
    numbers = [code.load(code.at(block, I64, i), I64) for i in range(4, carried)]
    share = code.load(code.at(block, I64, carried), I64)
    whole, b = numbers[1 if by_columns else 0], code.b

    def limited(value: ir.Value) -> ir.Value:
        return b.select(b.icmp_signed("<", value, whole), value, whole)

    first = limited(b.mul(task, share))
    last = limited(b.add(first, share))
    own = code.at(pointers[3], I8, b.mul(task, i64(scratch)))
    b.call(function, [*pointers[:3], first, last, *numbers, own])
    code.ret()
    return code.function


def _epilogue(emitter: KernelEmitter, s: k.Matmul, capture: Capture, code: Code, tile: Tile) -> None:
    """The statements after the sum, on one vector of results."""
    frame = capture.unpack(code, tile.context)
    frame.axes[s.row] = tile.row
    frame.axes[s.column] = tile.column
    frame.values[s.result] = tile.value
    inner = type(emitter)(code, frame, emitter.name, emitter.target)
    if tile.lanes > 1:
        axis, base = (s.row, tile.row) if tile.down else (s.column, tile.column)
        inner.lanes = Lanes(axis, base, tile.lanes, tile.mask)
    inner.emit(s.body)
