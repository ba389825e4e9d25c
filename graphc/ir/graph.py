"""Nodes and graphs: an immutable, hash-consed record of an array program."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field
from typing import Any, ClassVar

from graphc.dataclass import dataclass
from graphc.ir.dims import Dim
from graphc.ir.types import ArrayType, TupleType, ValueType


class OpMeta(type):
    """The class of op classes. With `abc.ABCMeta`, `isinstance` was a tenth of a warm start."""


@dataclass(frozen=True)
class AbstractOp(metaclass=OpMeta):
    """One primitive operation and its static parameters (the dataclass fields).

    Ops of one class with equal parameters are equal.
    """

    name: ClassVar[str]

    @abc.abstractmethod
    def infer(self, *args: ArrayType) -> ValueType:
        """Type of the result; an error of `graphc.errors` if the operands do not fit."""

    @abc.abstractmethod
    def evaluate(self, *args: Any) -> Any:
        """The meaning of the op, in plain NumPy. Every backend must agree with it."""

    @abc.abstractmethod
    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        """Cotangents of `args`, given cotangent `g` of the result `y`; None is an exact zero.

        Written in NumPy: the reverse pass runs it on traced values, tests on arrays.
        """

    def jvp(self, tangents: tuple[Any, ...], y: Any, *args: Any) -> Any:
        """Tangent of the result `y`, given tangents of `args` (None is an exact zero), written in NumPy.

        None, the default, leaves it to `autodiff/forward.py`, which transposes `vjp`. Several results: a
        tuple, with None for exact zeros.
        """
        return None

    def batch(self, size: Dim, batched: tuple[bool, ...], *args: Any) -> Any:
        """The op applied to each of `size` examples, written in NumPy.

        Operands marked in `batched` have the examples along a new axis 0, as all results will; at least
        one is marked, and the others are the same for all examples.
        """
        raise NotImplementedError(f"{self.name} has no rule for vmap")

    def conditions(self, *args: ArrayType) -> list[Dim]:
        """Dims that must not be negative for the op to have a meaning; checked when sizes are known."""
        return []

    def stays_finite(self, *args: Node) -> bool:
        """Whether the result is finite if the operands are, apart from overflow of sums and products."""
        return True

    def is_gated(self, gated: Sequence[bool], *args: Node) -> bool:
        """Whether a choice put the zeros of the result there, given whether it put those of each operand."""
        return False


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One value of the program: `op` applied to `args`.

    Nodes are built only by a `Builder`, which interns them, so two nodes of one
    graph denote the same computation exactly when they are the same object.
    """

    op: AbstractOp
    args: tuple[Node, ...]
    type: ValueType
    source: str | None = None  # "model.py:12", where the user wrote it; not identity

    @property
    def array_type(self) -> ArrayType:
        """The type of a node that is known to hold one array."""
        if isinstance(self.type, TupleType):
            raise TypeError(f"{self.op.name} has several results; take one with `item`")
        return self.type

    def __repr__(self) -> str:
        return f"<{self.op.name}: {self.type}>"


@dataclass
class Builder:
    """Makes nodes. Interning, type inference and checking all happen here, once."""

    _interned: dict[tuple[Any, ...], Node] = field(default_factory=dict)

    def add(self, op: AbstractOp, *args: Node, source: str | None = None) -> Node:
        """The node `op(*args)`: the existing one where the same computation was already made."""
        key = (op, *args)
        node = self._interned.get(key)
        if node is None:
            type_ = (
                op.infer(*(arg.array_type for arg in args)) if not _takes_tuple(op) else _infer_item(op, args)
            )
            node = self._interned[key] = Node(op, args, type_, source)
        return node

    @staticmethod
    def containing(nodes: Iterable[Node]) -> Builder:
        """A builder that knows these nodes: what stays the same in it stays the same object."""
        builder = Builder()
        builder._interned.update({(node.op, *node.args): node for node in nodes})
        return builder


@dataclass(frozen=True)
class Graph:
    """A function from `inputs` to `outputs`. Nodes that no output needs do not exist.

    `names` are the inputs' names for printing, one per input, or empty.
    """

    inputs: tuple[Node, ...]
    outputs: tuple[Node, ...]
    names: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Node]:
        """Inputs, then every node after the nodes it uses, in a fixed order."""
        return iter(topological(self.outputs, self.inputs))

    def __str__(self) -> str:
        from graphc.ir.printer import format_graph

        return format_graph(self)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Names of the symbolic sizes of the inputs, in order of appearance."""
        return tuple(dict.fromkeys(s for node in self.inputs for s in node.array_type.symbols))


def topological(outputs: Iterable[Node], first: Sequence[Node] = ()) -> list[Node]:
    """`first`, then every node that `outputs` need, each after its arguments."""
    seen: dict[Node, None] = dict.fromkeys(first)
    stack = list(reversed(list(outputs)))
    while stack:
        node = stack[-1]
        waiting = [arg for arg in node.args if arg not in seen]
        if waiting and node not in seen:
            stack.extend(reversed(waiting))
            continue
        seen.setdefault(stack.pop())
    return list(seen)


def users_of(nodes: Iterable[Node]) -> dict[Node, list[Node]]:
    """For each node, the nodes that take it as an argument (once per use)."""
    users: dict[Node, list[Node]] = {}
    for node in nodes:
        users.setdefault(node, [])
        for arg in node.args:
            users.setdefault(arg, []).append(node)
    return users


def regions_of(op: AbstractOp) -> tuple[Graph, ...]:
    """The graphs among an op's static parameters, in order."""
    found: list[Graph] = []
    for f in dataclasses.fields(op):
        value = getattr(op, f.name)
        found += [v for v in (value if isinstance(value, tuple) else (value,)) if isinstance(v, Graph)]
    return tuple(found)


def every_node(graph: Graph) -> Iterator[Node]:
    """The nodes of a graph, each after those of its regions."""
    for node in graph:
        for region in regions_of(node.op):
            yield from every_node(region)
        yield node


def _takes_tuple(op: AbstractOp) -> bool:
    return isinstance(op, Item)


def _infer_item(op: AbstractOp, args: tuple[Node, ...]) -> ValueType:
    assert isinstance(op, Item)
    return op.infer_from(args[0].type)


@dataclass(frozen=True)
class Item(AbstractOp):
    """One result of an op that has several."""

    index: int

    name: ClassVar[str] = "item"

    def infer_from(self, operand: ValueType) -> ArrayType:
        if not isinstance(operand, TupleType):
            raise TypeError(f"item[{self.index}] of a single result of type {operand}")
        return operand.elements[self.index]

    def infer(self, *args: ArrayType) -> ValueType:
        raise TypeError("item takes an op with several results")

    def evaluate(self, *args: Any) -> Any:
        return args[0][self.index]

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        raise TypeError("the reverse pass collects the items of an op before its rule runs")
