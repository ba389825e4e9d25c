"""Merges loops of which one does what another does, and more: a forward run, and the same run with a tape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from graphc.control.scan import Scan
from graphc.control.while_loop import While
from graphc.dataclass import dataclass
from graphc.ir.graph import Builder, Graph, Item, Node, topological
from graphc.ir.rewrite import inline
from graphc.passes.engine import with_regions


@dataclass(frozen=True)
class _Found:
    """A loop that contains another: its replacement, and where the results of the smaller one are."""

    op: Scan | While
    places: tuple[int, ...]


def merge_loops(graph: Graph) -> Graph:
    """The graph with every loop that is contained in another one replaced by results of that one.

    The contained loop has the same operands, or fewer of them; its carries are the first ones of the other,
    computed in the same way.
    """
    graph = _in_regions(graph)
    while True:
        loops = [n for n in topological(graph.outputs) if isinstance(n.op, Scan | While)]
        pair = next(
            (
                (small, large, found)
                for small in loops
                for large in loops
                if small is not large and (found := _contained(small, large)) is not None
            ),
            None,
        )
        if pair is None:
            return graph
        graph = _merged(graph, *pair)


def _in_regions(graph: Graph) -> Graph:
    builder = Builder.containing(graph)
    done: dict[Node, Node] = {}
    for node in graph:
        op = with_regions(node.op, merge_loops)
        args = tuple(done[a] for a in node.args)
        same = op is node.op and args == node.args
        done[node] = node if same else builder.add(op, *args, source=node.source)
    return Graph(graph.inputs, tuple(done[n] for n in graph.outputs), graph.names)


def _merged(graph: Graph, small: Node, large: Node, found: _Found) -> Graph:
    """The graph with `large` replaced by `found.op` and the results of `small` taken from there."""
    builder = Builder()
    done: dict[Node, Node] = {}

    def made(node: Node) -> Node:
        if isinstance(node.op, Item) and node.args[0] is small:
            index = found.places[node.op.index]
            return builder.add(Item(index), done[large], source=node.source)
        op = found.op if node is large else node.op
        return builder.add(op, *(done[a] for a in node.args), source=node.source)

    stack = [*reversed(graph.outputs), *reversed(graph.inputs)]
    while stack:
        node = stack[-1]
        if node in done:
            stack.pop()
            continue
        # The results of the small loop wait for the large one instead.
        needs = [large if a is small else a for a in node.args]
        missing = [a for a in needs if a not in done]
        if missing:
            stack += missing
            continue
        done[stack.pop()] = made(node)
    inputs = tuple(done[n] for n in graph.inputs)
    return Graph(inputs, tuple(done[n] for n in graph.outputs), graph.names)


def _contained(small: Node, large: Node) -> _Found | None:
    """How `large` gives the results of `small`, if it does and does not depend on it."""
    match small.op, large.op:
        case Scan() as a, Scan() as b if (a.length, a.reverse) == (b.length, b.reverse):
            found = _scan(small, a, large, b)
        case While() as a, While() as b:
            found = _while(small, a, large, b)
        case _:
            return None
    if found is None or small in topological([large]) or large in topological([small]):
        return None
    return found


def _scan(small: Node, a: Scan, large: Node, b: Scan) -> _Found | None:
    if a.carried > b.carried:
        return None
    last_a, last_b = a.captured + a.carried, b.captured + b.carried
    places = _mapped(small.args[: a.captured], large.args[: b.captured], 0)
    places += _prefix(small.args[a.captured : last_a], large.args[b.captured : last_b], b.captured)
    places += _mapped(small.args[last_a:], large.args[last_b:], last_b)
    made = _inlined(a.body, b.body, places)
    if made is None or list(made[: a.carried]) != list(b.body.outputs[: a.carried]):
        return None
    outputs = list(b.body.outputs)
    found = list(range(a.carried))
    for node in made[a.carried :]:
        stacked = outputs[b.carried :]
        if node not in stacked:
            outputs.append(node)
            stacked = outputs[b.carried :]
        found.append(b.carried + stacked.index(node))
    body = Graph(b.body.inputs, tuple(outputs), b.body.names)
    return _Found(b if len(outputs) == len(b.body.outputs) else replace(b, body=body), tuple(found))


def _while(small: Node, a: While, large: Node, b: While) -> _Found | None:
    carried = len(small.args) - a.captured
    places = _mapped(small.args[: a.captured], large.args[: b.captured], 0)
    places += _prefix(small.args[a.captured :], large.args[b.captured :], b.captured)
    test, body = _inlined(a.condition, b.condition, places), _inlined(a.body, b.body, places)
    if test is None or body is None:
        return None
    same = list(test) == list(b.condition.outputs) and list(body) == list(b.body.outputs[:carried])
    return _Found(b, tuple(range(carried))) if same else None


def _mapped(small: Sequence[Node], large: Sequence[Node], offset: int) -> list[int | None]:
    """For each operand of one loop, where the other has the same."""
    return [offset + large.index(n) if n in large else None for n in small]


def _prefix(small: Sequence[Node], large: Sequence[Node], offset: int) -> list[int | None]:
    pairs = [*zip(small, large, strict=False)]
    places: list[int | None] = [offset + i if x is y else None for i, (x, y) in enumerate(pairs)]
    return places + [None] * (len(small) - len(pairs))


def _inlined(small: Graph, large: Graph, places: Sequence[int | None]) -> tuple[Node, ...] | None:
    """The outputs of one region among the nodes of another one."""
    if any(place is None for place in places):
        return None
    args = tuple(large.inputs[place] for place in places if place is not None)
    return inline(Builder.containing(large), small, args)
