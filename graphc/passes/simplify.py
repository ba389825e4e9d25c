"""Removes work without changing what a program means."""

from __future__ import annotations

from functools import cache

from graphc.ir.graph import Graph
from graphc.ops.base import ALL_OPS, AbstractElementwise
from graphc.passes import (
    fold_constants,
    rules_cast,
    rules_constants,
    rules_contract,
    rules_gather,
    rules_integers,
    rules_reduce,
    rules_slice,
    rules_view,
)
from graphc.passes.engine import Rules, apply_rules, merged
from graphc.passes.patterns import rules_of
from graphc.passes.rules_algebra import IDENTITIES


def simplify(graph: Graph) -> Graph:
    """The graph in normal form: identities applied, views merged or absorbed, slices first."""
    return apply_rules(graph, rules())


@cache
def rules() -> Rules:
    """All rules by op, in the order they are tried."""
    lifted = [name for name, op in ALL_OPS.items() if issubclass(op, AbstractElementwise)]
    return merged(
        fold_constants.RULES,
        rules_of(IDENTITIES),
        rules_cast.RULES,
        rules_constants.RULES,
        rules_gather.RULES,
        rules_integers.RULES,
        rules_view.RULES,
        rules_reduce.RULES,
        rules_slice.RULES,
        rules_contract.RULES,
        dict.fromkeys((*lifted, "cast"), rules_view.LIFTING),
    )
