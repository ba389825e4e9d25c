"""Loops that carry values from step to step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.api.control_flow.carries import checked_number, settle
from graphc.api.control_flow.eager import copied, run_scan
from graphc.api.control_flow.recording import Leaves, known_number, leaves_of, record_region, refuse
from graphc.control.capture import Captures
from graphc.control.scan import Scan
from graphc.control.while_loop import While
from graphc.errors import ShapeError, located
from graphc.ir.dims import Dim
from graphc.ir.types import ArrayType
from graphc.ops.base import apply
from graphc.ops.leaf import Iota
from graphc.trace.context import current, user_line_with_text
from graphc.trace.function import Abstract
from graphc.trace.tracer import Tracer, record

INT64 = np.dtype(np.int64)


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: Any = None,
    reverse: bool = False,
) -> tuple[Any, Any]:
    """(carry, ys) after `carry, y = f(carry, x)` for every x along axis 0 of `xs`; ys are the y stacked.

    init, xs, ys: trees of arrays and numbers. All leaves of xs have the same length; without xs, f gets
    None for x and runs `length` times. With `reverse`, the last element comes first, and ys are still in
    the order of xs. The carry keeps its structure, shapes and dtypes (Python numbers take the dtype that
    the first step gives them). Arrays in the carry may be written to: `carry[i] = v` changes them in place.

    Inside a traced function this is one native loop, as fast to compile for 10,000 steps as for 10, and
    reverse mode goes through it: what the steps computed is kept, a few numbers a step or a few arrays.

    Raises ShapeError for lengths that differ or a carry that changes its shape, DTypeError for one that
    changes its dtype, ArgumentError for an `f` that returns no pair.
    """
    if current() is None:
        return run_scan(scan, f, init, xs, length, reverse)
    elements = leaves_of(xs, "xs")
    steps = _length(elements, length)
    start = leaves_of(init, "init")
    shapes = [Abstract(v.node.array_type.with_shape(v.shape[1:])) for v in elements.values]

    def body(carry: Any, x: Any) -> tuple[Any, Any]:
        result = f(carry, x)
        if not isinstance(result, tuple | list) or len(result) != 2:
            raise refuse(
                f"the function of a scan returned {_kind(result)}", "Return a pair: the carry, and y or None."
            )
        return result[0], result[1]

    carry = settle(body, start, elements, shapes, "scan")
    captures = Captures.of(carry.recorded.traced)
    op = Scan(
        captures.region(carry.recorded.traced), steps, len(captures.nodes), len(start.values), bool(reverse)
    )
    values = apply(op, *captures.tracers(), *carry.initial, *elements.values)
    last, stacked = carry.result(values)
    return last, stacked


def fori_loop(lower: Any, upper: Any, body: Callable[[Any, Any], Any], init: Any) -> Any:
    """The carry after `carry = body(i, carry)` for i in range(lower, upper), starting from `init`.

    lower, upper: integers, traced or not. init: a tree of arrays and numbers, whose structure, shapes and
    dtypes the body keeps; it may write to the arrays of its carry. Reverse mode goes through the loop, also
    where the data give its bounds.

    Raises ShapeError or DTypeError for a carry that changes its type.
    """
    if isinstance(lower, Tracer) or isinstance(upper, Tracer):
        return _between(checked_number(lower, "lower"), checked_number(upper, "upper"), body, init)
    first, last = known_number(lower, "lower of a fori_loop"), known_number(upper, "upper of a fori_loop")
    if isinstance(first, int) and isinstance(last, int) and current() is None:
        carry = copied(init)
        for i in range(first, last):
            carry = copied(body(i, carry))
        return carry
    steps = last - first
    if isinstance(steps, int):
        steps = max(steps, 0)
    counter = record(Iota(INT64, (steps,), 0))
    start = leaves_of(init, "init")
    elements = leaves_of(counter, "i")
    carry = settle(
        lambda value, i: (body(i + first, value), None),
        start,
        elements,
        [Abstract(ArrayType(INT64), int)],
        "fori_loop",
    )
    captures = Captures.of(carry.recorded.traced)
    op = Scan(captures.region(carry.recorded.traced), steps, len(captures.nodes), len(start.values))
    return carry.result(apply(op, *captures.tracers(), *carry.initial, counter))[0]


def while_loop(cond: Callable[[Any], Any], body: Callable[[Any], Any], init: Any) -> Any:
    """The carry after `carry = body(carry)` as long as `cond(carry)` holds, starting from `init`.

    init: a tree of arrays and numbers, whose structure, shapes and dtypes the body keeps; it may write to
    the arrays of its carry. `cond` returns one truth value. Reverse mode goes through the loop: it keeps
    the carries of up to some thousand steps, and of longer loops checkpoints that it starts again from.

    Raises ShapeError or DTypeError for a carry that changes its type, ArgumentError for a condition that
    is not one value.
    """
    if current() is None:
        carry = copied(init)
        while _truth(cond(carry)):
            carry = copied(body(carry))
        return carry
    start = leaves_of(init, "init")
    carry = settle(lambda value, _: (body(value), None), start, leaves_of(None, "x"), [], "while_loop")
    seen = [Abstract(a.type, a.weak) for a in carry.abstract]  # the condition must not write to the carry
    test = record_region(lambda value: _truth(cond(value)), seen, start.names, lambda s: (carry.tree(s),))
    captures = Captures.of(test.traced, carry.recorded.traced)
    op = While(captures.region(test.traced), captures.region(carry.recorded.traced), len(captures.nodes))
    return carry.result(apply(op, *captures.tracers(), *carry.initial))[0]


def _between(lower: Tracer, upper: Tracer, body: Callable[[Any, Any], Any], init: Any) -> Any:
    """A counted loop whose bounds the data give."""

    def step(state: tuple[Any, Any]) -> tuple[Any, Any]:
        i, value = state
        return i + 1, body(Tracer(i.owner, i.node, int), value)

    return while_loop(lambda state: state[0] < upper, step, (lower, init))[1]


def _truth(value: Any) -> Any:
    """What a condition returned, as one truth value."""
    shape = np.shape(value)
    if shape != ():
        raise refuse(
            f"the condition of a while_loop returned an array of shape {shape}",
            "Reduce it with np.any or np.all.",
        )
    if isinstance(value, Tracer):
        return value if value.dtype == np.bool_ else value != 0
    return np.bool_(value)


def _length(elements: Leaves, length: Any) -> Dim:
    """How many steps a scan has, or an error that names the sequences of other lengths."""
    if isinstance(length, Tracer):
        raise refuse(
            "scan of a traced length", "The length is a Python integer; use fori_loop or while_loop."
        )
    found = None if length is None else known_number(length, "the length of a scan")
    first = "length" if length is not None else ""
    for value, name in zip(elements.values, elements.names, strict=True):
        if not value.shape:
            raise _mismatch(f"scan walks along axis 0 of xs, but {name} is {value.node.type}")
        if found is not None and value.shape[0] != found:
            raise _mismatch(
                f"scan over sequences of different lengths: {first} {found}, {name} {value.shape[0]}"
            )
        if found is None:
            found, first = value.shape[0], name
    if found is None:
        raise refuse("scan without xs and without length", "Pass length=, or arrays to walk along.")
    if isinstance(found, int) and found < 0:
        raise refuse(f"scan of length {found}", "The length is at least 0.")
    return found


def _mismatch(what: str) -> ShapeError:
    remedy = "All leaves of xs are arrays with the same length of axis 0."
    return ShapeError(located(what, user_line_with_text(), remedy))


def _kind(result: Any) -> str:
    return f"a tuple of {len(result)}" if isinstance(result, tuple) else f"a {type(result).__name__}"
