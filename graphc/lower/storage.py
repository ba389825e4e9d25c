"""Which values are given memory. All others are recomputed at each point where they are read.

A stored value may still never reach memory: where all its readers are fused with it, it stays in
registers. Storing therefore costs nothing inside one kernel, and the rules here are generous.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graphc.control.scan import Scan
from graphc.ir.graph import Graph, Item, Node, topological, users_of
from graphc.lower.expressions import Offset, reshape_coordinates
from graphc.lower.prologue import is_computed
from graphc.ops import leaf, view
from graphc.ops.barrier import Barrier, behind_barriers, computed_from
from graphc.ops.base import AbstractElementwise, AbstractReduction
from graphc.ops.cast import Cast
from graphc.ops.contract import Contract
from graphc.ops.cost import operation_cost
from graphc.ops.gather import Gather

VIEWS = (view.BroadcastTo, view.Reshape, view.Transpose, view.Slice, Barrier)
MOVING = (view.Slice, view.Transpose, view.Pad, Gather)  # their operand is read at another point
POINTWISE = (AbstractElementwise, Cast, Gather, leaf.Iota, leaf.Size, view.Pad, *VIEWS)

# Recomputing up to this many simple operations is cheaper than a store and a load.
CHEAP = 4
# Chains of this many unstored nodes are cut: deeper ones would exhaust registers, and Python's stack here.
DEEPEST = 100


def is_scalar_constant(node: Node) -> bool:
    return isinstance(node.op, leaf.Const) and node.array_type.size == 1


def is_pointwise(node: Node) -> bool:
    """Whether an element can be computed on its own where it is needed."""
    return isinstance(node.op, POINTWISE) or is_scalar_constant(node)


def choose_stored(graph: Graph, kept: Sequence[Node] = ()) -> set[Node]:
    """The nodes that get memory, or at least a name of their own in a kernel; those `kept` always do."""
    nodes = topological(graph.outputs, graph.inputs)
    users = users_of(nodes)
    stored: set[Node] = {n for n in nodes if not is_pointwise(n)} | {*graph.outputs, *kept}
    cost: dict[Node, int] = {}
    depth: dict[Node, int] = {}
    for node in nodes:
        if not is_pointwise(node):
            computed = [
                node.args[i]
                for i in range(2 if isinstance(node.op, Contract) else 0)
                if is_computed(node, i, stored, cost, users, graph.outputs)
            ]
            _store_operands(node, stored, computed)
            continue
        cost[node] = _cost(node, stored, cost)
        depth[node] = 1 + max((depth[a] for a in computed_from(node) if a not in stored), default=0)
        _store_what_views_repeat(node, stored, cost)
        if node in stored:
            continue
        if depth[node] >= DEEPEST:
            stored.add(node)
        elif len(set(users[node])) > 1 and cost[node] > CHEAP:
            if not isinstance(node.op, VIEWS):
                stored.add(node)
            elif any(isinstance(u.op, MOVING) for u in users[node]):
                stored.add(strided_source(node, stored))
    return stored


def _cost(node: Node, stored: set[Node], cost: dict[Node, int]) -> int:
    own = operation_cost(node.op.name) if isinstance(node.op, AbstractElementwise | Cast) else 0
    own += 3 if isinstance(node.op, Gather | view.Pad) else 0
    return own + sum(0 if a in stored else cost.get(a, 0) for a in computed_from(node))


def _store_what_views_repeat(node: Node, stored: set[Node], cost: dict[Node, int]) -> None:
    """A value that a view would compute several times, or could not reach point by point, is stored."""
    op = node.op
    if isinstance(op, view.BroadcastTo | Gather):
        x = node.args[0]
        repeats = isinstance(op, Gather) or x.array_type.size != node.array_type.size
        if repeats and cost.get(x, 0) >= CHEAP and x not in stored:
            stored.add(x)
    if isinstance(op, view.Reshape) and behind_barriers(node.args[0]) not in stored:
        shape = node.array_type.shape
        at = tuple(Offset(((i, 1),)) for i in range(len(shape)))
        if reshape_coordinates(at, shape, node.args[0].array_type.shape) is None:
            stored.add(node.args[0])


def is_counter(node: Node) -> bool:
    """Whether a sequence counts the steps of the loop that walks along it: it needs no memory."""
    return isinstance(node.op, leaf.Iota) and node.op.dtype == np.int64 and len(node.op.shape) == 1


def _store_operands(node: Node, stored: set[Node], computed: Sequence[Node]) -> None:
    """Anchors that read memory directly need their operands there, but for those that they compute."""
    if isinstance(node.op, AbstractReduction | view.Concatenate | leaf.Input | Item):
        return
    for arg in _operands_in_memory(node):
        if arg in computed:
            continue
        source = strided_source(arg, stored) if isinstance(node.op, Contract) else arg
        stored.add(arg if is_scalar_constant(source) else source)


def _operands_in_memory(node: Node) -> Sequence[Node]:
    if not isinstance(node.op, Scan):
        return node.args
    first = node.op.captured + node.op.carried
    return (*node.args[:first], *(a for a in node.args[first:] if not is_counter(a)))


def strided_source(node: Node, stored: set[Node]) -> Node:
    """The node whose memory a matrix operand is a strided view of."""
    while node not in stored and isinstance(node.op, VIEWS):
        node = node.args[0]
    return node
