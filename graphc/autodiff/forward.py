"""Forward mode as a graph-to-graph pass: walk forwards, and apply each op's derivative to the tangents.

The derivative of an op as a linear map is known from its reverse rule: `vjp` computes g ↦ Jᵀ g, and reverse
mode applied to *that* program gives t ↦ J t. So there is one set of rules. Elementwise ops multiply by the
local gradients that SymPy derived; linear ops, and those with a shorter program, say so in `jvp`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graphc.autodiff.numbers import applies_now, is_zero, traced
from graphc.autodiff.reverse import contributions, no_derivative, wrap, zeros
from graphc.autodiff.transpose import transposed
from graphc.errors import DifferentiationError
from graphc.ir.graph import Graph, Item, Node, topological
from graphc.ir.rewrite import inline
from graphc.ir.types import ArrayType, TupleType, ValueType
from graphc.ops.base import UNKNOWN, AbstractElementwise
from graphc.ops.elementwise.cotangents import tangent
from graphc.trace.context import Trace, tracing
from graphc.trace.tracer import Tracer, lift


def pushforward(graph: Graph, wrt: Sequence[int]) -> Graph:
    """The graph (inputs…, tangents of the inputs `wrt`…) -> (outputs…, tangents of all floating outputs…).

    Tangents have the types of what they belong to. An output that depends on none of them has tangent 0.
    """
    with tracing(closed=True) as trace:
        inputs = tuple(trace.new_input(node.array_type) for node in graph.inputs)
        outputs = inline(trace.builder, graph, inputs)
        given = {}
        for index in wrt:
            if not is_floating(inputs[index].type):
                raise DifferentiationError(f"input {index}, {inputs[index].type}, has no tangent")
            given[inputs[index]] = Tracer(trace, trace.new_input(inputs[index].array_type))
        floating = [node for node in outputs if is_floating(node.type)]
        found = propagate(trace, given, floating)
        tangents = (zeros(n) if t is None else t for n, t in zip(floating, found, strict=True))
        return Graph(tuple(trace.inputs), outputs + tuple(lift(trace, t) for t in tangents))


def propagate(trace: Trace, tangents: Mapping[Node, Any], outputs: Sequence[Node]) -> list[Any | None]:
    """The tangents of `outputs`, given those of some nodes in `trace`; None is an exact zero.

    A given tangent may be a NumPy array instead of a traced value (see `numbers.py`).
    """
    known: dict[Node, Any] = {node: t for node, t in tangents.items() if t is not None}
    source = trace.source
    for node in topological(outputs, tuple(tangents)):
        if node in tangents or not any(arg in known for arg in node.args):
            continue
        if isinstance(node.op, Item):
            found = known[node.args[0]][node.op.index]
        elif is_floating(node.type):
            trace.source = node.source or source
            found = _derived(trace, node, tuple(known.get(arg) for arg in node.args))
        else:
            continue
        if found is not None and not is_zero(found):
            known[node] = found
    trace.source = source
    return [traced(trace, known.get(node)) for node in outputs]


def is_floating(type_: ValueType) -> bool:
    """Whether a value of this type, or one of several, can have a tangent."""
    elements = type_.elements if isinstance(type_, TupleType) else (type_,)
    return any(t.dtype.kind == "f" for t in elements)


def _derived(trace: Trace, node: Node, tangents: tuple[Any, ...]) -> Any:
    """The tangent of the result of `node`; for several results a tuple."""
    if not applies_now(node, tangents):
        tangents = tuple(traced(trace, t) for t in tangents)
    y, args = wrap(trace, node), tuple(wrap(trace, a) for a in node.args)
    own = node.op.jvp(tangents, y, *args)
    if own is not None:
        return own
    tangents = tuple(traced(trace, t) for t in tangents)
    if isinstance(node.op, AbstractElementwise) and type(node.op).vjp is AbstractElementwise.vjp:
        found = tangent(node.op.name, tangents, y, args) if node.op.differentiable else None
        if found is UNKNOWN:
            raise no_derivative(node)
        return found
    return _transposed(trace, node, tangents, y, args)


def _transposed(trace: Trace, node: Node, tangents: tuple[Any, ...], y: Any, args: tuple[Any, ...]) -> Any:
    """The tangent from the reverse rule of the op: the transpose of g ↦ vjp(g)."""
    several = isinstance(node.type, TupleType)
    elements = node.type.elements if isinstance(node.type, TupleType) else (node.array_type,)
    items = [x.node for x in y] if several else [node]
    smooth = [i for i, t in enumerate(elements) if t.dtype.kind == "f"]

    def linear(cotangents: list[Any]) -> tuple[Any, ...]:
        supply = dict(zip(smooth, cotangents, strict=True))
        g = tuple(supply[i] if i in supply else zeros(items[i]) for i in range(len(elements)))
        return contributions(node, g if several else g[0], y, args)

    types: list[ArrayType] = [elements[i] for i in smooth]
    found = transposed(trace, linear, types, tangents, (*node.args, node, *items), node.op.name)
    if not several:
        return found[0]
    results = dict(zip(smooth, found, strict=True))
    return tuple(results.get(i) for i in range(len(elements)))
