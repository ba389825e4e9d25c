"""Panels of matrix operands: copies with another row distance, transposes and strided gathers.

Every function here is defined once in a module and shared by all matrix products in it.
"""

from __future__ import annotations

from llvmlite import ir

from graphc.backends.cpu.index import Index, floor_to, minus, plus, smaller, times
from graphc.backends.cpu.llvm import I32, I64, PTR, Code, i64, lanes_of, suffix


def pack_rows(module: ir.Module, element: ir.Type, lanes: int, vectors: int) -> ir.Function:
    """`void(source, target, rows, columns, source_stride, target_stride)`: target[r, c] = source[r, c].

    Both are contiguous along c. Rows are filled with zeros up to a multiple of `lanes`; a target stride
    below that is allowed, because rows are written in ascending order (the target needs `lanes` elements
    of slack). Widths below one vector and of exactly `vectors` have straight paths.
    """
    name = f"pack_rows_{vectors}_{suffix(ir.VectorType(element, lanes))}"
    if name in module.globals:
        return module.globals[name]
    code = Code(module, name, [PTR, PTR, I64, I64, I64, I64], internal=True)
    source, target, rows, columns, source_stride, target_stride = code.args
    _no_alias(source, target)
    full = floor_to(code, columns, lanes)
    mask = code.mask_first(minus(code, columns, full), lanes) if code.masks else None

    def vector(s: ir.Value, t: ir.Value, c: Index, inside: ir.Value | None = None) -> None:
        code.store(code.load(code.at(s, element, c), element, lanes, inside), code.at(t, element, c))

    def rest(s: ir.Value, t: ir.Value, c: Index) -> None:
        if mask is not None:
            vector(s, t, c, mask)
            return
        code.store(code.like(ir.VectorType(element, lanes), 0), code.at(t, element, c))
        code.loop(
            columns,
            lambda j: code.store(code.load(code.at(s, element, j), element), code.at(t, element, j)),
            start=c,
        )

    def straight(_: ir.Value, s: ir.Value, t: ir.Value) -> list[ir.Value]:
        for j in range(vectors):
            vector(s, t, j * lanes)
        return [code.at(s, element, source_stride), code.at(t, element, target_stride)]

    def narrow(_: ir.Value, s: ir.Value, t: ir.Value) -> list[ir.Value]:
        rest(s, t, 0)
        return [code.at(s, element, source_stride), code.at(t, element, target_stride)]

    def any_width(_: ir.Value, s: ir.Value, t: ir.Value) -> list[ir.Value]:
        code.loop(full, lambda c: vector(s, t, c), step=lanes)
        code.when(code.compare("<", full, columns), lambda: rest(s, t, full))
        return [code.at(s, element, source_stride), code.at(t, element, target_stride)]

    is_straight = code.compare("==", columns, i64(vectors * lanes))
    is_narrow = code.compare("==", full, i64(0))
    is_other = code.b.not_(code.b.or_(is_straight, is_narrow))
    for chosen, path in ((is_straight, straight), (is_narrow, narrow), (is_other, any_width)):
        code.loop(code.select(chosen, rows, i64(0)), path, [source, target], name=path.__name__)
    code.ret()
    return code.function


def pack_transposed(module: ir.Module, element: ir.Type, lanes: int) -> ir.Function:
    """`void(source, target, rows, columns, source_stride, target_stride)`: target[r, c] = source[c, r].

    The source is contiguous along r, with `source_stride` between its columns c. Works on whole blocks of
    lanes × lanes, in which the last column repeats: the target needs `lanes` rows of slack.
    """
    name = f"pack_transposed_{suffix(ir.VectorType(element, lanes))}"
    if name in module.globals:
        return module.globals[name]
    code = Code(module, name, [PTR, PTR, I64, I64, I64, I64], internal=True)
    source, target, rows, columns, source_stride, target_stride = code.args
    _no_alias(source, target)
    last = code.b.sub(columns, i64(1))

    def block(c: ir.Value, r: ir.Value) -> None:
        inside = code.mask_first(minus(code, rows, r), lanes) if code.masks else None
        first = code.at(source, element, r)
        tile = []
        for i in range(lanes):
            column = times(code, smaller(code, plus(code, c, i), last), source_stride)
            tile.append(code.load(code.at(first, element, column), element, lanes, inside))
        target_row = code.at(target, element, times(code, r, target_stride), c)
        for row in transpose(code, tile):
            code.store(row, target_row)
            target_row = code.at(target_row, element, target_stride)

    blocks_end = rows if code.masks else floor_to(code, rows, lanes)

    def columns_block(c: ir.Value) -> None:
        code.loop(blocks_end, lambda r: block(c, r), step=lanes, name="blocks")

    def single_row(r: ir.Value) -> None:
        first, row = code.at(source, element, r), code.at(target, element, times(code, r, target_stride))

        def copy(c: ir.Value) -> None:
            value = code.load(code.at(first, element, times(code, c, source_stride)), element)
            code.store(value, code.at(row, element, c))

        code.loop(columns, copy, name="copy")

    code.loop(columns, columns_block, step=lanes)
    if not code.masks:
        code.loop(rows, single_row, start=blocks_end, name="single")
    code.ret()
    return code.function


def pack_strided(module: ir.Module, element: ir.Type, lanes: int) -> ir.Function:
    """`void(source, target, rows, columns, row_stride, column_stride, target_stride)` for any strides.

    target[r, c] = source[r · row_stride + c · column_stride], filled and ordered as `pack_rows` does.
    """
    name = f"pack_strided_{suffix(ir.VectorType(element, lanes))}"
    if name in module.globals:
        return module.globals[name]
    code = Code(module, name, [PTR, PTR, I64, I64, I64, I64, I64], internal=True)
    source, target, rows, columns, row_stride, column_stride, target_stride = code.args
    _no_alias(source, target)
    steps = code.b.mul(code.lane_numbers(I64, lanes), code.splat(column_stride, lanes))

    def row(_: ir.Value, s: ir.Value, t: ir.Value) -> list[ir.Value]:
        def vector(c: ir.Value) -> None:
            first = code.at(s, element, times(code, c, column_stride))
            pointers = code.b.gep(first, [steps], source_etype=element)
            # llvmlite does not see that a vector of offsets gives a vector of pointers.
            pointers.type = ir.VectorType(PTR, lanes)
            mask = code.mask_first(minus(code, columns, c), lanes)
            code.store(code.gather(pointers, element, lanes, mask), code.at(t, element, c))

        def single(c: ir.Value) -> None:
            value = code.load(code.at(s, element, times(code, c, column_stride)), element)
            code.store(value, code.at(t, element, c))

        if code.masks:
            code.loop(columns, vector, step=lanes)
        else:
            # What fills the last vector comes first.
            last = code.at(t, element, floor_to(code, columns, lanes))
            code.store(code.like(ir.VectorType(element, lanes), 0), last)
            code.loop(columns, single, name="single")
        return [code.at(s, element, row_stride), code.at(t, element, target_stride)]

    code.loop(rows, row, [source, target], name="rows")
    code.ret()
    return code.function


def transpose(code: Code, rows: list[ir.Value]) -> list[ir.Value]:
    """The transpose of `lanes` vectors by log2(lanes) rounds of pairwise interleaving.

    One round takes rows i and i + lanes/2 to their interleaved halves: it rotates the bits of the
    position (row, lane) by one, so log2(lanes) rounds exchange row and lane.
    """
    lanes = lanes_of(rows[0].type)
    half = lanes // 2
    index = ir.VectorType(I32, lanes)
    low = ir.Constant(index, [x for k in range(half) for x in (k, lanes + k)])
    high = ir.Constant(index, [x for k in range(half, lanes) for x in (k, lanes + k)])
    for _ in range(lanes.bit_length() - 1):
        pairs = [(rows[i], rows[i + half]) for i in range(half)]
        rows = [code.b.shuffle_vector(a, b, pick) for a, b in pairs for pick in (low, high)]
    return rows


def _no_alias(*pointers: ir.Argument) -> None:
    for pointer in pointers:
        pointer.add_attribute("noalias")
