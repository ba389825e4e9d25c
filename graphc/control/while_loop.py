"""A loop that runs as long as a condition on what it carries holds."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from graphc.autodiff.forward import pushforward
from graphc.batching.batch import batch_graph
from graphc.control.capture import with_inputs
from graphc.control.guarded import guarded
from graphc.control.regions import (
    AbstractControl,
    Run,
    check_operands,
    derived,
    input_types,
    is_real,
    output_types,
    permuted,
    repeated,
    zeros_or,
)
from graphc.control.while_reverse import pull_while
from graphc.errors import ShapeError
from graphc.ir.dims import Dim
from graphc.ir.graph import Graph
from graphc.ir.types import ArrayType, TupleType
from graphc.ops.base import apply, register
from graphc.trace.function import call_graph
from graphc.trace.ufuncs import broadcast_to


@register
class While(AbstractControl):
    """carries = body(captured…, carries…) as long as condition(captured…, carries…) holds.

    Operands: `captured` values that stay the same, then the carries. Results: the carries.
    """

    condition: Graph
    body: Graph
    captured: int

    name: ClassVar[str] = "while"

    def infer(self, *args: ArrayType) -> TupleType:
        check_operands("the condition of a while loop", input_types(self.condition), args)
        check_operands("the body of a while loop", input_types(self.body), args)
        if output_types(self.condition) != (ArrayType(np.dtype(np.bool_)),):
            raise ShapeError(
                f"the condition of a while loop is one bool, got {output_types(self.condition)[0]}"
            )
        check_operands("the carry of a while loop", args[self.captured :], output_types(self.body))
        return TupleType(args[self.captured :])

    def capturing(self, count: int, change: Callable[[Graph], Graph]) -> While:
        return While(change(self.condition), change(self.body), self.captured + count)

    def guarded(self, change: Callable[[Graph], Graph]) -> While:
        """A loop that takes no step where it does not count: what it is given may never end it."""
        loop = self.capturing(1, change)
        return replace(loop, condition=derived(loop.condition, lambda args, made: [args[0] & made[0]]))

    def runs(self, *args: Any) -> Iterator[Run]:
        fixed, carries = args[: self.captured], tuple(np.asarray(c) for c in args[self.captured :])
        for i in itertools.count():
            test = Run(f"the condition before step {i} of a while loop", self.condition, (*fixed, *carries))
            yield test
            if not test.outputs[0]:
                return
            step = Run(f"step {i} of a while loop", self.body, (*fixed, *carries))
            yield step
            carries = step.outputs

    def evaluate(self, *args: Any) -> Any:
        carries = tuple(np.asarray(c) for c in args[self.captured :])
        for made in self.runs(*args):
            carries = made.outputs if made.region is self.body else carries
        return carries

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        return pull_while(self, g, args)

    def jvp(self, tangents: tuple[Any, ...], y: Any, *args: Any) -> Any:
        """One loop that carries values and their tangents side by side."""
        first, count = self.captured, len(args)
        captured = [i for i in range(first) if tangents[i] is not None]
        carried = [i for i in range(first, count) if is_real(self.body.inputs[i])]
        wrt = [*captured, *carried]
        pushed = pushforward(self.body, wrt)
        tangent = {i: count + position for position, i in enumerate(wrt)}
        order = [
            *range(first),
            *(tangent[i] for i in captured),
            *range(first, count),
            *(tangent[i] for i in carried),
        ]
        body = permuted(pushed, order, range(len(pushed.outputs)))
        types = [n.array_type for n in body.inputs]
        condition = with_inputs(self.condition, types, [order.index(i) for i in range(count)])
        started = [zeros_or(tangents[i], self.body.inputs[i].array_type) for i in carried]
        operands = [*args[:first], *(tangents[i] for i in captured), *args[first:], *started]
        made = apply(While(condition, body, first + len(captured)), *operands)
        found = dict(zip(carried, made[count - first :], strict=True))
        return tuple(found.get(i) for i in range(first, count))

    def batch(self, size: Dim, batched: tuple[bool, ...], *args: Any) -> Any:
        """One loop over all examples, which goes on while any of them does; the others keep their carries."""
        first, count = self.captured, len(args)
        marks = list(batched)
        while True:
            condition, (each,) = batch_graph(self.condition, size, marks)
            body, made = batch_graph(self.body, size, marks)
            grown = [each or marks[first + i] or made[i] for i in range(count - first)]
            if grown == marks[first:]:
                break
            marks[first:] = grown
        if each:
            over, _ = batch_graph(guarded(self.body), size, [True, *marks], all_outputs=True)
            condition, body = _any(condition), _frozen(condition, over, body, first)
        else:
            body = repeated(body, size, [m and not b for m, b in zip(marks[first:], made, strict=True)])
        operands = [
            broadcast_to(x, (size, *x.shape)) if m and not b else x
            for x, m, b in zip(args, marks, batched, strict=True)
        ]
        results = apply(While(condition, body, first), *operands)
        return tuple(
            x if m else broadcast_to(x, (size, *x.shape)) for x, m in zip(results, marks[first:], strict=True)
        )


def _any(condition: Graph) -> Graph:
    """Whether the condition holds for any example."""
    return derived(condition, lambda args, results: [np.any(results[0])])


def _frozen(condition: Graph, over: Graph, body: Graph, first: int) -> Graph:
    """The body, which keeps the carries of the examples whose loop has ended.

    `over` is the body guarded by whether the loop of an example goes on.
    """

    def choose(args: Sequence[Any], _: Sequence[Any]) -> list[Any]:
        (goes_on,) = call_graph(condition, args)
        kept = []
        for old, new in zip(args[first:], call_graph(over, [goes_on, *args]), strict=True):
            still = np.reshape(goes_on, (goes_on.shape[0], *(1 for _ in new.shape[1:])))
            kept.append(np.where(still, new, old))
        return kept

    return derived(body, choose)
