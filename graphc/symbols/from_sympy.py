"""`graphc.from_sympy`: a function of arrays from SymPy expressions."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import sympy

from graphc.dataclass import dataclass
from graphc.errors import ArgumentError, DTypeError, located
from graphc.ops.base import AbstractTraced
from graphc.symbols.parameters import Parameter, parameters_of
from graphc.symbols.tape import Tape
from graphc.symbols.translate import translate
from graphc.trace import tree
from graphc.trace.tracer import as_tracer
from graphc.trace.tree import Structure
from graphc.trace.ufuncs import broadcast_shapes, broadcast_to, cast, promotable


def from_sympy(expr: Any, arguments: Iterable[Any], dtype: Any = None) -> Callable[..., Any]:
    """The NumPy function (*arguments) -> `expr`, to be called as it is, compiled and differentiated.

    expr: an expression, or a tree (list, tuple, dict) of them; a Matrix or Array becomes an array, whose
        axes are the last ones of the result.
    arguments: for each argument a symbol, or what holds several: a MatrixSymbol of known shape, an
        IndexedBase, a list or Matrix of symbols. These are arrays whose last axes hold the elements.
    dtype: what to compute in, a floating dtype; None: NumPy's common dtype of the arguments, f64 if that is
        not floating.

    Arguments broadcast, and every result has their broadcast shape, also where an expression does not depend
    on all of them. Symbols stand for real numbers: √x and ln x are NaN below 0, xʸ is where NumPy's power is.
    Piecewise is NaN where no condition holds. Heaviside(x) is ½ at 0, as SymPy has it. Derivatives at kinks
    are those of the NumPy functions (docs/derivatives.md).

    `UnsupportedError` names an expression that NumPy cannot compute, when the function is made;
    `ArgumentError` an argument that is no symbol.
    """
    kind = None if dtype is None else np.dtype(dtype)
    if kind is not None and kind not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise DTypeError(
            located(f"from_sympy cannot compute in {kind}", None, "Choose np.float32 or np.float64.")
        )
    leaves, structure = tree.flatten(_plain(expr))
    parts = [_elements(leaf) for leaf in leaves]
    flat = [e for _, elements in parts for e in elements]
    parameters = parameters_of(_plain_arguments(arguments), flat)
    symbols = [symbol for parameter in parameters for symbol, _ in parameter.elements]
    shapes = tuple(shape for shape, _ in parts)
    return _function(_Formula(parameters, translate(flat, symbols), shapes, structure, kind))


@dataclass(frozen=True)
class _Formula:
    """What a function made of expressions needs when it is called."""

    parameters: tuple[Parameter, ...]
    tape: Tape
    shapes: tuple[tuple[int, ...] | None, ...]  # of each leaf of the result; None for one expression
    structure: Structure
    dtype: np.dtype | None

    def __call__(self, *arguments: Any) -> Any:
        dtype = self.dtype or _common_dtype(arguments)
        values = [_converted(a, dtype) for a in arguments]
        symbols, batch = [], []
        for parameter, value in zip(self.parameters, values, strict=True):
            parameter.check(value.shape)
            batch.append(tuple(value.shape)[: len(value.shape) - len(parameter.shape)])
            symbols += [value[(..., *i)] if i else value for _, i in parameter.elements]
        shape = broadcast_shapes(*batch)
        results = iter(self.tape.run(symbols, dtype))
        leaves = []
        for own in self.shapes:
            elements = [_broadcast(next(results), shape) for _ in range(1 if own is None else math.prod(own))]
            leaves.append(elements[0] if own is None else _array(elements, (*shape, *own), dtype))
        return tree.unflatten(self.structure, leaves)


def _function(formula: _Formula) -> Callable[..., Any]:
    """The formula as a function with the parameters it has."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    signature = inspect.Signature([inspect.Parameter(p.name, kind) for p in formula.parameters])

    def expression(*args: Any, **kwargs: Any) -> Any:
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise ArgumentError(f"the expression takes the arguments {signature}: {error}") from None
        return formula(*bound.args)

    expression.__signature__ = signature  # type: ignore[attr-defined]
    return expression


# ---- expressions


def _plain(expr: Any) -> Any:
    """The tree with SymPy's own tuples and dicts as Python's."""
    return tuple(map(_plain, expr)) if isinstance(expr, sympy.Tuple) else expr


def _plain_arguments(arguments: Any) -> list[Any]:
    single = isinstance(arguments, sympy.Symbol | sympy.IndexedBase | sympy.MatrixSymbol)
    return [arguments] if single else list(arguments)


def _elements(leaf: Any) -> tuple[tuple[int, ...] | None, list[Any]]:
    """The shape of a leaf of the result, None if it is one expression, and its elements in C order."""
    expression = leaf if isinstance(leaf, sympy.NDimArray | sympy.MatrixBase) else sympy.sympify(leaf)
    if isinstance(expression, sympy.MatrixExpr) and all(
        sympy.sympify(n).is_Integer for n in expression.shape
    ):
        expression = expression.as_explicit()
    if isinstance(expression, sympy.NDimArray | sympy.MatrixBase):
        return tuple(map(int, expression.shape)), list(sympy.flatten(expression.tolist()))
    if isinstance(expression, sympy.Expr | sympy.logic.boolalg.Boolean):
        return None, [expression]
    raise ArgumentError(
        located(
            f"{leaf!r} of type {type(leaf).__name__} is no expression",
            None,
            "Pass SymPy expressions, matrices or arrays of them, or lists, tuples and dicts of those.",
        )
    )


# ---- values


def _common_dtype(arguments: Sequence[Any]) -> np.dtype:
    """NumPy's common dtype of the arguments; f64 if that is none that graphc computes in."""
    kinds = [_promotable(a) for a in arguments]
    dtype = np.result_type(*kinds) if kinds else np.dtype(np.float64)
    return dtype if dtype.kind == "f" and dtype.itemsize in (4, 8) else np.dtype(np.float64)


def _promotable(argument: Any) -> Any:
    if type(argument) in (bool, int, float):
        return float(argument)
    return promotable(argument) if _is_traced(argument) else np.asarray(argument).dtype


def _is_traced(value: Any) -> bool:
    """Whether `value` is a traced array, or a list or object array of traced values."""
    return isinstance(value, AbstractTraced) or np.asarray(value).dtype == object


def _converted(value: Any, dtype: np.dtype) -> Any:
    if _is_traced(value):
        return cast(as_tracer(value), dtype)
    return np.asarray(value).astype(dtype)[()]


def _broadcast(value: Any, shape: tuple[Any, ...]) -> Any:
    """`value` in the shape that all results have; a scalar where that is ()."""
    if isinstance(value, AbstractTraced):
        return broadcast_to(value, shape)
    array = np.asarray(value)
    return array[()] if array.shape == shape else np.array(np.broadcast_to(array, shape))


def _array(elements: list[Any], shape: tuple[Any, ...], dtype: np.dtype) -> Any:
    """The elements along new last axes."""
    if not elements:
        return np.zeros(shape, dtype)
    return np.reshape(np.stack(elements, -1), shape)
