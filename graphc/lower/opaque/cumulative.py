"""Kernels of running sums, products and extrema, and of linear recurrences along an axis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from graphc.ir.dims import Dim, product
from graphc.ir.graph import Node
from graphc.lower import kernel_ir as k
from graphc.lower.build import KernelBuilder
from graphc.lower.opaque.notation import Array, Notation, Point, Scalar
from graphc.lower.writer import ErrorTable
from graphc.ops.cumulative import CumMax, CumMin, CumProd, CumSum, LinearRecurrence

# (previous result or None at the first place, operands at this place) -> result
Step: TypeAlias = Callable[[Scalar | None, list[Scalar]], Scalar]


def cumulative(
    builder: KernelBuilder,
    node: Node,
    operands: Sequence[k.Buffer],
    results: Sequence[k.Buffer],
    errors: ErrorTable,
) -> list[k.Buffer]:
    """y[i] = y[i - 1] ∘ x[i], starting from x[0]."""
    op = node.op
    assert isinstance(op, CumSum | CumProd | CumMax | CumMin)
    name = op.combine
    code = Notation(builder, errors, node.source)

    def step(previous: Scalar | None, at: list[Scalar]) -> Scalar:
        return at[0] if previous is None else code.apply(name, previous, at[0])

    return _scan(code, node, op.axis, op.reverse, operands, results[0], step)


def linear_recurrence(
    builder: KernelBuilder,
    node: Node,
    operands: Sequence[k.Buffer],
    results: Sequence[k.Buffer],
    errors: ErrorTable,
) -> list[k.Buffer]:
    """y[i] = a[i] · y[i - 1] + b[i], starting from a[0] · 0 + b[0]."""
    op = node.op
    assert isinstance(op, LinearRecurrence)

    def step(previous: Scalar | None, at: list[Scalar]) -> Scalar:
        a, b = at
        # The product with zero is kept: it is NaN where a is not finite.
        return a * (a.like(0) if previous is None else previous) + b

    code = Notation(builder, errors, node.source)
    return _scan(code, node, op.axis, op.reverse, operands, results[0], step)


def _scan(
    code: Notation,
    node: Node,
    axis: int,
    reverse: bool,
    operands: Sequence[k.Buffer],
    result: k.Buffer,
    step: Step,
) -> list[k.Buffer]:
    """Runs `step` along `axis` of all lines: side by side where they lie side by side."""
    shape = node.array_type.shape
    outer, n, inner = product(shape[:axis]), shape[axis], product(shape[axis + 1 :])
    xs = [code.operand(b, (outer, n, inner)) for b in operands]
    y = code.result(result, (outer, n, inner))
    with code.loop(outer, name="line") as line:
        scan = _along if inner == 1 else _across
        scan(code, [x.at(line.at) for x in xs], y.at(line.at), n, inner, reverse, step)
    return code.scratch


def _along(code: Notation, xs: list[Array], y: Array, n: Dim, inner: Dim, reverse: bool, step: Step) -> None:
    """One line after the other, the running value in a register."""
    _first(code, xs, y, n, inner, reverse, step)
    with code.when(code.size(n) > 0):
        start = y[_place(code.point(0), n, reverse), 0]
        with code.loop(n, first=1, name="i") as i:
            running = i.carry(start)
            at = _place(i.at, n, reverse)
            value = step(running.now, [x[at, 0] for x in xs])
            y[at, 0] = value
            running.becomes(value)


def _across(code: Notation, xs: list[Array], y: Array, n: Dim, inner: Dim, reverse: bool, step: Step) -> None:
    """All lines at once, place by place: the running values are read back from the result."""
    _first(code, xs, y, n, inner, reverse, step)
    with code.loop(n, first=1, name="i") as i:
        at, before = _place(i.at, n, reverse), _place(i.at - 1, n, reverse)
        with code.lanes(inner) as x:
            y[at, x.at] = step(y[before, x.at], [a[at, x.at] for a in xs])


def _first(code: Notation, xs: list[Array], y: Array, n: Dim, inner: Dim, reverse: bool, step: Step) -> None:
    with code.when(code.size(n) > 0), code.lanes(inner) as x:
        at = _place(code.point(0), n, reverse)
        y[at, x.at] = step(None, [a[at, x.at] for a in xs])


def _place(i: Point, n: Dim, reverse: bool) -> Point:
    """The i-th place on the way, from either end."""
    return i * -1 + (n - 1) if reverse else i
