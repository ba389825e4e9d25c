"""What the reverse pass of a region needs from the forward run: values to keep, and values to compute again.

Linear in the region's size. A value that few simple operations make from what is kept anyway is computed
again; everything else is kept (on keeping against computing again: Griewank & Walther 2008, chapter 12).
"""

from __future__ import annotations

from collections.abc import Sequence

from graphc.dataclass import dataclass
from graphc.ir.graph import Graph, Node, topological
from graphc.ir.types import TupleType
from graphc.ops import leaf
from graphc.ops.base import AbstractElementwise
from graphc.ops.cast import Cast
from graphc.ops.cost import operation_cost
from graphc.ops.view import BroadcastTo, Pad, Reshape, Slice, Transpose

CHEAP = 8  # simple operations that cost less than keeping their result
_VIEWS = (BroadcastTo, Reshape, Transpose, Slice, Pad, Cast)


@dataclass(frozen=True)
class Residuals:
    """The values to keep, and the inputs of the region that the reverse pass reads."""

    kept: tuple[Node, ...]
    inputs: frozenset[Node]


def choose_residuals(pulled: Graph, known: Sequence[Node], outputs: Sequence[Node]) -> Residuals:
    """What `outputs` of a pulled-back region take from its forward part, which depends on `known` alone.

    `known` are the inputs of the region itself, the other inputs of `pulled` are cotangents.
    """
    forward = set(known)
    for node in pulled:
        if all(arg in forward for arg in node.args) and not isinstance(node.op, leaf.Input):
            forward.add(node)
    costs: dict[Node, float] = {}
    kept: dict[Node, None] = {}
    frontier = _frontier(outputs, forward)
    for node in topological(outputs):
        if node not in forward:
            continue
        costs[node] = _cost(node, costs)
        if node in frontier and costs[node] > CHEAP and not isinstance(node.type, TupleType):
            kept[node] = None
            costs[node] = 0
    read = _read(outputs, set(kept))
    return Residuals(tuple(kept), frozenset(n for n in read if n in set(known)))


def _frontier(outputs: Sequence[Node], forward: set[Node]) -> set[Node]:
    """The forward values that cotangents meet; of a view, what it is a view of."""
    found = {node for node in outputs if node in forward}
    for node in topological(outputs):
        if node not in forward:
            found |= {arg for arg in node.args if arg in forward}
    waiting = list(found)
    while waiting:
        node = waiting.pop()
        if isinstance(node.op, _VIEWS):
            found.discard(node)
            arg = node.args[0]
            if arg not in found:
                found.add(arg)
                waiting.append(arg)
    return found


def _cost(node: Node, costs: dict[Node, float]) -> float:
    """Simple operations that make `node` from what is there; infinite for what is not computed twice."""
    below = sum(costs.get(arg, 0.0) for arg in node.args)
    if isinstance(node.op, AbstractElementwise):
        return operation_cost(node.op.name) + below
    if isinstance(node.op, (*_VIEWS, leaf.Const, leaf.Iota, leaf.Size, leaf.Input)):
        return below
    return float("inf")


def _read(outputs: Sequence[Node], kept: set[Node]) -> set[Node]:
    """Every node that computing `outputs` touches when the kept values are given."""
    seen: set[Node] = set()
    waiting = list(outputs)
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        if node not in kept:
            waiting += node.args
    return seen - kept
