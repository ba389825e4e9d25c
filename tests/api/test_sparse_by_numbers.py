"""Small sparse Jacobians are taken number by number: exact zeros, and the values of the dense way."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc
from graphc.batching.apart import pays

RNG = np.random.default_rng(4)
A = RNG.normal(size=(3, 12))


def chained(x: Any) -> Any:
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def blocks(x: Any) -> Any:
    grid = np.reshape(x, (3, 4)).T
    padded = np.pad(np.sin(grid[::-1]), ((1, 0), (0, 2)))
    return np.concatenate([padded.ravel(), x[:2] * x[2]])


def partly_dense(x: Any) -> Any:
    return np.exp(x) * np.sum(A @ (x * x)) + x[::-1] ** 3


def mixed_types(x: Any) -> Any:
    wide = x.astype(np.float64) * np.where(np.arange(12) % 3 == 0, 2.0, 0.0)
    return np.sum(np.reshape(wide**3, (4, 3)), axis=1)


def difference(f: Any, x: np.ndarray) -> np.ndarray:
    """The Jacobian by central differences."""
    columns = []
    for i in np.ndindex(x.shape):
        step = np.zeros_like(x, np.float64)
        step[i] = 1e-6
        columns.append((f(x.astype(np.float64) + step) - f(x.astype(np.float64) - step)) / 2e-6)
    return np.stack(columns, axis=-1)


@pytest.mark.parametrize("f", [blocks, partly_dense, mixed_types])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_jacobians_are_the_differences(f: Any, dtype: Any) -> None:
    x = RNG.normal(size=12).astype(dtype)
    got = graphc.jacfwd(f)(x)
    assert got.dtype == dtype
    np.testing.assert_allclose(got, difference(f, x), rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("size", [9, 20, 31, 32, 33])
def test_hessians_of_chains(size: int) -> None:
    x = RNG.normal(size=size)
    i = np.arange(size)
    expected = np.zeros((size, size))
    inner, last = x[:-1], x[1:]
    expected[i[:-1], i[:-1]] += 1200 * inner**2 - 400 * last + 2
    expected[i[1:], i[1:]] += 200
    expected[i[:-1], i[1:]] = expected[i[1:], i[:-1]] = -400 * inner
    np.testing.assert_allclose(graphc.hessian(chained)(x), expected, rtol=1e-12, atol=1e-9)


def test_zeros_are_exact_even_beside_infinity() -> None:
    x = RNG.normal(size=12)
    x[0] = np.inf
    jacobian = graphc.jacfwd(lambda x: x[1:] * x[:-1])(x)
    assert np.isinf(jacobian[0, 1]) and jacobian[0, 0] == x[1]
    rest = jacobian[1:]
    assert np.isfinite(rest).all() and np.count_nonzero(rest) == 20


def test_the_program_for_a_sparse_hessian_has_no_loop_over_directions() -> None:
    text = str(graphc.hessian(chained).lower("f64[20]").kernels)
    assert text.count("square") == 19  # each formula once, not once for each of 20 directions
    dense = graphc.hessian(lambda x: np.sum(x**2) ** 2).lower("f64[20]")
    assert "out0[0]" not in str(dense.kernels)


def test_dense_and_large_functions_are_left_to_arrays() -> None:
    def graph_of(f: Any, type_: str) -> Any:
        return graphc.compile(f).lower(type_).graph

    assert pays(graph_of(lambda x: x[1:] * x[:-1], "f64[20]"), [0])
    assert not pays(graph_of(lambda x: x * np.sum(x), "f64[20]"), [0])  # dense
    assert not pays(graph_of(lambda x: x[1:] * x[:-1], "f64[65]"), [0])  # large
    assert not pays(graph_of(lambda x: np.sort(x), "f64[20]"), [0])  # not of numbers
    assert not pays(graph_of(lambda x: x[1:] * x[:-1], "f64[N]"), [0])
