"""Text of kernels: one statement a line. With `canonical` names, equal kernels have equal texts."""

from __future__ import annotations

from collections.abc import Iterator

from graphc.ir.types import dtype_name
from graphc.lower import kernel_ir as k


def format_kernel(kernel: k.Kernel, *, canonical: bool = False) -> str:
    """The kernel as text; `canonical` leaves out what differs between kernels of equal code: names, the
    user's lines, how large buffers are."""
    printer = _Printer(kernel, canonical)
    head = ", ".join(printer.parameter(b) for b in kernel.buffers)
    name = "kernel" if canonical else kernel.name
    sizes = f"; {', '.join(kernel.symbols)}" if kernel.symbols else ""
    numbers = f"; {', '.join(map(_typed, kernel.parameters))}" if kernel.parameters else ""
    return "\n".join([f"{name}({head}{sizes}{numbers}):", *printer.lines(kernel.body, 1)])


class _Printer:
    def __init__(self, kernel: k.Kernel, canonical: bool) -> None:
        self.canonical = canonical
        self._buffers = {b: f"p{i}" if canonical else b.name for i, b in enumerate(kernel.buffers)}
        self._axes: dict[k.Axis, str] = {}

    def buffer(self, buffer: k.Buffer) -> str:
        return self._buffers[buffer]

    def parameter(self, buffer: k.Buffer) -> str:
        """The buffer with its type; scratch is memory of the kernel itself."""
        scratch = ("scratch " if buffer.space == "local" else "") + ("shared " if buffer.shared else "")
        size = "" if self.canonical else f"[{buffer.size}]"
        return f"{scratch}{self.buffer(buffer)}: {dtype_name(buffer.dtype)}{size}"

    def axis(self, axis: k.Axis) -> str:
        """A name of its own for each loop variable."""
        if axis not in self._axes:
            taken = set(self._axes.values())
            name = f"a{len(taken)}" if self.canonical else axis.name
            while name in taken:
                name += "_"
            self._axes[axis] = name
        return self._axes[axis]

    def index(self, index: k.Index) -> str:
        """The index as a sum."""
        parts = [f"{self.axis(a)}" if c == 1 else f"({c})*{self.axis(a)}" for a, c in index.terms]
        parts += [f"{v}" if c == 1 else f"({c})*{v}" for v, c in index.dynamic]
        if index.offset != 0 or not parts:
            parts.append(str(index.offset))
        return " + ".join(parts)

    def lines(self, body: list[k.Statement] | tuple[k.Statement, ...], depth: int) -> Iterator[str]:
        """The statements of a body, indented."""
        for statement in body:
            yield from self._statement(statement, depth)

    def _statement(self, s: k.Statement, depth: int) -> Iterator[str]:
        pad = "    " * depth
        match s:
            case k.Constant():
                yield f"{pad}{_typed(s.result)} = {s.value!r}"
            case k.SizeOf():
                yield f"{pad}{_typed(s.result)} = size {s.dim}"
            case k.Let():
                source = f"  # {s.source}" if s.source and not self.canonical else ""
                yield f"{pad}{_typed(s.result)} = {s.op} {' '.join(map(str, s.operands))}{source}"
            case k.Coordinate():
                yield f"{pad}{_typed(s.result)} = {self.index(s.index)}"
            case k.Load():
                guard = f" if {s.guard}" if s.guard else ""
                yield f"{pad}{_typed(s.result)} = {self.buffer(s.buffer)}[{self.index(s.index)}]{guard}"
            case k.Store():
                guard = f" if {s.guard}" if s.guard else ""
                streaming = "  (streaming)" if s.streaming else ""
                yield f"{pad}{self.buffer(s.buffer)}[{self.index(s.index)}] = {s.value}{guard}{streaming}"
            case k.Flag():
                yield f"{pad}error {s.error} if {s.condition}"
            case k.If():
                yield f"{pad}if {s.condition}:"
                yield from self.lines(s.body, depth + 1)
            case k.While():
                yield f"{pad}while:"
                yield from self.lines(s.test, depth + 1)
                yield f"{pad}{s.condition} holds:"
                yield from self.lines(s.body, depth + 1)
            case k.Matmul():
                yield from self._matmul(s, depth)
            case k.Loop():
                yield from self._loop(s, depth)

    def _loop(self, s: k.Loop, depth: int) -> Iterator[str]:
        pad = "    " * depth
        name = self.axis(s.axis)
        part = f", part {self.axis(s.part_of)} of {s.share}" if s.part_of else ""
        for c in s.carries:
            yield f"{pad}{_typed(c.current)} = {c.initial}"
        bounds = f", from {s.first} to {s.end}" if s.first or s.end else ""
        counted = s.least > 2 and not isinstance(s.axis.extent, int)
        least = f", if there are {s.least}" if counted else ""
        yield f"{pad}for {name} in range({s.axis.extent}):  # {s.kind}{least}{part}{bounds}"
        yield from self.lines(s.body, depth + 1)
        for f in s.folds:
            yield f"{pad}    {_typed(f.result)} {f.monoid}= {f.value}"
        for c in s.carries:
            yield f"{pad}    {c.current} = {c.following}"
        if s.stop:
            yield f"{pad}    stop if {s.stop}"
        for c in s.carries:
            yield f"{pad}{_typed(c.result)} = {c.current}"

    def _matmul(self, s: k.Matmul, depth: int) -> Iterator[str]:
        def operand(o: k.Operand | k.Computed) -> str:
            if isinstance(o, k.Computed):
                return str(o.value)
            return f"{self.buffer(o.buffer)}[{self.index(o.index)}; strides {o.strides[0]}, {o.strides[1]}]"

        pad = "    " * depth
        rows, columns = f"{self.axis(s.row)} < {s.row.extent}", f"{self.axis(s.column)} < {s.column.extent}"
        yield f"{pad}for tiles of {rows}, {columns}:"
        for computed in s.computed:
            axes = ", ".join(f"{self.axis(a)} < {a.extent}" for a in computed.axes)
            yield f"{pad}    packing {axes}:"
            yield from self.lines(computed.body, depth + 2)
        product = f"sum over {s.depth} of {operand(s.left)} {operand(s.right)}"
        yield f"{pad}    {_typed(s.result)} = {product}"
        yield from self.lines(s.body, depth + 1)


def _typed(value: k.Value) -> str:
    return f"{value}: {dtype_name(value.dtype)}"
