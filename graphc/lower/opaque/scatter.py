"""Kernels of scatter_add and scatter_set: a copy of the base, then one update after the other.

Where the base is not needed any more, the result is made in its memory and nothing is copied.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from graphc.dataclass import dataclass
from graphc.ir.dims import Dim, product
from graphc.ir.graph import Node
from graphc.lower import kernel_ir as k
from graphc.lower.build import KernelBuilder
from graphc.lower.expressions import strides_of
from graphc.lower.opaque.notation import Array, Notation, Point, Scalar
from graphc.lower.writer import ErrorTable
from graphc.ops.gather import ScatterAdd, ScatterSet


def scatter(
    builder: KernelBuilder,
    node: Node,
    operands: Sequence[k.Buffer],
    results: Sequence[k.Buffer],
    errors: ErrorTable,
) -> list[k.Buffer]:
    """y = x, then y[…, index[s], …] = (y +) updates[s, …] for every s, in order."""
    op = node.op
    assert isinstance(op, ScatterAdd | ScatterSet)
    code = Notation(builder, errors, node.source)
    shape = node.array_type.shape
    points = product(node.args[2].array_type.shape)
    y = code.result(results[0], (product(shape),))
    if operands[0] is not results[0]:
        _copy(code, code.operand(operands[0], (product(shape),)), y, product(shape))
    rest = _rest(shape, op.axes)
    updates = code.operand(operands[1], (points, *(g.size for g in rest)))
    with code.loop(points, name="s") as s:
        start, inside = _place(code, shape, op.axes, operands[2:], s.at)
        with code.when(inside), _every(code, rest) as at:
            place = start
            for group, coordinate in zip(rest, at, strict=True):
                place = place + coordinate * group.stride
            update = updates[(s.at, *at)]
            y[place] = y[place] + update if isinstance(op, ScatterAdd) else update
    return code.scratch


@dataclass(frozen=True)
class Rest:
    """Adjacent axes of the base that are not indexed, as one axis."""

    size: Dim
    stride: Dim


def _rest(shape: Sequence[Dim], axes: tuple[int, ...]) -> list[Rest]:
    strides = strides_of(shape)
    groups: list[Rest] = []
    for axis, n in enumerate(shape):
        if axis in axes:
            continue
        if groups and axis - 1 not in axes:
            groups[-1] = Rest(groups[-1].size * n, strides[axis])
        else:
            groups.append(Rest(n, strides[axis]))
    return groups


def _copy(code: Notation, source: Array, target: Array, size: Dim) -> None:
    with code.lanes(size) as i:
        target[i.at] = source[i.at]


def _place(
    code: Notation, shape: Sequence[Dim], axes: tuple[int, ...], indices: Sequence[k.Buffer], s: Point
) -> tuple[Point, Scalar]:
    """(where the update number s starts, whether all its indices are inside); reports those that are not."""
    strides = strides_of(shape)
    start = code.point(0)
    inside: Scalar | None = None
    for axis, buffer in zip(axes, indices, strict=True):
        index = code.operand(buffer, (1,))[s]
        outside = (index < 0) | (index >= code.size(shape[axis]))
        message = f"an index is out of bounds for axis {axis} with size {shape[axis]}"
        code.fail_if(outside, "IndexError", message)
        inside = ~outside if inside is None else inside & ~outside
        start = start + code.point(index) * strides[axis]
    assert inside is not None, "a scatter has at least one index"
    return start, inside


@contextmanager
def _every(code: Notation, rest: Sequence[Rest]) -> Iterator[list[Point]]:
    """All points of the axes that are not indexed; the last ones side by side."""
    with ExitStack() as stack:
        at = []
        for number, group in enumerate(rest):
            kind: k.LoopKind = "lanes" if number == len(rest) - 1 else "serial"
            at.append(stack.enter_context(code.loop(group.size, kind, name=f"r{number}")).at)
        yield at
