"""Rewrites of branches and loops: equal ones merge, what nobody reads goes, what never changes moves out."""

from __future__ import annotations

from graphc.ir.graph import Graph
from graphc.passes.loops.hoist import hoist_invariants
from graphc.passes.loops.merge import merge_loops
from graphc.passes.loops.products import move_products
from graphc.passes.loops.prune import prune_regions
from graphc.passes.loops.traversal import has_regions

__all__ = ["has_regions", "tidy_loops"]


def tidy_loops(graph: Graph) -> Graph:
    """The graph with its branches and loops in their smallest form; `graph` itself if it has none."""
    if not has_regions(graph):
        return graph
    for pass_ in (merge_loops, prune_regions, hoist_invariants, move_products, prune_regions):
        graph = pass_(graph)
    return graph
