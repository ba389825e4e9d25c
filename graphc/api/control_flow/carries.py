"""What a loop carries: the types that stay the same from step to step, found by recording the body."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc.api.control_flow.recording import Leaves, adapts, record_region, refuse, with_results
from graphc.api.record import Recorded
from graphc.dataclass import dataclass
from graphc.errors import DTypeError, ShapeError, located
from graphc.trace import tree
from graphc.trace.context import user_line_with_text
from graphc.trace.function import Abstract
from graphc.trace.tracer import Tracer, as_tracer
from graphc.trace.ufuncs import cast

ROUNDS = 4  # a Python number becomes an array once, and its kind changes at most from bool to int to float


@dataclass(frozen=True)
class Carry:
    """The recorded body of a loop, from (carry, element) to (carry, result), and where the carry starts."""

    start: Leaves
    abstract: tuple[Abstract, ...]
    recorded: Recorded

    @property
    def initial(self) -> list[Any]:
        """What the loop starts from, in the types of the carry."""
        pairs = zip(self.start.values, self.abstract, strict=True)
        return [cast(value, a.type.dtype) for value, a in pairs]

    def tree(self, values: Sequence[Any]) -> Any:
        """A carry as the user's functions take it."""
        return self.start.unflatten(values)

    def result(self, values: Sequence[Any]) -> Any:
        """(last carry, stacked results) from the values that the loop returns."""
        count = len(self.abstract)
        weak = [*(a.weak for a in self.abstract), *(None for _ in values[count:])]
        wrapped = [Tracer(v.owner, v.node, w) for v, w in zip(values, weak, strict=True)]
        return self.recorded.assemble(wrapped)


def settle(
    body: Callable[[Any, Any], tuple[Any, Any]],
    start: Leaves,
    elements: Leaves,
    shapes: Sequence[Abstract],
    what: str,
) -> Carry:
    """Records `body` for a carry of the types that it returns; an error where these never settle."""
    abstract = tuple(Abstract(a.type, a.weak, owned=True) for a in start.abstract)
    count = len(abstract)
    names = (*start.names, *elements.names)
    for _ in range(ROUNDS):
        recorded = record_region(
            body,
            (*abstract, *shapes),
            names,
            lambda s: (start.unflatten(s[:count]), elements.unflatten(s[count:])),
        )
        _check_structure(recorded, start, what)
        following = tuple(
            _next(before, after, name, what)
            for before, after, name in zip(abstract, recorded.traced.results, start.names, strict=False)
        )
        if following == abstract:
            break
        abstract = following
    ends = (*abstract, *(Abstract(a.type) for a in recorded.traced.results[count:]))
    return Carry(start, abstract, with_results(recorded, ends))


def checked_number(value: Any, name: str) -> Tracer:
    """A loop bound as i64."""
    bound = as_tracer(value)
    if bound.shape != () or bound.dtype.kind not in "iu":
        raise refuse(f"{name} of a fori_loop is {bound.node.type}", "Loop bounds are integers.")
    return as_tracer(bound.astype(np.int64))


def _check_structure(recorded: Recorded, start: Leaves, what: str) -> None:
    returned = recorded.structure.child(0)
    if returned != start.structure:
        raise ShapeError(
            located(
                f"{what} starts with a carry {tree.show(start.structure)}, "
                f"but the body returns {tree.show(returned)}",
                user_line_with_text(),
                "The body must return a carry of the same structure as init.",
            )
        )


def _next(before: Abstract, after: Abstract, name: str, what: str) -> Abstract:
    """The type of a carry for the next recording; an error where it can never be the same twice."""
    if before.type.shape != after.type.shape:
        raise ShapeError(
            _changes(
                what, name, before, after, f"Give {name} the shape it has after a step: np.broadcast_to."
            )
        )
    if after.weak is not None and before.weak is None:
        return before  # a Python number takes the type of the array it replaces
    if before.type.dtype == after.type.dtype:
        return Abstract(before.type, after.weak if before.weak is not None else None, owned=True)
    if before.weak is not None:
        return Abstract(after.type, after.weak, owned=True)
    if adapts(after, before.type.dtype):
        return before
    remedy = f"Start from {name}.astype(np.{after.type.dtype.name}), or convert what the body returns."
    raise DTypeError(_changes(what, name, before, after, remedy))


def _changes(what: str, name: str, before: Abstract, after: Abstract, remedy: str) -> str:
    return located(
        f"the carry {name} of {what} is {before.type} before a step and {after.type} after it",
        user_line_with_text(),
        remedy,
    )
