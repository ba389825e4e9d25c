"""Choosing between values by conditions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.errors import ShapeError
from graphc.ops.elementwise.selection import Where
from graphc.trace.functions import implements
from graphc.trace.numpy_functions.arguments import NO_VALUE, common, finish, refuse, strong
from graphc.trace.numpy_functions.checked import checked
from graphc.trace.numpy_functions.refusals import REFUSED, data_dependent
from graphc.trace.tracer import Tracer, as_tracer, record
from graphc.trace.ufuncs import broadcast_shapes, broadcast_to, cast


@implements(np.where)
def where(condition: Any, x: Any = NO_VALUE, y: Any = NO_VALUE, /) -> Any:
    """x where the condition holds, y elsewhere."""
    if x is NO_VALUE or y is NO_VALUE:
        raise data_dependent("where(condition)", REFUSED[np.nonzero])
    test = strong(condition)
    if test.dtype != np.bool_:
        test = test != 0
    a, b = common(x, y)
    shape = broadcast_shapes(test.shape, a.shape, b.shape)
    return record(Where(), *(broadcast_to(v, shape) for v in (test, a, b)))


@implements(np.clip)
def clip(
    a: Any,
    a_min: Any = NO_VALUE,
    a_max: Any = NO_VALUE,
    out: Any = None,
    *,
    min: Any = NO_VALUE,
    max: Any = NO_VALUE,
    dtype: Any = None,
) -> Any:
    """a limited to [a_min, a_max]."""
    refuse("clip", dtype=(dtype, None))
    _check_bounds(a_min, a_max, min, max)
    low = min if a_min is NO_VALUE else a_min
    high = max if a_max is NO_VALUE else a_max
    result: Any = as_tracer(a)
    if _limits(result, low, np.greater):
        result = np.maximum(result, low)
    if _limits(result, high, np.less):
        result = np.minimum(result, high)
    return finish(strong(result), out)


def _check_bounds(a_min: Any, a_max: Any, low: Any, high: Any) -> None:
    if (a_min is NO_VALUE) != (a_max is NO_VALUE):
        raise TypeError(
            f"clip() missing 1 required positional argument: '{'a_min' if a_min is NO_VALUE else 'a_max'}'"
        )
    if a_min is not NO_VALUE and not (low is NO_VALUE and high is NO_VALUE):
        raise ValueError(
            "Passing `min` or `max` keyword argument when `a_min` and `a_max` are provided is forbidden."
        )


def _limits(x: Tracer, bound: Any, relation: np.ufunc) -> bool:
    """Whether a bound is given that x can reach: Python integers may lie outside the range of x's dtype."""
    if bound is None or bound is NO_VALUE:
        return False
    if type(bound) is not int or x.dtype.kind not in "iu":
        return True
    range_ = np.iinfo(x.dtype)
    return bool(relation(bound, range_.min if relation is np.greater else range_.max))


@implements(np.select)
def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Any:
    """The choice of the first condition that holds, element by element."""
    if len(condlist) != len(choicelist):
        raise ValueError("list of cases must be same length as list of conditions")
    if not condlist:
        raise ValueError("select with an empty condition list is not possible")
    *choices, result = common(*choicelist, default)
    for condition, choice in zip(reversed(condlist), reversed(choices), strict=True):
        if strong(condition).dtype != np.bool_:
            raise TypeError("invalid entry in condlist: should be boolean ndarray")
        result = where(condition, choice, result)
    return result


@implements(np.choose)
def choose(a: Any, choices: Sequence[Any], out: Any = None, mode: str = "raise") -> Any:
    """choices[a[i]][i]; with mode='raise', IndexError at run time for an index outside."""
    count = len(choices)
    if mode == "raise":
        index = checked(a, count)
    elif mode in ("wrap", "clip"):
        whole = cast(strong(a), np.int64)
        index = whole % count if mode == "wrap" else clip(whole, 0, count - 1)
    else:
        raise ValueError(f"clipmode must be one of 'clip', 'raise', or 'wrap' (got {mode!r})")
    *others, result = common(*choices)
    for number, choice in reversed(list(enumerate(others))):
        result = where(index == number, choice, result)
    return finish(result, out)


@implements(np.piecewise)
def piecewise(x: Any, condlist: Any, funclist: Sequence[Any], *args: Any, **kw: Any) -> Any:
    """The function of the condition that holds (the last of several), element by element; else 0."""
    values = strong(x)
    conditions = list(condlist) if isinstance(condlist, list | tuple) else [condlist]
    functions = list(funclist)
    result: Any = np.zeros_like(values)
    if len(functions) == len(conditions) + 1:
        result = _applied(functions.pop(), values, args, kw)
    if len(functions) != len(conditions):
        raise ValueError(
            f"with {len(conditions)} condition(s), either {len(conditions)} or {len(conditions) + 1} "
            "functions are expected"
        )
    for condition, function in zip(conditions, functions, strict=True):
        result = where(condition, _applied(function, values, args, kw), result)
    return result


def _applied(function: Any, x: Any, args: tuple[Any, ...], kw: dict[str, Any]) -> Any:
    return cast(function(x, *args, **kw) if callable(function) else function, x.dtype)


@implements(np.nan_to_num)
def nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    """x with NaN, ∞ and -∞ replaced by numbers."""
    refuse("nan_to_num", copy=(copy, True))
    value = strong(x)
    if value.dtype.kind != "f":
        return Tracer(value.owner, value.node)
    limits = np.finfo(value.dtype)
    high = limits.max if posinf is None else posinf
    low = limits.min if neginf is None else neginf
    result = where(np.isnan(value), cast(nan, value.dtype), value)
    result = where(value == np.inf, cast(high, value.dtype), result)
    return where(value == -np.inf, cast(low, value.dtype), result)


@implements(np.isclose)
def isclose(a: Any, b: Any, rtol: Any = 1e-5, atol: Any = 1e-8, equal_nan: bool = False) -> Any:
    """|a - b| ≤ atol + rtol |b|; equal infinities are close."""
    x, y = _number_or_array(a), _number_or_array(b)
    y = cast(y, np.result_type(y.dtype, 1.0)) if isinstance(y, Tracer) else float(y)
    near = (np.abs(x - y) <= atol + rtol * abs(y)) & np.isfinite(y)
    result = near | (x == y)
    if equal_nan:
        result = result | (np.isnan(x) & np.isnan(y))
    return result


def _number_or_array(x: Any) -> Any:
    """Python's numbers as they are, so that they adapt to the other side; anything else as an array."""
    return x if type(x) in (int, float) else strong(x)


@implements(np.allclose)
def allclose(a: Any, b: Any, rtol: Any = 1e-5, atol: Any = 1e-8, equal_nan: bool = False) -> Any:
    """Whether all elements are close: a Python bool."""
    return _python_bool(np.all(isclose(a, b, rtol, atol, equal_nan)))


def _python_bool(x: Any) -> Tracer:
    """The same truth value, returned to the caller as NumPy returns it: not as np.bool."""
    return Tracer(x.owner, x.node, bool)


@implements(np.array_equal)
def array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> Any:
    """Whether shapes and all elements are equal: a Python bool."""
    x, y = strong(a1), strong(a2)
    if x.shape != y.shape:
        return False
    same = x == y
    if equal_nan and x.dtype.kind == y.dtype.kind == "f":
        same = same | (np.isnan(x) & np.isnan(y))
    return _python_bool(np.all(same))


@implements(np.array_equiv)
def array_equiv(a1: Any, a2: Any) -> Any:
    """Whether all elements are equal after broadcasting: a Python bool."""
    x, y = strong(a1), strong(a2)
    try:
        broadcast_shapes(x.shape, y.shape)
    except ShapeError:
        return False
    return _python_bool(np.all(x == y))
