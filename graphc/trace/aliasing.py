"""Which traced arrays share memory in NumPy, and what a write to one of them does to the others.

A graph has no memory, so a view remembers its base and the ops that read it. A write to a view
rebuilds its base with the part replaced; whoever shares the base reads it again when used next.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from graphc.dataclass import dataclass
from graphc.errors import TraceError, located
from graphc.ir.dims import evaluate, symbols_of
from graphc.ir.graph import AbstractOp, Node
from graphc.ops.gather import Gather, ScatterSet
from graphc.ops.view import BroadcastTo, Reshape, Slice, Transpose
from graphc.trace.context import current, user_line, user_line_with_text

if TYPE_CHECKING:
    from graphc.trace.tracer import Tracer


@dataclass(frozen=True, eq=False)
class Argument:
    """The array belongs to the caller, who would not see a write."""


@dataclass(frozen=True)
class At:
    """What a view at computed positions reads: its operand with the axes `axes` fixed at `positions`, 0-d."""

    axes: tuple[int, ...]
    positions: tuple[Node, ...]


Reading: TypeAlias = AbstractOp | At


@dataclass(frozen=True, eq=False)
class View:
    """The array shares the memory of `base`; `ops`, one after another, read it from there."""

    base: Tracer
    ops: tuple[Reading, ...]
    readonly: bool = False


@dataclass(frozen=True, eq=False)
class Element:
    """A scalar copied out of an array in row-major order, recorded only if it is used."""

    array: Node
    index: int


Alias = Argument | View | Element
ARGUMENT = Argument()


def refresh(x: Tracer) -> None:
    """Reads a view again where its base was written since it was read last."""
    chain = [x]
    while isinstance(chain[-1].alias, View) and chain[-1].seen != chain[-1].owner.writes:
        chain.append(chain[-1].alias.base)
    for tracer in reversed(chain):
        match tracer.alias:
            case View(base=base, ops=ops) if tracer.seen != tracer.owner.writes:
                node = base.node_
                for op in ops:
                    node = read(tracer.owner, op, node)
                tracer.node_ = node
            case Element(array=array, index=index) if tracer.node_ is array:
                flat = read(tracer.owner, Reshape((array.array_type.size,)), array)
                one = read(tracer.owner, Slice((index,), (1,), (1,)), flat)
                tracer.node_ = read(tracer.owner, Reshape(()), one)
        tracer.seen = tracer.owner.writes


def read(trace: Any, op: Reading, node: Node) -> Node:
    """The node `op(node)`, without a reshape or slice that changes nothing."""
    from graphc.trace.placing import slice_node

    type_ = node.array_type
    if isinstance(op, At):
        part: Node = trace.builder.add(
            Gather(op.axes), node, *op.positions, source=trace.source or user_line()
        )
        return part
    if isinstance(op, Reshape | BroadcastTo) and op.shape == type_.shape:
        return node
    if isinstance(op, Transpose) and op.axes == tuple(range(type_.ndim)):
        return node
    if isinstance(op, Slice):
        return slice_node(trace, op, node)
    result: Node = trace.builder.add(op, node, source=trace.source or user_line())
    return result


def view(x: Tracer, *ops: Reading, readonly: bool = False) -> Tracer:
    """`ops` of `x` as an array that shares its memory."""
    from graphc.trace.tracer import Tracer, lift

    trace = current()
    if trace is not x.owner:
        node = lift(trace, x) if trace is not None else x.node
        for op in ops:
            node = read(trace, op, node)
        return Tracer(trace or x.owner, node, alias=ARGUMENT)
    node = x.node
    for op in ops:
        node = read(x.owner, op, node)
    return Tracer(x.owner, node, alias=View(x, ops, readonly))


def copy(x: Tracer) -> Tracer:
    """The same values in memory of their own."""
    from graphc.trace.tracer import Tracer, lift

    trace = current() or x.owner
    return Tracer(trace, lift(trace, x))


def root(x: Tracer) -> Tracer:
    """The array whose memory `x` shares: itself, or the base of its views."""
    while isinstance(x.alias, View):
        x = x.alias.base
    return x


def reshape_is_view(x: Tracer, shape: Sequence[Any]) -> bool:
    """Whether NumPy would reshape `x` without copying; computed arrays are taken as C-contiguous."""
    if not isinstance(x.alias, View):
        return True
    layout = _layout(x)
    try:
        layout.reshape(tuple(_number(n) for n in shape), copy=False)
    except ValueError:
        return False
    return True


def _number(dim: Any) -> int:
    """A size where every symbol stands for some large number."""
    return evaluate(dim, dict.fromkeys(symbols_of(dim), 5040))


def _layout(x: Tracer) -> np.ndarray:
    """An array with the strides `x` would have in NumPy. Its memory is never touched."""
    if not isinstance(x.alias, View):
        shape = tuple(_number(n) for n in x.node_.array_type.shape)
        strides = tuple(8 * int(np.prod(shape[axis + 1 :], dtype=np.int64)) for axis in range(len(shape)))
        return np.lib.stride_tricks.as_strided(np.empty(1), shape, strides)
    array = _layout(x.alias.base)
    for op in x.alias.ops:
        match op:
            case Slice():
                for axis, (a, n, step) in enumerate(zip(op.start, op.shape, op.step, strict=True)):
                    first, count = _number(a), _number(n)
                    last = first + count * step
                    part = slice(first, last if last >= 0 else None, step)
                    array = array[(slice(None),) * axis + (part,)]
            case Reshape():
                array = array.reshape(tuple(_number(n) for n in op.shape))
            case Transpose():
                array = array.transpose(op.axes)
            case At():
                array = np.moveaxis(array, op.axes, range(len(op.axes)))[(0,) * len(op.axes)]
            case BroadcastTo():
                array = np.broadcast_to(array, tuple(_number(n) for n in op.shape))
    return array


def assign(x: Tracer, node: Node) -> None:
    """Stores `node`, a value of the same type, in the memory of `x`: every array sharing it changes."""
    check_writable(x)
    target, value = x, node
    while isinstance(target.alias, View):
        base = target.alias.base
        value = _written(base, target.alias.ops, value)
        target = base
    target.node_ = value
    x.owner.writes += 1
    if target is not x:
        x.node_, x.seen = node, x.owner.writes
    target.seen = x.owner.writes


def check_writable(x: Tracer) -> None:
    """Refuses a write that NumPy refuses, or that the caller or an outer function would not see."""
    root = x
    while isinstance(root.alias, View):
        if root.alias.readonly:
            raise ValueError("assignment destination is read-only")
        root = root.alias.base
    if isinstance(root.alias, Argument):
        raise TraceError(
            located(
                "in-place change of an argument: the caller's array would not see it",
                user_line_with_text(),
                "Work on a copy, x = x.copy(), and return it.",
            )
        )
    if root.owner is not current():
        raise TraceError(
            located(
                "in-place change of an array that belongs to an enclosing function",
                user_line_with_text(),
                "Pass it as an argument, work on a copy, and return it.",
            )
        )


def _written(base: Tracer, ops: tuple[Reading, ...], value: Node) -> Node:
    """The new value of `base` after `value` was stored where `ops` read."""
    from graphc.trace.placing import place_node

    trace = base.owner
    before = [base.node]
    for op in ops[:-1]:
        before.append(read(trace, op, before[-1]))
    for op, old in zip(reversed(ops), reversed(before), strict=False):
        match op:
            case Slice():
                value = place_node(trace, old, op, value)
            case Reshape():
                value = read(trace, Reshape(old.array_type.shape), value)
            case Transpose(axes=axes):
                back = tuple(axes.index(i) for i in range(len(axes)))
                value = read(trace, Transpose(back), value)
            case At():
                source = trace.source or user_line()
                value = trace.builder.add(ScatterSet(op.axes), old, value, *op.positions, source=source)
            case _:
                raise TypeError(f"{op.name} is not the op of a view")
    return value
