"""Transposes, reshapes and broadcasts: they merge, cancel, and rise above elementwise ops.

Rising towards the result, a broadcast makes everything below it smaller, and a view meets the
reduction or product that absorbs it. All of these move elements only, so every rule is exact.
"""

from __future__ import annotations

from dataclasses import replace

from graphc.ir.dims import Dim
from graphc.ir.graph import AbstractOp, Node
from graphc.ops.contract import Contract
from graphc.ops.view import BroadcastTo, Reshape, Transpose
from graphc.passes.axes import padded, same_but_ones, without_leading_ones
from graphc.passes.engine import Maker, Rules, splat


def reshape(make: Maker, op: Reshape, args: tuple[Node, ...]) -> Node | None:
    """To the same shape; of a reshape; of a broadcast, where only axes of length one come or go."""
    (x,) = args
    if x.array_type.shape == op.shape:
        return x
    if x.op.name == "reshape":
        return make.reshape(x.args[0], op.shape)
    if x.op.name == "broadcast_to":
        return _reshape_of_broadcast(make, op, x)
    return None


def _reshape_of_broadcast(make: Maker, op: Reshape, x: Node) -> Node | None:
    (source,) = x.args
    shape = x.array_type.shape
    if not source.array_type.shape:
        return make.broadcast(source, op.shape)
    if source.array_type.size == x.array_type.size:
        return make.reshape(source, op.shape)
    origin = same_but_ones(shape, op.shape)
    if origin is None:
        return None
    sizes = padded(source.array_type.shape, len(shape))
    small = tuple(1 if axis is None else sizes[axis] for axis in origin)
    return make.broadcast(make.reshape(source, small), op.shape)


def transpose(make: Maker, op: Transpose, args: tuple[Node, ...]) -> Node | None:
    """That keeps the order; of a transpose; that moves ones only; of a broadcast; of a product."""
    (x,) = args
    shape = x.array_type.shape
    if list(op.axes) == sorted(op.axes):
        return x
    if x.op.name == "transpose":
        return make.make(Transpose(tuple(x.op.axes[a] for a in op.axes)), x.args[0])  # type: ignore[attr-defined]
    moved = [a for a in op.axes if shape[a] != 1]
    if moved == sorted(moved):
        return make.reshape(x, tuple(shape[a] for a in op.axes))
    if x.op.name == "broadcast_to":
        small = make.reshape(x.args[0], padded(x.args[0].array_type.shape, len(shape)))
        return make.broadcast(make.make(op, small), tuple(shape[a] for a in op.axes))
    if isinstance(x.op, Contract) and x not in make.shared:
        return make.make(replace(x.op, out=tuple(x.op.out[a] for a in op.axes)), *x.args)
    return None


def broadcast_to(make: Maker, op: BroadcastTo, args: tuple[Node, ...]) -> Node | None:
    """To the same shape; of a broadcast; of what has leading ones; that repeats nothing."""
    (x,) = args
    shape = x.array_type.shape
    if shape == op.shape:
        return x
    if x.op.name == "broadcast_to":
        return make.make(op, x.args[0])
    if shape and shape[0] == 1:
        return make.make(op, make.reshape(x, without_leading_ones(shape)))
    if padded(shape, len(op.shape)) == op.shape:
        return make.reshape(x, op.shape)
    return None


def lift_broadcast(make: Maker, op: AbstractOp, args: tuple[Node, ...]) -> Node | None:
    """f(broadcast(x), broadcast(y)) = broadcast(f(x, y)), as far as the repeated axes are common."""
    shape = args[0].array_type.shape
    if not shape or any(arg.op.name != "broadcast_to" for arg in args):
        return None
    sources = [padded(arg.args[0].array_type.shape, len(shape)) for arg in args]
    small: list[Dim] = [n if any(s[i] != 1 for s in sources) else 1 for i, n in enumerate(shape)]
    if tuple(small) == shape:
        return None
    target = without_leading_ones(tuple(small))
    return make.broadcast(make.make(op, *(make.broadcast(a.args[0], target) for a in args)), shape)


def lift_view(make: Maker, op: AbstractOp, args: tuple[Node, ...]) -> Node | None:
    """f(view(x), view(y), constant) = view(f(x, y, constant)) for one and the same transpose or reshape."""
    views = [arg for arg in args if arg.op.name in ("transpose", "reshape")]
    if not views or any(arg.op != views[0].op and splat(arg) is None for arg in args):
        return None
    below = views[0].args[0].array_type.shape
    operands = []
    for arg in args:
        if arg.op == views[0].op and arg.args[0].array_type.shape == below:
            operands.append(arg.args[0])
        elif (value := splat(arg)) is not None:
            operands.append(make.constant(value, value.dtype, below))
        else:
            return None
    return make.make(views[0].op, make.make(op, *operands))


RULES: Rules = {"reshape": (reshape,), "transpose": (transpose,), "broadcast_to": (broadcast_to,)}
LIFTING = (lift_broadcast, lift_view)
