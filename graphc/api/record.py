"""A function of trees recorded as a graph of flat values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphc.errors import TraceError, located
from graphc.ir.dims import SymbolicDim
from graphc.ir.graph import Node
from graphc.trace import tree
from graphc.trace.function import Abstract, Traced, trace
from graphc.trace.tracer import Tracer, as_tracer
from graphc.trace.tree import Structure

# Whether derivatives taken inside the function that is being recorded start from stabilised formulas.
STABLE: ContextVar[bool] = ContextVar("STABLE", default=True)


@dataclass(frozen=True)
class Recorded:
    """A recorded function, and how its result is put together."""

    traced: Traced
    structure: Structure  # of the result
    statics: tuple[tuple[int, Any], ...]  # leaves of the result that are not values: (position, leaf)

    def assemble(self, values: Sequence[Any]) -> Any:
        """The result, given its flat values."""
        leaves = list(values)
        for position, value in self.statics:
            leaves.insert(position, value)
        return tree.unflatten(self.structure, leaves)


def record_tree(
    function: Callable[[Sequence[Tracer]], Any], arguments: Sequence[Abstract], names: Sequence[str]
) -> Recorded:
    """Runs `function` on stand-ins for flat arguments; it returns a tree."""
    found: list[tuple[Structure, tuple[tuple[int, Any], ...]]] = []

    def flat(*stand_ins: Tracer) -> list[Any]:
        originals = [stand_in.node for stand_in in stand_ins]
        leaves, structure = tree.flatten(function(stand_ins))
        _refuse_mutation(stand_ins, originals, names)
        found.append((structure, tuple((i, leaf) for i, leaf in enumerate(leaves) if not _is_value(leaf))))
        # A size of an array is a Python integer, traced or not.
        return [as_tracer(v) if isinstance(v, SymbolicDim) else v for v in leaves if _is_value(v)]

    traced = trace(flat, arguments, names)
    return Recorded(traced, *found[0])


def _is_value(leaf: Any) -> bool:
    return isinstance(leaf, Tracer | SymbolicDim | np.ndarray | np.generic) or type(leaf) in (
        float,
        int,
        bool,
    )


def _refuse_mutation(stand_ins: Sequence[Tracer], originals: Sequence[Node], names: Sequence[str]) -> None:
    for stand_in, node, name in zip(stand_ins, originals, names, strict=True):
        if stand_in.node is not node:
            raise TraceError(
                located(
                    f"argument {name} was modified in place",
                    stand_in.node.source,
                    "Work on a copy (x = x.copy()) and return it.",
                )
            )
