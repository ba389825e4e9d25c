"""A program on a few small arrays as one on numbers, so that only derivatives that are not zero are taken.

The Hessian of a sum of terms in two variables each is mostly zeros. Number by number they are exact zeros,
known while the program is made, and nothing is computed for them; on arrays they would be results.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
from functools import reduce
from operator import or_
from typing import Any, Final, Generic, TypeVar

import numpy as np

from graphc.batching.entries import LARGEST
from graphc.ir.graph import AbstractOp, Graph, Node
from graphc.ir.types import ArrayType
from graphc.ops.base import AbstractElementwise
from graphc.ops.cast import Cast
from graphc.ops.contract import Contract
from graphc.ops.elementwise.arithmetic import Add, Multiply
from graphc.ops.leaf import Const, Input
from graphc.ops.reduce import Sum
from graphc.ops.view import BroadcastTo, Concatenate, Pad, Reshape, Slice, Transpose
from graphc.trace.context import Trace

MOST: Final = 1024  # derivatives of one number by another that a program without loops may have
SPARSE: Final = 4  # a Jacobian with fewer entries than one in so many is taken number by number
VIEWS: Final = (BroadcastTo, Concatenate, Pad, Reshape, Slice, Transpose)

T = TypeVar("T")


def pays(graph: Graph, wrt: Sequence[int]) -> bool:
    """Whether the Jacobian of `graph` by the inputs `wrt` is sparse, and small enough for numbers."""
    nodes = [*graph.inputs, *graph]
    if not all(map(_is_small, nodes)) or not all(_is_covered(node.op) for node in graph):
        return False
    reach = _Reach()
    found = reach.of_graph(graph, [reach.input(node, i in wrt) for i, node in enumerate(graph.inputs)])
    entries = sum(bits.bit_count() for array in found for bits in array.flat)
    whole = reach.width * sum(array.size for array in found)
    return reach.count <= MOST and SPARSE * entries < whole


def numbers_of(trace: Trace, graph: Graph, inputs: Sequence[Node]) -> list[Node]:
    """The outputs of `graph`, for nodes of `trace` as its inputs, computed number by number."""
    numbers = _Nodes(trace)
    found = numbers.of_graph(graph, [numbers.input(node) for node in inputs])
    return [numbers.joined(array) for array in found]


def _is_small(node: Node) -> bool:
    size = node.type.size if isinstance(node.type, ArrayType) else None
    return isinstance(size, int) and size <= LARGEST


def _is_covered(op: AbstractOp) -> bool:
    return isinstance(op, (Input, Const, Cast, AbstractElementwise, Sum, Contract, *VIEWS))


class _Evaluation(abc.ABC, Generic[T]):
    """Evaluates a graph on arrays of objects, one for each number."""

    @abc.abstractmethod
    def zero(self, like: Node) -> T:
        """What stands for 0."""

    @abc.abstractmethod
    def constant(self, node: Node, value: Any) -> T:
        """What stands for an element of the constant `node`."""

    @abc.abstractmethod
    def apply(self, op: AbstractOp, source: str | None, *args: T) -> T:
        """The op applied to numbers."""

    def of_graph(self, graph: Graph, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The outputs, given the inputs."""
        known = dict(zip(graph.inputs, inputs, strict=True))
        for node in graph:
            if node not in known:
                known[node] = self._node(node, [known[arg] for arg in node.args])
        return [known[node] for node in graph.outputs]

    def _node(self, node: Node, args: Sequence[np.ndarray]) -> np.ndarray:
        match node.op:
            case Const() as op:
                return _array([self.constant(node, x) for x in op.value.flat], node)
            case Sum() as op:
                return self._sum(node, args[0], op.axes)
            case Contract() as op:
                return self._contract(node, op, *args)
            case op if isinstance(op, VIEWS):
                return self._moved(node, args)
        rows = zip(*(array.flat for array in args), strict=True)
        return _array([self.apply(node.op, node.source, *row) for row in rows], node)

    def _moved(self, node: Node, args: Sequence[np.ndarray]) -> np.ndarray:
        """The op itself moves numbers in place of the elements; 0 is what is new."""
        elements: list[T] = [self.zero(node)]
        places = []
        for array in args:
            places.append(np.arange(len(elements), len(elements) + array.size).reshape(array.shape))
            elements += list(array.flat)
        return _array([elements[i] for i in np.asarray(node.op.evaluate(*places)).flat], node)

    def _sum(self, node: Node, array: np.ndarray, axes: Sequence[int]) -> np.ndarray:
        kept = [axis for axis in range(array.ndim) if axis not in axes]
        rows = np.transpose(array, [*kept, *axes]).reshape(_size(node), -1)
        return _array([self._total(node, list(row)) for row in rows], node)

    def _contract(self, node: Node, op: Contract, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        summed = [label for label in dict.fromkeys(op.left) if label not in op.out]
        labels = [*op.out, *summed]
        sizes = {**dict(zip(op.left, a.shape, strict=True)), **dict(zip(op.right, b.shape, strict=True))}
        shape = tuple(sizes[label] for label in labels)
        pairs = ((a, op.left), (b, op.right))
        rows = (_spread(x, own, labels, shape).reshape(_size(node), -1) for x, own in pairs)
        return _array([self._dot(node, x, y) for x, y in zip(*rows, strict=True)], node)

    def _dot(self, node: Node, x: np.ndarray, y: np.ndarray) -> T:
        products = [self.apply(Multiply(), node.source, p, q) for p, q in zip(x, y, strict=True)]
        return self._total(node, products)

    def _total(self, node: Node, values: list[T]) -> T:
        """The sum of values, in pairs."""
        while len(values) > 1:
            pairs = zip(values[::2], values[1::2], strict=False)
            rest = values[-1:] if len(values) % 2 else []
            values = [self.apply(Add(), node.source, *pair) for pair in pairs] + rest
        return values[0] if values else self.zero(node)


def _spread(x: np.ndarray, own: Sequence[int], labels: Sequence[int], shape: tuple[int, ...]) -> np.ndarray:
    """`x` with the axes `labels`, repeated along those that it lacks."""
    order = [label for label in labels if label in own]
    moved = np.transpose(x, [list(own).index(label) for label in order])
    lead = [n if label in own else 1 for label, n in zip(labels, shape, strict=True)]
    return np.broadcast_to(moved.reshape(lead), shape)


def _size(node: Node) -> int:
    size = node.array_type.size
    assert isinstance(size, int)
    return size


def _array(elements: Sequence[Any], like: Node) -> np.ndarray:
    """An array of objects with the shape of `like`."""
    made = np.empty(len(elements), object)
    made[:] = elements
    shape: Any = like.array_type.shape
    return made.reshape(shape)


class _Reach(_Evaluation[int]):
    """The inputs that each number depends on, as bits of an integer; `count` of them in all."""

    def __init__(self) -> None:
        self.width = self.count = 0

    def input(self, node: Node, varies: bool) -> np.ndarray:
        """An input whose elements are one more bit each, if they vary."""
        size = _size(node)
        bits = [1 << (self.width + i) if varies else 0 for i in range(size)]
        self.width += size if varies else 0
        return _array(bits, node)

    def zero(self, like: Node) -> int:
        return 0

    def constant(self, node: Node, value: Any) -> int:
        return 0

    def apply(self, op: AbstractOp, source: str | None, *args: int) -> int:
        bits = reduce(or_, args, 0)
        self.count += bits.bit_count()
        return bits


class _Nodes(_Evaluation[Node]):
    """The nodes of a trace that compute the numbers."""

    def __init__(self, trace: Trace) -> None:
        self.builder = trace.builder

    def input(self, node: Node) -> np.ndarray:
        """The elements of an array."""
        shape: Any = node.array_type.shape
        one, step = (1,) * len(shape), (1,) * len(shape)
        parts = [self.builder.add(Slice(place, one, step), node) for place in np.ndindex(*shape)]
        return _array([self.builder.add(Reshape(()), part) for part in parts], node)

    def zero(self, like: Node) -> Node:
        return self.builder.add(Const.of(np.zeros((), like.array_type.dtype)))

    def constant(self, node: Node, value: Any) -> Node:
        return self.builder.add(Const.of(np.asarray(value, node.array_type.dtype)))

    def apply(self, op: AbstractOp, source: str | None, *args: Node) -> Node:
        return self.builder.add(op, *args, source=source)

    def joined(self, array: np.ndarray) -> Node:
        """The array of these numbers."""
        parts = [self.builder.add(Reshape((1,)), node) for node in array.flat]
        whole = self.builder.add(Concatenate(0), *parts) if len(parts) > 1 else parts[0]
        return self.builder.add(Reshape(array.shape), whole)
