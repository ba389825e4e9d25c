"""Moves out of loops what is the same in every step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from graphc.control.capture import with_inputs
from graphc.control.scan import Scan
from graphc.control.while_loop import While
from graphc.ir.graph import Builder, Graph, Item, Node
from graphc.ir.rewrite import rebuilt
from graphc.ir.types import TupleType
from graphc.ops import leaf
from graphc.ops.base import AbstractElementwise, AbstractReduction
from graphc.ops.cast import Cast
from graphc.ops.contract import Contract
from graphc.ops.cost import operation_cost
from graphc.ops.view import BroadcastTo, Concatenate, Pad, Reshape, Slice, Transpose
from graphc.passes.loops.traversal import Site, change_regions

WORTH = 4  # simple operations from which on a value is computed once, and kept
_FREE = (BroadcastTo, Reshape, Slice, Transpose, Pad, Cast, leaf.Const, leaf.Iota, leaf.Size, leaf.Input)
_SAFE = (AbstractElementwise, AbstractReduction, Contract, Concatenate, *_FREE)


def hoist_invariants(graph: Graph) -> Graph:
    """The graph with the values that every step of a loop would compute alike computed before the loop.

    Ops that can fail stay in loops that may run no step at all.
    """
    return change_regions(graph, _hoisted)


def _hoisted(site: Site) -> Mapping[int, Node] | None:
    match site.op:
        case Scan() as op:
            runs = isinstance(op.length, int) and op.length > 0
            moved = _invariant(op.body, op.captured, anything=runs)
            if not moved:
                return None
            values = _outside(site, op.body, moved)
            body = _with_values(op.body, op.captured, moved)
            op = replace(op, body=body, captured=op.captured + len(moved))
        case While() as op:
            moved = _invariant(op.body, op.captured, anything=False)
            if not moved:
                return None
            values = _outside(site, op.body, moved)
            body = _with_values(op.body, op.captured, moved)
            types = [n.array_type for n in body.inputs]
            count, extra = len(op.condition.inputs), len(moved)
            places = [*range(op.captured), *range(op.captured + extra, count + extra)]
            op = While(with_inputs(op.condition, types, places), body, op.captured + extra)
        case _:
            return None
    first = site.op.captured
    made = site.results(op, [*site.args[:first], *values, *site.args[first:]])
    return dict(enumerate(made))


def _invariant(body: Graph, captured: int, *, anything: bool) -> list[Node]:
    """The largest values that depend on captured operands only and are worth keeping."""
    known = set(body.inputs[:captured])
    varying = set(body.inputs[captured:])
    cost: dict[Node, float] = {}
    for node in body:
        if (
            node in varying
            or any(arg in varying for arg in node.args)
            or (node not in known and not _may_move(node, anything))
        ):
            varying.add(node)
        else:
            cost[node] = _cost(node) + sum(cost.get(arg, 0) for arg in node.args)
    wanted: dict[Node, None] = {}
    for node in body:
        if node in varying:
            wanted |= dict.fromkeys(a for a in node.args if a not in varying)
    wanted |= dict.fromkeys(n for n in body.outputs if n not in varying)
    return [n for n in _below_views(wanted) if n not in known and cost[n] >= WORTH]


def _below_views(nodes: Mapping[Node, None]) -> list[Node]:
    """The values that views are of: a broadcast is no reason to keep anything."""
    found: dict[Node, None] = {}
    for node in nodes:
        while isinstance(node.op, BroadcastTo | Reshape | Slice | Transpose | Pad):
            (node,) = node.args
        if not isinstance(node.type, TupleType):
            found[node] = None
    return list(found)


def _may_move(node: Node, anything: bool) -> bool:
    if isinstance(node.op, Item):
        return True
    return anything or isinstance(node.op, _SAFE)


def _cost(node: Node) -> float:
    if isinstance(node.op, AbstractElementwise):
        return operation_cost(node.op.name)
    return 0 if isinstance(node.op, _FREE) else WORTH


def _outside(site: Site, body: Graph, moved: Sequence[Node]) -> list[Node]:
    """The moved values computed from the operands of the loop."""
    done: dict[Node, Node] = dict(zip(body.inputs, site.args, strict=False))
    return list(rebuilt(site.builder, moved, done))


def _with_values(body: Graph, captured: int, moved: Sequence[Node]) -> Graph:
    """The body with the moved values as further captured inputs."""
    builder = Builder()
    done: dict[Node, Node] = {}
    inputs: list[Node] = []
    for node in (*body.inputs[:captured], *moved, *body.inputs[captured:]):
        done[node] = builder.add(leaf.Input(len(inputs), node.array_type))
        inputs.append(done[node])
    return Graph(tuple(inputs), rebuilt(builder, body.outputs, done))
