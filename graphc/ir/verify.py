"""Structural checks of a graph. What they find is a defect of graphc, not of the user's program."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from graphc.errors import GraphcError, VerificationError
from graphc.ir.dims import Dim, as_symbol
from graphc.ir.graph import AbstractOp, Graph, Item, Node, regions_of
from graphc.ir.printer import describe, format_op
from graphc.ir.types import DTYPE_NAMES, TupleType, ValueType

RESERVED_SYMBOLS = frozenset({*DTYPE_NAMES, "True", "False", "None", "inf", "nan"})

Check = Callable[[Graph, list[Node]], Iterable[str]]


def verify(graph: Graph, stage: str = "traced") -> Graph:
    """`graph` itself, or a `VerificationError` that lists everything wrong with it at this stage.

    Stages: "traced" (any valid graph), "simplified" (after the passes: no op that does nothing).
    """
    _verify(graph, stage, frozenset())
    return graph


def _verify(graph: Graph, stage: str, known: frozenset[str]) -> None:
    """Checks `graph`, which may use the sizes `known` around it, and its regions."""
    order = _ordered(graph)
    problems = [problem for check in STAGES[stage] for problem in check(graph, order)]
    bound = known | {s for s in map(as_symbol, _input_sizes(graph)) if s is not None}
    problems += _sizes_are_bound(order, bound)
    if problems:
        raise VerificationError("\n".join([f"the {stage} graph is not valid:", *problems]))
    for node in order:
        for region in regions_of(node.op):
            _verify(region, stage, bound)


def _input_sizes(graph: Graph) -> Iterable[Dim]:
    return (dim for node in graph.inputs for dim in node.array_type.shape)


def _ordered(graph: Graph) -> list[Node]:
    """Every reachable node after its arguments; an error where a node depends on itself."""
    state: dict[Node, bool] = {}  # False while its arguments are visited, True afterwards
    order: list[Node] = []
    stack: list[tuple[Node, bool]] = [(node, False) for node in (*graph.outputs, *graph.inputs)]
    while stack:
        node, ready = stack.pop()
        if ready:
            state[node] = True
            order.append(node)
        elif node not in state:
            state[node] = False
            stack.append((node, True))
            stack.extend((arg, False) for arg in node.args)
        elif not state[node]:
            raise VerificationError(f"a node depends on itself: {describe([node])}")
    return order


def _inputs_are_numbered(graph: Graph, order: list[Node]) -> Iterable[str]:
    for position, node in enumerate(graph.inputs):
        if node.op.name != "input" or node.args:
            yield f"  input {position} is not an input: {describe([node])}"
        elif getattr(node.op, "index", None) != position:
            yield f"  input {position} is numbered {getattr(node.op, 'index', None)}"
    listed = set(graph.inputs)
    for node in order:
        if node.op.name == "input" and node not in listed:
            yield f"  {format_op(node.op)} is used but is not an input of the graph"


def _names_are_usable(graph: Graph, order: list[Node]) -> Iterable[str]:
    if graph.names and len(graph.names) != len(graph.inputs):
        yield f"  {len(graph.names)} names for {len(graph.inputs)} inputs"
    repeated = {name for name in graph.names if graph.names.count(name) > 1}
    for name in sorted(repeated):
        yield f"  two inputs are called {name}"
    for name in sorted(RESERVED_SYMBOLS & set(graph.symbols)):
        yield f"  a size is called {name}, which means something else in the text form"


def _types_are_inferred(graph: Graph, order: list[Node]) -> Iterable[str]:
    for node in order:
        try:
            inferred = infer(node.op, node.args)
        except (GraphcError, TypeError, ValueError) as error:
            yield f"  {describe([node])}: {error}"
            continue
        if inferred != node.type:
            yield f"  {describe([node])}: the operands give {inferred}"


def _sizes_are_bound(order: list[Node], bound: frozenset[str]) -> Iterable[str]:
    """Every symbolic size that occurs must be readable off some input's shape, here or around."""
    for node in order:
        types = node.type.elements if isinstance(node.type, TupleType) else (node.type,)
        for name in (n for type_ in types for n in type_.symbols):
            if name not in bound:
                yield f"  {describe([node])}: the size {name} is not the size of any input's axis"


def _nodes_are_interned(graph: Graph, order: list[Node]) -> Iterable[str]:
    seen: dict[tuple[AbstractOp, tuple[Node, ...]], Node] = {}
    for node in order:
        other = seen.setdefault((node.op, node.args), node)
        if other is not node:
            yield f"  computed twice by separate nodes: {describe([node])}"


def _nothing_is_idle(graph: Graph, order: list[Node]) -> Iterable[str]:
    """No op whose result is its operand."""
    for node in order:
        match node.op.name:
            case "broadcast_to" | "reshape" | "cast":
                idle = node.type == node.args[0].type
            case "transpose":
                axes = getattr(node.op, "axes", ())
                idle = list(axes) == sorted(axes)
            case _:
                idle = False
        if idle:
            yield f"  does nothing: {describe([node])}"


def infer(op: AbstractOp, args: tuple[Node, ...]) -> ValueType:
    """The type of `op(*args)`, inferred afresh."""
    if isinstance(op, Item):
        return op.infer_from(args[0].type)
    return op.infer(*(arg.array_type for arg in args))


_ALWAYS: tuple[Check, ...] = (
    _inputs_are_numbered,
    _names_are_usable,
    _types_are_inferred,
    _nodes_are_interned,
)

STAGES: dict[str, tuple[Check, ...]] = {
    "traced": _ALWAYS,
    "simplified": (*_ALWAYS, _nothing_is_idle),
}
