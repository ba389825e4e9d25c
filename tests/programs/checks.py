"""Compares compiled programs with NumPy, and their gradients with finite differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import graphc


def flat(result: Any) -> list[Any]:
    """The leaves of nested tuples and lists."""
    if isinstance(result, tuple | list):
        return [leaf for part in result for leaf in flat(part)]
    return [result]


def copies(args: tuple[Any, ...]) -> list[Any]:
    """The arguments, arrays copied with their layout."""
    return [a.copy(order="K") if isinstance(a, np.ndarray) else a for a in args]


def check_value(
    f: Callable[..., Any], *args: Any, rtol: float = 0.0, atol: float = 0.0, **options: Any
) -> None:
    """Compiled, `f` returns NumPy's values (within rtol, in units of 1 for f64), dtypes and shapes."""
    with np.errstate(all="ignore"):
        expected = flat(f(*copies(args)))
    actual = flat(graphc.compile(f, **options)(*copies(args)))
    assert len(actual) == len(expected)
    floating = [a.dtype for a in args if isinstance(a, np.ndarray) and a.dtype.kind == "f"]
    for a, e in zip(actual, expected, strict=True):
        a, e = np.asarray(a), np.asarray(e)
        assert a.dtype == e.dtype, f"dtype {a.dtype}, NumPy {e.dtype}"
        assert a.shape == e.shape, f"shape {a.shape}, NumPy {e.shape}"
        if e.dtype.kind != "f":
            np.testing.assert_array_equal(a, e)
            continue
        eps = max(float(np.finfo(t).eps) for t in (e.dtype, *floating))
        scale = float(np.max(np.abs(e[np.isfinite(e)]), initial=0.0))
        np.testing.assert_allclose(a, e, rtol=rtol or 1e3 * eps, atol=atol or 1e3 * eps * max(scale, 1e-30))


def check_grad(
    f: Callable[..., Any], *args: Any, step: float = 1e-6, rtol: float = 1e-5, atol: float = 1e-7
) -> None:
    """The compiled gradient of scalar `f` with respect to its f64 array arguments is that of differences."""
    wrt = tuple(i for i, a in enumerate(args) if np.asarray(a).dtype == np.float64)
    value, grads = graphc.value_and_grad(f, argnums=wrt)(*copies(args))
    np.testing.assert_allclose(value, f(*copies(args)), rtol=1e-10, atol=1e-12)
    rng = np.random.default_rng(0)
    for i, g in zip(wrt, grads, strict=True):
        assert np.shape(g) == np.shape(args[i])
        for _ in range(2):
            direction = rng.normal(size=np.shape(args[i]))
            ahead, behind = copies(args), copies(args)
            ahead[i], behind[i] = args[i] + step * direction, args[i] - step * direction
            numeric = (f(*ahead) - f(*behind)) / (2 * step)
            np.testing.assert_allclose(np.sum(g * direction), numeric, rtol=rtol, atol=atol)


def check_program(f: Callable[..., Any], *args: Any, single: bool = True, **tolerances: float) -> None:
    """Value and gradient in f64, value in f32."""
    check_value(f, *args)
    check_grad(f, *args, **tolerances)
    if single:
        check_value(
            f, *(a.astype(np.float32) if isinstance(a, np.ndarray) and a.dtype == float else a for a in args)
        )
