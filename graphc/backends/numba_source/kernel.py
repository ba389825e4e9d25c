"""One kernel as the text of one Python function: a statement, a line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from graphc.backends.numba_source.names import Names
from graphc.backends.numba_source.scalars import expression, literal
from graphc.dataclass import dataclass
from graphc.ir.dims import Dim, symbols_of
from graphc.lower import kernel_ir as k
from graphc.lower.schedule import COMBINE, identity_of

INT64 = np.dtype(np.int64)


@dataclass(frozen=True)
class KernelText:
    """The lines of a kernel's function and the names of its parameters."""

    name: str
    parameters: tuple[str, ...]
    lines: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join((f"def {self.name}({', '.join(self.parameters)}):", *self.lines))


def kernel_text(kernel: k.Kernel, buffers: Mapping[k.Buffer, str], taken: Iterable[str]) -> KernelText:
    """The function of `kernel`, with these names for its buffers; its locals avoid the names in `taken`."""
    printer = _Printer(buffers, Names(taken))
    printer.body(kernel.body)
    sizes = [s for s in kernel.symbols if s in printer.symbols]
    status = ["status"] if printer.flags else []
    parameters = (*sizes, *(buffers[b] for b in kernel.buffers), *status)
    return KernelText(kernel.name, parameters, tuple(printer.lines))


def let_text(s: k.Let) -> str:
    """The expression of one scalar instruction."""
    return expression(s.op, [str(v) for v in s.operands], [v.dtype for v in s.operands], s.result.dtype)


class _Printer:
    """Appends lines to `lines`; collects the sizes that they mention."""

    def __init__(self, buffers: Mapping[k.Buffer, str], names: Names) -> None:
        self.buffers = buffers
        self.names = names
        self.axes: dict[k.Axis, str] = {}
        self.lines: list[str] = []
        self.symbols: set[str] = set()
        self.flags = False
        self._indent = 1
        self._source: str | None = None

    def body(self, statements: Sequence[k.Statement]) -> None:
        for statement in statements:
            self._statement(statement)
        if not statements:
            self._line("pass")

    def _line(self, text: str, source: str | None = None) -> None:
        """A line, with the user's line where that is another one than before."""
        comment = f"  # {source}" if source is not None and source != self._source else ""
        self._source = source or self._source
        self.lines.append("    " * self._indent + text + comment)

    def _block(self, head: str, statements: Sequence[k.Statement] = (), after: Sequence[str] = ()) -> None:
        self._line(head)
        self._indent += 1
        if statements or not after:
            self.body(statements)
        for text in after:
            self._line(text)
        self._indent -= 1

    def _statement(self, s: k.Statement) -> None:
        match s:
            case k.Constant():
                self._line(f"{s.result} = {literal(s.value, s.result.dtype)}")
            case k.SizeOf():
                self._line(f"{s.result} = np.int64({self._dim(s.dim)})")
            case k.Let():
                self._line(f"{s.result} = {let_text(s)}", s.source)
            case k.Coordinate():
                self._line(f"{s.result} = np.int64({self._index(s.index)})")
            case k.Load():
                self._load(s)
            case k.Store():
                self._store(s)
            case k.Flag():
                self.flags = True
                self._block(f"if {s.condition}:", after=[f"status[0] = {s.error}"])
            case k.If():
                self._block(f"if {s.condition}:", s.body)
            case k.While():
                self._while(s)
            case k.Matmul():
                self._matmul(s)
            case k.Loop():
                self._loop(s)

    # ---- memory

    def _load(self, s: k.Load) -> None:
        element = f"{self.buffers[s.buffer]}[{self._index(s.index)}]"
        if s.guard is None:
            self._line(f"{s.result} = {element}")
        else:
            self._line(f"{s.result} = {element} if {s.guard} else {literal(0, s.result.dtype)}")

    def _store(self, s: k.Store) -> None:
        text = f"{self.buffers[s.buffer]}[{self._index(s.index)}] = {s.value}"
        if s.guard is None:
            self._line(text)
        else:
            self._block(f"if {s.guard}:", after=[text])

    # ---- indices

    def _dim(self, dim: Dim) -> str:
        """A size as an expression; one of several terms stands in parentheses."""
        self.symbols.update(symbols_of(dim))
        text = str(dim)
        return text if text.isidentifier() or text.isdigit() else f"({text})"

    def _product(self, name: str, factor: Dim) -> str:
        return name if factor == 1 else f"{name} * {self._dim(factor)}"

    def _sum(self, terms: Iterable[tuple[str, Dim]], offset: Dim) -> str:
        text = " + ".join(self._product(name, factor) for name, factor in terms if factor != 0)
        if offset == 0:
            return text or "0"
        if isinstance(offset, int) and offset < 0 and text:
            return f"{text} - {-offset}"
        return f"{text} + {self._dim(offset)}" if text else self._dim(offset)

    def _index(self, index: k.Index, *more: tuple[str, Dim]) -> str:
        affine = [(self.axes[axis], factor) for axis, factor in index.terms]
        loaded = [(_as_index(value), factor) for value, factor in index.dynamic]
        return self._sum([*affine, *more, *loaded], index.offset)

    # ---- loops

    def _range(self, s: k.Loop) -> str:
        """The iterations of a loop, as arguments of `range`."""
        extent = self._dim(s.axis.extent)
        if s.part_of is not None:
            task, share = self.axes[s.part_of], self._dim(s.share)
            return f"min({task} * {share}, {extent}), min(({task} + 1) * {share}, {extent})"
        end = str(s.end) if s.end is not None else extent
        return f"{s.first}, {end}" if s.first is not None else end

    def _loop(self, s: k.Loop) -> None:
        for f in s.folds:
            self._line(f"{f.result} = {literal(identity_of(f.monoid, f.result.dtype), f.result.dtype)}")
        for c in s.carries:
            self._line(f"{c.current} = {c.initial}")
        head = self._range(s)
        variable = self.axes[s.axis] = self.names.fresh(s.axis.name)
        after = [f"{f.result} = {self._combined(f)}" for f in s.folds]
        moved = [c for c in s.carries if c.following is not c.current]
        if moved:
            targets, values = (
                ", ".join(map(str, side))
                for side in zip(*((c.current, c.following) for c in moved), strict=True)
            )
            after.append(f"{targets} = {values}")
        if s.stop is not None:
            after += [f"if {s.stop}:", "    break"]
        kind = "" if s.kind == "serial" else f"  # {s.kind}"
        self._block(f"for {variable} in range({head}):{kind}", s.body, after)
        for c in s.carries:
            self._line(f"{c.result} = {c.current}")
        self.names.release(variable)

    def _while(self, s: k.While) -> None:
        checked = any(isinstance(x, k.Flag) for x in k.statements([s]))
        self._line("while True:")
        self._indent += 1
        self.body(s.test)
        self._block(f"if not {s.condition}{' or status[0]' * checked}:", after=["break"])
        self.body(s.body)
        self._indent -= 1

    def _combined(self, f: k.Fold) -> str:
        dtype = f.result.dtype
        return expression(COMBINE[f.monoid], [str(f.result), str(f.value)], [dtype, f.value.dtype], dtype)

    def _matmul(self, s: k.Matmul) -> None:
        """Three nested loops; the epilogue runs after the innermost."""
        variables = [self.names.fresh(name) for name in (s.row.name, s.column.name, s.step.name)]
        row, column, depth = variables
        dtype = s.result.dtype
        self.axes |= {s.row: row, s.column: column, s.step: depth}
        pair = [self._operand(s.left, row, depth), self._operand(s.right, depth, column)]
        factor = expression("multiply", pair, [dtype, dtype], dtype)
        total = expression("add", [str(s.result), factor], [dtype, dtype], dtype)
        self._line(f"for {row} in range({self._dim(s.row.extent)}):")
        self._indent += 1
        self._line(f"for {column} in range({self._dim(s.column.extent)}):")
        self._indent += 1
        self._line(f"{s.result} = {literal(0, dtype)}")
        before = [x for operand in s.computed for x in operand.body]
        self._block(f"for {depth} in range({self._dim(s.depth)}):", before, [f"{s.result} = {total}"])
        self.body(s.body)
        self._indent -= 2
        for variable in variables:
            self.names.release(variable)

    def _operand(self, operand: k.Operand | k.Computed, first: str, second: str) -> str:
        if isinstance(operand, k.Computed):
            return str(operand.value)
        index = self._index(operand.index, (first, operand.strides[0]), (second, operand.strides[1]))
        return f"{self.buffers[operand.buffer]}[{index}]"


def _as_index(value: k.Value) -> str:
    return str(value) if value.dtype == INT64 else f"np.int64({value})"
