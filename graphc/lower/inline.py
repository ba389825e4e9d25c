"""Copies of kernels inside other kernels: the body of a loop becomes statements of the loop's kernel.

What one kernel left in memory for the next is now close by: the copy takes it from the register it was in,
and computes nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field
from typing import Any

from graphc.dataclass import dataclass
from graphc.lower import kernel_ir as k
from graphc.lower.build import KernelBuilder


@dataclass(frozen=True, eq=False)
class Part:
    """Where the memory that a body calls a buffer of its own lies: from `start` on in `buffer`."""

    buffer: k.Buffer
    start: k.Index = field(default_factory=k.Index)


@dataclass(frozen=True, eq=False)
class Count:
    """A number that a body calls a buffer of its own, and that is an index of the surrounding loops."""

    index: k.Index


class Known:
    """The values that are in registers, by what they are; those of a loop or branch only inside it.

    What memory holds is known by buffer and index, everything else by a key of its own.
    """

    def __init__(self) -> None:
        self._values: list[dict[Any, k.Value]] = [{}]
        self._memory: list[dict[k.Buffer, dict[k.Index, k.Value]]] = [{}]

    @contextmanager
    def scope(self) -> Iterator[None]:
        """What becomes known inside is forgotten afterwards."""
        self._values.append({})
        self._memory.append({})
        yield
        self._values.pop()
        self._memory.pop()

    def get(self, key: Any) -> k.Value | None:
        return next((scope[key] for scope in reversed(self._values) if key in scope), None)

    def put(self, key: Any, value: k.Value) -> None:
        self._values[-1][key] = value

    def held(self, buffer: k.Buffer, index: k.Index) -> k.Value | None:
        """The value at a place in memory."""
        places = (scope[buffer] for scope in reversed(self._memory) if buffer in scope)
        return next((known[index] for known in places if index in known), None)

    def hold(self, buffer: k.Buffer, index: k.Index, value: k.Value) -> None:
        self._memory[-1].setdefault(buffer, {})[index] = value

    def wrote(self, buffer: k.Buffer, index: k.Index | None = None) -> None:
        """Forgets what memory held before a store; other places of known offset stay what they are."""
        fixed = index is not None and _is_fixed(index)
        for scope in self._memory:
            known = scope.pop(buffer, {})
            if fixed:
                scope[buffer] = {at: v for at, v in known.items() if _is_fixed(at) and at != index}


def _is_fixed(index: k.Index) -> bool:
    return not index.terms and not index.dynamic and isinstance(index.offset, int)


class Inliner:
    """Copies statements into the scope that `builder` is in, with their buffers replaced by parts of others.

    Values get new numbers; sizes and buffers that are not replaced stay what they are.
    """

    def __init__(
        self,
        builder: KernelBuilder,
        parts: Mapping[k.Buffer, Part],
        counts: Mapping[k.Buffer, Count] | None = None,
    ) -> None:
        self.builder = builder
        self.parts = parts
        self.counts = counts or {}
        self.values: dict[k.Value, k.Value] = {}
        self.axes: dict[k.Axis, k.Axis] = {}
        self.known = Known()

    def copy(self, body: Sequence[k.Statement]) -> list[k.Statement]:
        """The statements in terms of the surrounding kernel."""
        made = (self._statement(s) for s in body)
        return [s for s in made if s is not None]

    def _statement(self, s: k.Statement) -> k.Statement | None:
        match s:
            case k.Constant():
                number = ("constant", s.result.dtype, repr(s.value))
                return self._once(number, s.result, lambda v: k.Constant(v, s.value))
            case k.SizeOf():
                return self._once(("size", s.dim), s.result, lambda v: k.SizeOf(v, s.dim))
            case k.Let():
                operands = tuple(self.values[v] for v in s.operands)
                key = (s.op, s.result.dtype, *operands)
                return self._once(key, s.result, lambda v: k.Let(v, s.op, operands, s.source))
            case k.Coordinate():
                index = self._index(s.index)
                return self._once(("at", index), s.result, lambda v: k.Coordinate(v, index))
            case k.Load():
                return self._load(s)
            case k.Store():
                return self._store(s)
            case k.Flag():
                return k.Flag(self.values[s.condition], s.error)
            case k.If():
                condition = self.values[s.condition]
                with self.known.scope():
                    return k.If(condition, self.copy(s.body))
            case k.While():
                return self._while(s)
            case k.Matmul():
                return self._matmul(s)
            case k.Loop():
                return self._loop(s)

    # ---- values

    def _once(self, key: Any, result: k.Value, make: Callable[[k.Value], k.Statement]) -> k.Statement | None:
        """A statement for a value that is not known yet; None for one that is."""
        found = self.known.get(key)
        if found is not None:
            self.values[result] = found
            return None
        value = self._made(result)
        self.known.put(key, value)
        return make(value)

    def _load(self, s: k.Load) -> k.Statement | None:
        count = self.counts.get(s.buffer)
        if count is not None:
            place = self._index(count.index)
            return self._once(("at", place), s.result, lambda v: k.Coordinate(v, place))
        buffer, index = self._place(s.buffer, s.index)
        if s.guard is not None:
            guard = self.values[s.guard]
            return k.Load(self._made(s.result), buffer, index, guard)
        found = self.known.held(buffer, index)
        if found is not None:
            self.values[s.result] = found
            return None
        value = self._made(s.result)
        self.known.hold(buffer, index, value)
        return k.Load(value, buffer, index)

    def _store(self, s: k.Store) -> k.Store:
        buffer, index = self._place(s.buffer, s.index)
        value = self.values[s.value]
        self.known.wrote(buffer, index)
        if s.guard is None and value.dtype == buffer.dtype:
            self.known.hold(buffer, index, value)
        return k.Store(buffer, index, value, self._maybe(s.guard), s.streaming)

    def _made(self, value: k.Value) -> k.Value:
        new = self.values[value] = self.builder.fresh(value.dtype)
        return new

    def _maybe(self, value: k.Value | None) -> k.Value | None:
        return None if value is None else self.values[value]

    # ---- structure

    @contextmanager
    def _repeated(self, body: Sequence[k.Statement]) -> Iterator[None]:
        """The scope of a loop, in which what its body writes is not known at the start of an iteration."""
        _, written = k.buffers_of(list(body))
        for buffer in written:
            self.known.wrote(self.parts[buffer].buffer if buffer in self.parts else buffer)
        with self.known.scope():
            yield

    def _loop(self, s: k.Loop) -> k.Loop:
        first, end = self._maybe(s.first), self._maybe(s.end)
        starts = [self.values[c.initial] for c in s.carries]
        currents = [self._made(c.current) for c in s.carries]
        part_of = self.axes[s.part_of] if s.part_of is not None else None
        # What tasks leave behind is gathered in a loop over the same axis.
        axis = self.axes.setdefault(s.axis, k.Axis(s.axis.name, s.axis.extent))
        with self._repeated(s.body):
            body = self.copy(s.body)
        carries = [
            k.Carry(current, start, self.values[c.following], self._made(c.result))
            for c, start, current in zip(s.carries, starts, currents, strict=True)
        ]
        folds = [k.Fold(self._made(f.result), f.monoid, self.values[f.value]) for f in s.folds]
        stop = self._maybe(s.stop)
        return k.Loop(axis, s.kind, body, folds, carries, part_of, s.share, first, end, stop, s.least)

    def _while(self, s: k.While) -> k.While:
        with self._repeated([*s.test, *s.body]):
            test = self.copy(s.test)
            condition = self.values[s.condition]
            return k.While(test, condition, self.copy(s.body))

    def _matmul(self, s: k.Matmul) -> k.Matmul:
        row, column, step = (k.Axis(a.name, a.extent) for a in (s.row, s.column, s.step))
        self.axes |= {s.row: row, s.column: column, s.step: step}
        left, right = self._operand(s.left), self._operand(s.right)
        result = self._made(s.result)
        with self._repeated(s.body):
            return k.Matmul(result, left, right, row, column, step, self.copy(s.body))

    def _operand(self, operand: k.Operand | k.Computed) -> k.Operand | k.Computed:
        if isinstance(operand, k.Computed):
            outer, inner = (self.axes[a] for a in operand.axes)
            with self._repeated(operand.body):
                body = self.copy(operand.body)
                return k.Computed(self.values[operand.value], (outer, inner), body)
        buffer, index = self._place(operand.buffer, operand.index)
        return k.Operand(buffer, index, operand.strides)

    # ---- memory

    def _index(self, index: k.Index) -> k.Index:
        terms = tuple((self.axes[a], c) for a, c in index.terms)
        return k.Index(terms, index.offset, tuple((self.values[v], c) for v, c in index.dynamic))

    def _place(self, buffer: k.Buffer, index: k.Index) -> tuple[k.Buffer, k.Index]:
        part, own = self.parts.get(buffer, Part(buffer)), self._index(index)
        start = part.start
        terms, dynamic = (*start.terms, *own.terms), (*start.dynamic, *own.dynamic)
        return part.buffer, k.Index(terms, start.offset + own.offset, dynamic)


def without_dead_stores(body: Sequence[k.Statement], private: set[k.Buffer]) -> list[k.Statement]:
    """The statements without stores to those of the `private` buffers that nothing in them reads."""
    read = {s.buffer for s in k.statements(list(body)) if isinstance(s, k.Load)}
    for s in k.statements(list(body)):
        if isinstance(s, k.Matmul):
            read |= {operand.buffer for operand in s.in_memory}
    return _without_stores(body, private - read)


def _without_stores(body: Sequence[k.Statement], dead: set[k.Buffer]) -> list[k.Statement]:
    kept: list[k.Statement] = []
    for s in body:
        if isinstance(s, k.Store) and s.buffer in dead:
            continue
        if isinstance(s, k.Loop | k.If | k.Matmul | k.While):
            s.body = _without_stores(s.body, dead)
        if isinstance(s, k.While):
            s.test = _without_stores(s.test, dead)
        kept.append(s)
    return kept
