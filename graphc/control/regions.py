"""What ops with regions share: their abstract kind, and the agreement of operands with a region's inputs."""

from __future__ import annotations

import abc
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

import numpy as np

from graphc.dataclass import dataclass
from graphc.errors import ShapeError
from graphc.ir.dims import Dim
from graphc.ir.graph import AbstractOp, Builder, Graph, Node
from graphc.ir.interpret import interpret
from graphc.ir.rewrite import inline
from graphc.ir.types import ArrayType
from graphc.ops.leaf import Const, Input
from graphc.ops.view import BroadcastTo, Reshape
from graphc.trace.context import tracing
from graphc.trace.function import call_graph
from graphc.trace.tracer import Tracer, lift
from graphc.trace.ufuncs import broadcast_to


@dataclass(frozen=True, eq=False)
class Run:
    """One run of a region: what it is called, and its inputs."""

    name: str
    region: Graph
    inputs: tuple[Any, ...]

    @functools.cached_property
    def outputs(self) -> tuple[Any, ...]:
        """What the region gives."""
        return run(self.region, *self.inputs)


@dataclass(frozen=True, eq=False)
class AbstractControl(AbstractOp):
    """An op that runs graphs, once or many times. Values from outside are among its operands."""

    captures_from: ClassVar[int] = 0  # the operand before which captured ones stand

    @abc.abstractmethod
    def capturing(self, count: int, change: Callable[[Graph], Graph]) -> AbstractControl:
        """The op with regions changed by `change`, which gives each `count` more first inputs.

        The op takes as many more captured operands, before all others of that kind.
        """

    def guarded(self, change: Callable[[Graph], Graph]) -> AbstractControl:
        """The op with one more captured operand, bool[]: where it is False, results mean nothing.

        `change` makes a region that cannot fail then, with this operand as its first input.
        """
        return self.capturing(1, change)

    @abc.abstractmethod
    def runs(self, *args: Any) -> Iterator[Run]:
        """Every run of a region for these operands, in order: NumPy's definition of the op, step by step."""


def input_types(region: Graph) -> tuple[ArrayType, ...]:
    """The types of the region's inputs."""
    return tuple(node.array_type for node in region.inputs)


def output_types(region: Graph) -> tuple[ArrayType, ...]:
    """The types of the region's outputs."""
    return tuple(node.array_type for node in region.outputs)


def check_operands(what: str, expected: Sequence[ArrayType], given: Sequence[ArrayType]) -> None:
    """Raises a `ShapeError` unless the operands have the types that a region takes."""
    if tuple(expected) != tuple(given):
        raise ShapeError(f"{what} takes ({_list(expected)}), got ({_list(given)})")


def zeros(type_: ArrayType) -> Any:
    """Exact zeros: one constant, broadcast."""
    return broadcast_to(np.zeros((), type_.dtype), type_.shape)


def zeros_or(x: Any, type_: ArrayType) -> Any:
    """`x`, or exact zeros of this type for None."""
    return zeros(type_) if x is None else x


def is_zero(x: Any) -> bool:
    """Whether a value is known to be zero everywhere, from the program alone."""
    if not isinstance(x, Tracer):
        return False
    node = x.node
    while isinstance(node.op, BroadcastTo | Reshape):
        (node,) = node.args
    return isinstance(node.op, Const) and not np.any(node.op.value)


def is_real(node: Node) -> bool:
    """Whether a value can have a derivative."""
    return node.array_type.dtype.kind == "f"


def run(region: Graph, *values: Any) -> tuple[Any, ...]:
    """The region's outputs for arrays: NumPy's definition of every op in it."""
    return interpret(region, *(np.asarray(v) for v in values))


def permuted(graph: Graph, inputs: Sequence[int], outputs: Sequence[int]) -> Graph:
    """The same function with inputs and outputs in another order; outputs may be left out."""
    builder = Builder()
    new = [builder.add(Input(p, graph.inputs[i].array_type)) for p, i in enumerate(inputs)]
    place = dict(zip(inputs, new, strict=True))
    made = inline(builder, graph, tuple(place[i] for i in range(len(graph.inputs))))
    return Graph(tuple(new), tuple(made[i] for i in outputs))


def derived(graph: Graph, change: Callable[[Sequence[Any], Sequence[Any]], Sequence[Any]]) -> Graph:
    """The graph of `change(inputs, outputs of graph)`, traced; it takes nothing from outside."""
    with tracing() as trace:
        inputs = [Tracer(trace, trace.new_input(n.array_type)) for n in graph.inputs]
        outputs = change(inputs, call_graph(graph, inputs))
        return Graph(tuple(trace.inputs), tuple(lift(trace, value) for value in outputs))


def repeated(graph: Graph, size: Dim, chosen: Sequence[bool]) -> Graph:
    """The graph with the outputs that are `chosen` repeated `size` times along a new axis 0."""
    builder = Builder.containing(graph)
    outputs = list(graph.outputs)
    for i, mark in enumerate(chosen):
        if mark:
            shape = (size, *outputs[i].array_type.shape)
            outputs[i] = builder.add(BroadcastTo(shape), outputs[i])
    return Graph(graph.inputs, tuple(outputs), graph.names)


def _list(types: Sequence[ArrayType]) -> str:
    return ", ".join(map(str, types))
