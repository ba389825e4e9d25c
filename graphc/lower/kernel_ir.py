"""Kernel IR: loops over vector lanes and rows, scalar SSA values, explicit loads and stores.

A kernel is a C function of pointers and 64-bit integers. Nothing here knows NumPy or a backend: that
was settled in the graph. Emitters turn every statement into code of their target and decide nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from typing import Literal, TypeAlias

import numpy as np

from graphc.dataclass import dataclass
from graphc.ir.dims import Dim, product

LINE = 64  # bytes of a cache line

Space: TypeAlias = Literal["input", "output", "arena", "local"]
LoopKind: TypeAlias = Literal["serial", "parallel", "lanes"]


@dataclass(frozen=True, eq=False)
class Buffer:
    """Contiguous memory of `size` elements. `local` ones are scratch of one kernel, a copy per worker.

    Where a kernel runs through several lives, a `shared` buffer may lie where another one was before.
    """

    name: str
    dtype: np.dtype
    size: Dim
    space: Space
    shared: bool = False


@dataclass(frozen=True, eq=False)
class Axis:
    """A loop variable, 0 ≤ axis < extent; `is_long` where an emitter knows that there are many iterations."""

    name: str
    extent: Dim
    is_long: bool = False


@dataclass(frozen=True, eq=False)
class Value:
    """An SSA scalar; inside a `lanes` loop, one scalar per lane. `depth` counts the loops around it."""

    number: int
    dtype: np.dtype
    depth: int

    def __str__(self) -> str:
        return f"v{self.number}"


@dataclass(frozen=True)
class Index:
    """Σ coefficient · axis + offset + Σ coefficient · value, counted in elements."""

    terms: tuple[tuple[Axis, Dim], ...] = ()
    offset: Dim = 0
    dynamic: tuple[tuple[Value, Dim], ...] = ()

    def coefficient(self, axis: Axis) -> Dim:
        """The stride of this index along `axis`."""
        return next((c for a, c in self.terms if a is axis), 0)


@dataclass(frozen=True, eq=False)
class Constant:
    """result = a number."""

    result: Value
    value: float | int | bool


@dataclass(frozen=True, eq=False)
class SizeOf:
    """result = the value of a size, i64."""

    result: Value
    dim: Dim


@dataclass(frozen=True, eq=False)
class Let:
    """result = op(operands); op is the name of an elementwise op, `cast`, or `bitcast` (same bits)."""

    result: Value
    op: str
    operands: tuple[Value, ...]
    source: str | None = None


@dataclass(frozen=True, eq=False)
class Coordinate:
    """result = the number an index is, i64."""

    result: Value
    index: Index


@dataclass(frozen=True, eq=False)
class Load:
    """result = buffer[index]; zero, and nothing read, where `guard` is false."""

    result: Value
    buffer: Buffer
    index: Index
    guard: Value | None = None


@dataclass(frozen=True, eq=False)
class Store:
    """buffer[index] = value, where `guard` holds.

    `streaming`: the line is not read again soon, and is aligned if the buffer is.
    """

    buffer: Buffer
    index: Index
    value: Value
    guard: Value | None = None
    streaming: bool = False


@dataclass(frozen=True, eq=False)
class Flag:
    """Run-time error number `error` happened if `condition` holds in any lane."""

    condition: Value
    error: int


@dataclass(frozen=True, eq=False)
class Fold:
    """result (after the loop) = the fold of `value` over all iterations, from the monoid's identity.

    The order is fixed by the emitter: lane by lane partial results, combined as a tree.
    """

    result: Value
    monoid: str
    value: Value


@dataclass(frozen=True, eq=False)
class Carry:
    """A loop-carried scalar: `current` is `initial` at first, then the last iteration's `following`."""

    current: Value
    initial: Value
    following: Value
    result: Value


@dataclass(eq=False)
class Loop:
    """`for axis in range(extent)`; a `lanes` loop runs several iterations at once.

    The iterations of a `parallel` loop are tasks in any order; fewer than `least` of them are not worth
    a second thread. A loop that is `part_of` such a task runs its iterations number task · share up to
    (task + 1) · share only. With `first` and `end`, values between 0 and the extent, `for axis in
    range(first, end)`; then `end` may be less than `first`. A serial loop breaks after an iteration in which
    `stop` holds.
    """

    axis: Axis
    kind: LoopKind
    body: list[Statement] = field(default_factory=list)
    folds: list[Fold] = field(default_factory=list)
    carries: list[Carry] = field(default_factory=list)
    part_of: Axis | None = None
    share: Dim = 0
    first: Value | None = None
    end: Value | None = None
    stop: Value | None = None
    least: int = 2


@dataclass(eq=False)
class If:
    """Runs `body` where the (scalar) condition holds."""

    condition: Value
    body: list[Statement] = field(default_factory=list)


@dataclass(eq=False)
class While:
    """`test`, then `body`, again and again as long as `condition`, a scalar that `test` makes, holds.

    Where `test` or `body` reports a run-time error, the loop ends: it might otherwise go on for ever.
    """

    test: list[Statement]
    condition: Value
    body: list[Statement]


@dataclass(frozen=True, eq=False)
class Operand:
    """A matrix in memory: element (i, j) at buffer[index + i · strides[0] + j · strides[1]]."""

    buffer: Buffer
    index: Index
    strides: tuple[Dim, Dim]


@dataclass(eq=False)
class Computed:
    """A matrix whose element at `axes` is `value`, made by `body` where a product packs its operand.

    The second of the axes is the one along which most of what `body` loads is contiguous.
    """

    value: Value
    axes: tuple[Axis, Axis]
    body: list[Statement]


@dataclass(eq=False)
class Matmul:
    """For every (row, column): `result` = Σ left[row, step] · right[step, column], then the epilogue `body`.

    `column` is a lanes axis. `body` sees finished sums only; it does all stores. How operands are
    packed is the emitter's: it takes the scratch it needs, and may compute an element more than once.
    """

    result: Value
    left: Operand | Computed
    right: Operand | Computed
    row: Axis
    column: Axis
    step: Axis
    body: list[Statement] = field(default_factory=list)

    @property
    def depth(self) -> Dim:
        """How many products a sum has."""
        return self.step.extent

    @property
    def in_memory(self) -> tuple[Operand, ...]:
        """The operands that are matrices in memory."""
        return tuple(o for o in (self.left, self.right) if isinstance(o, Operand))

    @property
    def computed(self) -> tuple[Computed, ...]:
        """The operands that are computed while they are packed."""
        return tuple(o for o in (self.left, self.right) if isinstance(o, Computed))


Statement: TypeAlias = Constant | SizeOf | Let | Coordinate | Load | Store | Flag | Loop | If | While | Matmul


@dataclass(frozen=True, eq=False)
class Kernel:
    """One native function. `buffers` are its pointer parameters, `symbols` its integer parameters.

    `parameters` are numbers that it is given; lowering makes none.
    """

    name: str
    buffers: tuple[Buffer, ...]
    symbols: tuple[str, ...]
    body: tuple[Statement, ...]
    parameters: tuple[Value, ...] = ()


def statements(body: list[Statement] | tuple[Statement, ...]) -> Iterator[Statement]:
    """All statements of a body, outer before inner."""
    for statement in body:
        yield statement
        if isinstance(statement, While):
            yield from statements(statement.test)
        if isinstance(statement, Matmul):
            for operand in statement.computed:
                yield from statements(operand.body)
        if isinstance(statement, Loop | If | While | Matmul):
            yield from statements(statement.body)


def work(body: list[Statement] | tuple[Statement, ...]) -> Dim | None:
    """Roughly how many scalar operations a body does; None if the data decide how often a loop runs."""
    total: Dim = 0
    for s in body:
        if isinstance(s, While):
            return None
        inside = work(s.body) if isinstance(s, Loop | If | Matmul) else 1
        if inside is None:
            return None
        repeats: tuple[Dim, ...] = (s.axis.extent,) if isinstance(s, Loop) else ()
        if isinstance(s, Matmul):
            repeats = (s.row.extent, s.column.extent, s.depth)
        total = total + product((inside + 1, *repeats))
    return total


def buffers_of(body: list[Statement]) -> tuple[tuple[Buffer, ...], frozenset[Buffer]]:
    """The buffers a body touches, in order of first use, and those it writes."""
    found: dict[Buffer, None] = {}
    written: set[Buffer] = set()
    for s in statements(body):
        if isinstance(s, Load | Store):
            found.setdefault(s.buffer)
        if isinstance(s, Store):
            written.add(s.buffer)
        if isinstance(s, Matmul):
            found.update(dict.fromkeys(operand.buffer for operand in s.in_memory))
    return tuple(found), frozenset(written)
