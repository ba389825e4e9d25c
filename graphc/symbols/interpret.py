"""Runs a graph on SymPy expressions: arrays are NumPy arrays of objects, one expression an element."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import sympy

from graphc.errors import UnsupportedError, located
from graphc.ir.graph import Graph, Item, Node
from graphc.ir.types import TupleType
from graphc.ops.base import AbstractElementwise, AbstractReduction
from graphc.ops.cast import Cast
from graphc.ops.leaf import Const, Iota, Size
from graphc.ops.linalg import LU, Cholesky
from graphc.symbols.numbers import exact
from graphc.symbols.scalars import as_number, scalar_function, truncated

LARGEST = 10_000  # elements of one array

# Ops that only move, add or multiply elements: NumPy does that with objects as with numbers.
_MOVES = ("broadcast_to", "reshape", "transpose", "slice", "pad", "concatenate")
_MARKS = ("stop_gradient", "with_gradients")
_COMPUTES = ("sum", "prod", "contract", "cumsum", "cumprod", "linear_recurrence", "triangular_solve")
_BY_NUMPY = frozenset((*_MOVES, *_MARKS, *_COMPUTES))
# The same, with positions that must be known.
_BY_POSITION = frozenset(["gather", "scatter_add", "scatter_set"])
_FOLDS = {"max": sympy.Max, "min": sympy.Min, "supremum": sympy.Max, "all": sympy.And, "any": sympy.Or}


def run_on_expressions(graph: Graph, values: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The outputs of `graph` for object arrays of SymPy expressions.

    `UnsupportedError` for an op that has no meaning as a formula, such as sorting expressions, with the line
    it comes from.
    """
    known: dict[Node, Any] = dict(zip(graph.inputs, values, strict=True))
    for node in graph:
        if node not in known:
            known[node] = _value(node, [known[arg] for arg in node.args])
    return [known[node] for node in graph.outputs]


def _value(node: Node, operands: list[Any]) -> Any:
    """The value of one node: an object array, or a tuple of them."""
    op = node.op
    types = node.type.elements if isinstance(node.type, TupleType) else (node.type,)
    largest = max(int(type_.size) for type_ in types)
    if largest > LARGEST:
        raise _refusal(node, f"an array of {largest} expressions, more than {LARGEST}")
    match op:
        case AbstractElementwise():
            return _elementwise(node, op, operands)
        case Item():
            return operands[0][op.index]
        case Const() | Iota() | Size():
            return as_objects(np.asarray(op.evaluate()), exact)
        case Cast():
            return _elements(_conversion(node), operands)
        case AbstractReduction() if op.name in _FOLDS:
            return _folded(op, operands[0])
        case Cholesky():
            return _each_matrix(cholesky, operands[0])
        case LU():
            return _each_matrix(lu, operands[0])
    if op.name in _BY_NUMPY:
        return as_objects(np.asarray(op.evaluate(*operands), object), sympy.sympify)
    if op.name in _BY_POSITION:
        given = len(operands) - len(op.axes)  # type: ignore[attr-defined]
        indices = [_positions(node, index) for index in operands[given:]]
        return as_objects(np.asarray(op.evaluate(*operands[:given], *indices), object), sympy.sympify)
    return _of_numbers(node, operands)


def _of_numbers(node: Node, operands: list[np.ndarray]) -> Any:
    """An op without a formula, where its operands are numbers: by its NumPy definition."""
    if not all(x.is_number or x in (sympy.true, sympy.false) for operand in operands for x in operand.flat):
        raise _refusal(node)
    pairs = zip(operands, node.args, strict=True)
    result = node.op.evaluate(*(operand.astype(arg.array_type.dtype) for operand, arg in pairs))
    parts = tuple(
        as_objects(np.asarray(part), exact) for part in (result if isinstance(result, tuple) else [result])
    )
    return parts if isinstance(node.type, TupleType) else parts[0]


def _refusal(node: Node, why: str | None = None) -> UnsupportedError:
    return UnsupportedError(
        located(
            f"to_sympy: {why or f'{node.op.name} has no SymPy expression'}",
            node.source,
            "Write the formula without it, or pass numbers for the arguments that it depends on.",
        )
    )


def as_objects(array: np.ndarray, convert: Callable[[Any], Any]) -> np.ndarray:
    """The object array of convert(element)."""
    result = np.empty(array.shape, object)
    for index in np.ndindex(*array.shape):
        result[index] = convert(array[index])
    return result


def _elements(function: Callable[..., Any], operands: list[np.ndarray]) -> np.ndarray:
    """`function` of each element of arrays of equal shape."""
    result = np.empty(operands[0].shape, object)
    for index in np.ndindex(*result.shape):
        result[index] = sympy.sympify(function(*(operand[index] for operand in operands)))
    return result


def _elementwise(node: Node, op: AbstractElementwise, operands: list[np.ndarray]) -> Any:
    try:
        function = scalar_function(op, tuple(arg.array_type.dtype for arg in node.args))
    except UnsupportedError:
        return _of_numbers(node, operands)
    return _elements(function, operands)


def _conversion(node: Node) -> Callable[[Any], Any]:
    """What a cast does to an expression: between floats, and from integers, nothing."""
    before, after = node.args[0].array_type.dtype.kind, node.array_type.dtype.kind
    if before == after or (before in "iu" and after in "iuf"):
        return lambda x: x
    if after == "b":
        return lambda x: sympy.Ne(x, 0)
    return as_number if before == "b" else truncated


def _folded(op: AbstractReduction, x: np.ndarray) -> np.ndarray:
    """The reduction of each group of elements at once."""
    rest = [axis for axis in range(x.ndim) if axis not in op.axes]
    result = np.empty(tuple(x.shape[axis] for axis in rest), object)
    groups = np.transpose(x, (*rest, *op.axes)).reshape((*result.shape, -1))
    for index in np.ndindex(*result.shape):
        result[index] = _FOLDS[op.name](*groups[index])
    return result


def _positions(node: Node, index: np.ndarray) -> np.ndarray:
    """An index array whose elements are known integers."""
    unknown = [i for i in index.flat if not i.is_Integer]
    if unknown:
        raise _refusal(node, f"{node.op.name} at the position {unknown[0]}, which is no number")
    return index.astype(np.int64)


# ---- factorisations


def _each_matrix(function: Callable[[np.ndarray], Any], x: np.ndarray) -> Any:
    """`function` of every matrix of a batch; a tuple of arrays where it returns a tuple."""
    found = [function(x[place]) for place in np.ndindex(*x.shape[:-2])]
    parts = zip(*found, strict=True) if isinstance(found[0], tuple) else [found]
    stacked = [np.stack(part).reshape(x.shape[:-2] + part[0].shape) for part in parts]
    return tuple(stacked) if isinstance(found[0], tuple) else stacked[0]


def cholesky(a: np.ndarray) -> np.ndarray:
    """Lower L with A = L Lᵀ, for A that is taken to be positive definite."""
    lower = as_objects(np.zeros(a.shape), sympy.Integer)
    for j in range(len(a)):
        lower[j, j] = sympy.sqrt(a[j, j] - lower[j, :j] @ lower[j, :j]) if j else sympy.sqrt(a[0, 0])
        for i in range(j + 1, len(a)):
            lower[i, j] = (a[i, j] - (lower[i, :j] @ lower[j, :j] if j else 0)) / lower[j, j]
    return lower


def lu(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(packed L\\U, rows): by elimination; pivots are the first that are not zero, as formulas."""
    packed, rows = a.copy(), np.arange(len(a))
    for k in range(len(a)):
        pivot = next((i for i in range(k, len(a)) if sympy.simplify(packed[i, k]) != 0), k)
        packed[[k, pivot]], rows[[k, pivot]] = packed[[pivot, k]], rows[[pivot, k]]
        if packed[k, k] != 0:
            packed[k + 1 :, k] = packed[k + 1 :, k] / packed[k, k]
            packed[k + 1 :, k + 1 :] -= np.outer(packed[k + 1 :, k], packed[k, k + 1 :])
    return packed, as_objects(rows, sympy.Integer)
