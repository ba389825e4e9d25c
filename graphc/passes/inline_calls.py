"""Puts the graphs of checkpoints and of functions with derivatives of their own in their place."""

from __future__ import annotations

from graphc.control.call import AbstractCall
from graphc.control.custom import Closed
from graphc.ir.graph import Builder, Graph, Item, Node, regions_of
from graphc.ir.rewrite import inline
from graphc.passes.engine import with_regions


def inline_calls(graph: Graph) -> Graph:
    """The graph without calls, also in the regions of loops, for when no more derivatives will be taken."""
    if not _has_calls(graph):
        return graph
    builder = Builder()
    done: dict[Node, Node] = {}
    results: dict[Node, tuple[Node, ...]] = {}
    for node in graph:
        match node.op:
            case AbstractCall() as op:
                results[node] = inline(builder, inline_calls(op.body), tuple(done[a] for a in node.args))
            case Item(index) if node.args[0] in results:
                done[node] = results[node.args[0]][index]
            case Closed():
                done[node] = done[node.args[0]]
            case op:
                args = (done[a] for a in node.args)
                done[node] = builder.add(with_regions(op, inline_calls), *args, source=node.source)
    return Graph(tuple(done[n] for n in graph.inputs), tuple(done[n] for n in graph.outputs), graph.names)


def _has_calls(graph: Graph) -> bool:
    return any(
        isinstance(node.op, AbstractCall | Closed) or any(_has_calls(r) for r in regions_of(node.op))
        for node in graph
    )
