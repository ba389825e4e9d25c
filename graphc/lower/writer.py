"""Writes the expressions of tasks as kernel statements."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field

import numpy as np

from graphc.dataclass import dataclass
from graphc.errors import VerificationError
from graphc.ir.dims import Dim
from graphc.ir.graph import Node
from graphc.lower import kernel_ir as k
from graphc.lower.build import INT64, KernelBuilder
from graphc.lower.expressions import (
    Apply,
    Checked,
    Expression,
    Number,
    Offset,
    Position,
    Read,
    SizeValue,
)
from graphc.lower.quotient import quotient_by_invariant

BOOL = np.dtype(np.bool_)


@dataclass(frozen=True)
class RuntimeCheck:
    """What a non-zero status of a program means: the exception to raise and its text."""

    exception: str
    message: str


@dataclass
class ErrorTable:
    """The run-time errors a program can report, numbered from 1."""

    checks: list[RuntimeCheck] = field(default_factory=list)

    def number(self, exception: str, message: str) -> int:
        check = RuntimeCheck(exception, message)
        if check not in self.checks:
            self.checks.append(check)
        return self.checks.index(check) + 1


@dataclass(frozen=True, eq=False)
class LoopAxis:
    """A loop that runs over one or more adjacent axes of the domain at once."""

    axis: k.Axis
    covers: tuple[int, ...]


class ExpressionWriter:
    """Turns expressions into values of a builder. `forwarded` finds values held in registers."""

    def __init__(
        self,
        builder: KernelBuilder,
        axes: Sequence[LoopAxis],
        buffers: Mapping[Node, k.Buffer],
        errors: ErrorTable,
        forwarded: Callable[[Read], k.Value | None],
    ) -> None:
        self.builder = builder
        self.axes = axes
        self.buffers = buffers
        self.errors = errors
        self.forwarded = forwarded

    def index(self, offset: Offset) -> k.Index:
        """The offset in terms of the loops."""
        terms: list[tuple[k.Axis, Dim]] = []
        for loop in self.axes:
            coefficient = offset.coefficient(loop.covers[-1])
            if coefficient != 0:
                terms.append((loop.axis, coefficient))
        dynamic = tuple((self.write(e), c) for e, c in offset.dynamic)
        return k.Index(tuple(terms), offset.constant, dynamic)

    def write(self, expression: Expression) -> k.Value:
        """The value of an expression at the current point."""
        pending = [expression]
        # Deep chains must not exhaust Python's stack: operands are written first, by hand.
        done: dict[Expression, k.Value] = {}
        while pending:
            e = pending[-1]
            missing = [c for c in _operands(e) if c not in done]
            if missing and e not in done:
                pending += missing
                continue
            pending.pop()
            if e not in done:
                done[e] = self._write(e, done)
        return done[expression]

    def _write(self, e: Expression, done: dict[Expression, k.Value]) -> k.Value:
        match e:
            case Number():
                return self.builder.constant(e.value, e.dtype)
            case SizeValue():
                return self.builder.size(e.dim)
            case Position():
                return self.builder.coordinate(self.index(e.offset))
            case Apply():
                return self._apply(e, tuple(done[a] for a in e.args))
            case Checked():
                return self._checked(e, done)
            case Read():
                value = self.forwarded(e)
                if value is not None:
                    return value
                guard = done[e.guard] if e.guard is not None else None
                return self.builder.load(self.buffers[e.node], self.index(e.offset), guard)
        raise VerificationError(f"cannot write {e}")

    def _apply(self, e: Apply, operands: tuple[k.Value, ...]) -> k.Value:
        """The operation; a quotient whose divisor the loop does not change becomes a product."""
        b = self.builder
        if e.op == "divide" and operands[1].depth < operands[0].depth and not b.is_constant(operands[1]):
            return quotient_by_invariant(b, e, *operands)
        return b.let(e.op, operands, e.dtype, e.source)

    def _checked(self, e: Checked, done: dict[Expression, k.Value]) -> k.Value:
        """The index made safe: zero, with the error recorded, where it leaves its axis."""
        b = self.builder
        index = done[e.index]
        zero = b.constant(0, INT64)
        low = b.let("less", (index, zero), BOOL)
        high = b.let("greater_equal", (index, b.size(e.size)), BOOL)
        outside = b.let("logical_or", (low, high), BOOL)
        bad = outside
        if e.guard is not None:
            bad = b.let("logical_and", (outside, done[e.guard]), BOOL)
        message = f"an index is out of bounds for axis {e.axis} with size {e.size}"
        place = f"\n  at {e.source}" if e.source else ""
        b.flag(bad, self.errors.number("IndexError", message + place))
        return b.let("where", (outside, zero, index), INT64)


def _operands(e: Expression) -> tuple[Expression, ...]:
    match e:
        case Apply():
            return e.args
        case Checked():
            return (e.index, e.guard) if e.guard is not None else (e.index,)
        case Read():
            return (e.guard,) if e.guard is not None else ()
    return ()
