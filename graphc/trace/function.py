"""From a Python function to a graph: run it once on stand-ins for its arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from graphc.errors import GraphcError
from graphc.ir.graph import Graph, Node
from graphc.ir.types import ArrayType
from graphc.trace.aliasing import ARGUMENT
from graphc.trace.context import tracing
from graphc.trace.tracer import Tracer, Weak, lift


@dataclass(frozen=True)
class Abstract:
    """The type of one argument: an array, or a Python scalar where `weak` is float, int or bool."""

    type: ArrayType
    weak: Weak = None


@dataclass(frozen=True)
class Traced:
    """A recorded function of flat arguments.

    `graph` takes the arguments, then `captured`: arrays and outer traced values the function closed over.
    """

    graph: Graph
    captured: tuple[Any, ...]
    results: tuple[Abstract, ...]


def trace(
    function: Callable[..., Sequence[Any]], arguments: Sequence[Abstract], names: Sequence[str] = ()
) -> Traced:
    """Records `function`, which takes one value per argument and returns a flat sequence of values."""
    with tracing() as context:
        stand_ins = [Tracer(context, context.new_input(a.type), a.weak, ARGUMENT) for a in arguments]
        results = list(_run(function, stand_ins))
        nodes = tuple(lift(context, result) for result in results)
        abstract = tuple(Abstract(n.array_type, _weak(r)) for n, r in zip(nodes, results, strict=True))
        inputs = tuple(context.inputs)
        captured = tuple(value for value, _ in context.captured.values())
    labels = (*names, *(f"captured{i}" for i in range(len(captured)))) if names else ()
    return Traced(Graph(inputs, nodes, tuple(labels)), captured, abstract)


def call_graph(graph: Graph, args: Sequence[Any]) -> tuple[Any, ...]:
    """`graph` applied to values of the innermost trace, recorded there."""
    from graphc.ir.rewrite import inline
    from graphc.trace.context import current

    trace_ = current()
    assert trace_ is not None, "a graph is called inside a trace"
    nodes: tuple[Node, ...] = tuple(lift(trace_, arg) for arg in args)
    return tuple(Tracer(trace_, node) for node in inline(trace_.builder, graph, nodes))


def _run(function: Callable[..., Sequence[Any]], arguments: list[Tracer]) -> Sequence[Any]:
    """What `function` returns. NumPy hides an error of `__float__` behind its own: raise the first one."""
    try:
        return function(*arguments)
    except ValueError as error:
        if isinstance(error.__cause__, GraphcError):
            raise error.__cause__ from None
        raise


def _weak(value: Any) -> Weak:
    if isinstance(value, Tracer):
        return value.weak
    return type(value) if type(value) in (bool, int, float) else None
