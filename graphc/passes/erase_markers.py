"""Removes what only derivatives look at: markers, and norms as ops of their own."""

from __future__ import annotations

from graphc.ir.graph import AbstractOp, Graph, Node
from graphc.passes import rules_norm
from graphc.passes.engine import Maker, Rules, apply_rules


def erase_markers(graph: Graph) -> Graph:
    """The graph without `stop_gradient`, `with_gradients` and `norm`: no more derivatives will be taken."""
    return apply_rules(graph, RULES)


def _operand(make: Maker, op: AbstractOp, args: tuple[Node, ...]) -> Node | None:
    return args[0]


RULES: Rules = {
    "stop_gradient": (_operand,),
    "with_gradients": (_operand,),
    **rules_norm.EXPANSION,
}
