"""The one traversal that rebuilds a graph: every pass is a rule handed to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from graphc.ir.graph import Builder, Graph, Node

# A rule gets the builder, the original node and its already rebuilt arguments; None keeps the op.
Rule = Callable[[Builder, Node, tuple[Node, ...]], "Node | None"]


def rewrite(graph: Graph, rule: Rule, builder: Builder | None = None) -> Graph:
    """The graph with `rule` applied to every node, arguments first. Unused nodes disappear."""
    builder = builder or Builder()
    done: dict[Node, Node] = {}
    for node in graph:
        args = tuple(done[arg] for arg in node.args)
        new = rule(builder, node, args)
        done[node] = new if new is not None else builder.add(node.op, *args, source=node.source)
    return Graph(tuple(done[n] for n in graph.inputs), tuple(done[n] for n in graph.outputs), graph.names)


def inline(builder: Builder, graph: Graph, args: tuple[Node, ...]) -> tuple[Node, ...]:
    """The outputs of `graph` applied to `args`, recorded in `builder`."""
    return rebuilt(builder, graph.outputs, dict(zip(graph.inputs, args, strict=True)))


def rebuilt(builder: Builder, roots: Iterable[Node], done: dict[Node, Node]) -> tuple[Node, ...]:
    """The same computations in `builder`, in terms of what `done` maps nodes to.

    Nothing below the nodes in `done` is looked at; `done` grows by what is made.
    """
    roots = tuple(roots)
    stack = list(reversed(roots))
    while stack:
        node = stack[-1]
        missing = [arg for arg in node.args if arg not in done] if node not in done else []
        if missing:
            stack.extend(reversed(missing))
            continue
        stack.pop()
        if node not in done:
            done[node] = builder.add(node.op, *(done[a] for a in node.args), source=node.source)
    return tuple(done[root] for root in roots)


def substitute(graph: Graph, replacements: Mapping[Node, Node]) -> Graph:
    """The graph with some nodes replaced by others of the same type."""
    return rewrite(graph, lambda builder, node, args: replacements.get(node))
