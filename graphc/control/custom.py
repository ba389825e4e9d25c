"""A function with a derivative of its own, and the refusal to differentiate what it closes over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field
from typing import Any, ClassVar, Literal, NoReturn

import numpy as np

from graphc.autodiff.forward import is_floating
from graphc.autodiff.reverse import pullback
from graphc.autodiff.transpose import depends_on_variable, transposed
from graphc.batching.batch import batch_graph
from graphc.control.call import AbstractCall
from graphc.control.regions import input_types
from graphc.dataclass import dataclass
from graphc.errors import DifferentiationError, located
from graphc.ir.dims import Dim
from graphc.ir.graph import AbstractOp, Graph
from graphc.ir.types import ArrayType
from graphc.ops.base import apply, register
from graphc.trace.context import current
from graphc.trace.function import Abstract, call_graph, trace
from graphc.trace.tracer import lift
from graphc.trace.ufuncs import broadcast_to

Derivative = Callable[[tuple[Any, ...], tuple[Any, ...]], Sequence[Any]]


@dataclass(frozen=True, eq=False)
class Rule:
    """The derivative that a user wrote for the function `name`, in one of two modes.

    "vjp": (cotangents of all results, operands) -> cotangents of the operands. "jvp": (tangents of all
    operands, operands) -> tangents of the results. What is returned may be None for an exact zero. It is
    Python code that runs when a derivative is taken, so that it may call the function itself.
    """

    name: str
    mode: Literal["vjp", "jvp"]
    derivative: Derivative


@register
class CustomCall(AbstractCall):
    """`body` of the operands, differentiated by `rule`; the other mode follows by transposition.

    The text form of a graph does not keep the rule: a graph that was read back cannot be differentiated here.
    """

    body: Graph
    rule: Rule | None = field(default=None, metadata={"text": False})

    name: ClassVar[str] = "custom_call"

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        rule = self._rule()
        if rule.mode == "vjp":
            return tuple(rule.derivative(g, args))
        moving = [i for i, x in enumerate(args) if x.dtype.kind == "f"]
        if any(depends_on_variable(x.node) for x in args):
            # A rule that calls its own function on tangents: that is linear there, and has no end otherwise.
            return self._pulled_through(moving, g, args)

        def linear(tangents: list[Any]) -> Sequence[Any]:
            supply = dict(zip(moving, tangents, strict=True))
            return rule.derivative(tuple(supply.get(i, np.zeros_like(x)) for i, x in enumerate(args)), args)

        found = self._transposed(linear, [args[i] for i in moving], g, args)
        results = dict(zip(moving, found, strict=True))
        return tuple(results.get(i) for i in range(len(args)))

    def _pulled_through(self, moving: Sequence[int], g: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The cotangents that the body itself gives, not the rule."""
        smooth = [i for i, node in enumerate(self.body.outputs) if is_floating(node.type)]
        back = pullback(self.body, moving, smooth)
        found = call_graph(back, (*args, *(g[i] for i in smooth)))[len(self.body.outputs) :]
        results = dict(zip(moving, found, strict=True))
        return tuple(results.get(i) for i in range(len(args)))

    def jvp(self, tangents: tuple[Any, ...], y: Any, *args: Any) -> Any:
        rule = self._rule()
        if rule.mode == "jvp":
            given = (np.zeros_like(x) if t is None else t for t, x in zip(tangents, args, strict=True))
            return tuple(rule.derivative(tuple(given), args))
        smooth = [i for i, node in enumerate(self.body.outputs) if is_floating(node.type)]

        def linear(cotangents: list[Any]) -> Sequence[Any]:
            supply = dict(zip(smooth, cotangents, strict=True))
            return rule.derivative(tuple(supply.get(i, np.zeros_like(v)) for i, v in enumerate(y)), args)

        found = dict(
            zip(smooth, self._transposed(linear, [y[i] for i in smooth], tangents, args), strict=True)
        )
        return tuple(found.get(i) for i in range(len(self.body.outputs)))

    def batch(self, size: Dim, batched: tuple[bool, ...], *args: Any) -> Any:
        over, _ = batch_graph(self.body, size, batched, all_outputs=True)
        rule = self._rule()
        several = Rule(rule.name, rule.mode, _batched(rule, self.body, size, batched))
        return apply(CustomCall(over, several), *args)

    def _rule(self) -> Rule:
        if self.rule is None:
            raise DifferentiationError(
                "a function with a derivative of its own was read from text, which does not keep it\n"
                "  Trace the Python function instead."
            )
        return self.rule

    def _transposed(
        self, linear: Callable[[list[Any]], Sequence[Any]], like: Sequence[Any], values: Any, args: Any
    ) -> list[Any]:
        context = current()
        assert context is not None, "a region is differentiated inside a trace"
        known = [lift(context, x) for x in (*args, *like)]
        types = [x.node.array_type for x in like]
        return transposed(context, linear, types, values, known, self._rule().name)


@register
class Closed(AbstractOp):
    """The operand, which a function with a derivative of its own closes over: it cannot be differentiated by.

    `function` is the function's name.
    """

    function: str

    name: ClassVar[str] = "closed"

    def infer(self, *args: ArrayType) -> ArrayType:
        return args[0]

    def evaluate(self, *args: Any) -> Any:
        return args[0]

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        self._refuse()

    def jvp(self, tangents: tuple[Any, ...], y: Any, *args: Any) -> Any:
        self._refuse()

    def batch(self, size: Dim, batched: tuple[bool, ...], *args: Any) -> Any:
        return apply(self, *args)

    def _refuse(self) -> NoReturn:
        context = current()
        raise DifferentiationError(
            located(
                f"{self.function} closes over a value that is differentiated: its own derivative has no part "
                "for it",
                context.source if context else None,
                "Make the value an argument of the function, or use stop_gradient on it.",
            )
        )


def _batched(rule: Rule, body: Graph, size: Dim, batched: tuple[bool, ...]) -> Derivative:
    """The derivative of `rule` for each of `size` examples."""
    operands = input_types(body)
    results = tuple(node.array_type for node in body.outputs)
    # What comes in, and what goes out: the types of one example, and which have the examples along axis 0.
    coming, marks = (results, (True,) * len(results)) if rule.mode == "vjp" else (operands, batched)
    going, wanted = (operands, batched) if rule.mode == "vjp" else (results, (True,) * len(results))

    def derivative(directions: tuple[Any, ...], args: tuple[Any, ...]) -> Sequence[Any]:
        present: list[int] = []

        def one(*values: Any) -> list[Any]:
            found = rule.derivative(values[: len(coming)], values[len(coming) :])
            present.extend(i for i, v in enumerate(found) if v is not None)
            return [v for v in found if v is not None]

        traced = trace(one, [Abstract(t) for t in (*coming, *operands)])
        over, marked = batch_graph(traced.graph, size, (*marks, *batched, *(False for _ in traced.captured)))
        values = call_graph(over, (*directions, *args, *traced.captured))
        made: list[Any] = [None] * len(going)
        for i, value, has_examples in zip(present, values, marked, strict=True):
            made[i] = _with_examples(value, has_examples, wanted[i], size)
        return made

    return derivative


def _with_examples(value: Any, has: bool, wanted: bool, size: Dim) -> Any:
    """`value` with the examples along axis 0 if that is wanted, else their sum."""
    if has == wanted:
        return value
    if wanted:
        return broadcast_to(value, (size, *value.shape))
    return np.sum(value, axis=0)
