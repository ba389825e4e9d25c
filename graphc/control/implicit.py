"""Values that are defined by an equation: what the ops that solve one share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from graphc.autodiff.forward import pushforward
from graphc.autodiff.reverse import pullback
from graphc.batching.batch import batch_graph
from graphc.control.call import AbstractCall
from graphc.control.regions import input_types, is_real
from graphc.dataclass import dataclass
from graphc.ir.dims import Dim
from graphc.ir.graph import Graph
from graphc.ir.types import ArrayType
from graphc.ops.base import apply
from graphc.ops.convergence import Converged
from graphc.trace.context import current, user_line
from graphc.trace.function import Abstract, call_graph, trace


@dataclass(frozen=True, eq=False)
class AbstractImplicit(AbstractCall):
    """The vector x for which a graph over (params…, x) takes the value that an equation says.

    Operands: params, then where the search starts. `body` maps them to x by iterating; its steps are never
    differentiated. `equation` maps (params…, x) to (…, n), like x: (…, n); axes before the last are examples.
    """

    body: Graph
    equation: Graph

    def batch(self, size: Dim, batched: tuple[bool, ...], *args: Any) -> Any:
        """One search for all examples, each with an equation of its own."""
        body, _ = batch_graph(self.body, size, batched, all_outputs=True)
        known = (*batched[:-1], True)
        op = self.changed(lambda graph: batch_graph(graph, size, known, all_outputs=True)[0])
        return apply(replace(op, body=body), *args)

    def changed(self, change: Callable[[Graph], Graph]) -> AbstractImplicit:
        """The op with all its graphs changed."""
        graphs = {f.name: getattr(self, f.name) for f in fields(self)}
        return replace(self, **{name: change(g) for name, g in graphs.items() if isinstance(g, Graph)})

    def pulled(self, cotangent: Any, params: Sequence[Any], x: Any) -> tuple[Any, ...]:
        """Cotangents of the operands, given that of the equation's value; None for what is not real."""
        wrt = [i for i, node in enumerate(self.equation.inputs[:-1]) if is_real(node)]
        made = call_graph(pullback(self.equation, wrt, [0]), [*params, x, cotangent])[1:]
        found = dict(zip(wrt, made, strict=True))
        return (*(found.get(i) for i in range(len(params))), None)

    def pushed(self, tangents: Sequence[Any], params: Sequence[Any], x: Any) -> Any:
        """The tangent of the equation's value while x stays; None where no operand moves."""
        moving = [i for i in range(len(params)) if tangents[i] is not None]
        if not moving:
            return None
        along = [tangents[i] for i in moving]
        return call_graph(pushforward(self.equation, moving), [*params, x, *along])[1]


def closed_trace(function: Callable[..., Sequence[Any]], types: Sequence[ArrayType]) -> Graph:
    """The graph of a function that mentions nothing from outside; its lines are those of what is around."""
    place = place_now()

    def placed(*values: Any) -> Sequence[Any]:
        context = current()
        assert context is not None
        context.source = place
        return function(*values)

    traced = trace(placed, [Abstract(t) for t in types])
    assert not traced.captured, "a region takes all it needs as operands"
    return traced.graph


def place_now() -> str | None:
    """The line of the user's that the operation being recorded belongs to."""
    context = current()
    return context.source if context is not None and context.source else user_line()


def checked(x: Any, ok: Any, residual: Any, steps: Any, what: str, remedy: str) -> Any:
    """x, and a ConvergenceError at run time unless `ok`."""
    return apply(Converged(what, remedy, place_now()), x, ok, residual, steps)


def largest(x: Any) -> Any:
    """The largest magnitude of each example; not a number if one element is none."""
    return np.max(np.abs(x), axis=-1)


def types_with(graph: Graph, count: int) -> list[ArrayType]:
    """The types of the inputs of `graph`, the last of them `count` times more."""
    types = list(input_types(graph))
    return types + types[-1:] * count
