"""Object arrays and lists of traced values: what np.array([x, y]) of traced x and y turns into.

NumPy's array constructor has no protocol: it asks a traced array for its elements and keeps them as
Python objects. Each element remembers where it came from, so that whole rows become whole arrays again.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.errors import ShapeError, TraceError, UnsupportedError, located
from graphc.ir.dims import SymbolicDim
from graphc.ir.graph import Node
from graphc.ops.view import Concatenate, Reshape
from graphc.trace.aliasing import Element
from graphc.trace.context import numpy_function, object_array, scipy_function, user_line_with_text
from graphc.trace.scipy_switch import scipy_is_open
from graphc.trace.tracer import Tracer, as_tracer, record
from graphc.trace.ufuncs import cast

LARGEST_OBJECT_ARRAY = 10_000
_BUILD = (
    "Use x.astype(dtype) to convert numbers, np.stack or np.array([...]) without dtype to build arrays, "
    "np.zeros_like(x) or graphc.zeros instead of filling a concrete array."
)
# What to write instead of functions of SciPy that are no ufuncs.
_UFUNCS = {
    "polygamma": "Use scipy.special.psi(x), or for n > 0 (-1)**(n + 1) * n! * scipy.special.zeta(n + 1, x).",
    "multigammaln": "Use d * (d - 1) / 4 * np.log(np.pi) + the sum of gammaln(a - j / 2) for j in range(d).",
    "factorial": "Use scipy.special.gamma(n + 1).",
}
_LOOK_UP = _BUILD + " To look up in a concrete table: np.asarray(table, like=x)[x]."


def to_objects(x: Tracer, dtype: Any) -> np.ndarray:
    """The elements of `x` as an object array, what NumPy's array constructor asks for."""
    caller = scipy_function()
    if caller is not None:
        raise UnsupportedError(
            located(
                f"scipy's {caller} converts its arguments to concrete arrays, so it cannot be traced",
                user_line_with_text(),
                _UFUNCS.get(caller, "Use a ufunc of scipy.special, graphc.nn.functional, or NumPy functions.")
                if scipy_is_open()
                else "Import SciPy before the function is traced, not inside it.",
            )
        )
    if dtype is not None and np.dtype(dtype) != object:
        function = numpy_function()
        if function is not None and (isinstance(x.alias, Element) or not x.shape):
            to = np.dtype(dtype)
            what = f"numpy.{function} converts the elements of np.array([...]) of traced values to {to}"
            raise object_array(what, user_line_with_text())
        by = f"numpy.{function}: " if function is not None else ""
        raise TraceError(
            located(
                f"{by}conversion of the traced value {x.node.type} to a concrete array of {np.dtype(dtype)}",
                user_line_with_text(),
                _LOOK_UP if x.dtype.kind in "iu" else _BUILD,
            )
        )
    if any(isinstance(n, SymbolicDim) for n in x.shape):
        raise TraceError(
            located(
                f"np.array or np.asarray of {x.node.type}, whose size is symbolic",
                user_line_with_text(),
                "Use the array itself, np.copy(x), or np.stack([...]).",
            )
        )
    array = np.empty(tuple(int(n) for n in x.shape), object)
    if not array.size and x.dtype != np.float64:
        raise object_array(
            f"np.array or np.asarray of {x.node.type}, whose dtype would be lost", user_line_with_text()
        )
    _check_size(array.size)
    if not x.shape:
        array[()] = x
        return array
    node = x.node
    flat = array.reshape(-1)
    for index in range(array.size):
        flat[index] = element(x, node, index)
    return array


def element(x: Tracer, node: Node, index: int) -> Tracer:
    """The element at a flat position, recorded when it is used."""
    scalar = Tracer(x.owner, node, alias=Element(node, index))
    scalar.seen = -1
    return scalar


def lift_objects(array: np.ndarray) -> Any:
    """The traced array whose elements are the objects in `array`."""
    _check_size(array.size)
    if array.size == 0:
        return np.zeros(array.shape)
    if not any(isinstance(value, Tracer) for value in array.flat):
        # Such as np.zeros_like(np.array([...])): NumPy has forgotten what its numbers are.
        raise object_array("an object array that holds no traced value", user_line_with_text())
    return _nested(array)


def _nested(array: np.ndarray) -> Any:
    if array.ndim == 0:
        return as_tracer(array[()])
    whole = _whole(array) if array.size else None
    if whole is not None:
        return whole
    return stacked([_nested(row) if isinstance(row, np.ndarray) else row for row in array])


def lift_sequence(values: Any) -> Any:
    """np.array(values) for nested lists or tuples that hold traced values."""
    if not len(values):
        return np.zeros(0)
    return stacked([lift_sequence(v) if isinstance(v, list | tuple) else v for v in values])


def stacked(values: list[Any]) -> Any:
    """The values as rows of one array, in NumPy's common dtype; there Python's numbers have their own."""
    rows = [as_tracer(v) for v in values]
    if any(r.shape != rows[0].shape for r in rows):
        shapes = ", ".join(f"({', '.join(map(str, r.shape))})" for r in rows[:6])
        raise ShapeError(
            located(
                f"an array of rows with different shapes: {shapes}",
                user_line_with_text(),
                "All elements of np.array([...]) need one shape; pad them, or use np.concatenate.",
            )
        )
    dtype = np.result_type(*(r.dtype for r in rows))
    shape = (1, *rows[0].shape)
    pieces = [record(Reshape(shape), cast(r, dtype)) for r in rows]
    return record(Concatenate(0), *pieces) if len(pieces) > 1 else pieces[0]


def _whole(array: np.ndarray) -> Tracer | None:
    """The array these are all elements of, in order, in this shape; None if there is no such array."""
    first = array.flat[0]
    if not isinstance(first, Tracer) or not isinstance(first.alias, Element):
        return None
    source = first.alias.array
    if source.array_type.size != array.size:
        return None
    for index, value in enumerate(array.flat):
        alias = value.alias if isinstance(value, Tracer) else None
        if not isinstance(alias, Element) or alias.array is not source or alias.index != index:
            return None
    base = Tracer(first.owner, source)
    result: Tracer = base if source.array_type.shape == array.shape else record(Reshape(array.shape), base)
    return result


def _check_size(size: int) -> None:
    if size > LARGEST_OBJECT_ARRAY:
        raise UnsupportedError(
            located(
                f"an array of {size} separate traced scalars, more than {LARGEST_OBJECT_ARRAY}",
                user_line_with_text(),
                "Build it from whole arrays with np.stack or np.concatenate.",
            )
        )
