"""Contractions: views of operands become labels, axes that need no sum leave, labels get a fixed order.

Only `of_broadcast` reassociates a sum (a summed axis that repeats in one operand is summed in the other
first); the rest is exact.
"""

from __future__ import annotations

from dataclasses import replace

from graphc.ir.graph import Node
from graphc.ops.contract import Contract
from graphc.ops.elementwise.arithmetic import Multiply
from graphc.ops.reduce import Sum
from graphc.ops.view import Transpose
from graphc.passes.axes import padded, shape_without, stretched
from graphc.passes.engine import Maker, Rules

Labels = tuple[int, ...]


def of_transpose(make: Maker, op: Contract, args: tuple[Node, ...]) -> Node | None:
    """A transposed operand is the operand with its labels in another order."""
    for i, (arg, labels) in enumerate(zip(args, (op.left, op.right), strict=True)):
        if isinstance(arg.op, Transpose):
            order = arg.op.axes
            plain = tuple(labels[order.index(a)] for a in range(len(order)))
            return make.make(_with_labels(op, i, plain), *_with_operand(args, i, arg.args[0]))
    return None


def of_ones(make: Maker, op: Contract, args: tuple[Node, ...]) -> Node | None:
    """Axes of length one need no label."""
    sizes = dict(zip(op.left, args[0].array_type.shape, strict=True))
    sizes |= dict(zip(op.right, args[1].array_type.shape, strict=True))
    ones = {label for label, n in sizes.items() if n == 1}
    if not ones:
        return None
    left, right, out = (tuple(x for x in part if x not in ones) for part in (op.left, op.right, op.out))
    operands = [
        make.reshape(arg, tuple(sizes[label] for label in labels))
        for arg, labels in zip(args, (left, right), strict=True)
    ]
    return make.reshape(
        make.make(Contract(left, right, out), *operands), tuple(sizes[label] for label in op.out)
    )


def of_broadcast(make: Maker, op: Contract, args: tuple[Node, ...]) -> Node | None:
    """A label along which one operand repeats belongs to the other operand alone."""
    for i, arg in enumerate(args):
        if arg.op.name != "broadcast_to":
            continue
        gone = stretched(arg)
        if gone:
            return _without_repeats(make, op, args, i, gone)
    return None


def _without_repeats(
    make: Maker, op: Contract, args: tuple[Node, ...], i: int, gone: tuple[int, ...]
) -> Node | None:
    labels, other = (op.left, op.right) if i == 0 else (op.right, op.left)
    shape = args[i].array_type.shape
    sizes = {label: shape[a] for a, label in enumerate(labels)}
    repeated = {labels[a] for a in gone}
    summed = tuple(a for a, label in enumerate(other) if label in repeated and label not in op.out)
    if summed and args[1 - i].array_type.dtype.kind == "b":
        return None
    small = make.reshape(
        args[i].args[0], shape_without(padded(args[i].args[0].array_type.shape, len(shape)), gone)
    )
    rest = make.make(Sum(summed), args[1 - i]) if summed else args[1 - i]
    rest_labels = tuple(label for a, label in enumerate(other) if a not in summed)
    small_labels = tuple(label for label in labels if label not in repeated)
    # Repeated labels that the other operand lacks only widen the result.
    new_out = tuple(label for label in op.out if label in rest_labels or label in small_labels)
    pair = (small_labels, rest_labels) if i == 0 else (rest_labels, small_labels)
    operands = (small, rest) if i == 0 else (rest, small)
    y = make.make(Contract(*pair, new_out), *operands)
    if new_out == op.out:
        return y
    known = sizes | dict(zip(other, args[1 - i].array_type.shape, strict=True))
    widened = make.reshape(y, tuple(known[label] if label in new_out else 1 for label in op.out))
    return make.broadcast(widened, tuple(known[label] for label in op.out))


def without_sum(make: Maker, op: Contract, args: tuple[Node, ...]) -> Node | None:
    """No label is summed: an elementwise product."""
    if {*op.left, *op.right} != set(op.out):
        return None
    sizes = dict(zip(op.left, args[0].array_type.shape, strict=True))
    sizes |= dict(zip(op.right, args[1].array_type.shape, strict=True))
    shape = tuple(sizes[label] for label in op.out)
    operands = []
    for arg, labels in zip(args, (op.left, op.right), strict=True):
        order = tuple(labels.index(label) for label in op.out if label in labels)
        aligned = tuple(sizes[label] if label in labels else 1 for label in op.out)
        operands.append(make.broadcast(make.reshape(make.make(Transpose(order), arg), aligned), shape))
    return make.make(Multiply(), *operands)


def canonical_labels(make: Maker, op: Contract, args: tuple[Node, ...]) -> Node | None:
    """Labels numbered in order of appearance, so that equal contractions are one node."""
    number: dict[int, int] = {}
    for label in (*op.left, *op.right):
        number.setdefault(label, len(number))
    if all(label == new for label, new in number.items()):
        return None
    left, right, out = (tuple(number[x] for x in part) for part in (op.left, op.right, op.out))
    return make.make(Contract(left, right, out), *args)


def _with_labels(op: Contract, i: int, labels: Labels) -> Contract:
    return replace(op, left=labels) if i == 0 else replace(op, right=labels)


def _with_operand(args: tuple[Node, ...], i: int, operand: Node) -> tuple[Node, ...]:
    return (operand, args[1]) if i == 0 else (args[0], operand)


RULES: Rules = {"contract": (of_transpose, of_ones, of_broadcast, without_sum, canonical_labels)}
