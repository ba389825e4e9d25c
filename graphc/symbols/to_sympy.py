"""`graphc.to_sympy`: the formula that a function computes."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import sympy

from graphc.api.call import Parameters, all_names, parameters_of
from graphc.api.record import STABLE, Arguments, Recorded, record_tree
from graphc.errors import ArgumentError, ParseError, located
from graphc.ir.types import ArrayType, parse_type
from graphc.symbols.interpret import as_objects, run_on_expressions
from graphc.symbols.numbers import exact
from graphc.trace import tree
from graphc.trace.function import Abstract
from graphc.trace.tracer import Tracer
from graphc.trace.tree import Structure

_F64 = np.dtype(np.float64)


def to_sympy(f: Callable[..., Any]) -> Callable[..., Any]:
    """The function of symbols, or of types, that returns what `f` computes as SymPy expressions.

    f: any function that graphc can trace: NumPy code, compiled or not, `graphc.grad(g)`.

    The returned function takes, as each argument of f (or inside lists, tuples, dicts and objects):

    - a SymPy expression, for a real number; a Matrix, an Array or a NumPy array of them;
    - a type such as "f64" or "f64[2, 3]": real symbols with the name of the argument, x or x[0, 1];
    - anything else, numbers included, stands for itself.

    Called without arguments all parameters are numbers with their own names; called with one integer n, the
    first n are. So `to_sympy(f)(2)` is the formula in f's first two parameters.

    An array in the result is a SymPy Array. Floats in the program are taken for simple exact numbers where
    they can be (0.1 for 1/10, see `exact`), formulas as they are written (no stable forms). Derivatives at
    kinks follow graphc's rules (docs/derivatives.md), as conditions in a Piecewise.

    `UnsupportedError`, at the user's line, for what has no formula (sorting, a position that is a symbol).
    """

    def formula(*args: Any, **kwargs: Any) -> Any:
        parameters = parameters_of(f, ())
        if not kwargs and (not args or (len(args) == 1 and type(args[0]) is int)):
            args = _scalars(f, parameters, args[0] if args else None)
        return _formula(f, parameters, args, kwargs)

    return formula


def _scalars(f: Callable[..., Any], parameters: Parameters, count: int | None) -> tuple[Any, ...]:
    """Symbols named after the first `count` parameters, after all that need a value if None."""
    if count is None:
        signature = inspect.signature(f).parameters.values()
        count = sum(p.default is p.empty and p.name in parameters.positional for p in signature)
    if count < 0 or (count > len(parameters.positional) and parameters.variadic is None):
        named = ", ".join(parameters.positional) or "none"
        raise ArgumentError(
            located(
                f"to_sympy was asked for {count} scalar arguments, but the parameters are: {named}",
                None,
                "A number that stands for itself is a float or a SymPy number: sympy.Integer(2).",
            )
        )
    names = (re.sub(r"\W+", "_", parameters.name(i)).rstrip("_") for i in range(count))
    return tuple(sympy.Symbol(name, real=True) for name in names)


def _formula(
    f: Callable[..., Any], parameters: Parameters, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """What f computes for arguments that are symbols, types, or themselves."""
    leaves, structure = tree.flatten((args, kwargs))
    names = all_names(parameters, structure)
    given = [_expressions(leaf, name) for leaf, name in zip(leaves, names, strict=True)]
    symbolic = [(name, g) for name, g in zip(names, given, strict=True) if g is not None]
    recorded = _record(f, leaves, structure, [g is not None for g in given], symbolic, parameters)
    values = [expressions for _, (_, expressions) in symbolic]
    captured = [_captured(array) for array in recorded.traced.captured]
    results = run_on_expressions(recorded.traced.graph, [*values, *captured])
    return recorded.assemble([_unwrapped(result) for result in results])


def _record(
    f: Callable[..., Any],
    leaves: list[Any],
    structure: Structure,
    is_symbolic: list[bool],
    symbolic: list[tuple[str, tuple[Abstract, np.ndarray]]],
    parameters: Parameters,
) -> Recorded:
    """f recorded with stand-ins for the symbolic leaves of its arguments."""

    def build(stand_ins: Sequence[Any]) -> Any:
        supply: Iterator[Any] = iter(stand_ins)
        pairs = zip(leaves, is_symbolic, strict=True)
        return tree.unflatten(structure, [next(supply) if marked else leaf for leaf, marked in pairs])

    arguments = Arguments(
        tuple(abstract for _, (abstract, _) in symbolic),
        tuple(name for name, _ in symbolic),
        build,
        lambda changed: all_names(parameters, changed),
    )
    token = STABLE.set(False)
    try:
        return record_tree(lambda call: f(*call[0], **call[1]), arguments)
    finally:
        STABLE.reset(token)


def _expressions(leaf: Any, name: str) -> tuple[Abstract, np.ndarray] | None:
    """What stands in for an argument, and its elements as an object array; None for one that is itself."""
    if isinstance(leaf, str):
        return _of_type(leaf, name)
    if isinstance(leaf, sympy.logic.boolalg.Boolean) and not isinstance(leaf, sympy.Symbol):
        return Abstract(ArrayType(np.dtype(np.bool_))), np.array(leaf, object)
    if isinstance(leaf, sympy.Expr) and not isinstance(leaf, sympy.MatrixExpr):
        return Abstract(ArrayType(_F64), float), np.array(leaf, object)
    if isinstance(leaf, sympy.MatrixExpr):
        leaf = leaf.as_explicit()
    if isinstance(leaf, sympy.MatrixBase | sympy.NDimArray):
        leaf = np.array(leaf.tolist(), object).reshape(leaf.shape)
    if isinstance(leaf, np.ndarray) and leaf.dtype == object:
        return Abstract(ArrayType(_F64, leaf.shape)), as_objects(leaf, sympy.sympify)
    return None


def _of_type(text: str, name: str) -> tuple[Abstract, np.ndarray] | None:
    """Symbols for an argument of a type such as "f64[3]"; None for text that is no type."""
    try:
        type_ = parse_type(text)
    except ParseError:
        return None
    if type_.symbols:
        raise ArgumentError(
            located(f"to_sympy: {text} has a symbolic size", None, f"Say how large {name} is: f64[3].")
        )
    label = re.sub(r"\W+", "_", name).rstrip("_")
    assumption = {"f": {"real": True}, "i": {"integer": True}, "u": {"integer": True}, "b": {}}[
        type_.dtype.kind
    ]
    symbols = np.empty(tuple(map(int, type_.shape)), object)
    base = sympy.IndexedBase(label, **assumption)
    for index in np.ndindex(*symbols.shape):
        symbols[index] = base[index] if index else sympy.Symbol(label, **assumption)
    return Abstract(type_), symbols


def _captured(array: Any) -> np.ndarray:
    """The elements of an array that the function refers to."""
    if isinstance(array, Tracer):
        raise ArgumentError(
            located(
                f"to_sympy: it refers to the traced value {array.node.type} of a function around it",
                None,
                "Pass it as an argument.",
            )
        )
    return as_objects(np.asarray(array), exact)


def _unwrapped(result: np.ndarray) -> Any:
    """An expression, or a SymPy Array of them."""
    return sympy.Array(result.ravel().tolist(), result.shape) if result.ndim else result[()]
