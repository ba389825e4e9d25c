"""`custom_vjp` and `custom_jvp`: functions whose derivative the user writes."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc.api.differentiable import RecordedAt, is_value, record_at
from graphc.api.leaves import Leaves
from graphc.control.custom import Closed, CustomCall, Derivative, Rule
from graphc.errors import ArgumentError, DifferentiationError, LeakedTracerError, located
from graphc.ops.base import apply
from graphc.trace import tree
from graphc.trace.complex_numbers.parts import conjugated
from graphc.trace.context import current
from graphc.trace.tracer import Tracer, as_tracer, record
from graphc.trace.ufuncs import cast


class _Custom:
    """What both kinds share: how a call is recorded."""

    def __init__(self, fun: Callable[..., Any], nondiff_argnums: Sequence[int] = ()) -> None:
        functools.update_wrapper(self, fun)
        self.fun = fun
        self.__name__: str = getattr(fun, "__name__", type(fun).__name__)
        self.nondiff_argnums = tuple(nondiff_argnums)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if current() is None:
            return self.fun(*args, **kwargs)
        given = self._positional(args, kwargs)
        fixed = {i % len(given) for i in self.nondiff_argnums} if given else set()
        for i in fixed:
            self._check_static(i, given[i])
        positions = [i for i in range(len(given)) if i not in fixed]
        at = record_at(self.fun, given, {}, positions, is_value)
        captured = [self._closed(value) for value in at.recorded.traced.captured]
        static = [given[i] for i in sorted(fixed)]
        rule = Rule(self.__name__, *self._rule(at, given, positions, static))
        return at.result(record(CustomCall(at.recorded.traced.graph, rule), *at.inputs, *captured))

    def _rule(
        self, at: RecordedAt, given: tuple[Any, ...], positions: list[int], static: list[Any]
    ) -> tuple[Any, Derivative]:
        raise NotImplementedError

    def _positional(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """The arguments by position, defaults filled in."""
        bound = inspect.signature(self.fun).bind(*args, **kwargs)
        bound.apply_defaults()
        if bound.kwargs:
            raise ArgumentError(
                f"{self.__name__} has a derivative of its own and parameters that are passed by name only: "
                f"{', '.join(bound.kwargs)}\n  Make them positional parameters."
            )
        return bound.args

    def _check_static(self, position: int, value: Any) -> None:
        if any(isinstance(leaf, Tracer) for leaf in tree.flatten(value)[0]):
            raise ArgumentError(
                f"argument {position} of {self.__name__} is a traced value, but nondiff_argnums names it\n"
                "  Leave it out of nondiff_argnums, and return None as its cotangent."
            )

    def _closed(self, value: Any) -> Any:
        """A value that the function closes over: what is not an argument has no derivative."""
        if isinstance(value, Tracer) and value.dtype.kind == "f":
            return apply(Closed(self.__name__), value)
        return value

    def _run(self, rule: Callable[..., Any], *args: Any) -> Any:
        """What the user's rule returns."""
        try:
            return rule(*args)
        except LeakedTracerError as error:
            raise LeakedTracerError(
                f"the derivative of {self.__name__} closes over a traced value, and runs after the function "
                f"that the value belongs to\n  Make it an argument of {self.__name__}.\n{error}"
            ) from None

    def _pair(self, which: str, value: Any, parts: str) -> tuple[Any, Any]:
        if not isinstance(value, tuple) or len(value) != 2:
            raise self._wrong(which, f"returned {_kind(value)}", f"Return a pair ({parts}).")
        return value

    def _values(self, what: str, value: Any, like: Leaves, types: Sequence[Any]) -> list[Any]:
        """The values of a tree that a rule returned; it must be like `like`, with values like `types`."""
        ((structure, _),) = like.parts
        found = tree.flatten(value)[1]
        if found != structure:
            expected = tree.show(structure)
            raise self._wrong("rule", f"returned {what} {tree.show(found)}", f"Return one like {expected}.")
        return [self._value(what, v, x) for v, x in zip(like.take([value]), types, strict=True)]

    def _value(self, what: str, value: Any, like: Any) -> Any:
        if like.dtype.kind != "f":
            return None
        traced = as_tracer(value)
        if traced.shape != like.shape:
            raise self._wrong(
                "rule", f"returned {what} {traced.node.type}", f"Return one like {_type(like)}."
            )
        return cast(traced, like.dtype)

    def _wrong(self, which: str, what: str, remedy: str) -> DifferentiationError:
        context = current()
        place = context.source if context is not None else None
        return DifferentiationError(located(f"the {which} of {self.__name__} {what}", place, remedy))


class custom_vjp(_Custom):
    """A function whose reverse-mode derivative the user writes; a decorator.

        @graphc.custom_vjp
        def f(x, y): ...
        f.defvjp(forward, backward)

    `forward` takes the arguments of f and returns (f(x, y), residuals); `backward` takes the residuals and
    the cotangent g of the result, and returns a tuple of one cotangent per argument: a tree like it, or
    None for zeros. Cotangents of complex values are those of `graphc.vjp`. Arguments in `nondiff_argnums` are
    Python values: `backward` takes them first.
    The result is always that of f, the derivative that of the rule, in forward mode too: there the rule is
    transposed, so it must be linear in g. Called on plain arrays, f is an ordinary function.

    Raises DifferentiationError where f is differentiated by a value it closes over.
    """

    forward: Callable[..., Any] | None = None
    backward: Callable[..., Any] | None = None

    def defvjp(self, forward: Callable[..., Any], backward: Callable[..., Any]) -> None:
        """Sets the rule."""
        self.forward, self.backward = forward, backward

    def _rule(
        self, at: RecordedAt, given: tuple[Any, ...], positions: list[int], static: list[Any]
    ) -> tuple[Any, Derivative]:
        forward, backward = self.forward, self.backward
        if forward is None or backward is None:
            raise DifferentiationError(
                f"{self.__name__} has no derivative yet\n  Call {self.__name__}.defvjp(forward, backward)."
            )

        def derivative(g: tuple[Any, ...], args: tuple[Any, ...]) -> Sequence[Any]:
            primals = dict(zip(positions, at.arguments(args), strict=True))
            pair = self._run(forward, *(primals.get(i, x) for i, x in enumerate(given)))
            _, residuals = self._pair("forward rule", pair, "result, residuals")
            cotangents = self._run(backward, *static, residuals, conjugated(at.result(g)))
            if not isinstance(cotangents, tuple | list) or len(cotangents) != len(positions):
                raise self._wrong(
                    "backward rule",
                    f"returned {_kind(cotangents)}",
                    f"Return a tuple of {len(positions)}: a cotangent, or None, for each argument.",
                )
            return [*self._pulled(at, cotangents, args), *(np.zeros_like(x) for x in args[len(at.inputs) :])]

        return "vjp", derivative

    def _pulled(self, at: RecordedAt, cotangents: Sequence[Any], args: tuple[Any, ...]) -> list[Any]:
        """The values among the cotangents of the arguments; None for those of an argument whose is None."""
        found: list[Any] = []
        for cotangent, part in zip(cotangents, at.leaves.each(), strict=True):
            like = args[len(found) : len(found) + part.count]
            if cotangent is None:
                found += [None] * part.count
            else:
                found += self._values("a cotangent", conjugated(cotangent), part, like)
        return found


class custom_jvp(_Custom):
    """A function whose forward-mode derivative the user writes; a decorator.

        @graphc.custom_jvp
        def f(x, y): ...
        @f.defjvp
        def rule(primals, tangents): ...

    The rule takes the tuple of arguments and the tuple of their tangents, trees like them, and returns
    (f(x, y), tangent of the result). Arguments in `nondiff_argnums` are Python values, and come first.
    The result is always that of f, the derivative that of the rule, in reverse mode too: there the rule is
    transposed, so it must be linear in the tangents. Called on plain arrays, f is an ordinary function.

    Raises DifferentiationError where f is differentiated by a value it closes over.
    """

    rule: Callable[..., Any] | None = None

    def defjvp(self, rule: Callable[..., Any]) -> Callable[..., Any]:
        """Sets the rule, and returns it."""
        self.rule = rule
        return rule

    def defjvps(self, *rules: Callable[..., Any] | None) -> None:
        """Sets one rule per argument: rule(tangent, result, *arguments) is that argument's contribution.

        None stands for an argument that contributes nothing.
        """

        def rule(*args: Any) -> tuple[Any, Any]:
            *static, primals, tangents = args
            y = self(*static, *primals)
            pairs = zip(rules, tangents, strict=True)
            terms = [r(t, y, *static, *primals) for r, t in pairs if r is not None]
            return y, tree.tree_map(lambda first, *rest: sum(rest, first), *terms)

        self.rule = rule

    def _rule(
        self, at: RecordedAt, given: tuple[Any, ...], positions: list[int], static: list[Any]
    ) -> tuple[Any, Derivative]:
        rule = self.rule
        if rule is None:
            raise DifferentiationError(
                f"{self.__name__} has no derivative yet\n  Call {self.__name__}.defjvp(rule)."
            )

        def derivative(tangents: tuple[Any, ...], args: tuple[Any, ...]) -> Sequence[Any]:
            primals, moving = at.arguments(args), at.arguments(tangents)
            pair = self._run(rule, *static, primals, moving)
            _, tangent = self._pair("rule", pair, "result, tangent of the result")
            like = Leaves(((at.recorded.structure, at.recorded.statics),))
            types = [node.array_type for node in at.recorded.traced.graph.outputs]
            return self._values("a tangent", tangent, like, types)

        return "jvp", derivative


def _kind(value: Any) -> str:
    return f"{len(value)} values" if isinstance(value, tuple | list) else type(value).__name__


def _type(like: Any) -> Any:
    return like.node.type if isinstance(like, Tracer) else like
