"""Slices, pads and concatenations: a slice moves towards the inputs, where it leaves less to compute.

All exact, except that adding padded arrays turns -0.0 into 0.0 and joining them does not.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

from graphc.dataclass import dataclass
from graphc.ir.dims import Dim
from graphc.ir.graph import AbstractOp, Node
from graphc.ops.base import AbstractElementwise, AbstractReduction
from graphc.ops.contract import Contract
from graphc.ops.leaf import Iota
from graphc.ops.view import Concatenate, Pad, Slice, Transpose
from graphc.passes.axes import same_but_ones
from graphc.passes.engine import Maker, Rules, splat

LONGEST_SUM = 32  # terms of a sum that are looked through for neighbours
JOIN_LIMIT = 256  # operands of one concatenation that adjacent pads are merged into


@dataclass(frozen=True)
class Range:
    """start, start + step, …: `length` positions along one axis."""

    start: Dim
    length: Dim
    step: int

    @property
    def last(self) -> Dim:
        return self.start + (self.length - 1) * self.step


def ranges(op: Slice) -> list[Range]:
    return [Range(*axis) for axis in zip(op.start, op.shape, op.step, strict=True)]


def whole(length: Dim) -> Range:
    return Range(0, length, 1)


def take(make: Maker, x: Node, parts: list[Range]) -> Node:
    """The slice of `x` that has these ranges."""
    step = tuple(1 if r.length == 1 else r.step for r in parts)
    return make.make(Slice(tuple(r.start for r in parts), tuple(r.length for r in parts), step), x)


# ---- slices


def of_everything(make: Maker, op: Slice, args: tuple[Node, ...]) -> Node | None:
    (x,) = args
    parts = ranges(op)
    return x if parts == [whole(n) for n in x.array_type.shape] else None


def of_slice(make: Maker, op: Slice, args: tuple[Node, ...]) -> Node | None:
    """x[a + b i][c + d j] = x[a + b c + b d j]."""
    (x,) = args
    if not isinstance(x.op, Slice):
        return None
    parts = [
        Range(r.start + r.step * outer.start, outer.length, r.step * outer.step)
        for r, outer in zip(ranges(x.op), ranges(op), strict=True)
    ]
    return take(make, x.args[0], parts)


def of_broadcast(make: Maker, op: Slice, args: tuple[Node, ...]) -> Node | None:
    (x,) = args
    if x.op.name != "broadcast_to":
        return None
    source = x.args[0].array_type.shape
    lead = len(op.shape) - len(source)
    parts = [
        r if n == x.array_type.shape[lead + i] else whole(1)
        for i, (n, r) in enumerate(zip(source, ranges(op)[lead:], strict=True))
    ]
    return make.broadcast(take(make, x.args[0], parts), op.shape)


def of_view(make: Maker, op: Slice, args: tuple[Node, ...]) -> Node | None:
    """Of a transpose, or of a reshape that only adds or removes axes of length one."""
    (x,) = args
    parts = ranges(op)
    if isinstance(x.op, Transpose):
        axes = x.op.axes
        return make.make(x.op, take(make, x.args[0], [parts[axes.index(i)] for i in range(len(axes))]))
    if x.op.name != "reshape" or any(r.length == 0 for r in parts):
        return None
    source = x.args[0].array_type.shape
    origin = same_but_ones(source, x.array_type.shape)
    if origin is None:
        return None
    inner = [parts[origin.index(i)] if i in origin else whole(n) for i, n in enumerate(source)]
    return make.reshape(take(make, x.args[0], inner), op.shape)


def of_concatenate(make: Maker, op: Slice, args: tuple[Node, ...]) -> Node | None:
    """The parts of the operands that the range meets."""
    (x,) = args
    if not isinstance(x.op, Concatenate):
        return None
    axis = x.op.axis
    parts = ranges(op)
    wanted = parts[axis]
    pieces: list[Node] = []
    offset: Dim = 0
    for operand in x.args:
        length = operand.array_type.shape[axis]
        if wanted == Range(offset, length, 1) and len(x.args) > 1:
            return take(make, operand, [*parts[:axis], whole(length), *parts[axis + 1 :]])
        part = _overlap(wanted, offset, length)
        if part is None:
            return None
        if part.length != 0:
            pieces.append(take(make, operand, [*parts[:axis], part, *parts[axis + 1 :]]))
        offset = offset + length
    if not pieces or (len(pieces) > 1 and wanted.step != 1) or (len(pieces) > 1 and x in make.shared):
        return None
    return pieces[0] if len(pieces) == 1 else make.make(x.op, *pieces)


def _overlap(wanted: Range, offset: Dim, length: Dim) -> Range | None:
    """The part of `wanted` at offset … offset + length; None if that is not known or not regular."""
    if not all(isinstance(n, int) for n in (wanted.start, wanted.length, offset, length)):
        return None
    if wanted.length == 0:
        return None
    inside = [i for i in (0, wanted.length - 1) if offset <= wanted.start + i * wanted.step < offset + length]
    if len(inside) == 2:
        return Range(wanted.start - offset, wanted.length, wanted.step)
    low, high = sorted((wanted.start, wanted.last))
    if high < offset or low >= offset + length:
        return whole(0)
    if wanted.step != 1:
        return None
    first, end = max(low, offset), min(high + 1, offset + length)
    return Range(first - offset, end - first, 1)


def of_pad(make: Maker, op: Slice, args: tuple[Node, ...]) -> Node | None:
    """The padded array again, a part of it, or nothing but zeros."""
    (x,) = args
    if not isinstance(x.op, Pad):
        return None
    sizes = x.args[0].array_type.shape
    inner: list[Range] = []
    for wanted, start, step, n in zip(ranges(op), x.op.start, x.op.step, sizes, strict=True):
        if wanted == Range(start, n, step):
            inner.append(whole(n))
            continue
        place = _overlap(wanted, start, n) if step == 1 else None
        if place is None:
            return None
        if place.length == 0:
            return make.constant(0, x.array_type.dtype, op.shape)
        if place.length != wanted.length:
            return None
        inner.append(place)
    return take(make, x.args[0], inner)


def of_computation(make: Maker, op: Slice, args: tuple[Node, ...]) -> Node | None:
    """f(x)[i] = f(x[i]), sum(x)[i] = sum(x[i]), (a @ b)[i] = a[i] @ b, unless all of it is needed."""
    (x,) = args
    parts = ranges(op)
    if x in make.shared:
        return None
    if isinstance(x.op, AbstractElementwise) or x.op.name == "cast":
        return make.make(x.op, *(take(make, arg, parts) for arg in x.args))
    if isinstance(x.op, AbstractReduction):
        source = x.args[0].array_type.shape
        kept = iter(parts)
        inner = [whole(n) if i in x.op.axes else next(kept) for i, n in enumerate(source)]
        return make.make(x.op, take(make, x.args[0], inner))
    if isinstance(x.op, Contract):
        at = dict(zip(x.op.out, parts, strict=True))
        operands = []
        for arg, labels in zip(x.args, (x.op.left, x.op.right), strict=True):
            sizes = zip(labels, arg.array_type.shape, strict=True)
            operands.append(take(make, arg, [at.get(label, whole(n)) for label, n in sizes]))
        return make.make(x.op, *operands)
    if isinstance(x.op, Iota) and all(r.start == 0 and r.step == 1 for r in parts):
        return make.make(replace(x.op, shape=op.shape))
    return None


# ---- pads and concatenations


def pad(make: Maker, op: Pad, args: tuple[Node, ...]) -> Node | None:
    """By nothing; of a pad; of zeros."""
    (x,) = args
    if x.array_type.shape == op.shape:
        return x if all(s == 0 for s in op.start) and all(s == 1 for s in op.step) else None
    if isinstance(x.op, Pad):
        axes = list(zip(op.start, op.step, x.op.start, x.op.step, strict=True))
        start = tuple(s + t * inner for s, t, inner, _ in axes)
        return make.make(Pad(start, op.shape, tuple(t * inner for _, t, _, inner in axes)), x.args[0])
    value = splat(x)
    if value is not None and not any(value.tobytes()):
        return make.constant(value, value.dtype, op.shape)
    return None


def add_of_pads(make: Maker, op: AbstractOp, args: tuple[Node, ...]) -> Node | None:
    """Arrays padded to neighbouring places: join them, then pad. The gradients of x[i] meet like this.

    Neighbours need not stand side by side in a longer sum.
    """
    terms = _terms(make, op, args)
    pads = [term for term in terms if isinstance(term.op, Pad)]
    if len(pads) < 2:
        return None
    joined = next((j for a, b in combinations(pads, 2) if (j := _joined_pads(make, a, b)) is not None), None)
    if joined is None:
        return None
    node, first, second = joined
    rest = [term for term in terms if term is not first and term is not second]
    for term in rest:
        node = make.make(op, term, node)
    return node


def _terms(make: Maker, op: AbstractOp, args: tuple[Node, ...]) -> list[Node]:
    """The operands of a sum of sums; one that is used elsewhere is a single term. None of a long sum."""
    waiting, terms = list(reversed(args)), []
    while waiting:
        node = waiting.pop()
        if node.op == op and node not in make.shared:
            waiting += reversed(node.args)
        else:
            terms.append(node)
        if len(terms) + len(waiting) > LONGEST_SUM:
            return []
    return terms


def _joined_pads(make: Maker, a: Node, b: Node) -> tuple[Node, Node, Node] | None:
    """The pad of two arrays that lie side by side as one array, and the pads it stands for."""
    assert isinstance(a.op, Pad) and isinstance(b.op, Pad)
    if any(s != 1 for s in (*a.op.step, *b.op.step)):
        return None
    n, m = a.args[0].array_type.shape, b.args[0].array_type.shape
    differing = [i for i in range(len(n)) if (a.op.start[i], n[i]) != (b.op.start[i], m[i])]
    if len(differing) != 1 or len(a.args[0].args) + len(b.args[0].args) > JOIN_LIMIT:
        return None
    (axis,) = differing
    if a.op.start[axis] == b.op.start[axis] + m[axis]:
        a, b, n = b, a, m
    if b.op.start[axis] != a.op.start[axis] + n[axis]:  # type: ignore[attr-defined]
        return None
    return make.make(a.op, make.make(Concatenate(axis), a.args[0], b.args[0])), a, b


def concatenate(make: Maker, op: Concatenate, args: tuple[Node, ...]) -> Node | None:
    """Of one operand; of empty ones; of concatenations; of neighbouring slices; of equal constants."""
    flat: list[Node] = []
    for arg in args:
        nested = arg.op == op and arg not in make.shared
        flat.extend(arg.args if nested else (arg,))
    kept = [arg for arg in flat if arg.array_type.shape[op.axis] != 0] or flat[:1]
    joined = kept[:1]
    for arg in kept[1:]:
        together = _joined_slices(make, op.axis, joined[-1], arg)
        joined[-1:] = [together] if together is not None else [joined[-1], arg]
    if len(joined) == 1:
        return joined[0]
    return make.make(op, *joined) if len(joined) != len(args) else None


def _joined_slices(make: Maker, axis: int, a: Node, b: Node) -> Node | None:
    """x[i:j] and x[j:k] as x[i:k]; two parts filled with one constant as one."""
    if isinstance(a.op, Slice) and isinstance(b.op, Slice) and a.args == b.args:
        first, second = ranges(a.op), ranges(b.op)
        unit = first[axis].step == second[axis].step == 1
        others = [i for i in range(len(first)) if i != axis]
        adjacent = second[axis].start == first[axis].start + first[axis].length
        if unit and adjacent and all(first[i] == second[i] for i in others):
            first[axis] = Range(first[axis].start, first[axis].length + second[axis].length, 1)
            return take(make, a.args[0], first)
    value, other = splat(a), splat(b)
    if value is None or other is None or value.tobytes() != other.tobytes():
        return None
    shape = list(a.array_type.shape)
    shape[axis] = shape[axis] + b.array_type.shape[axis]
    return make.constant(value, value.dtype, tuple(shape))


_SLICE = (of_everything, of_slice, of_broadcast, of_view, of_concatenate, of_pad, of_computation)
RULES: Rules = {"slice": _SLICE, "pad": (pad,), "concatenate": (concatenate,), "add": (add_of_pads,)}
