"""The traversal that passes over branches and loops share: an op is replaced result by result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from graphc.control.regions import AbstractControl
from graphc.dataclass import dataclass
from graphc.ir.graph import Builder, Graph, Item, Node
from graphc.ir.rewrite import rebuilt
from graphc.ops.leaf import Input
from graphc.passes.engine import with_regions


@dataclass(frozen=True)
class Site:
    """One op with regions: its operands as rebuilt so far, and the results that somebody reads."""

    builder: Builder
    op: AbstractControl
    args: tuple[Node, ...]
    used: frozenset[int]
    source: str | None

    def results(self, op: AbstractControl, args: Sequence[Node]) -> list[Node]:
        """The results of another op in this place."""
        node = self.builder.add(op, *args, source=self.source)
        count = len(op.infer(*(a.array_type for a in args)).elements)  # type: ignore[union-attr]
        return [self.builder.add(Item(i), node, source=self.source) for i in range(count)]


# What stands for each result of the op, or None where the op stays; results nobody reads may be missing.
Change: TypeAlias = Callable[[Site], "Mapping[int, Node] | None"]


def has_regions(graph: Graph) -> bool:
    """Whether a graph contains branches or loops."""
    return any(isinstance(node.op, AbstractControl) for node in graph)


def change_regions(graph: Graph, change: Change) -> Graph:
    """The graph with `change` applied to every op with regions, inner ones first."""
    order = list(graph)
    if not any(isinstance(node.op, AbstractControl) for node in order):
        return graph
    used: dict[Node, set[int]] = {}
    for node in order:
        if isinstance(node.op, Item):
            used.setdefault(node.args[0], set()).add(node.op.index)
    builder = Builder.containing(order)
    done: dict[Node, Node] = {}
    replaced: dict[Node, Mapping[int, Node]] = {}
    for node in order:
        if isinstance(node.op, Item) and node.args[0] in replaced:
            done[node] = replaced[node.args[0]][node.op.index]
            continue
        args = tuple(done[a] for a in node.args)
        op = with_regions(node.op, lambda region: change_regions(region, change))
        if isinstance(op, AbstractControl):
            found = change(Site(builder, op, args, frozenset(used.get(node, ())), node.source))
            if found is not None:
                replaced[node] = found
                done[node] = node
                continue
        same = op is node.op and all(a is b for a, b in zip(args, node.args, strict=True))
        done[node] = node if same else builder.add(op, *args, source=node.source)
    return Graph(graph.inputs, tuple(done[n] for n in graph.outputs), graph.names)


def restricted(graph: Graph, inputs: Sequence[int], outputs: Sequence[int]) -> Graph:
    """The graph with only some inputs, which must be enough for the outputs that are kept."""
    builder = Builder()
    done: dict[Node, Node] = {}
    for position, i in enumerate(inputs):
        done[graph.inputs[i]] = builder.add(Input(position, graph.inputs[i].array_type))
    new_inputs = tuple(done.values())
    return Graph(new_inputs, rebuilt(builder, [graph.outputs[i] for i in outputs], done))


def inputs_of(graph: Graph, outputs: Sequence[int]) -> set[int]:
    """The numbers of the inputs that some outputs depend on."""
    position = {node: i for i, node in enumerate(graph.inputs)}
    seen: set[Node] = set()
    stack = [graph.outputs[i] for i in outputs]
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            stack += node.args
    return {position[node] for node in seen if node in position}
