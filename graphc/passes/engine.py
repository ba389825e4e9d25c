"""What rewriting passes share: local rules applied wherever a node is made, arguments first.

A rule belongs to one op. It gets the op and its operands, already simplified, and returns an equal
node or None. Nodes that a rule makes go through the rules again, so one traversal reaches a normal form.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import field
from functools import cache
from typing import Any

import numpy as np

from graphc.dataclass import dataclass
from graphc.ir.dims import Dim
from graphc.ir.graph import AbstractOp, Builder, Graph, Node
from graphc.ops.leaf import Const
from graphc.ops.view import BroadcastTo, Reshape

NodeRule = Callable[["Maker", Any, tuple[Node, ...]], "Node | None"]
Rules = Mapping[str, tuple[NodeRule, ...]]

ANY = "*"  # the name under which a table keeps the rules of all ops that it does not name
DEPTH_LIMIT = 60  # nested rule applications; far beyond what terminating rules need


@dataclass
class Maker:
    """Makes nodes in their simplest form."""

    rules: Rules
    builder: Builder
    source: str | None = None
    shared: set[Node] = field(default_factory=set)  # nodes known to be needed whole, by several users
    depth: int = 0

    def make(self, op: AbstractOp, *args: Node) -> Node:
        """The node `op(*args)`, or what the rules turn it into."""
        return self.rewritten(op, args) or self.builder.add(op, *args, source=self.source)

    def rewritten(self, op: AbstractOp, args: tuple[Node, ...]) -> Node | None:
        """What the first rule that applies makes of `op(*args)`."""
        rules = self.rules.get(op.name)
        if rules is None:
            rules = self.rules.get(ANY, ())
        if not rules or self.depth > DEPTH_LIMIT:
            return None
        self.depth += 1
        try:
            for rule in rules:
                new = rule(self, op, args)
                if new is not None:
                    return new
        finally:
            self.depth -= 1
        return None

    def share(self, node: Node) -> None:
        """Notes that `node` has several users: all of it is needed, and of what it is put together from.

        A rule that computes a part of a piece anew would otherwise do so again in every later piece,
        each time from several parts of the piece before.
        """
        waiting = [node]
        while waiting:
            node = waiting.pop()
            if node not in self.shared:
                self.shared.add(node)
                waiting += node.args if node.op.name == "concatenate" else ()

    # ---- common nodes

    def constant(self, value: Any, dtype: np.dtype, shape: tuple[Dim, ...] = ()) -> Node:
        """`value` everywhere in an array of this type."""
        scalar = self.builder.add(Const.of(value, dtype), source=self.source)
        return self.broadcast(scalar, shape)

    def broadcast(self, x: Node, shape: tuple[Dim, ...]) -> Node:
        return x if x.array_type.shape == shape else self.make(BroadcastTo(tuple(shape)), x)

    def reshape(self, x: Node, shape: tuple[Dim, ...]) -> Node:
        return x if x.array_type.shape == shape else self.make(Reshape(tuple(shape)), x)


def apply_rules(graph: Graph, rules: Rules) -> Graph:
    """The graph in the normal form of `rules`; `graph` itself if nothing changed."""
    order = list(graph)
    if ANY not in rules and not any(node.op.name in rules or region_fields(type(node.op)) for node in order):
        return graph
    maker = Maker(rules, Builder.containing(order))
    users: dict[Node, int] = {}
    for node in order:
        for arg in node.args:
            users[arg] = users.get(arg, 0) + 1
    for node in graph.outputs:
        users[node] = users.get(node, 0) + 1
    done: dict[Node, Node] = {}
    for node in order:
        new = done[node] = _rebuilt(maker, node, done, rules)
        if users.get(node, 0) > 1:
            maker.share(new)
    outputs = tuple(done[n] for n in graph.outputs)
    if all(a is b for a, b in zip(outputs, graph.outputs, strict=True)):
        return graph
    return Graph(graph.inputs, outputs, graph.names)


def _rebuilt(maker: Maker, node: Node, done: Mapping[Node, Node], rules: Rules) -> Node:
    if not node.args and node.op.name not in rules:
        return node
    args = tuple([done[arg] for arg in node.args])
    maker.source = node.source
    op = with_regions(node.op, lambda region: apply_rules(region, rules))
    new = maker.rewritten(op, args)
    if new is not None:
        return new
    if op is node.op and all(a is b for a, b in zip(args, node.args, strict=True)):
        return node
    return maker.builder.add(op, *args, source=node.source)


@cache
def region_fields(cls: type[AbstractOp]) -> tuple[str, ...]:
    """Names of the fields of an op class that hold graphs."""
    return tuple(f.name for f in dataclasses.fields(cls) if "Graph" in str(f.type))


def with_regions(op: AbstractOp, change: Callable[[Graph], Graph]) -> AbstractOp:
    """`op` with `change` applied to the graphs among its parameters; `op` itself if none changes."""
    names = region_fields(type(op))
    if not names:
        return op
    values = {f.name: getattr(op, f.name) for f in dataclasses.fields(op)}
    changed = dict(values)
    for name in names:
        value = values[name]
        if isinstance(value, Graph):
            changed[name] = change(value)
        elif isinstance(value, tuple):
            changed[name] = tuple(change(v) if isinstance(v, Graph) else v for v in value)
    return op if changed == values else type(op)(**changed)


def splat(node: Node) -> np.ndarray | None:
    """The number that every element of a constant node is, as a 0-d array; None for other nodes."""
    while node.op.name in ("broadcast_to", "reshape"):
        node = node.args[0]
    if isinstance(node.op, Const) and len(node.op.data) == node.op.dtype.itemsize:
        return node.op.value.reshape(())
    return None


def is_number(node: Node, number: float) -> bool:
    """Whether every element of `node` is exactly `number`, the sign of zero included."""
    value = splat(node)
    return value is not None and value.tobytes() == np.asarray(number).astype(value.dtype).tobytes()


def merged(*tables: Rules) -> dict[str, tuple[NodeRule, ...]]:
    """One table of rules, those of earlier tables first."""
    names = dict.fromkeys(name for table in tables for name in table)
    return {
        name: tuple(rule for table in tables for rule in table.get(name, table.get(ANY, ())))
        for name in names
    }
