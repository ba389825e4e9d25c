"""Which operands of matrix products are computed while they are packed, instead of in memory before.

A product packs an operand once for each block of the other's columns (or rows), and computes it as often.
That pays where the operand is too large for the caches, and what it is made of is in memory anyway: otherwise
the kernel that makes that finishes the operand at no cost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from graphc.ir.dims import Dim, evaluate, product, symbols_of
from graphc.ir.graph import Node
from graphc.ops import leaf, view
from graphc.ops.base import AbstractElementwise
from graphc.ops.cast import Cast
from graphc.ops.contract import Contract

CHEAP = 8  # additions' worth of work that may be repeated for each block
BLOCK = 256  # columns for which an operand is packed, roughly
NARROWEST = 16  # rows and columns of products that are worth a packed operand
LARGE = 1 << 20  # bytes that do not stay in the caches from one kernel to the next
UNKNOWN = 512  # the size assumed for a dimension known only at run time
MADE_OF = (AbstractElementwise, Cast, view.BroadcastTo, view.Reshape, view.Transpose, view.Slice)


def is_computed(
    node: Node,
    index: int,
    stored: set[Node],
    cost: Mapping[Node, int],
    users: Mapping[Node, Sequence[Node]],
    outputs: Sequence[Node],
) -> bool:
    """Whether operand number `index` of the product `node` is computed where it is packed.

    `stored` are the nodes in memory, `cost` the operations it takes to compute the others.
    """
    operand, op = node.args[index], node.op
    assert isinstance(op, Contract)
    if operand in stored or isinstance(operand.op, leaf.Const) or not _has_one_plane(node, index):
        return False
    made = _unstored(operand, stored)
    arithmetic = any(isinstance(n.op, AbstractElementwise | Cast) for n in made)
    alone = all(set(users[n]) <= {*made, node} and isinstance(n.op, MADE_OF) for n in made)
    if not arithmetic or not alone or node.args[0] is node.args[1]:
        return False
    return _pays(node, index, made, stored, cost[operand]) and _is_there_anyway(made, stored, users, outputs)


def _has_one_plane(node: Node, index: int) -> bool:
    """Whether the product walks over the operand once: all axes are its own, but for one of the other's."""
    op, labels = node.op, _sizes(node)
    assert isinstance(op, Contract)
    own, other = (op.left, op.right) if index == 0 else (op.right, op.left)
    free = [label for label in op.out if label not in own and labels[label] != 1]
    mine = [label for label in op.out if label not in other and labels[label] != 1]
    summed = [label for label in own if label not in op.out and labels[label] != 1]
    narrow = any(_number(labels[label]) < NARROWEST for label in (*free, *summed))
    rows = _number(product(tuple(labels[label] for label in mine)))
    return len(free) == len(summed) == 1 and bool(mine) and rows >= NARROWEST and not narrow


def _pays(node: Node, index: int, made: Sequence[Node], stored: set[Node], cost: int) -> bool:
    """Whether less time is spent than it takes to write the operand and to read it again."""
    op, labels, operand = node.op, _sizes(node), node.args[index]
    assert isinstance(op, Contract)
    own = op.left if index == 0 else op.right
    (free,) = (label for label in op.out if label not in own and labels[label] != 1)
    passes = -(-_number(labels[free]) // BLOCK)
    width, size = operand.array_type.dtype.itemsize, operand.array_type.size
    read = sum(n.array_type.dtype.itemsize for n in _large(made, stored, size))
    return _number(size) * width >= LARGE and (passes == 1 or (cost <= CHEAP and read <= width))


def _is_there_anyway(
    made: Sequence[Node],
    stored: set[Node],
    users: Mapping[Node, Sequence[Node]],
    outputs: Sequence[Node],
) -> bool:
    """Whether all large arrays that the operand is made of would be in memory without it, too."""
    large = _large(made, stored, made[0].array_type.size)
    given = (leaf.Input, leaf.Const)
    return bool(large) and all(
        isinstance(n.op, given) or n in outputs or not set(users[n]) <= set(made) for n in large
    )


def _unstored(operand: Node, stored: set[Node]) -> list[Node]:
    """The nodes that are computed for each element of an operand, itself first."""
    found: dict[Node, None] = {operand: None}
    stack = [operand]
    while stack:
        for arg in stack.pop().args:
            if arg not in stored and arg not in found and not isinstance(arg.op, leaf.Const | leaf.Size):
                found[arg] = None
                stack.append(arg)
    return list(found)


def _large(made: Sequence[Node], stored: set[Node], size: Dim) -> list[Node]:
    """The arrays in memory of which another element is read for each element of the operand."""
    read = dict.fromkeys(a for n in made for a in n.args if a in stored)
    return [n for n in read if _number(n.array_type.size) >= _number(size)]


def _sizes(node: Node) -> dict[int, Dim]:
    op = node.op
    assert isinstance(op, Contract)
    sizes = dict(zip(op.left, node.args[0].array_type.shape, strict=True))
    return sizes | dict(zip(op.right, node.args[1].array_type.shape, strict=True))


def _number(size: Dim) -> int:
    return evaluate(size, dict.fromkeys(symbols_of(size), UNKNOWN))
