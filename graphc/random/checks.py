"""What draws take: keys, shapes and dtypes, checked where the user called."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.errors import DTypeError, ShapeError, located
from graphc.ops.base import AbstractTraced
from graphc.trace.context import current, user_line_with_text
from graphc.trace.numpy_functions.creation import dims_of
from graphc.trace.tracer import Tracer, as_tracer

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def as_array(x: Any) -> Any:
    """x as what the draw computes with: recorded while a function is traced, a NumPy array otherwise."""
    return np.asarray(x) if current() is None else as_tracer(x)


def checked_key(key: Any) -> Any:
    """`key` as an array; DTypeError or ShapeError where it is not u32[2]."""
    if not isinstance(key, np.ndarray | AbstractTraced):
        raise DTypeError(_no_key(f"a value of type {type(key).__name__}"))
    array: Any = key
    if array.dtype != np.uint32 or array.shape != (2,):
        error = DTypeError if array.dtype != np.uint32 else ShapeError
        raise error(_no_key(f"{array.dtype} of shape ({', '.join(map(str, array.shape))})"))
    return as_array(key)


def _no_key(found: str) -> str:
    return located(
        f"a key is a uint32 array of shape (2), not {found}",
        user_line_with_text(),
        "Make one with graphc.random.key(seed), and more of it with graphc.random.split(key).",
    )


def checked_shape(shape: Any) -> tuple[Any, ...]:
    """The sizes of a shape argument, symbolic ones included; ShapeError where one is negative."""
    sizes = dims_of(shape)
    if any(isinstance(n, int) and n < 0 for n in sizes):
        text = f"a shape with a negative size: ({', '.join(map(str, sizes))})"
        raise ShapeError(located(text, user_line_with_text()))
    return sizes


def checked_float(dtype: Any) -> np.dtype:
    """The dtype of a real draw; DTypeError unless float32 or float64."""
    found: np.dtype = np.dtype(dtype)
    if found not in FLOATS:
        text = f"random real numbers of dtype {found}"
        raise DTypeError(located(text, user_line_with_text(), "Use np.float32 or np.float64."))
    return found


def is_number(x: Any) -> bool:
    """Whether a parameter is a Python number, known or traced: it has no dtype of its own."""
    return type(x) in (bool, int, float) or (isinstance(x, Tracer) and x.weak is not None)


def converted(x: Any, dtype: np.dtype) -> Any:
    """A parameter in the dtype of the draw."""
    array: Any = x if isinstance(x, AbstractTraced) else np.asarray(x)
    return array.astype(dtype)


def of_shape(result: Any, shape: tuple[Any, ...], name: str) -> Any:
    """`result`, which must have the shape asked for: ShapeError where a parameter was larger."""
    if tuple(result.shape) != shape:
        asked, made = (f"({', '.join(map(str, s))})" for s in (shape, result.shape))
        text = f"{name}: the parameters have shape {made} together, the shape asked for is {asked}"
        raise ShapeError(located(text, user_line_with_text(), "Pass the larger shape."))
    return result


def checked_axis(axis: int, ndim: int, name: str) -> int:
    """`axis` counted from the front; ShapeError where there is none."""
    if not -ndim <= axis < ndim:
        text = f"{name} along axis {axis} of an array with {ndim} axes"
        raise ShapeError(located(text, user_line_with_text()))
    return axis % ndim


def is_known(x: Any) -> bool:
    """Whether the value of a parameter is known now."""
    return not isinstance(x, AbstractTraced)


def out_of_domain(text: str) -> ValueError:
    """The error for a parameter value outside its domain, at the user's line."""
    return ValueError(located(text, user_line_with_text()))
