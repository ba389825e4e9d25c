"""Norms and what is divided by them: right wherever the result itself is in range, gradients included."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest

import graphc
from graphc.autodiff.reverse import gradient
from graphc.ir.interpret import interpret
from graphc.passes.pipeline import optimise
from graphc.passes.stabilise import stabilise
from tests.helpers import record

NORMS = {
    "norm": lambda x: np.linalg.norm(x, axis=1),
    "vector_norm": lambda x: np.linalg.vector_norm(x, axis=1),
    "root of a sum of squares": lambda x: np.sqrt(np.sum(x**2, axis=1)),
    "root of products": lambda x: np.sqrt((x * x).sum(axis=1)),
    "root of einsum": lambda x: np.sqrt(np.einsum("ij,ij->i", x, x)),
    "kept axis": lambda x: np.sqrt(np.sum(np.square(x), axis=1, keepdims=True))[:, 0],
    "another axis": lambda x: np.linalg.norm(x.T, axis=0),
}
UNITS = {
    "by norm": lambda x: x / np.linalg.norm(x, axis=1, keepdims=True),
    "by root": lambda x: x / np.sqrt(np.sum(x * x, axis=1, keepdims=True)),
}


def _rows(dtype: Any) -> np.ndarray:
    """Rows of every size, from the smallest numbers to the largest."""
    info = np.finfo(dtype)
    exponents = np.linspace(info.minexp - info.nmant + 4, info.maxexp - 3, 40).astype(int)
    shape = np.random.default_rng(2).uniform(0.5, 1, (len(exponents), 5)).astype(dtype)
    rows = np.ldexp(shape, exponents[:, None])
    mixed = np.array([[info.max / 4, 1, info.smallest_subnormal, 0, -info.max / 8]], dtype)
    return np.concatenate([rows, mixed]).astype(dtype)


def _exact(rows: np.ndarray) -> list[Any]:
    with mpmath.workdps(60):
        return [mpmath.sqrt(sum(mpmath.mpf(float(v)) ** 2 for v in row)) for row in rows]


@pytest.mark.parametrize("backend", ["cpu", "interpret"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", NORMS)
def test_a_norm_is_right_wherever_it_is_in_range(name: str, dtype: Any, backend: Any) -> None:
    rows = _rows(dtype)
    actual = graphc.compile(NORMS[name], backend=backend)(rows)
    expected = np.array([float(y) for y in _exact(rows)])
    assert actual.dtype == dtype
    info = np.finfo(dtype)
    np.testing.assert_allclose(actual, expected, rtol=8 * info.eps, atol=2 * float(info.smallest_subnormal))


def test_the_naive_formula_fails_at_these_rows() -> None:
    rows = _rows(np.float64)
    with np.errstate(all="ignore"):
        naive = np.sqrt(np.sum(rows**2, axis=1))
    assert np.isinf(naive).any() and (naive == 0).any()
    with np.errstate(all="ignore"):
        written = graphc.compile(NORMS["root of a sum of squares"], stable=False)(rows)
    np.testing.assert_allclose(written, naive, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", UNITS)
def test_unit_vectors_and_their_gradients_are_right(name: str, dtype: Any) -> None:
    info = np.finfo(dtype)
    rows = _rows(dtype)[:-1]
    rows = rows[np.max(np.abs(rows), axis=1) > info.smallest_normal * 64]  # else 1/‖x‖ overflows
    rows = rows[np.max(np.abs(rows), axis=1) < 1 / info.smallest_normal / 64]
    weights = np.random.default_rng(1).normal(size=rows.shape).astype(dtype)
    value, slope = graphc.value_and_grad(lambda x: np.sum(UNITS[name](x) * weights))(rows)
    norms = _exact(rows)
    with mpmath.workdps(60):
        unit = [[mpmath.mpf(float(v)) / n for v in row] for row, n in zip(rows, norms, strict=True)]
        along = [
            sum(float(w) * u for w, u in zip(ws, us, strict=True))
            for ws, us in zip(weights, unit, strict=True)
        ]
        expected = np.array(
            [
                [float((float(w) - u * a) / n) for w, u in zip(ws, us, strict=True)]
                for ws, us, a, n in zip(weights, unit, along, norms, strict=True)
            ]
        )
        sizes = np.array([float(1 / n) for n in norms])
    units = graphc.compile(UNITS[name])(rows)
    np.testing.assert_allclose(units, np.array(unit).astype(float), rtol=20 * info.eps)
    np.testing.assert_allclose(slope / sizes[:, None], expected / sizes[:, None], atol=60 * float(info.eps))
    assert np.isfinite(value)


@pytest.mark.parametrize("backend", ["cpu", "interpret"])
def test_zero_infinite_and_missing_elements_are_numpys(backend: Any) -> None:
    rows = np.array(
        [[0.0, 0.0], [-0.0, 0.0], [np.inf, 1.0], [-np.inf, np.inf], [np.nan, 1.0], [np.nan, np.inf]]
    )
    with np.errstate(all="ignore"):
        for function in (*NORMS.values(), *UNITS.values()):
            np.testing.assert_array_equal(graphc.compile(function, backend=backend)(rows), function(rows))


def test_empty_and_symbolic_axes() -> None:
    norm = graphc.compile(lambda x: np.linalg.norm(x))
    assert norm(np.zeros(0)) == 0
    graph = optimise(record(lambda x: np.linalg.norm(x), "f64[N]").graph)
    np.testing.assert_allclose(interpret(graph, np.array([3e200, 4e200]))[0], 5e200)


def test_the_second_derivative_of_a_norm() -> None:
    x = np.array([3e200, 4e200])
    slope = graphc.grad(graphc.grad(lambda t, x: np.linalg.norm(t * x)))
    np.testing.assert_allclose(slope(2.0, x), 0, atol=1e190)  # linear in t
    hessian = graphc.grad(lambda x: np.sum(graphc.grad(np.linalg.norm)(x) * np.array([1.0, 0.0])))
    np.testing.assert_allclose(hessian(np.array([3.0, 4.0])), [16 / 125, -12 / 125], rtol=1e-14)


def test_the_square_of_a_norm_is_the_plain_sum() -> None:
    graph = optimise(record(lambda x: np.linalg.norm(x) ** 2, "f64[N]").graph)
    assert [node.op.name for node in graph if node.op.name in ("sum", "sqrt", "norm")] == ["sum"]


def test_a_norm_is_found_before_differentiation() -> None:
    graph = stabilise(record(lambda x: np.sum(np.sqrt(np.sum(x**2, axis=1))), "f64[N, 3]").graph)
    assert "norm[axes=(1,)]" in str(graph)
    assert "norm" not in [node.op.name for node in optimise(gradient(graph, [0]))]


def test_sums_that_are_not_of_squares_are_left_alone() -> None:
    for function in (
        lambda x: np.sqrt(np.sum(np.abs(x), axis=1)),
        lambda x: np.sqrt(np.sum(x**2, axis=1) + 1e-5),
        lambda x: np.std(x, axis=1),  # three sums instead of one for variances beyond 1e308
    ):
        assert "norm" not in [n.op.name for n in stabilise(record(function, "f64[N, 3]").graph)]
