"""Loops written as Python functions of flat lists of values: what derivative rules are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from graphc.control.capture import Captures
from graphc.ops.base import apply
from graphc.trace.context import current
from graphc.trace.function import Abstract, trace
from graphc.trace.tracer import as_tracer

if TYPE_CHECKING:
    from graphc.control.while_loop import While

Values: TypeAlias = Sequence[Any]


def loop_while(
    make: type[While],
    condition: Callable[[Values], Any],
    body: Callable[[Values], Values],
    initial: Values,
) -> list[Any]:
    """The carries after `carries = body(carries)` as long as `condition(carries)` holds.

    The functions may mention values around them. Without a trace around it, the loop runs at once.
    """
    if current() is None:
        carries = list(initial)
        while condition(carries):
            carries = list(body(carries))
        return carries
    start = [as_tracer(value) for value in initial]
    types = [Abstract(x.node.array_type) for x in start]
    test = trace(lambda *values: [condition(values)], types)
    step = trace(lambda *values: body(values), types)
    captures = Captures.of(test, step)
    op = make(captures.region(test), captures.region(step), len(captures.nodes))
    return list(apply(op, *captures.tracers(), *start))
