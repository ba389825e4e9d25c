"""One task per stored value: the domain it loops over and what it computes at each point."""

from __future__ import annotations

from functools import cached_property
from typing import TypeAlias

from graphc.dataclass import dataclass
from graphc.ir.dims import Dim
from graphc.ir.graph import Node
from graphc.lower.expressions import (
    Apply,
    Checked,
    Expression,
    Offset,
    PointEvaluator,
    Position,
    Read,
    axis_offset,
    domain_of,
    flat,
)
from graphc.lower.storage import is_pointwise
from graphc.ops import view
from graphc.ops.base import AbstractReduction
from graphc.ops.contract import Contract


class AbstractTask:
    """What tasks share: what they read, found once."""

    @cached_property
    def reads(self) -> tuple[Read, ...]:
        """The memory a task reads, point by point."""
        return tuple(e for e in self.expressions if isinstance(e, Read))

    @cached_property
    def expressions(self) -> tuple[Expression, ...]:
        """Everything that is computed at a point, operands first."""
        return ()

    @cached_property
    def nodes_read(self) -> tuple[Node, ...]:
        """The stored nodes a task depends on."""
        return tuple(dict.fromkeys(r.node for r in self.reads))


@dataclass(frozen=True, eq=False)
class Pointwise(AbstractTask):
    """node[target] = value, for every point of the domain."""

    node: Node
    domain: tuple[Dim, ...]
    value: Expression
    target: Offset

    @cached_property
    def expressions(self) -> tuple[Expression, ...]:
        return tuple(expressions(self.value))


@dataclass(frozen=True, eq=False)
class Reduction(AbstractTask):
    """node[target] = fold of `value` over the domain axes `axes`."""

    node: Node
    domain: tuple[Dim, ...]
    value: Expression
    target: Offset
    axes: tuple[int, ...]
    monoid: str

    @cached_property
    def expressions(self) -> tuple[Expression, ...]:
        return tuple(expressions(self.value))


@dataclass(frozen=True, eq=False)
class Product(AbstractTask):
    """node[target] = Σ left · right; domain axes: those of the result, then the summed ones.

    Operands are strided memory, or are computed where they are packed.
    """

    node: Node
    domain: tuple[Dim, ...]
    summed: tuple[Dim, ...]
    left: Expression
    right: Expression
    target: Offset
    left_axes: frozenset[int]
    right_axes: frozenset[int]

    @cached_property
    def expressions(self) -> tuple[Expression, ...]:
        return (*expressions(self.left), *expressions(self.right))


@dataclass(frozen=True, eq=False)
class Opaque(AbstractTask):
    """A value (or several) made by an algorithm of its own: sorting, factorisations, running sums."""

    node: Node
    domain: tuple[Dim, ...] = ()

    @cached_property
    def nodes_read(self) -> tuple[Node, ...]:
        return self.node.args


Task: TypeAlias = Pointwise | Reduction | Product | Opaque


def tasks_of(node: Node, points: PointEvaluator) -> list[Task]:
    """The tasks that compute the stored node `node`."""
    type_ = node.type
    op = node.op
    if isinstance(op, AbstractReduction):
        return [_reduction(node, op, points)]
    if isinstance(op, Contract):
        return [_product(node, op, points)]
    if isinstance(op, view.Concatenate):
        return _parts(node, op, points)
    if is_pointwise(node):
        sizes, coordinates = domain_of(node.array_type.shape)
        value = points.at(node, coordinates, inside=True)
        return [Pointwise(node, sizes, value, flat(coordinates, node.array_type.shape))]
    assert type_ is not None
    return [Opaque(node)]


def _reduction(node: Node, op: AbstractReduction, points: PointEvaluator) -> Task:
    (x,) = node.args
    shape = x.array_type.shape
    sizes, coordinates = domain_of(shape)
    value = points.at(x, coordinates)
    kept = [c for axis, c in enumerate(coordinates) if axis not in op.axes]
    target = flat(kept, node.array_type.shape)
    axes = tuple(coordinates[a].terms[0][0] for a in op.axes if coordinates[a].terms)
    if not axes:
        return Pointwise(node, sizes, value, target)
    return Reduction(node, sizes, value, target, axes, op.monoid)


def _product(node: Node, op: Contract, points: PointEvaluator) -> Task:
    a, b = node.args
    size: dict[int, Dim] = dict(zip(op.left, a.array_type.shape, strict=True))
    size.update(zip(op.right, b.array_type.shape, strict=True))
    summed = [label for label in op.left if label not in op.out and size[label] != 1]
    order = [label for label in op.out if size[label] != 1] + summed
    place = {label: axis_offset(order.index(label)) if label in order else Offset() for label in size}
    left = points.at(a, tuple(place[label] for label in op.left))
    right = points.at(b, tuple(place[label] for label in op.right))
    result = len(order) - len(summed)
    return Product(
        node,
        tuple(size[label] for label in order[:result]),
        tuple(size[label] for label in summed),
        left,
        right,
        flat([place[label] for label in op.out], node.array_type.shape),
        frozenset(order.index(label) for label in op.left if label in order),
        frozenset(order.index(label) for label in op.right if label in order),
    )


def _parts(node: Node, op: view.Concatenate, points: PointEvaluator) -> list[Task]:
    shape = node.array_type.shape
    parts: list[Task] = []
    start: Dim = 0
    for x in node.args:
        sizes, coordinates = domain_of(x.array_type.shape)
        moved = [c.shifted(start) if a == op.axis else c for a, c in enumerate(coordinates)]
        parts.append(Pointwise(node, sizes, points.at(x, coordinates), flat(moved, shape)))
        start = start + x.array_type.shape[op.axis]
    return parts


def expressions(root: Expression) -> list[Expression]:
    """`root` and everything under it, each once, operands first."""
    seen: dict[Expression, None] = {}
    stack: list[tuple[Expression, bool]] = [(root, False)]
    while stack:
        e, expanded = stack.pop()
        if e in seen:
            continue
        if expanded:
            seen[e] = None
            continue
        stack.append((e, True))
        stack += [(child, False) for child in children(e) if child not in seen]
    return list(seen)


def children(e: Expression) -> tuple[Expression, ...]:
    """The expressions that `e` is made of."""
    match e:
        case Apply():
            return e.args
        case Read():
            inside = tuple(x for x, _ in e.offset.dynamic)
            return (*inside, e.guard) if e.guard is not None else inside
        case Position():
            return tuple(x for x, _ in e.offset.dynamic)
        case Checked():
            return (e.index, e.guard) if e.guard is not None else (e.index,)
    return ()


def offsets_of(task: Task) -> list[Offset]:
    """Every affine index that occurs in a task."""
    if isinstance(task, Opaque):
        return []
    found = [task.target]
    for e in task.expressions:
        if isinstance(e, Read | Position):
            found.append(e.offset)
    return found
