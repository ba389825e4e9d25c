"""Compiled functions that sort, scan, scatter and factorise give NumPy's results."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc

RNG = np.random.default_rng(3)
A = RNG.normal(size=(6, 6))
S = A @ A.T + 6 * np.eye(6)
B = RNG.normal(size=(6, 2))


def solve(a: Any, b: Any) -> Any:
    return np.linalg.solve(a, b)


def whiten(a: Any, b: Any) -> Any:
    return np.linalg.inv(np.linalg.cholesky(a)) @ b


def spectrum(a: Any, b: Any) -> Any:
    values, vectors = np.linalg.eigh(a)
    return vectors @ np.diag(np.sqrt(values)) @ vectors.T @ b


def volume(a: Any, b: Any) -> Any:
    return np.linalg.det(a) + np.sum(b)


def lengths(a: Any, b: Any) -> Any:
    return np.linalg.svd(a, compute_uv=False) @ b


def reduced(a: Any, b: Any) -> Any:
    q, r = np.linalg.qr(a)
    return q @ (r @ b)


def ranks(a: Any, b: Any) -> Any:
    return np.sort(a, axis=0)[::-1] @ b + np.cumsum(b, axis=0)


def histogram(a: Any, b: Any) -> Any:
    place = np.argsort(a[:, 0])
    y = np.zeros_like(b)
    y[place] += b
    return y * np.cumprod(b, axis=0)


FUNCTIONS = [solve, whiten, spectrum, volume, lengths, reduced, ranks, histogram]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_compiled_algorithm_returns_what_numpy_returns(function: Any) -> None:
    np.testing.assert_allclose(graphc.compile(function)(S, B), function(S, B), rtol=1e-10)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_gradient_of_a_compiled_algorithm_is_that_of_finite_differences(function: Any) -> None:
    weights = RNG.normal(size=np.shape(function(S, B)))

    def loss(a: Any, b: Any) -> Any:
        return np.sum(weights * function(a, b))

    of_a, of_b = graphc.grad(loss, argnums=(0, 1))(S, B)
    move = RNG.normal(size=(6, 6))
    move, along, step = move + move.T, RNG.normal(size=(6, 2)), 1e-6
    difference = loss(S + step * move, B + step * along) - loss(S - step * move, B - step * along)
    np.testing.assert_allclose(
        np.sum(of_a * move) + np.sum(of_b * along), difference / (2 * step), rtol=1e-5, atol=1e-6
    )


def test_errors_of_a_compiled_algorithm_are_numpys() -> None:
    with pytest.raises(np.linalg.LinAlgError, match="Singular matrix"):
        graphc.compile(solve)(np.zeros((6, 6)), B)
    with pytest.raises(np.linalg.LinAlgError, match="Matrix is not positive definite"):
        graphc.compile(whiten)(-S, B)
