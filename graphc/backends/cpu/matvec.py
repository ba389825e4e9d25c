"""Matrix products with one row or one column: bound by the reading of the matrix.

Two forms, by the contiguous axis of the matrix: dot products with the lanes along k, four at once; and
rank-one updates, eight k per pass over sums that stay in the L1 cache. Both leave a chunk of results in
scratch, over which the epilogue runs while it is in L1.

Long sums are made of the sums of blocks, so that the rounding error grows with their number and their
length, not with the product of these (Higham 2002, section 4.2).
"""

from __future__ import annotations

from llvmlite import ir

from graphc.backends.cpu.gemm_plan import CacheSizes, MatmulShape
from graphc.backends.cpu.index import Index, floor_to, minus, plus, smaller, times
from graphc.backends.cpu.llvm import Code, i64, scalar_type
from graphc.backends.cpu.microkernel import Epilogue, Tile
from graphc.dataclass import dataclass

CHUNK_BYTES = 16 * 1024
SCRATCH_BYTES = 2 * CHUNK_BYTES  # the sums, and those of one block
DEPTH = 8  # k steps per pass over the sums: enough to hide their loads and stores
BLOCK = 512  # k steps of rank-one updates that are summed apart, a multiple of DEPTH
DOT_BLOCK = 4096  # the same of dot products, spread over lanes: a multiple of two vectors


@dataclass(frozen=True)
class VectorForm:
    """y[r] = Σ_k M[r, k] x[k]: by dot products, or else by updates of y; `row`: y is a row of C."""

    dot: bool
    row: bool


def vector_form(shape: MatmulShape) -> VectorForm | None:
    """The form for `shape`, or None where the general product serves it better, or must."""
    if any(shape.computed):
        return None
    if shape.n == 1:
        if shape.a_strides[1] == 1 and shape.b_strides[0] == 1:
            return VectorForm(dot=True, row=False)
        return VectorForm(dot=False, row=False) if shape.a_strides[0] == 1 and shape.m != 1 else None
    if shape.m != 1:
        return None
    if shape.b_strides[1] == 1:
        # A matrix that stays in the L2 cache is faster with all sums in registers.
        known = shape.n is not None and shape.k is not None
        small = known and (shape.n or 0) * (shape.k or 0) * shape.dtype.itemsize <= CacheSizes().l2 // 2
        return None if small else VectorForm(dot=False, row=True)
    if shape.b_strides[0] == 1 and shape.a_strides[1] == 1:
        return VectorForm(dot=True, row=True)
    return None


@dataclass(frozen=True)
class _Operands:
    """y[r] = Σ_k matrix[r · row_stride + k · step] · vector[k · vector_step] for r in [start, end)."""

    code: Code
    element: ir.Type
    lanes: int
    matrix: ir.Value
    row_stride: Index
    step: Index
    vector: ir.Value
    vector_step: Index
    depth: Index
    sums: ir.Value


def emit_vector_product(
    code: Code,
    shape: MatmulShape,
    form: VectorForm,
    numbers: dict[str, Index],
    epilogue: Epilogue,
    vector_bytes: int,
) -> None:
    """Writes the whole product into `code`, whose arguments are those of `emit_matmul`."""
    a, b, sums = code.args[0], code.args[1], code.args[-1]
    element, lanes = scalar_type(shape.dtype), vector_bytes // shape.dtype.itemsize
    n = {name: numbers[name] for name in ("a_sm", "a_sk", "b_sk", "b_sn")}
    of_b, of_a = (b, n["b_sn"], n["b_sk"], a, n["a_sk"]), (a, n["a_sm"], n["a_sk"], b, n["b_sk"])
    o = _Operands(code, element, lanes, *(of_b if form.row else of_a), numbers["k"], sums)
    chunk = CHUNK_BYTES // shape.dtype.itemsize

    def part(start: ir.Value, end: Index) -> None:
        count = smaller(code, chunk, minus(code, end, start))
        (_dot_products if form.dot else _updates)(o, start, count)
        _run_epilogue(o, form, start, count, epilogue)

    if form.row:
        columns = numbers["n"]
        code.loop(
            numbers["m1"],
            lambda _: _discard(code.loop(columns, lambda j: part(j, columns), step=chunk)),
            start=numbers["m0"],
        )
    else:
        end = numbers["m1"]
        code.loop(end, lambda i: part(i, end), start=numbers["m0"], step=chunk)


def _discard(_: list[ir.Value]) -> None:
    return None


def _run_epilogue(o: _Operands, form: VectorForm, start: ir.Value, count: Index, epilogue: Epilogue) -> None:
    """The epilogue over a chunk of results, a vector of them at a time, along the row or the column."""
    code, zero, context = o.code, i64(0), o.code.args[2]

    def tile(j: ir.Value, lanes: int, mask: ir.Value | None) -> None:
        value = code.load(code.at(o.sums, o.element, j), o.element, lanes)
        place = i64(plus(code, start, j))
        row, column = (zero, place) if form.row else (place, zero)
        epilogue(code, Tile(row, column, value, lanes, mask, context, down=not form.row))

    full = floor_to(code, count, o.lanes)
    code.loop(full, lambda j: tile(j, o.lanes, None), step=o.lanes, name="finish")
    if not code.masks:
        code.loop(count, lambda j: tile(j, 1, None), start=full, name="single")
        return
    rest = i64(minus(code, count, full))
    mask = code.mask_first(rest, o.lanes)
    code.when(code.compare(">", rest, i64(0)), lambda: tile(i64(full), o.lanes, mask))


def _updates(o: _Operands, start: ir.Value, count: Index) -> None:
    """sums[r] = Σ_k matrix[start + r, k] vector[k] with the lanes along r, block by block in ascending k."""
    code = o.code
    _clear(o, o.sums, count)
    if isinstance(o.depth, int) and o.depth <= 2 * BLOCK:
        _update_block(o, o.sums, start, count, i64(0), o.depth)
        return
    partial = code.at(o.sums, ir.IntType(8), CHUNK_BYTES)

    def block(k: ir.Value) -> None:
        later = code.compare(">", k, i64(0))
        code.when(later, lambda: _clear(o, partial, count))
        end = smaller(code, plus(code, k, BLOCK), o.depth)
        _update_block(o, code.select(later, partial, o.sums), start, count, k, end)
        code.when(later, lambda: _accumulate(o, partial, count))

    code.loop(o.depth, block, step=BLOCK, name="blocks")


def _clear(o: _Operands, sums: ir.Value, count: Index) -> None:
    code = o.code
    zero = code.like(ir.VectorType(o.element, o.lanes), 0)
    code.loop(count, lambda j: code.store(zero, code.at(sums, o.element, j)), step=o.lanes, name="clear")


def _accumulate(o: _Operands, partial: ir.Value, count: Index) -> None:
    """sums += partial."""
    code = o.code

    def vector(j: ir.Value) -> None:
        place = code.at(o.sums, o.element, j)
        more = code.load(code.at(partial, o.element, j), o.element, o.lanes)
        code.store(code.add(code.load(place, o.element, o.lanes), more), place)

    code.loop(count, vector, step=o.lanes, name="accumulate")


def _update_block(
    o: _Operands, sums: ir.Value, start: ir.Value, count: Index, first: ir.Value, end: Index
) -> None:
    """sums[r] += Σ_k matrix[start + r, k] vector[k] for k in [first, end)."""
    code = o.code
    full = floor_to(code, count, o.lanes)
    rest = i64(minus(code, count, full))

    def update(k: ir.Value, depth: int) -> None:
        line = code.at(o.matrix, o.element, start, times(code, k, o.step))
        lines = [code.at(line, o.element, times(code, o.step, i)) for i in range(depth)]
        singles, scalars = [], []
        for i in range(depth):
            pointer = code.at(o.vector, o.element, times(code, plus(code, k, i), o.vector_step))
            singles.append(code.load(pointer, o.element))
            scalars.append(code.splat(singles[-1], o.lanes))

        def vector(j: ir.Value, mask: ir.Value | None = None) -> None:
            place = code.at(sums, o.element, j)
            total = code.load(place, o.element, o.lanes)
            for scalar, line in zip(scalars, lines, strict=True):
                total = code.fma(
                    scalar, code.load(code.at(line, o.element, j), o.element, o.lanes, mask), total
                )
            code.store(total, place)

        def element(j: ir.Value) -> None:
            place = code.at(sums, o.element, j)
            total = code.load(place, o.element)
            for single, line in zip(singles, lines, strict=True):
                total = code.fma(single, code.load(code.at(line, o.element, j), o.element), total)
            code.store(total, place)

        code.loop(full, vector, step=o.lanes, name="vectors")
        if not code.masks:
            code.loop(count, element, start=full, name="elements")
            return
        code.when(code.compare(">", rest, i64(0)), lambda: vector(i64(full), code.mask_first(rest, o.lanes)))

    deep = plus(code, first, floor_to(code, minus(code, end, first), DEPTH))
    code.loop(i64(deep), lambda k: update(k, DEPTH), start=first, step=DEPTH, name="updates")
    code.loop(i64(end), lambda k: update(k, 1), start=i64(deep), name="update")


def _dot_products(o: _Operands, start: ir.Value, count: Index) -> None:
    """sums[r] = Σ_k matrix[start + r, k] vector[k] with the lanes along k, four rows at once."""
    code = o.code

    def rows(r: ir.Value, height: int) -> None:
        first = code.at(o.matrix, o.element, times(code, plus(code, start, r), o.row_stride))
        lines = [code.at(first, o.element, times(code, o.row_stride, i)) for i in range(height)]
        for i, total in enumerate(_dot_rows(o, lines)):
            code.store(total, code.at(o.sums, o.element, r, i))

    four = floor_to(code, count, 4)
    code.loop(four, lambda r: rows(r, 4), step=4, name="rows")
    code.loop(count, lambda r: rows(r, 1), start=four, name="row")


def _dot_rows(o: _Operands, lines: list[ir.Value]) -> list[ir.Value]:
    """The dot product of each line with the vector; its order of summation depends on k alone."""
    code, lanes = o.code, o.lanes
    zero = code.like(ir.VectorType(o.element, lanes), 0)
    pairs = floor_to(code, o.depth, 2 * lanes)
    full = floor_to(code, o.depth, lanes)

    def step(k: ir.Value, width: int, acc: tuple[ir.Value, ...], mask: ir.Value | None) -> list[ir.Value]:
        out = list(acc)
        for half in range(width):
            x = code.load(code.at(o.vector, o.element, k, half * lanes), o.element, lanes, mask)
            for i, line in enumerate(lines):
                y = code.load(code.at(line, o.element, k, half * lanes), o.element, lanes, mask)
                out[2 * i + half] = code.fma(x, y, out[2 * i + half])
        return out

    def pairs_from(first: Index, end: Index) -> list[ir.Value]:
        zeros = [zero] * (2 * len(lines))
        return code.loop(end, lambda k, *acc: step(k, 2, acc, None), zeros, start=first, step=2 * lanes)

    def block(k: ir.Value, *totals: ir.Value) -> list[ir.Value]:
        sums = pairs_from(k, smaller(code, plus(code, k, DOT_BLOCK), pairs))
        return [code.add(total, s) for total, s in zip(totals, sums, strict=True)]

    if isinstance(pairs, int) and pairs <= 2 * DOT_BLOCK:
        sums = pairs_from(0, pairs)
    else:
        sums = code.loop(pairs, block, [zero] * (2 * len(lines)), step=DOT_BLOCK, name="blocks")
    sums = code.loop(full, lambda k, *acc: step(k, 1, acc, None), sums, start=pairs, step=lanes)
    if code.masks:
        rest = i64(minus(code, o.depth, full))
        mask = code.mask_first(rest, lanes)
        sums = code.loop(o.depth, lambda k, *acc: step(k, 1, acc, mask), sums, start=full, step=lanes)
    totals = [code.reduce("add", code.add(sums[2 * i], sums[2 * i + 1])) for i in range(len(lines))]
    if code.masks:
        return totals

    def single(k: ir.Value, *acc: ir.Value) -> list[ir.Value]:
        x = code.load(code.at(o.vector, o.element, k), o.element)
        return [
            code.fma(x, code.load(code.at(line, o.element, k), o.element), total)
            for line, total in zip(lines, acc, strict=True)
        ]

    return code.loop(o.depth, single, totals, start=full, name="single")
