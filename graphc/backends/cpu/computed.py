"""Panels of operands that are computed while they are packed: every vector is evaluated, then stored."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from llvmlite import ir

from graphc.backends.cpu.index import Index, floor_to, minus, plus, smaller, times
from graphc.backends.cpu.llvm import I64, PTR, Code, i64
from graphc.backends.cpu.packing import transpose
from graphc.dataclass import dataclass

# (outer, inner, lanes, mask) -> the elements at (outer, inner + lane); no mask: all of them are there.
Element: TypeAlias = Callable[[ir.Value, ir.Value, int, "ir.Value | None"], ir.Value]


@dataclass(frozen=True)
class Evaluated:
    """How an operand's elements are computed: `begin(code, context)` is called once in a function.

    `crosswise`: vectors go down the rows of the panel, not along them.
    """

    begin: Callable[[Code, ir.Value], Element]
    crosswise: bool


def emit_packer(
    module: ir.Module, name: str, element: ir.Type, lanes: int, evaluated: Evaluated, stride: int
) -> ir.Function:
    """Defines `void name(context, target, first_row, first_column, rows, columns)`.

    target[r · stride + c] = element (first_row + r, first_column + c). As `pack_rows` and `pack_transposed`
    do, it writes whole vectors: the target needs `lanes` elements of slack, or so many rows if crosswise.
    """
    code = Code(module, name, [PTR, PTR, I64, I64, I64, I64], internal=True)
    panel = _Panel(code, element, lanes, evaluated.begin(code, code.args[0]), stride, *code.args[1:])
    (_crosswise if evaluated.crosswise else _along)(panel)
    code.ret()
    return code.function


@dataclass(frozen=True)
class _Panel:
    code: Code
    type: ir.Type
    lanes: int
    element: Element
    stride: int
    target: ir.Value
    first_row: ir.Value
    first_column: ir.Value
    rows: ir.Value
    columns: ir.Value

    def place(self, row: Index, column: Index) -> ir.Value:
        return self.code.at(self.target, self.type, times(self.code, row, self.stride), column)


def _along(p: _Panel) -> None:
    """Row by row."""
    code, lanes = p.code, p.lanes
    full = floor_to(code, p.columns, lanes)
    zero = code.like(ir.VectorType(p.type, lanes), 0)

    def row(r: ir.Value) -> None:
        outer = code.b.add(p.first_row, r)

        def part(c: Index, width: int, mask: ir.Value | None = None) -> None:
            value = p.element(outer, i64(plus(code, p.first_column, c)), width, mask)
            code.store(value if mask is None else code.select(mask, value, zero), p.place(r, c))

        def rest() -> None:
            if code.masks:
                part(full, lanes, code.mask_first(minus(code, p.columns, full), lanes))
                return
            code.store(zero, p.place(r, full))
            code.loop(p.columns, lambda c: part(c, 1), start=full, name="single")

        code.loop(full, lambda c: part(c, lanes), step=lanes, name="vectors")
        code.when(code.compare("<", i64(full), p.columns), rest)

    code.loop(p.rows, row, name="rows")


def _crosswise(p: _Panel) -> None:
    """Blocks of lanes × lanes, transposed; the last column repeats."""
    code, lanes = p.code, p.lanes
    block = code.scratch(p.type, lanes * lanes)
    last = code.b.sub(p.columns, i64(1))
    end = p.rows if code.masks else floor_to(code, p.rows, lanes)

    def one_block(c: ir.Value, r: ir.Value) -> None:
        inside = code.mask_first(minus(code, p.rows, r), lanes) if code.masks else None

        def vector(i: ir.Value) -> None:
            column = i64(plus(code, p.first_column, smaller(code, code.b.add(c, i), last)))
            value = p.element(column, code.b.add(p.first_row, r), lanes, inside)
            code.store(value, code.at(block, p.type, times(code, i, lanes)))

        code.loop(lanes, vector, name="block")
        vectors = [code.load(code.at(block, p.type, i * lanes), p.type, lanes) for i in range(lanes)]
        for i, row in enumerate(transpose(code, vectors)):
            code.store(row, p.place(code.b.add(r, i64(i)), c))

    def single(r: ir.Value) -> None:
        def one(c: ir.Value) -> None:
            column = code.b.add(p.first_column, c)
            code.store(p.element(column, code.b.add(p.first_row, r), 1, None), p.place(r, c))

        code.loop(p.columns, one, name="single")

    def columns(c: ir.Value) -> None:
        code.loop(end, lambda r: one_block(c, r), step=lanes, name="blocks")

    code.loop(p.columns, columns, step=lanes, name="columns")
    if not code.masks:
        code.loop(p.rows, single, start=end, name="rows")
