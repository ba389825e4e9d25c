"""What a graph value is at one point: views become index arithmetic, arithmetic becomes scalar expressions.

`PointEvaluator.at(node, coordinates)` follows a node down to values held in memory. Expressions are
interned, so equal points are equal objects.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from graphc.dataclass import dataclass
from graphc.errors import VerificationError
from graphc.ir.dims import Dim, product
from graphc.ir.graph import Node
from graphc.ops import leaf, view
from graphc.ops.barrier import Barrier, behind_barriers
from graphc.ops.base import AbstractElementwise
from graphc.ops.cast import Cast
from graphc.ops.gather import Gather

INT64 = np.dtype(np.int64)


@dataclass(frozen=True)
class Offset:
    """Σ coefficient · axis + constant + Σ coefficient · expression; axes are numbered within the domain."""

    terms: tuple[tuple[int, Dim], ...] = ()
    constant: Dim = 0
    dynamic: tuple[tuple[Expression, Dim], ...] = ()

    def __add__(self, other: Offset) -> Offset:
        terms: dict[int, Dim] = dict(self.terms)
        for axis, c in other.terms:
            terms[axis] = terms.get(axis, 0) + c
        kept = tuple(sorted((a, c) for a, c in terms.items() if c != 0)) if terms else ()
        return Offset(kept, self.constant + other.constant, self.dynamic + other.dynamic)

    def scaled(self, factor: Dim) -> Offset:
        if factor == 0:
            return Offset()
        return Offset(
            tuple((a, c * factor) for a, c in self.terms),
            self.constant * factor,
            tuple((e, c * factor) for e, c in self.dynamic),
        )

    def shifted(self, amount: Dim) -> Offset:
        return Offset(self.terms, self.constant + amount, self.dynamic)

    def coefficient(self, axis: int) -> Dim:
        return next((c for a, c in self.terms if a == axis), 0)


@dataclass(frozen=True, eq=False)
class Apply:
    """op(args), one scalar."""

    op: str
    args: tuple[Expression, ...]
    dtype: np.dtype
    source: str | None


@dataclass(frozen=True, eq=False)
class Number:
    """A literal."""

    value: Any
    dtype: np.dtype


@dataclass(frozen=True, eq=False)
class Position:
    """An index as a number."""

    offset: Offset
    dtype: np.dtype = INT64


@dataclass(frozen=True, eq=False)
class SizeValue:
    """A size as a number."""

    dim: Dim
    dtype: np.dtype = INT64


@dataclass(frozen=True, eq=False)
class Read:
    """The element of a stored node at a flat offset; zero where `guard` is false."""

    node: Node
    offset: Offset
    guard: Expression | None
    dtype: np.dtype


@dataclass(frozen=True, eq=False)
class Checked:
    """`index`, after recording an IndexError where it is not in [0, size)."""

    index: Expression
    size: Dim
    source: str | None
    axis: int
    guard: Expression | None
    dtype: np.dtype = INT64


Expression: TypeAlias = Apply | Number | Position | SizeValue | Read | Checked
BOOL = np.dtype(np.bool_)


def strides_of(shape: Sequence[Dim]) -> tuple[Dim, ...]:
    """Element strides of a C-contiguous array."""
    return tuple(product(tuple(shape[i + 1 :])) for i in range(len(shape)))


def flat(coordinates: Sequence[Offset], shape: Sequence[Dim]) -> Offset:
    """The position of an element of a C-contiguous array."""
    total = Offset()
    for coordinate, stride in zip(coordinates, strides_of(shape), strict=True):
        total = total + coordinate.scaled(stride)
    return total


def axis_offset(axis: int) -> Offset:
    """The domain's axis number `axis` itself."""
    return Offset(((axis, 1),))


def domain_of(shape: Sequence[Dim]) -> tuple[tuple[Dim, ...], tuple[Offset, ...]]:
    """(sizes of the axes longer than one, coordinates of a point of `shape` in terms of them)."""
    sizes: list[Dim] = []
    coordinates: list[Offset] = []
    for n in shape:
        if n == 1:
            coordinates.append(Offset())
        else:
            coordinates.append(axis_offset(len(sizes)))
            sizes.append(n)
    return tuple(sizes), tuple(coordinates)


class PointEvaluator:
    """Evaluates nodes at points, down to the nodes in `stored`."""

    def __init__(self, stored: set[Node]) -> None:
        self.stored = stored
        self._known: dict[tuple[Any, ...], Expression] = {}

    def at(
        self,
        node: Node,
        coordinates: tuple[Offset, ...],
        guard: Expression | None = None,
        *,
        inside: bool = False,
    ) -> Expression:
        """The value of `node` at `coordinates`; `inside` looks into a stored node's own definition."""
        if node in self.stored and not inside:
            return self.read(node, flat(coordinates, node.array_type.shape), guard)
        key = (node, coordinates, guard, inside)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._evaluate(node, coordinates, guard)
        return found

    def read(self, node: Node, offset: Offset, guard: Expression | None = None) -> Expression:
        """The element of a stored node at a flat offset."""
        key = ("read", node, offset, guard)
        if key not in self._known:
            self._known[key] = Read(node, offset, guard, node.array_type.dtype)
        return self._known[key]

    def apply(
        self, op: str, args: tuple[Expression, ...], dtype: np.dtype, source: str | None = None
    ) -> Expression:
        key = ("apply", op, args, dtype)
        if key not in self._known:
            self._known[key] = Apply(op, args, dtype, source)
        return self._known[key]

    def number(self, value: Any, dtype: np.dtype) -> Expression:
        array = np.asarray(value, dtype)
        key = ("number", dtype, array.tobytes())
        if key not in self._known:
            self._known[key] = Number(array.item(), dtype)
        return self._known[key]

    def position(self, offset: Offset) -> Expression:
        key = ("position", offset)
        if key not in self._known:
            self._known[key] = Position(offset)
        return self._known[key]

    def size(self, dim: Dim) -> Expression:
        if isinstance(dim, int):
            return self.number(dim, INT64)
        key = ("size", dim)
        if key not in self._known:
            self._known[key] = SizeValue(dim)
        return self._known[key]

    def _evaluate(self, node: Node, at: tuple[Offset, ...], guard: Expression | None) -> Expression:
        match node.op:
            case leaf.Const() as op if op.shape == () or product(op.shape) == 1:
                return self.number(op.value.reshape(()), op.dtype)
            case leaf.Iota() as op:
                return self._converted(self.position(at[op.axis]), op.dtype)
            case leaf.Size() as op:
                return self.size(op.dim)
            case AbstractElementwise() as op:
                args = tuple(self.at(a, at, guard) for a in node.args)
                return self.apply(op.name, args, node.array_type.dtype, node.source)
            case Cast() as op:
                return self._converted(self.at(node.args[0], at, guard), op.dtype)
            case Gather() as op:
                return self._gather(node, op, at, guard)
            case view.Pad() as op:
                return self._pad(node, op, at, guard)
            case view.Reshape() as op if behind_barriers(node.args[0]) in self.stored:
                return self.read(behind_barriers(node.args[0]), flat(at, op.shape), guard)
            case Barrier():
                return self.at(node.args[0], at, guard)
            case _:
                (x,) = node.args
                return self.at(x, view_coordinates(node, at), guard)

    def _converted(self, x: Expression, dtype: np.dtype) -> Expression:
        return x if x.dtype == dtype else self.apply("cast", (x,), dtype)

    def _gather(self, node: Node, op: Gather, at: tuple[Offset, ...], guard: Expression | None) -> Expression:
        x, *indices = node.args
        lead = indices[0].array_type.ndim
        rest = list(at[lead:])
        coordinates: list[Offset] = []
        for axis, n in enumerate(x.array_type.shape):
            if axis not in op.axes:
                coordinates.append(rest.pop(0))
                continue
            index = self.at(indices[op.axes.index(axis)], at[:lead], guard)
            checked = self._checked(index, n, node.source, axis, guard)
            coordinates.append(Offset((), 0, ((checked, 1),)))
        return self.at(x, tuple(coordinates), guard)

    def _checked(
        self, index: Expression, n: Dim, source: str | None, axis: int, guard: Expression | None
    ) -> Expression:
        key = ("checked", index, n, guard)
        if key not in self._known:
            self._known[key] = Checked(index, n, source, axis, guard)
        return self._known[key]

    def _pad(self, node: Node, op: view.Pad, at: tuple[Offset, ...], guard: Expression | None) -> Expression:
        (x,) = node.args
        inside: list[Expression] = [guard] if guard is not None else []
        coordinates: list[Offset] = []
        for coordinate, start, step, n, whole in zip(
            at, op.start, op.step, x.array_type.shape, op.shape, strict=True
        ):
            if start == 0 and step == 1 and n == whole:
                coordinates.append(coordinate)
                continue
            place, conditions = self._unplaced(coordinate.shifted(-start), step, n)
            coordinates.append(place)
            inside += conditions
        if not inside:
            return self.at(x, tuple(coordinates), guard)
        condition = inside[0]
        for other in inside[1:]:
            condition = self.apply("logical_and", (condition, other), BOOL)
        value = self.at(x, tuple(coordinates), condition)
        return self.apply("where", (condition, value, self.number(0, value.dtype)), value.dtype)

    def _unplaced(self, moved: Offset, step: int, n: Dim) -> tuple[Offset, list[Expression]]:
        """(i, conditions) such that moved = step · i with 0 ≤ i < n."""
        zero = self.number(0, INT64)
        conditions = []
        if step < 0:
            moved, step = moved.scaled(-1), -step
        if step != 1:
            number, stride = self.position(moved), self.number(step, INT64)
            rest = self.apply("remainder", (number, stride), INT64)
            conditions.append(self.apply("equal", (rest, zero), BOOL))
            quotient = self.apply("floor_divide", (number, stride), INT64)
            moved = Offset((), 0, ((quotient, 1),))
        number = moved.dynamic[0][0] if step != 1 else self.position(moved)
        conditions.append(self.apply("greater_equal", (number, zero), BOOL))
        conditions.append(self.apply("less", (number, self.size(n)), BOOL))
        return moved, conditions


def view_coordinates(node: Node, at: tuple[Offset, ...]) -> tuple[Offset, ...]:
    """Where a view node's operand is read for the point `at`."""
    (x,) = node.args
    shape = x.array_type.shape
    match node.op:
        case view.BroadcastTo() as op:
            lead = len(op.shape) - len(shape)
            return tuple(Offset() if n == 1 else c for n, c in zip(shape, at[lead:], strict=True))
        case view.Transpose() as op:
            return tuple(at[op.axes.index(i)] for i in range(len(shape)))
        case view.Slice() as op:
            return tuple(c.scaled(s).shifted(a) for c, a, s in zip(at, op.start, op.step, strict=True))
        case view.Reshape() as op:
            coordinates = reshape_coordinates(at, op.shape, shape)
            if coordinates is not None:
                return coordinates
    raise VerificationError(f"{node.op.name} is not a view that can be read in place")


def reshape_coordinates(
    at: tuple[Offset, ...], outer: tuple[Dim, ...], inner: tuple[Dim, ...]
) -> tuple[Offset, ...] | None:
    """Coordinates in shape `inner` of the element at `at` in shape `outer`; None where that is not affine."""
    blocks = reshape_blocks(outer, inner)
    coordinates: list[Offset] = []
    for outer_axes, inner_axes in blocks:
        sizes = [outer[i] for i in outer_axes]
        linear = flat([at[i] for i in outer_axes], sizes)
        long = [j for j in inner_axes if inner[j] != 1]
        if len(long) > 1:
            return None
        coordinates += [linear if j in long else Offset() for j in inner_axes]
    return tuple(coordinates)


def reshape_blocks(outer: tuple[Dim, ...], inner: tuple[Dim, ...]) -> list[tuple[list[int], list[int]]]:
    """The shortest consecutive groups of axes with equal numbers of elements in both shapes."""
    blocks: list[tuple[list[int], list[int]]] = []
    i = j = 0
    while i < len(outer) or j < len(inner):
        block = _block(outer, inner, i, j)
        blocks.append(block)
        i, j = i + len(block[0]), j + len(block[1])
    return blocks


def _block(outer: tuple[Dim, ...], inner: tuple[Dim, ...], i: int, j: int) -> tuple[list[int], list[int]]:
    for taken in range(1, len(outer) - i + len(inner) - j + 1):
        for a in range(min(taken, len(outer) - i) + 1):
            b = taken - a
            if b > len(inner) - j:
                continue
            if product(outer[i : i + a]) == product(inner[j : j + b]) and _rest_fits(
                outer, inner, i + a, j + b
            ):
                return list(range(i, i + a)), list(range(j, j + b))
    return list(range(i, len(outer))), list(range(j, len(inner)))


def _rest_fits(outer: tuple[Dim, ...], inner: tuple[Dim, ...], i: int, j: int) -> bool:
    return product(outer[i:]) == product(inner[j:])
