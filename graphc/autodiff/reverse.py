"""Reverse mode as a graph-to-graph pass: walk backwards, multiply by local gradients, sum what arrives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.autodiff.numbers import applies_now, is_zero, traced
from graphc.errors import DifferentiationError, located
from graphc.ir.graph import Graph, Item, Node, topological
from graphc.ir.rewrite import inline
from graphc.ir.types import TupleType
from graphc.ops.base import UNKNOWN
from graphc.ops.stop import StopGradient
from graphc.trace.context import Trace, tracing
from graphc.trace.tracer import Tracer, lift
from graphc.trace.ufuncs import broadcast_to


def pullback(graph: Graph, wrt: Sequence[int], seeded: Sequence[int]) -> Graph:
    """The graph (inputs…, cotangents…) -> (outputs…, cotangents of the inputs `wrt`).

    The cotangents are those of the outputs numbered `seeded`. A gradient on no path is exact zeros.
    """
    with tracing(closed=True) as trace:
        inputs = tuple(trace.new_input(node.array_type) for node in graph.inputs)
        outputs = inline(trace.builder, graph, inputs)
        seeds = {}
        for index in seeded:
            seed = trace.new_input(outputs[index].array_type)
            seeds[index] = seed
        cotangents = backpropagate(
            trace, [(outputs[i], Tracer(trace, s)) for i, s in seeds.items()], [inputs[i] for i in wrt]
        )
        gradients = tuple(lift(trace, g) for g in cotangents)
        return Graph(tuple(trace.inputs), outputs + gradients)


def gradient(graph: Graph, wrt: Sequence[int]) -> Graph:
    """The graph inputs -> (outputs…, ∂output₀/∂input for `wrt`); output 0 is a floating scalar."""
    head = graph.outputs[0].array_type
    if head.shape != () or head.dtype.kind != "f":
        raise DifferentiationError(
            located(
                f"a gradient needs a real scalar output, got {head}",
                graph.outputs[0].source,
                "Reduce it with np.sum or np.mean, or use graphc.vjp.",
            )
        )
    with tracing(closed=True) as trace:
        inputs = tuple(trace.new_input(node.array_type) for node in graph.inputs)
        outputs = inline(trace.builder, graph, inputs)
        seed = Tracer(trace, lift(trace, np.ones((), head.dtype)))
        cotangents = backpropagate(trace, [(outputs[0], seed)], [inputs[i] for i in wrt])
        return Graph(inputs, outputs + tuple(lift(trace, g) for g in cotangents))


def backpropagate(trace: Trace, seeds: Sequence[tuple[Node, Any]], wrt: Sequence[Node]) -> list[Any]:
    """Cotangents of `wrt` in `trace`, given cotangents of some nodes; zeros where no path leads."""
    found = arriving(trace, seeds, wrt)
    return [zeros(n) if g is None else g for n, g in zip(wrt, found, strict=True)]


def arriving(
    trace: Trace, seeds: Sequence[tuple[Node, Any]], wrt: Sequence[Node], known: Sequence[Node] = ()
) -> list[Any]:
    """What arrives at `wrt` from cotangents of some nodes; None, an exact zero, where no path leads.

    The walk goes back as far as the nodes `known`, which do not depend on `wrt` (they may be among them).
    A given cotangent may be a NumPy array instead of a traced value (see `numbers.py`).
    """
    heads = [node for node, _ in seeds]
    wanted = _leading_to(wrt, heads, known)
    arrived: dict[Node, Any] = {}
    for node, g in seeds:
        _accumulate(trace, arrived, node, g)
    edge = set(known)
    source = trace.source
    for node in reversed(topological(heads, known)):
        if node not in wanted or not node.args or node in edge or isinstance(node.op, Item):
            continue
        g = _cotangent(trace, node, arrived)
        if g is None:
            continue
        if not isinstance(g, tuple) and not applies_now(node, (g,)):
            g = traced(trace, g)
        trace.source = node.source or source
        made = contributions(node, g, wrap(trace, node), [wrap(trace, a) for a in node.args])
        for arg, contribution in zip(node.args, made, strict=True):
            if contribution is UNKNOWN and arg in wanted:
                raise no_derivative(node)
            if contribution is not None and arg in wanted:
                _accumulate(trace, arrived, arg, contribution)
    trace.source = source
    return [traced(trace, arrived.get(n)) for n in wrt]


def contributions(node: Node, g: Any, y: Any, args: Sequence[Any]) -> tuple[Any, ...]:
    """What the rule of `node` sends to its operands, given the cotangent of its result."""
    try:
        return node.op.vjp(g, y, *args)
    except NotImplementedError as error:
        what = f"{node.op.name} has no rule for derivatives"
        remedy = "Give the function around it one with graphc.custom_vjp, or use graphc.stop_gradient."
        raise DifferentiationError(located(what, node.source, remedy)) from error


def no_derivative(node: Node) -> DifferentiationError:
    """The error for an operand by which `node` could be differentiated, but by no op there is."""
    named = zip(["first", "second", "third"], node.op.gradients, strict=False)  # type: ignore[attr-defined]
    orders = " and ".join(name for name, text in named if text == "unknown")
    return DifferentiationError(
        located(
            f"graphc has no derivative of {node.op.name} by its {orders} operand",
            node.source,
            "Hold it constant with graphc.stop_gradient, or give the function around it a rule with "
            "graphc.custom_vjp.",
        )
    )


def _leading_to(wrt: Sequence[Node], outputs: Sequence[Node], known: Sequence[Node]) -> set[Node]:
    """Nodes on some path from `wrt`: the only ones whose cotangent matters."""
    wanted = set(wrt)
    for node in topological(outputs, known)[len(set(known)) :]:
        if any(arg in wanted for arg in node.args) and not isinstance(node.op, StopGradient):
            wanted.add(node)
    return wanted


def _cotangent(trace: Trace, node: Node, arrived: dict[Node, Any]) -> Any:
    """What arrived at `node`; for several results, a tuple with None for those nobody used."""
    if not isinstance(node.type, TupleType):
        return arrived.get(node)
    items = [trace.builder.add(Item(i), node, source=node.source) for i in range(len(node.type.elements))]
    found = tuple(arrived.get(item) for item in items)
    if all(g is None for g in found):
        return None
    return tuple(zeros(item) if g is None else traced(trace, g) for g, item in zip(found, items, strict=True))


def wrap(trace: Trace, node: Node) -> Any:
    """The traced value of a node; a tuple of them for several results."""
    if isinstance(node.type, TupleType):
        elements = range(len(node.type.elements))
        return tuple(Tracer(trace, trace.builder.add(Item(i), node, source=node.source)) for i in elements)
    return Tracer(trace, node)


def _accumulate(trace: Trace, arrived: dict[Node, Any], node: Node, g: Any) -> None:
    if is_zero(g):
        return
    arrived[node] = traced(trace, arrived[node]) + traced(trace, g) if node in arrived else g


def zeros(node: Node) -> Any:
    """Exact zeros: one constant, broadcast."""
    return broadcast_to(np.zeros((), node.array_type.dtype), node.array_type.shape)
