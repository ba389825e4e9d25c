"""A choice between functions that the data make."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc.api.control_flow.recording import (
    adapts,
    leaves_of,
    record_region,
    refuse,
    results_of,
    with_results,
)
from graphc.api.record import Recorded
from graphc.control.capture import Captures
from graphc.control.switch import Switch
from graphc.errors import DTypeError, ShapeError, located
from graphc.ops.base import apply
from graphc.trace import tree
from graphc.trace.context import current, user_line_with_text
from graphc.trace.function import Abstract
from graphc.trace.tracer import Tracer


def cond(pred: Any, true_fn: Callable[..., Any], false_fn: Callable[..., Any], *operands: Any) -> Any:
    """`true_fn(*operands)` if `pred` holds, else `false_fn(*operands)`; only that one runs.

    `pred` is one number or truth value. Inside a traced function both functions are recorded, and must
    return trees of the same structure, shapes and dtypes. Derivatives are those of the function that ran.

    Raises ArgumentError for a `pred` that is not one value, ShapeError or DTypeError where the results of
    the functions differ in type.
    """
    if isinstance(pred, Tracer):
        _refuse_array("pred", pred)
        truth = pred if pred.dtype == np.bool_ else pred != 0
        return _switch(truth.astype(np.int64), (false_fn, true_fn), operands, ("false_fn", "true_fn"))
    if np.ndim(pred) != 0:
        raise refuse(
            f"cond takes one truth value, got an array of shape {np.shape(pred)}",
            "Reduce it with np.any or np.all, or choose element by element with np.where.",
        )
    return true_fn(*operands) if pred else false_fn(*operands)


def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    """`branches[index](*operands)`, the index clamped to the branches there are; only that one runs.

    `index` is one integer. Inside a traced function all branches are recorded, and must return trees of
    the same structure, shapes and dtypes. Derivatives are those of the branch that ran.

    Raises ArgumentError for no branches or an index that is not one integer, ShapeError or DTypeError
    where the results of the branches differ in type.
    """
    branches = tuple(branches)
    if not branches:
        raise refuse("switch of no branches", "Pass a list of at least one function.")
    if isinstance(index, Tracer):
        _refuse_array("index", index)
        if index.dtype.kind not in "iu":
            raise refuse(f"switch by an index of dtype {index.dtype}", "Convert it: index.astype(np.int64).")
        names = [f"branch {i}" for i in range(len(branches))]
        return _switch(index.astype(np.int64), branches, operands, names)
    if np.ndim(index) != 0 or np.asarray(index).dtype.kind not in "iu":
        raise refuse(f"switch by {index!r}", "The index is one integer.")
    return branches[min(max(int(index), 0), len(branches) - 1)](*operands)


def _switch(
    index: Tracer, branches: Sequence[Callable[..., Any]], operands: Sequence[Any], names: Sequence[str]
) -> Any:
    """The op that runs one of the branches."""
    assert current() is not None
    given = [leaves_of(operand, f"operands[{i}]") for i, operand in enumerate(operands)]
    abstract = [a for leaves in given for a in leaves.abstract]
    labels = [name for leaves in given for name in leaves.names]

    def build(stand_ins: Sequence[Tracer]) -> tuple[Any, ...]:
        supply = iter(stand_ins)
        return tuple(leaves.unflatten([next(supply) for _ in leaves.values]) for leaves in given)

    recorded = [record_region(branch, abstract, labels, build) for branch in branches]
    recorded = _agreed(recorded, names)
    captures = Captures.of(*(r.traced for r in recorded))
    op = Switch(tuple(captures.region(r.traced) for r in recorded))
    values = apply(op, index, *captures.tracers(), *(v for leaves in given for v in leaves.values))
    return results_of(recorded[0], values)


def _agreed(recorded: Sequence[Recorded], names: Sequence[str]) -> list[Recorded]:
    """The branches with Python numbers among their results converted to the type of the others."""
    first = recorded[0]
    for other, name in zip(recorded[1:], names[1:], strict=True):
        same = other.structure == first.structure and _static_values(other) == _static_values(first)
        if not same:
            raise ShapeError(
                located(
                    f"{names[0]} returns {tree.show(first.structure)}, {name} {tree.show(other.structure)}",
                    user_line_with_text(),
                    "Both must return the same tree: the same keys, lengths and constants.",
                )
            )
    columns = [
        _agreed_type(column, names) for column in zip(*(r.traced.results for r in recorded), strict=True)
    ]
    return [with_results(r, columns) for r in recorded]


def _static_values(recorded: Recorded) -> list[Any]:
    return [(i, repr(value)) for i, value in recorded.statics]


def _agreed_type(column: Sequence[Abstract], names: Sequence[str]) -> Abstract:
    """The type of one result in all branches."""
    strong = [a for a in column if a.weak is None]
    if not strong:
        dtype = np.result_type(*(a.type.dtype for a in column))
        weak = max((a.weak for a in column), key=(bool, int, float).index)
        return Abstract(column[0].type.with_dtype(dtype), weak)
    model = strong[0]
    for a, name in zip(column, names, strict=True):
        fits = adapts(a, model.type.dtype)
        if a.type.shape != model.type.shape:
            raise ShapeError(_differ(names[column.index(model)], model, name, a, "Make the shapes equal."))
        if a.type.dtype != model.type.dtype and not fits:
            remedy = f"Convert one of them: result.astype(np.{model.type.dtype.name})."
            raise DTypeError(_differ(names[column.index(model)], model, name, a, remedy))
    return model


def _differ(first: str, a: Abstract, second: str, b: Abstract, remedy: str) -> str:
    what = f"{first} returns {a.type}, {second} returns {b.type}"
    return located(what, user_line_with_text(), remedy)


def _refuse_array(what: str, value: Tracer) -> None:
    if value.shape != ():
        raise refuse(
            f"{what} is {value.node.type}, not one value",
            "Reduce it with np.any or np.all, or choose element by element with np.where.",
        )
