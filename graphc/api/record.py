"""A function of trees recorded as a graph of flat values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any

import numpy as np

from graphc.dataclass import dataclass
from graphc.errors import TraceError, located
from graphc.ir.dims import SymbolicDim
from graphc.trace import tree
from graphc.trace.complex_numbers.parts import lifted
from graphc.trace.function import Abstract, Traced, trace
from graphc.trace.selected import Selected
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


@dataclass(frozen=True)
class Arguments:
    """The arguments of a function around the stand-ins: how to make them, and what they are called."""

    abstract: tuple[Abstract, ...]
    names: tuple[str, ...]  # of the traced leaves
    build: Callable[[Sequence[Tracer]], Any]  # stand-ins to the tree of all arguments
    name_leaves: Callable[[Structure], list[str]]  # for such a tree


def record_tree(function: Callable[[Any], Any], arguments: Arguments) -> Recorded:
    """Runs `function` on the tree of its arguments, made of stand-ins; it returns a tree."""
    found: list[tuple[Structure, tuple[tuple[int, Any], ...]]] = []

    def flat(*stand_ins: Tracer) -> list[Any]:
        given = arguments.build(stand_ins)
        before = tree.flatten(given)
        leaves, structure = tree.flatten(lifted(function(given)))
        _refuse_lost_updates(arguments, before, tree.flatten(given), leaves)
        found.append((structure, tuple((i, leaf) for i, leaf in enumerate(leaves) if not is_value(leaf))))
        # A size of an array is a Python integer, traced or not.
        return [as_tracer(v) if isinstance(v, SymbolicDim) else v for v in leaves if is_value(v)]

    traced = trace(flat, arguments.abstract, arguments.names)
    return Recorded(traced, *found[0])


def is_value(leaf: Any) -> bool:
    """Whether a leaf is an array or a number (or a selection, which is refused where it becomes one)."""
    arrays = (Tracer, Selected, SymbolicDim, np.ndarray, np.generic)
    return isinstance(leaf, arrays) or type(leaf) in (float, int, bool)


def _refuse_lost_updates(
    arguments: Arguments,
    before: tuple[list[Any], Structure],
    after: tuple[list[Any], Structure],
    results: Sequence[Any],
) -> None:
    """Raises where the function changed a dict, list or object among its arguments without returning it.

    While tracing it works on copies: what it assigns there, the caller would not see.
    """
    known = {id(leaf) for leaf in (*before[0], *results)}
    lost = [i for i, leaf in enumerate(after[0]) if id(leaf) not in known]
    if lost:
        what = f"argument {arguments.name_leaves(after[1])[lost[0]]} was assigned"
    elif before[1] != after[1] and not set(map(id, after[0])) & set(map(id, results)):
        what = f"the arguments were changed from {tree.show(before[1])} to {tree.show(after[1])}"
    else:
        return
    raise TraceError(
        located(
            f"{what} inside the function, and the caller would not see it",
            None,
            "Return the new value, or the changed object, from the function.",
        )
    )
