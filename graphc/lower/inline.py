"""Copies of kernels inside other kernels: the body of a loop becomes statements of the loop's kernel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from graphc.ir.dims import Dim
from graphc.lower import kernel_ir as k
from graphc.lower.build import KernelBuilder


@dataclass(frozen=True, eq=False)
class Part:
    """Where the memory that a body calls a buffer of its own lies: from `start` on in `buffer`."""

    buffer: k.Buffer
    start: k.Index = field(default_factory=k.Index)


class Inliner:
    """Copies statements into the scope that `builder` is in, with their buffers replaced by parts of others.

    Values get new numbers; loop variables, sizes and buffers that are not replaced stay what they are.
    """

    def __init__(self, builder: KernelBuilder, parts: Mapping[k.Buffer, Part]) -> None:
        self.builder = builder
        self.parts = parts
        self.values: dict[k.Value, k.Value] = {}
        self.axes: dict[k.Axis, k.Axis] = {}

    def copy(self, body: Sequence[k.Statement]) -> list[k.Statement]:
        """The statements in terms of the surrounding kernel."""
        return [self._statement(s) for s in body]

    def _statement(self, s: k.Statement) -> k.Statement:
        match s:
            case k.Constant() | k.SizeOf():
                return replace(s, result=self._made(s.result))
            case k.Let():
                operands = tuple(self.values[v] for v in s.operands)
                return replace(s, operands=operands, result=self._made(s.result))
            case k.Coordinate():
                return replace(s, index=self._index(s.index), result=self._made(s.result))
            case k.Load():
                buffer, index = self._place(s.buffer, s.index)
                return k.Load(self._made(s.result), buffer, index, self._maybe(s.guard))
            case k.Store():
                buffer, index = self._place(s.buffer, s.index)
                return k.Store(buffer, index, self.values[s.value], self._maybe(s.guard), s.streaming)
            case k.Flag():
                return k.Flag(self.values[s.condition], s.error)
            case k.If():
                return k.If(self.values[s.condition], self.copy(s.body))
            case k.While():
                test = self.copy(s.test)
                return k.While(test, self.values[s.condition], self.copy(s.body))
            case k.Matmul():
                return self._matmul(s)
            case k.Loop():
                return self._loop(s)

    def _loop(self, s: k.Loop) -> k.Loop:
        first, end = self._maybe(s.first), self._maybe(s.end)
        starts = [self.values[c.initial] for c in s.carries]
        currents = [self._made(c.current) for c in s.carries]
        part_of = self.axes[s.part_of] if s.part_of is not None else None
        body = self._inside(s.axis, s.body)
        carries = [
            k.Carry(current, start, self.values[c.following], self._made(c.result))
            for c, start, current in zip(s.carries, starts, currents, strict=True)
        ]
        folds = [k.Fold(self._made(f.result), f.monoid, self.values[f.value]) for f in s.folds]
        stop = self._maybe(s.stop)
        axis = self.axes[s.axis]
        return k.Loop(axis, s.kind, body, folds, carries, part_of, s.share, first, end, stop)

    def _inside(self, axis: k.Axis, body: Sequence[k.Statement]) -> list[k.Statement]:
        self.axes[axis] = k.Axis(axis.name, axis.extent)
        return self.copy(body)

    def _matmul(self, s: k.Matmul) -> k.Matmul:
        left, right = self._operand(s.left), self._operand(s.right)
        row, column = k.Axis(s.row.name, s.row.extent), k.Axis(s.column.name, s.column.extent)
        self.axes |= {s.row: row, s.column: column}
        result = self._made(s.result)
        return k.Matmul(result, left, right, row, column, s.depth, self.copy(s.body))

    def _operand(self, operand: k.Operand) -> k.Operand:
        buffer, index = self._place(operand.buffer, operand.index)
        return k.Operand(buffer, index, operand.strides)

    def _made(self, value: k.Value) -> k.Value:
        new = self.values[value] = self.builder.fresh(value.dtype)
        return new

    def _maybe(self, value: k.Value | None) -> k.Value | None:
        return None if value is None else self.values[value]

    def _index(self, index: k.Index) -> k.Index:
        terms = tuple((self.axes[a], c) for a, c in index.terms)
        return k.Index(terms, index.offset, tuple((self.values[v], c) for v, c in index.dynamic))

    def _place(self, buffer: k.Buffer, index: k.Index) -> tuple[k.Buffer, k.Index]:
        part, own = self.parts.get(buffer, Part(buffer)), self._index(index)
        start = part.start
        terms = (*start.terms, *own.terms)
        return part.buffer, k.Index(terms, _sum(start.offset, own.offset), (*start.dynamic, *own.dynamic))


def _sum(a: Dim, b: Dim) -> Dim:
    return a + b
