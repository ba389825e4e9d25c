"""Writes kernel IR: each value is placed in the outermost loop where its operands exist, once.

Loop-invariant code motion and common subexpressions thus hold by construction.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from graphc.ir.dims import Dim
from graphc.lower import kernel_ir as k
from graphc.ops.cost import operation_cost

INT64 = np.dtype(np.int64)


class KernelBuilder:
    """The body of one kernel under construction."""

    def __init__(self) -> None:
        self.body: list[k.Statement] = []
        self._scopes: list[list[k.Statement]] = [self.body]
        self._axes: dict[k.Axis, int] = {}  # axis -> depth inside its loop
        self._known: list[dict[tuple[Any, ...], k.Value]] = [{}]
        self._written: dict[k.Buffer, int] = {}  # stores so far: a later load is a new value
        self._constants: set[k.Value] = set()
        self._count = 0

    @property
    def depth(self) -> int:
        return len(self._scopes) - 1

    # ---- values

    def constant(self, value: Any, dtype: np.dtype) -> k.Value:
        """A literal of exactly this dtype."""
        data = np.asarray(value, dtype)
        key = ("constant", dtype, data.tobytes())
        result = self._place(key, dtype, 0, lambda v: k.Constant(v, data.item()))
        self._constants.add(result)
        return result

    def is_constant(self, value: k.Value) -> bool:
        """Whether a value is a literal."""
        return value in self._constants

    def size(self, dim: Dim) -> k.Value:
        """A size as an i64 value."""
        if isinstance(dim, int):
            return self.constant(dim, INT64)
        return self._place(("size", dim), INT64, 0, lambda v: k.SizeOf(v, dim))

    def let(
        self, op: str, operands: Sequence[k.Value], dtype: np.dtype, source: str | None = None
    ) -> k.Value:
        """op(operands), placed as far out as its operands allow."""
        depth = max((v.depth for v in operands), default=0)
        key = (op, dtype, *operands)
        return self._place(key, dtype, depth, lambda v: k.Let(v, op, tuple(operands), source))

    def coordinate(self, index: k.Index) -> k.Value:
        """The number an index is."""
        return self._place(("at", index), INT64, self._index_depth(index), lambda v: k.Coordinate(v, index))

    def load(self, buffer: k.Buffer, index: k.Index, guard: k.Value | None = None) -> k.Value:
        """buffer[index]; never moved across a store to the same buffer."""
        stores = self._written.get(buffer, 0)
        depth = max(self._index_depth(index), guard.depth if guard else 0)
        if stores:
            depth = self.depth
        key = ("load", buffer, index, guard, stores)
        return self._place(key, buffer.dtype, depth, lambda v: k.Load(v, buffer, index, guard))

    def store(
        self,
        buffer: k.Buffer,
        index: k.Index,
        value: k.Value,
        guard: k.Value | None = None,
        *,
        streaming: bool = False,
    ) -> None:
        """buffer[index] = value, here."""
        self._written[buffer] = self._written.get(buffer, 0) + 1
        self._scopes[-1].append(k.Store(buffer, index, value, guard, streaming))

    def flag(self, condition: k.Value, error: int) -> None:
        """Records run-time error `error` where `condition` holds."""
        key = ("flag", condition, error)
        if any(key in known for known in self._known):
            return
        self._known[condition.depth][key] = condition
        self._scopes[condition.depth].append(k.Flag(condition, error))

    def will_write(self, buffer: k.Buffer) -> None:
        """Announces a store in a loop that is about to open, so that no load is moved out of it."""
        self._written[buffer] = self._written.get(buffer, 0) + 1

    # ---- structure

    def work_here(self) -> int:
        """The rough cost of one iteration of the innermost loop, as far as it is written."""
        return sum(operation_cost(s.op) for s in self._scopes[-1] if isinstance(s, k.Let))

    def fresh(self, dtype: np.dtype) -> k.Value:
        """A value for a statement that is made elsewhere and appended here."""
        return self._new(dtype, self.depth)

    def append(self, statements: Sequence[k.Statement]) -> None:
        """Statements made elsewhere, placed here as they are."""
        self._scopes[-1].extend(statements)

    @contextmanager
    def loop(
        self,
        axis: k.Axis,
        kind: k.LoopKind,
        part_of: k.Axis | None = None,
        share: Dim = 0,
        *,
        first: k.Value | None = None,
        end: k.Value | None = None,
        least: int = 2,
    ) -> Iterator[k.Loop]:
        """Statements made inside go into the loop, unless they are invariant."""
        loop = k.Loop(axis, kind, part_of=part_of, share=share, first=first, end=end, least=least)
        with self._scope(loop.body):
            self._axes[axis] = self.depth
            yield loop
        self._scopes[-1].append(loop)

    def fold(self, loop: k.Loop, monoid: str, value: k.Value) -> k.Value:
        """The fold of `value` over `loop`, a value of the scope around it."""
        result = self._new(value.dtype, self.depth - 1)
        loop.folds.append(k.Fold(result, monoid, value))
        return result

    def carry(self, loop: k.Loop, initial: k.Value) -> tuple[k.Value, k.Value]:
        """(value at the start of an iteration, value after the loop); close with `carry_on`."""
        current, result = self._new(initial.dtype, self.depth), self._new(initial.dtype, self.depth - 1)
        loop.carries.append(k.Carry(current, initial, current, result))
        return current, result

    def carry_on(self, loop: k.Loop, current: k.Value, following: k.Value) -> None:
        """Sets what `current` is in the next iteration."""
        for i, c in enumerate(loop.carries):
            if c.current is current:
                loop.carries[i] = k.Carry(c.current, c.initial, following, c.result)

    @contextmanager
    def when(self, condition: k.Value) -> Iterator[None]:
        """Statements made inside run only where `condition` holds."""
        statement = k.If(condition)
        with self._scope(statement.body):
            yield
        self._scopes[-1].append(statement)

    @contextmanager
    def matmul(
        self,
        left: k.Operand | k.Computed,
        right: k.Operand | k.Computed,
        row: k.Axis,
        column: k.Axis,
        step: k.Axis,
        dtype: np.dtype,
    ) -> Iterator[k.Value]:
        """The epilogue of a matrix product is written inside; yields the finished sum."""
        with self.plane(row, column) as body:
            result = self._new(dtype, self.depth)
            yield result
        self._scopes[-1].append(k.Matmul(result, left, right, row, column, step, body))

    @contextmanager
    def plane(self, outer: k.Axis, inner: k.Axis) -> Iterator[list[k.Statement]]:
        """The body of two loops that are entered at once; its statements belong to what runs them."""
        body: list[k.Statement] = []
        self._known.append({})
        self._scopes.append(body)
        with self._scope(body):
            self._axes[outer], self._axes[inner] = self.depth - 1, self.depth
            yield body
        self._scopes.pop()
        self._known.pop()

    @contextmanager
    def _scope(self, body: list[k.Statement]) -> Iterator[None]:
        self._scopes.append(body)
        self._known.append({})
        yield
        self._scopes.pop()
        self._known.pop()

    # ---- placement

    def _index_depth(self, index: k.Index) -> int:
        axes = max((self._axes[a] for a, _ in index.terms), default=0)
        return max(axes, max((v.depth for v, _ in index.dynamic), default=0))

    def _new(self, dtype: np.dtype, depth: int) -> k.Value:
        self._count += 1
        return k.Value(self._count - 1, dtype, depth)

    def _place(self, key: tuple[Any, ...], dtype: np.dtype, depth: int, make: Any) -> k.Value:
        for known in self._known[: depth + 1]:
            if key in known:
                return known[key]
        value = self._new(dtype, depth)
        self._known[depth][key] = value
        self._scopes[depth].append(make(value))
        return value
