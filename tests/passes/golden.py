"""Comparison of a pass's result with the text it should print."""

from __future__ import annotations

from collections.abc import Callable

from graphc.ir.graph import Graph
from graphc.ir.parser import parse_graph
from graphc.ir.verify import verify
from graphc.passes.pipeline import optimise


def simplified(graph: Graph) -> Graph:
    """All passes but the stable rewrites."""
    return optimise(graph, stable=False)


def check_golden(before: str, after: str, pass_: Callable[[Graph], Graph] = simplified) -> None:
    graph = parse_graph(before)
    assert str(graph) == before, "the example is not in printed form"
    result = pass_(graph)
    verify(result, "simplified")
    assert str(result) == after
