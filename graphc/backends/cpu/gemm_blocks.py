"""The loops around the register tile of a matrix product.

They are those of Goto and van de Geijn (2008): blocks of mc rows, nc columns and kc steps, B packed
into panels that stay in the L2 cache, a panel of A in L1, then the register tile (`microkernel`). Small
products run the same loops on the operands in place. `gemm_plan` chooses; nothing here decides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field, replace

from llvmlite import ir

from graphc.backends.cpu.computed import Evaluated, emit_packer
from graphc.backends.cpu.gemm_plan import MatmulShape, Plan
from graphc.backends.cpu.index import Index, floor_to, minus, plus, round_up, smaller, times
from graphc.backends.cpu.llvm import Code, i64, scalar_type
from graphc.backends.cpu.microkernel import Epilogue, Kernel, emit_finish, emit_kernel
from graphc.backends.cpu.packing import pack_rows, pack_strided, pack_transposed
from graphc.dataclass import dataclass


def effective_strides(
    shape: MatmulShape,
) -> tuple[tuple[int | None, int | None], tuple[int | None, int | None]]:
    a_sm, a_sk = shape.a_strides
    b_sk, b_sn = shape.b_strides
    if shape.m == 1:
        a_sm = 0
    if shape.n == 1:
        b_sn = 1
    return (a_sm, a_sk), (b_sk, b_sn)


@dataclass(frozen=True)
class Layout:
    """Where packed panels and partial sums lie in scratch, in elements.

    A is packed `group` rows at a time and keeps its contiguous axis: in rows of `a_strides[0]`, or in
    columns of `a_strides[1]` elements.
    """

    group: int
    a_strides: tuple[int, int]
    b: int
    partial: int
    total: int

    @staticmethod
    def of(shape: MatmulShape, plan: Plan) -> Layout:
        line = 64 // shape.dtype.itemsize
        by_rows = shape.a_strides[1] == 1
        if by_rows:
            group = plan.rows
            a_strides = (round_up(plan.kc, plan.lanes) + line, 1)
            a_size = group * a_strides[0]
        else:
            # Whole lines of A are read once; an odd number of lines apart, columns use all sets of L1.
            group = plan.rows * max(1, min(3 * line, shape.m or 3 * line) // plan.rows)
            a_strides = (1, line * (-(-group // line) | 1))
            a_size = plan.kc * a_strides[1] + plan.lanes
        b = round_up(a_size, line) if plan.pack_a else 0
        b_size = 0 if plan.pack_b_rows is None else plan.nc * plan.kc + plan.lanes * plan.width
        partial = b + round_up(b_size, line)
        return Layout(group, a_strides, b, partial, partial + (plan.mc * plan.nc if plan.blocked else 0))


@dataclass
class Product:
    """One product being emitted."""

    code: Code
    name: str
    shape: MatmulShape
    plan: Plan
    numbers: dict[str, Index]
    epilogue: Epilogue
    unrolled: bool
    evaluated: tuple[Evaluated | None, Evaluated | None] = (None, None)
    kernels: dict[Kernel, ir.Function] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.element = scalar_type(self.shape.dtype)
        self.layout = Layout.of(self.shape, self.plan)
        self.a, self.b, self.context = self.code.args[:3]
        self.scratch = self.code.args[-1]

    def finish(self) -> ir.Function:
        """The shared epilogue, defined when first asked for."""
        name = f"{self.name}.finish"
        found = self.code.module.globals.get(name)
        return found or emit_finish(self.code.module, name, self.element, self.plan.lanes, self.epilogue)


@dataclass(frozen=True)
class Block:
    """The part of the product between two packings: sizes may be ints or values.

    Rows [row, rows_end), of which `origin` is the first with partial sums in scratch.
    """

    origin: Index
    row: Index
    column: Index
    depth: Index
    rows_end: Index
    columns: Index
    steps: Index
    packed: ir.Value | None


def emit_block_loops(p: Product) -> None:
    code, plan, numbers = p.code, p.plan, p.numbers
    m0, m1, n0, n1, n, k = (numbers[x] for x in ("m0", "m1", "n0", "n1", "n", "k"))
    if 0 in (n, numbers["m"]):
        return
    packed = None
    if plan.pack_b_rows:
        packed = code.compare(">=", i64(minus(code, m1, m0)), i64(plan.pack_b_rows))

    def depth_block(row: Index, column: Index, depth: Index, last_row: Index) -> None:
        columns = n1 if n1 == plan.nc else smaller(code, plan.nc, minus(code, n1, column))
        steps = smaller(code, plan.kc, minus(code, k, depth)) if plan.blocked else k
        block = Block(row, row, column, depth, last_row, columns, steps, packed)
        if plan.pack_b_rows == 0:
            _pack_b(p, block)
        elif packed is not None:
            code.when(packed, lambda: _pack_b(p, block))
        _row_groups(p, block)

    def column_block(row: Index, column: Index, last_row: Index) -> None:
        if not plan.blocked:
            depth_block(row, column, 0, last_row)
            return
        # An empty sum still reaches the epilogue: at least one pass.
        passes_end = code.select(code.compare(">", i64(k), i64(0)), i64(k), i64(1))
        end = k if isinstance(k, int) else passes_end
        code.loop(end, lambda depth: depth_block(row, column, depth, last_row), step=plan.kc)

    def row_block_(row: Index) -> None:
        last_row = smaller(code, m1, plus(code, row, plan.mc)) if plan.blocked else m1
        if isinstance(n1, int) and n1 <= plan.nc:
            column_block(row, 0, last_row)
        else:
            code.loop(n1, lambda column: column_block(row, column, last_row), start=n0, step=plan.nc)

    if plan.blocked:
        code.loop(m1, row_block_, start=m0, step=plan.mc)
    else:
        row_block_(m0)


def _pack_b(p: Product, block: Block) -> None:
    """Copies block.steps × block.columns of B into panels of plan.width columns."""
    code, plan, numbers = p.code, p.plan, p.numbers
    b_sk, b_sn = numbers["b_sk"], numbers["b_sn"]
    rows = times(code, block.depth, b_sk)
    target = code.at(p.scratch, p.element, p.layout.b)

    def panel(j: ir.Value) -> None:
        first = code.at(p.b, p.element, rows, times(code, plus(code, block.column, j), b_sn))
        columns = smaller(code, plan.width, minus(code, block.columns, j))
        to = code.at(target, p.element, times(code, j, block.steps))
        if p.evaluated[1] is not None:
            origin = (block.depth, plus(code, block.column, j))
            _evaluate(p, 1, to, origin, (block.steps, columns), plan.width)
            return
        _pack(p, (first, to), (block.steps, columns), (b_sk, b_sn), plan.width, plan.vectors)

    code.loop(block.columns, panel, step=plan.width, name="pack")


def _pack_a(p: Product, block: Block) -> None:
    """Copies the rows of the block to scratch, contiguous along the axis that is so in A."""
    code, numbers = p.code, p.numbers
    a_sm, a_sk = numbers["a_sm"], numbers["a_sk"]
    rows = minus(code, block.rows_end, block.row)
    by_rows = p.layout.a_strides[1] == 1
    if p.evaluated[0] is not None:
        origin, sizes = (block.row, block.depth), (rows, block.steps)
        if not by_rows:
            origin, sizes = origin[::-1], sizes[::-1]
        _evaluate(p, 0, p.scratch, origin, sizes, max(p.layout.a_strides))
        return
    first = code.at(p.a, p.element, times(code, block.row, a_sm), times(code, block.depth, a_sk))
    if by_rows:
        _pack(p, (first, p.scratch), (rows, block.steps), (a_sm, a_sk), p.layout.a_strides[0], p.plan.vectors)
    else:
        vectors = max(1, p.layout.group // p.plan.lanes)
        _pack(p, (first, p.scratch), (block.steps, rows), (a_sk, a_sm), p.layout.a_strides[1], vectors)


def _evaluate(
    p: Product,
    side: int,
    target: ir.Value,
    origin: tuple[Index, Index],
    sizes: tuple[Index, Index],
    target_stride: int,
) -> None:
    """Fills a panel with sizes = (rows, columns) elements of a computed operand, from `origin` on."""
    evaluated, name = p.evaluated[side], f"{p.name}.{'ab'[side]}"
    assert evaluated is not None
    function = p.code.module.globals.get(name) or emit_packer(
        p.code.module, name, p.element, p.plan.lanes, evaluated, target_stride
    )
    p.code.b.call(function, [(p.a, p.b)[side], target, *map(i64, origin), *map(i64, sizes)])


def _pack(
    p: Product,
    pointers: tuple[ir.Value, ir.Value],
    sizes: tuple[Index, Index],
    strides: tuple[Index, Index],
    target_stride: int,
    vectors: int,
) -> None:
    """Calls the packing function that suits (row, column) `strides`; the target is contiguous by rows."""
    module, lanes = p.code.module, p.plan.lanes
    row_stride, column_stride = strides
    if column_stride == 1:
        function, steps = pack_rows(module, p.element, lanes, vectors), [row_stride]
    elif row_stride == 1 and target_stride % lanes == 0:
        function, steps = pack_transposed(module, p.element, lanes), [column_stride]
    else:
        function, steps = pack_strided(module, p.element, lanes), [row_stride, column_stride]
    p.code.b.call(function, [*pointers, *map(i64, sizes), *map(i64, steps), i64(target_stride)])


def _row_groups(p: Product, block: Block) -> None:
    """All rows of a block, packing A group by group where it is packed."""
    code, size = p.code, p.layout.group
    if not p.plan.pack_a:
        _row_loop(p, block)
        return

    def group(row: ir.Value) -> None:
        part = replace(block, row=row, rows_end=smaller(code, block.rows_end, plus(code, row, size)))
        _pack_a(p, part)
        _row_loop(p, part)

    code.loop(block.rows_end, group, start=block.row, step=size, name="groups")


def _row_loop(p: Product, block: Block) -> None:
    """All rows of a block: full tiles, then the partial ones with exact kernels."""
    code, plan = p.code, p.plan
    rest = minus(code, block.rows_end, block.row)
    full_end = plus(code, block.row, floor_to(code, rest, plan.rows))
    code.loop(
        full_end, lambda i: _tile_row(p, block, i, plan.rows), start=block.row, step=plan.rows, name="rows"
    )
    rest = i64(minus(code, block.rows_end, full_end))
    position = full_end
    for rows in plan.other_rows[:-1]:
        if p.shape.m is None:
            # A ladder of powers of two takes the bits of the rest from the top.
            taken = code.compare("!=", code.b.and_(rest, i64(rows)), i64(0))
            code.when(taken, _deferred_row(p, block, position, rows))
            position = plus(code, full_end, code.b.and_(rest, i64(-rows)))
        else:
            taken = code.compare("==", rest, i64(rows))
            code.when(taken, _deferred_row(p, block, full_end, rows))
            position = code.select(taken, i64(block.rows_end), i64(full_end))
    if plan.other_rows:
        code.loop(block.rows_end, lambda i: _tile_row(p, block, i, 1), start=position, name="single")


def _deferred_row(p: Product, block: Block, row: Index, rows: int) -> Callable[[], None]:
    return lambda: _tile_row(p, block, row, rows)


def _tile_row(p: Product, block: Block, row: Index, rows: int) -> None:
    """One row of tiles: `rows` rows of C over all columns of the block."""
    code, plan, numbers = p.code, p.plan, p.numbers
    if plan.pack_a:
        inside = times(code, minus(code, row, block.row), p.layout.a_strides[0])
        a = code.at(p.scratch, p.element, inside)
    else:
        offsets = times(code, row, numbers["a_sm"]), times(code, block.depth, numbers["a_sk"])
        a = code.at(p.a, p.element, *offsets)
    full = floor_to(code, block.columns, plan.width)

    def full_tile(j: ir.Value) -> None:
        _call_kernel(p, block, a, (row, rows), (j, plan.vectors, plan.lanes), 0)

    code.loop(full, full_tile, step=plan.width, name="tiles")
    n = p.shape.n
    if n is None:
        _edge(p, block, lambda j, tail: _call_kernel(p, block, a, (row, rows), (full, 1, tail), j), full)
        return
    rest = n % plan.width
    if not rest:
        return
    vectors = round_up(rest, plan.lanes) // plan.lanes
    tail = rest - (vectors - 1) * plan.lanes

    def last() -> None:
        _call_kernel(p, block, a, (row, rows), (full, vectors, tail), 0)

    if isinstance(block.columns, int):
        last()
    else:
        code.when(code.compare("<", i64(full), i64(block.columns)), last)


def _edge(p: Product, block: Block, vector: Callable[[Index, int | None], None], full: Index) -> None:
    """The columns after those of full tiles, where their number is known at run time only.

    `vector(j, tail)` writes one vector of them, j columns after `full`; without masks it writes one column,
    as the number of lanes must then be a constant.
    """
    code, lanes = p.code, p.plan.lanes
    if code.masks:
        code.loop(
            block.columns, lambda j: vector(minus(code, j, full), None), start=full, step=lanes, name="edge"
        )
        return
    whole = floor_to(code, block.columns, lanes)
    code.loop(whole, lambda j: vector(minus(code, j, full), lanes), start=full, step=lanes, name="edge")
    code.loop(block.columns, lambda j: vector(minus(code, j, full), 1), start=whole, name="column")


def _call_kernel(
    p: Product,
    block: Block,
    a: ir.Value,
    rows: tuple[Index, int],
    columns: tuple[Index, int, int | None],
    inside: Index,
) -> None:
    """Calls the microkernel on columns = (panel start in the block, vectors, tail), `inside` its panel."""
    code, plan = p.code, p.plan
    row, height = rows
    panel, vectors, tail = columns
    kernel = _kernel(p, block, height, vectors, tail)
    if kernel not in p.kernels:
        name = f"{p.name}.{height}x{vectors}" + ("" if tail == plan.lanes else f".{tail or 'edge'}")
        p.kernels[kernel] = emit_kernel(code.module, name, kernel, p.epilogue, p.finish)
    j = plus(code, panel, inside)
    b, b_step = _panel_of_b(p, block, panel, inside)
    column = plus(code, block.column, j)
    values: dict[str, Index] = {
        "a": a, "b": b, "context": p.context, "row": row, "column": column, "depth": block.steps,
        "a_row": p.numbers["a_sm"], "a_step": p.numbers["a_sk"], "b_step": b_step,
        "columns": smaller(code, vectors * plan.lanes, minus(code, block.columns, j)),
    }  # fmt: skip
    if plan.blocked:
        offset = times(code, minus(code, row, block.origin), plan.nc)
        values["partial"] = code.at(p.scratch, p.element, p.layout.partial, offset, j)
        end = plus(code, block.depth, block.steps)
        values["first"] = code.compare("==", i64(block.depth), i64(0))
        values["last"] = code.compare(">=", i64(end), i64(p.numbers["k"]))
    code.b.call(p.kernels[kernel], [i64(values[argument]) for argument in kernel.arguments()])


def _kernel(p: Product, block: Block, rows: int, vectors: int, tail: int | None) -> Kernel:
    plan = p.plan
    a_strides = p.layout.a_strides if plan.pack_a else effective_strides(p.shape)[0]
    b_stride = effective_strides(p.shape)[1][0] if plan.pack_b_rows is None else plan.width
    if block.packed is not None:
        b_stride = None
    expected = rows == plan.rows or (p.shape.m is not None and rows == p.shape.m % plan.rows)
    return Kernel(
        element=p.element,
        lanes=plan.lanes,
        rows=rows,
        vectors=vectors,
        tail=tail,
        a_strides=a_strides,
        b_stride=b_stride,
        depth=block.steps if isinstance(block.steps, int) else None,
        blocked=plan.blocked,
        partial_stride=plan.nc,
        inline=p.unrolled and expected,
    )


def _panel_of_b(p: Product, block: Block, panel: Index, inside: Index) -> tuple[ir.Value, Index]:
    """The first element of B at column panel + inside of the block, and the distance of its rows."""
    code, plan, b_sk = p.code, p.plan, p.numbers["b_sk"]
    packed = code.at(p.scratch, p.element, p.layout.b, times(code, panel, block.steps), inside)
    if plan.pack_b_rows == 0:
        return packed, plan.width
    column = plus(code, block.column, panel, inside)
    direct = code.at(p.b, p.element, times(code, block.depth, b_sk), column)
    if block.packed is None:
        return direct, b_sk
    step = code.select(block.packed, i64(plan.width), i64(b_sk))
    return code.select(block.packed, packed, direct), step
