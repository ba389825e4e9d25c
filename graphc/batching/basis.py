"""Products with basis vectors: all of them together are the other factor itself, and need no product."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from graphc.ir.graph import Builder, Graph, Node
from graphc.ir.rewrite import rewrite
from graphc.ops.contract import Contract
from graphc.ops.leaf import Input
from graphc.trace.function import call_graph


class Split(NamedTuple):
    """A graph whose first products with its last input are inputs of their own, after all others."""

    graph: Graph
    factors: Graph  # the other factors, from all inputs but the last
    orders: tuple[tuple[int, ...], ...]  # for each, the axes that make it the product for all basis vectors


def split_products(derived: Graph) -> Split:
    """`derived` without the products that its last input, a vector t, takes part in directly.

    For the basis vectors e of t, Σᵢ eᵢ w[…, i, …] is w with axis i moved to the front: the first layer of a
    Jacobian by forward mode, the last one by reverse mode.
    """
    t = derived.inputs[-1]
    moving = {t}
    products: dict[Node, tuple[Node, tuple[int, ...]]] = {}
    for node in derived:
        if not any(arg in moving for arg in node.args):
            continue
        moving.add(node)
        if isinstance(node.op, Contract) and t.array_type.ndim == 1:
            for i, (own, other) in enumerate(((node.op.left, node.op.right), (node.op.right, node.op.left))):
                factor = node.args[1 - i]
                if node.args[i] is t and factor not in moving and own[0] not in node.op.out:
                    products[node] = factor, (other.index(own[0]), *(other.index(n) for n in node.op.out))
    if not products:
        return Split(derived, Graph(derived.inputs[:-1], ()), ())
    first = len(derived.inputs)
    made = {node: Input(first + k, node.array_type) for k, node in enumerate(products)}

    def rule(builder: Builder, node: Node, args: tuple[Node, ...]) -> Node | None:
        return builder.add(made[node]) if node in made else None

    builder = Builder()
    graph = rewrite(derived, rule, builder)
    inputs = (*graph.inputs, *(builder.add(op) for op in made.values()))
    factors, orders = zip(*products.values(), strict=True)
    return Split(Graph(inputs, graph.outputs), Graph(derived.inputs[:-1], factors), orders)


def products_of_basis(split: Split, inputs: Sequence[Any]) -> list[Any]:
    """The products that were split off, for all basis vectors along axis 0."""
    factors = call_graph(split.factors, inputs)
    return [np.transpose(w, order) for w, order in zip(factors, split.orders, strict=True)]
