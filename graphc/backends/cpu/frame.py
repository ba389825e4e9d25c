"""What code under emission can name, and how it is carried into another function through memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import field

import numpy as np
from llvmlite import ir

from graphc.backends.cpu.llvm import I1, I8, I64, PTR, Code, value_type
from graphc.dataclass import dataclass
from graphc.lower import kernel_ir as k

BOOL = np.dtype(np.bool_)


@dataclass(frozen=True)
class Lanes:
    """The vector loop being emitted: lane j is iteration `base + j`, where `mask` holds."""

    axis: k.Axis
    base: ir.Value
    count: int
    mask: ir.Value | None


@dataclass
class Frame:
    """Pointers, sizes, loop variables, values, the status cell and packing space of a kernel.

    `shared`: whether the code runs as one of several tasks at once; None where it never does.
    """

    pointers: dict[k.Buffer, ir.Value] = field(default_factory=dict)
    sizes: dict[str, ir.Value] = field(default_factory=dict)
    axes: dict[k.Axis, ir.Value] = field(default_factory=dict)
    values: dict[k.Value, ir.Value] = field(default_factory=dict)
    status: ir.Value | None = None
    scratch: ir.Value | None = None
    shared: ir.Value | None = None


class Capture:
    """The part of a frame that a body needs, packed into a block of eight-byte cells and unpacked again."""

    def __init__(self, frame: Frame, body: Sequence[k.Statement], extra: Sequence[k.Buffer] = ()) -> None:
        used, _ = k.buffers_of(list(body))
        self.frame = frame
        self.pointers = [b for b in frame.pointers if b in used or b in extra]
        self.sizes = list(frame.sizes)
        loops = axes_used(body)
        self.axes = [a for a in frame.axes if a in loops]
        needed = values_used(body)
        self.values = [v for v in frame.values if v in needed]

    @property
    def cells(self) -> int:
        """How many cells the block has, not counting those behind them."""
        return len(self.pointers) + len(self.sizes) + len(self.axes) + len(self.values) + 2

    def pack(self, code: Code, *behind: ir.Value) -> ir.Value:
        """Stores everything in a block on the stack, and what goes `behind` it; returns its address."""
        frame = self.frame
        items = [
            *(frame.pointers[b] for b in self.pointers),
            *(frame.sizes[n] for n in self.sizes),
            *(frame.axes[a] for a in self.axes),
            *(_widened(code, frame.values[v]) for v in self.values),
            frame.status,
            frame.scratch,
            *behind,
        ]
        block = code.scratch(I64, len(items))
        for i, item in enumerate(items):
            assert item is not None
            code.b.store(item, code.at(block, I64, i))
        return block

    def unpack(self, code: Code, block: ir.Value) -> Frame:
        """The same names in the function that `code` writes, given the block's address."""
        position = 0

        def take(type_: ir.Type) -> ir.Value:
            nonlocal position
            position += 1
            return code.b.load(code.at(block, I64, position - 1), typ=type_)

        frame = Frame(
            pointers={b: take(PTR) for b in self.pointers},
            sizes={n: take(I64) for n in self.sizes},
            axes={a: take(I64) for a in self.axes},
        )
        for v in self.values:
            value = take(I8 if v.dtype == BOOL else value_type(v.dtype))
            frame.values[v] = code.compare("!=", value, code.like(value, 0)) if v.dtype == BOOL else value
        frame.status, frame.scratch = take(PTR), take(PTR)
        return frame


def _widened(code: Code, value: ir.Value) -> ir.Value:
    return code.b.zext(value, I8) if value.type == I1 else value


def axes_used(body: Sequence[k.Statement]) -> set[k.Axis]:
    """The loop variables that occur in the statements of a body."""
    used: set[k.Axis] = set()
    for s in k.statements(list(body)):
        match s:
            case k.Coordinate() | k.Load() | k.Store():
                used.update(a for a, _ in s.index.terms)
            case k.Loop(part_of=k.Axis() as task):
                used.add(task)
            case k.Matmul():
                used.update(a for o in s.in_memory for a, _ in o.index.terms)
    return used


def values_used(body: Sequence[k.Statement]) -> set[k.Value]:
    """The values that statements of a body take as operands."""
    return {value for s in k.statements(list(body)) for value in operands_of(s)}


def operands_of(s: k.Statement) -> Iterator[k.Value]:
    """The values that a statement itself takes, without the statements inside it."""
    match s:
        case k.Let():
            yield from s.operands
        case k.Load():
            yield from (v for v, _ in s.index.dynamic)
            yield from [s.guard] if s.guard else []
        case k.Store():
            yield s.value
            yield from (v for v, _ in s.index.dynamic)
            yield from [s.guard] if s.guard else []
        case k.Coordinate():
            yield from (v for v, _ in s.index.dynamic)
        case k.Flag() | k.If() | k.While():
            yield s.condition
        case k.Loop():
            yield from (f.value for f in s.folds)
            yield from (v for c in s.carries for v in (c.initial, c.following))
            yield from (v for v in (s.first, s.end, s.stop) if v is not None)
        case k.Matmul():
            yield from (v for operand in s.in_memory for v, _ in operand.index.dynamic)
