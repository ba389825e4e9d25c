"""Replaces formulas that overflow or cancel by equal ones that do not."""

from __future__ import annotations

from functools import cache

from graphc.ir.graph import Graph
from graphc.passes import rules_norm, rules_stable, simplify
from graphc.passes.engine import Rules, apply_rules, merged
from graphc.passes.patterns import rules_of


def stabilise(graph: Graph) -> Graph:
    """The graph with logsumexp, softmax, norms, log1p, softplus and the like in their stable forms.

    Runs before differentiation too: the derivative of the stable form is stable. The graph is simplified
    on the way, so that the formulas are recognised however they were written.
    """
    return apply_rules(graph, rules())


@cache
def rules() -> Rules:
    return merged(rules_norm.RULES, rules_stable.RULES, rules_of(rules_stable.IDENTITIES), simplify.rules())
