"""`graphc.elementwise`: a primitive from a formula of numbers, its derivative derived by SymPy."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import sympy

from graphc.dataclass import dataclass
from graphc.errors import ArgumentError, TraceError, located
from graphc.ir.types import ArrayType
from graphc.ops.base import AbstractElementwise
from graphc.ops.cast import Cast
from graphc.ops.view import BroadcastTo
from graphc.ops.with_gradients import WithGradients
from graphc.symbols.differentiate import local_gradients
from graphc.symbols.from_sympy import from_sympy
from graphc.symbols.tape import Tape
from graphc.symbols.to_sympy import to_sympy
from graphc.symbols.translate import translate
from graphc.trace import tree
from graphc.trace.function import Abstract, trace
from graphc.trace.tracer import Tracer, as_tracer, record
from graphc.trace.ufuncs import broadcast_to, cast


def elementwise(fn: Callable[..., Any], name: str | None = None) -> Callable[..., Any]:
    """The function that applies `fn` to each element; its derivatives are derived by SymPy from all of `fn`.

    fn: a formula of real numbers in NumPy's functions (`lambda x: x / (1 + abs(x))`), or in SymPy's. Each
        parameter without a default is an operand.
    name: what it is called in messages; the name of `fn` if None.

    The result is what `fn` returns for arrays that broadcast: on plain arrays it is `fn`, traced it is the
    operations of `fn`. The local gradients are not taken operation by operation: SymPy differentiates the
    whole formula, and the form of it that is most accurate over a wide range, then cheapest, is used. Second
    derivatives are those of that form. Where the formula has a jump its derivative is that of the pieces.
    The documentation string says what was derived. Numbers that `fn` refers to must not change afterwards.

    `ArgumentError` if `fn` does not return one real number, `TraceError` where it branches on a value, and
    `UnsupportedError` where it uses what has no formula.
    """
    label = name if name is not None else getattr(fn, "__name__", type(fn).__name__)
    operands = _operands(fn, label)
    symbols = tuple(sympy.Symbol(operand, real=True) for operand in operands)
    expression, value = _formula(fn, label, symbols)
    result = sympy.Dummy("r", real=True)
    gradients = local_gradients(expression, symbols, result)
    tape = translate(gradients, (*symbols, result))
    primitive = _function(_Primitive(label, operands, value, tape))
    shown = sympy.Symbol("r", real=True)
    derived = (f"∂/∂{s} = {g.subs(result, shown)}" for s, g in zip(symbols, gradients, strict=True))
    primitive.__doc__ = f"r = {expression}; {', '.join(derived)}."
    return primitive


@dataclass(frozen=True)
class _Primitive:
    """What a primitive needs when it is called."""

    name: str
    operands: tuple[str, ...]
    value: Callable[..., Any]
    gradients: Tape  # of the operands and the result

    def __call__(self, *arguments: Any) -> Any:
        values = tuple(_array(argument) for argument in arguments)
        result = self.value(*values)
        return self.with_gradients(result, values) if isinstance(result, Tracer) else result

    def with_gradients(self, result: Tracer, values: Sequence[Any]) -> Any:
        """`result` with the derived local gradients in place of those of the operations that made it."""
        dtype, shape = result.dtype, result.shape
        if dtype.kind != "f":
            return result
        places = [place for place, x in enumerate(values) if isinstance(x, Tracer) and x.dtype.kind == "f"]
        operands = [cast(x, dtype) for x in values]
        gradients = self.gradients.run((*operands, cast(result, dtype)), dtype)
        parts = [*(operands[place] for place in places), *(gradients[place] for place in places)]
        marked = record(
            WithGradients(), cast(result, dtype), *(broadcast_to(cast(x, dtype), shape) for x in parts)
        )
        return Tracer(marked.owner, marked.node, result.weak)


def _function(primitive: _Primitive) -> Callable[..., Any]:
    """The primitive as a function with the parameters it has."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    signature = inspect.Signature([inspect.Parameter(operand, kind) for operand in primitive.operands])

    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise ArgumentError(f"{primitive.name}{signature}: {error}") from None
        return primitive(*bound.args)

    call.__name__ = call.__qualname__ = primitive.name
    call.__signature__ = signature  # type: ignore[attr-defined]
    return call


def _array(argument: Any) -> Any:
    """An argument that has arithmetic: lists become arrays."""
    if not isinstance(argument, list | tuple):
        return argument
    array = np.asarray(argument)
    return as_tracer(argument) if array.dtype == object else array


# ---- the formula


def _operands(fn: Callable[..., Any], name: str) -> tuple[str, ...]:
    """The parameters of `fn` that have no default."""
    try:
        parameters = [p for p in inspect.signature(fn).parameters.values() if p.default is p.empty]
    except (TypeError, ValueError):
        parameters = []
    by_position = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if not parameters or any(p.kind not in by_position for p in parameters):
        raise ArgumentError(
            located(
                f"elementwise cannot tell the operands of {name}",
                None,
                "Name each one as a parameter: lambda x, y: x * y.",
            )
        )
    return tuple(p.name for p in parameters)


def _formula(fn: Callable[..., Any], name: str, symbols: tuple[Any, ...]) -> tuple[Any, Callable[..., Any]]:
    """The expression that `fn` is, and the NumPy function that computes it: `fn` if it is in NumPy."""
    in_sympy = _is_written_in_sympy(fn, len(symbols))
    if not in_sympy:
        _check_elements(fn, name, len(symbols))
    found = _called_with_symbols(fn, name, symbols) if in_sympy else to_sympy(fn)(*symbols)
    expression = sympy.sympify(found) if isinstance(found, int | float) else found
    if not isinstance(expression, sympy.Expr):
        raise ArgumentError(
            located(
                f"{name} must return one real number for numbers, but it returned {expression!r}",
                None,
                "Make one primitive for each result; choose between numbers with np.where.",
            )
        )
    return expression, from_sympy(expression, symbols) if in_sympy else fn


def _is_written_in_sympy(fn: Callable[..., Any], count: int) -> bool:
    """Whether `fn` makes SymPy's numbers of NumPy's."""
    try:
        with np.errstate(all="ignore"):
            return isinstance(fn(*(np.float64(0.5),) * count), sympy.Basic)
    except (ArithmeticError, AttributeError, TypeError, ValueError):
        return False  # it will fail while it is traced, which says where and why


def _check_elements(fn: Callable[..., Any], name: str, count: int) -> None:
    """Raises an `ArgumentError` where `fn` combines elements: its formula for one number would not be it."""
    vector = Abstract(ArrayType(np.dtype(np.float64), (2,)))
    traced = trace(
        lambda *xs: [leaf for leaf in tree.flatten(fn(*xs))[0] if isinstance(leaf, Tracer)], [vector] * count
    )
    for node in traced.graph:
        if node.args and not isinstance(node.op, AbstractElementwise | BroadcastTo | Cast | WithGradients):
            raise ArgumentError(
                located(
                    f"{name} is no function of single numbers: it uses {node.op.name}",
                    node.source,
                    "Use the function itself, without elementwise: it is differentiated and compiled, too.",
                )
            )


def _called_with_symbols(fn: Callable[..., Any], name: str, symbols: tuple[Any, ...]) -> Any:
    try:
        return fn(*symbols)
    except TypeError as error:
        raise TraceError(
            located(
                f"{name} cannot be called with SymPy symbols: {error}", None, "Use sympy.Piecewise to choose."
            )
        ) from None
