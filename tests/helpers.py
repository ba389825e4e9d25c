"""What many tests share: trace a function, run its graph, compare with NumPy and finite differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc.autodiff.reverse import gradient
from graphc.ir.interpret import interpret
from graphc.ir.types import ArrayType, parse_type, type_of
from graphc.trace.function import Abstract, Traced, trace


def record(function: Callable[..., Any], *types: Any) -> Traced:
    """`function` traced for arguments of these types: text such as "f64[N, 3]", or arrays like them."""
    return trace(lambda *args: _flat(function(*args)), [Abstract(_type(t)) for t in types])


def run(function: Callable[..., Any], *arrays: Any, types: Sequence[Any] | None = None) -> tuple[Any, ...]:
    """The results of `function`, traced for `types` (by default the arrays' own), on `arrays`."""
    traced = record(function, *(arrays if types is None else types))
    return interpret(traced.graph, *map(np.asarray, arrays), *traced.captured)


def check(
    function: Callable[..., Any],
    *arrays: Any,
    types: Sequence[Any] | None = None,
    rtol: float = 1e-12,
    atol: float = 1e-13,
    grad: bool | None = None,
) -> None:
    """Traced, `function` returns what NumPy returns; its gradient is that of finite differences.

    The gradient is taken of Σ wᵢ yᵢ over the floating results with fixed weights w, for floating
    arguments; `grad=False` skips it, by default it is checked where all of them are f64.
    """
    arrays = tuple(np.asarray(a) for a in arrays)
    expected = [np.asarray(e) for e in _flat(function(*(a.copy() for a in arrays)))]
    actual = run(function, *arrays, types=types)
    assert len(actual) == len(expected)
    for a, e in zip(actual, expected, strict=True):
        assert a.dtype == e.dtype, f"dtype {a.dtype}, NumPy {e.dtype}"
        assert a.shape == e.shape, f"shape {a.shape}, NumPy {e.shape}"
        if e.dtype.kind == "f":
            eps = np.finfo(e.dtype).eps / np.finfo(np.float64).eps
            np.testing.assert_allclose(a, e, rtol=rtol * eps, atol=atol * eps)
        else:
            np.testing.assert_array_equal(a, e)
    smooth = any(e.dtype == np.float64 for e in expected) and any(a.dtype == np.float64 for a in arrays)
    if smooth if grad is None else grad:
        check_gradient(function, *arrays, types=types)


def check_gradient(
    function: Callable[..., Any], *arrays: Any, types: Sequence[Any] | None = None, step: float = 1e-6
) -> None:
    """Reverse mode agrees with central differences along random directions, per argument."""
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=np.shape(y)) for y in _flat(function(*(a.copy() for a in arrays)))]

    def scalar(*values: Any) -> Any:
        args, factors = values[: len(arrays)], values[len(arrays) :]
        total: Any = 0.0
        for w, y in zip(factors, _flat(function(*args)), strict=True):
            if not isinstance(y, int) and y.dtype.kind in "fO":
                total = total + np.sum(w * y)
        return total

    wrt = [i for i, a in enumerate(arrays) if a.dtype == np.float64]
    given = arrays if types is None else types
    shapes = [t.type.with_dtype(np.dtype(float)) for t in record(function, *given).results]
    traced = record(scalar, *given, *shapes)
    results = interpret(gradient(traced.graph, wrt), *arrays, *weights, *traced.captured)
    for i, g in zip(wrt, results[1:], strict=True):
        assert g.shape == arrays[i].shape
        direction = rng.normal(size=arrays[i].shape)
        ahead, behind = ([a.copy() for a in arrays] for _ in range(2))
        ahead[i], behind[i] = arrays[i] + step * direction, arrays[i] - step * direction
        numeric = (scalar(*ahead, *weights) - scalar(*behind, *weights)) / (2 * step)
        np.testing.assert_allclose(np.sum(g * direction), numeric, rtol=2e-6, atol=2e-7)


def _type(value: Any) -> ArrayType:
    if isinstance(value, ArrayType):
        return value
    return parse_type(value) if isinstance(value, str) else type_of(np.asarray(value))


def _flat(result: Any) -> list[Any]:
    if isinstance(result, tuple | list):
        return [leaf for part in result for leaf in _flat(part)]
    return [result]
