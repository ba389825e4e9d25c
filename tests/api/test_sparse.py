"""Sparse Jacobians and Hessians: entries, patterns, how many derivatives they cost, errors."""

import sys

import numpy as np
import pytest
from scipy.optimize import least_squares, rosen_hess

import graphc
from tests.api.raising import raises_exactly


@pytest.fixture(autouse=True)
def on_each_backend(backend, monkeypatch):
    """Derivatives of plain functions run on the default backend: make that the one under test."""
    for module in ("compile", "transform", "jacobian", "sparse"):
        monkeypatch.setattr(f"graphc.api.{module}.default_backend", lambda: backend)


RNG = np.random.default_rng(0)


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def directions(derivative, *args):
    return derivative.compiled(*args)[1].directions


def test_the_hessian_of_rosenbrocks_function_takes_three_directions():
    hessian = graphc.hessian(rosenbrock, sparse=True)
    x = np.linspace(-1.2, 1.3, 100)
    h = hessian(x)
    assert h.format == "csr" and h.shape == (100, 100) and h.nnz == 298
    assert np.allclose(h.toarray(), rosen_hess(x), rtol=1e-12, atol=1e-11)
    assert directions(hessian, x) == 3
    assert np.allclose(hessian(2 * x).toarray(), rosen_hess(2 * x), rtol=1e-12, atol=1e-11)


def test_an_arrow_shaped_hessian_takes_two_directions():
    """Σ xᵢ² x₀: column colouring would need all n; the star around x₀ needs one more than its leaves."""

    def f(x):
        return np.sum(x[1:] ** 2 * x[0]) + x[0] ** 3

    hessian, x = graphc.hessian(f, sparse=True), RNG.normal(size=20)
    expected = np.diag(np.r_[6 * x[0], np.full(19, 2 * x[0])])
    expected[0, 1:] = expected[1:, 0] = 2 * x[1:]
    assert np.allclose(hessian(x).toarray(), expected, rtol=1e-13)
    assert hessian(x).nnz == 20 + 2 * 19 and directions(hessian, x) == 2


def test_a_chain_of_residuals_takes_two_columns_and_a_sum_one_row():
    x = RNG.normal(size=50)
    chain = graphc.jacobian(lambda x: x[1:] * np.sin(x[:-1]), sparse=True)
    expected = np.zeros((49, 50))
    expected[np.arange(49), np.arange(49)] = x[1:] * np.cos(x[:-1])
    expected[np.arange(49), np.arange(1, 50)] = np.sin(x[:-1])
    assert np.allclose(chain(x).toarray(), expected, rtol=1e-13) and directions(chain, x) == 2
    total = graphc.jacobian(lambda x: np.sum(x**2, keepdims=True), sparse=True)
    assert np.allclose(total(x).toarray(), 2 * x[None]) and directions(total, x) == 1


def test_bundle_adjustment():
    """A residual of two numbers per observation, of one camera (3 numbers) and one point (3 numbers)."""
    cameras, points, observations = 4, 30, 60
    camera, point = RNG.integers(cameras, size=observations), RNG.integers(points, size=observations)
    seen = RNG.normal(size=(observations, 2))

    def residuals(x):
        c = x[: 3 * cameras].reshape(cameras, 3)[camera]
        p = x[3 * cameras :].reshape(points, 3)[point]
        moved = p - c
        return (moved[:, :2] / (moved[:, 2:] + 10.0) - seen).reshape(-1)

    x = RNG.normal(size=3 * (cameras + points))
    jacobian = graphc.jacobian(residuals, sparse=True)
    j = jacobian(x)
    h = 1e-6
    numeric = np.stack(
        [(residuals(x + h * e) - residuals(x - h * e)) / (2 * h) for e in np.eye(len(x))], axis=1
    )
    assert np.allclose(j.toarray(), numeric, rtol=1e-6, atol=1e-8)
    assert j.nnz == 2 * observations * 4  # each residual of 2 numbers sees x or y, and z, of camera and point
    assert directions(jacobian, x) < 20
    seen += residuals(x).reshape(seen.shape)  # x is now the solution
    solution = least_squares(residuals, x + 0.01 * RNG.normal(size=x.shape), jac=jacobian, tr_solver="lsmr")
    assert solution.cost < 1e-10


def test_products_reductions_and_dense_ops():
    x = RNG.normal(size=12)
    constant = RNG.normal(size=(4, 5))

    def f(x):
        rows = x.reshape(3, 4)
        return np.concatenate([(np.tanh(rows) @ constant).reshape(-1), np.max(rows, axis=1), np.sort(x[:3])])

    j = graphc.jacobian(f, sparse=True)(x)
    assert np.allclose(j.toarray(), graphc.jacobian(f)(x), rtol=1e-13, atol=1e-15)
    assert j.nnz == 15 * 4 + 3 * 4 + 9
    solved = graphc.jacobian(
        lambda x: np.linalg.solve(x[:9].reshape(3, 3) + 5 * np.eye(3), x[9:]), sparse=True
    )
    dense = graphc.jacobian(lambda x: np.linalg.solve(x[:9].reshape(3, 3) + 5 * np.eye(3), x[9:]))
    assert np.allclose(solved(x).toarray(), dense(x), rtol=1e-12)


def test_indices_that_it_closes_over_are_followed():
    index = RNG.integers(7, size=5000)  # large enough to be an input of the program

    def f(x):
        return x[index] ** 2

    jacobian, x = graphc.jacobian(f, sparse=True), np.arange(1.0, 8.0)
    assert jacobian(x).nnz == 5000 and directions(jacobian, x) == 1
    index[0] = (index[0] + 1) % 7
    j = jacobian(x)
    assert j[0, index[0]] == 2 * x[index[0]] and j.nnz == 5000
    by_argument = graphc.jacobian(lambda x, i: x[i] ** 2, sparse=True)
    assert by_argument(x, index[:9]).nnz == 9 * 7  # the program serves all indices
    assert np.array_equal(by_argument(x, index[:9]).toarray(), jacobian(x).toarray()[:9])


def test_rules_of_the_users_decide_the_pattern():
    straight = graphc.custom_vjp(lambda x: np.round(x))
    straight.defvjp(lambda x: (np.round(x), None), lambda _, g: (g,))
    x = RNG.normal(size=6)
    assert np.array_equal(graphc.jacobian(straight, sparse=True)(x).toarray(), np.eye(6))
    assert graphc.jacobian(np.round, sparse=True)(x).nnz == 0
    stopped = graphc.jacobian(lambda x: x * graphc.stop_gradient(x[::-1]), sparse=True)
    assert np.allclose(stopped(x).toarray(), np.diag(x[::-1])) and stopped(x).nnz == 6
    kept = graphc.hessian(graphc.checkpoint(rosenbrock), sparse=True)
    assert kept(x).nnz == 16 and np.allclose(kept(x).toarray(), rosen_hess(x), rtol=1e-12)


def test_each_size_has_its_own_pattern():
    f = graphc.compile(lambda x: x[1:] * x[:-1], dynamic={"x": "f64[N]"})
    jacobian = graphc.jacobian(f, sparse=True)
    assert [jacobian(np.ones(n)).nnz for n in (2, 5, 3)] == [2, 8, 4]


def test_empty_arrays():
    assert graphc.jacobian(lambda x: x**2, sparse=True)(np.zeros(0)).shape == (0, 0)
    assert graphc.jacobian(lambda x: x[:0], sparse=True)(np.ones(3)).shape == (0, 3)
    assert graphc.hessian(lambda x: np.sum(x), sparse=True)(np.ones(3)).nnz == 0


# ---- errors


def test_what_cannot_be_sparse():
    with raises_exactly(
        graphc.DifferentiationError,
        "a sparse derivative needs a function from one real array to one, this one maps {'a': *} to *\n"
        "  Concatenate what belongs together, or leave out sparse=True.",
    ):
        graphc.jacobian(lambda p: p["a"], sparse=True)({"a": np.ones(2)})
    with raises_exactly(
        graphc.ArgumentError,
        "argnums=(0, 1), has_aux=False with sparse=True; one argument and no auxiliary result are possible",
    ):
        graphc.jacobian(lambda x, y: x * y, argnums=(0, 1), sparse=True)
    with pytest.raises(graphc.TraceError, match="a sparse Jacobian inside a traced function"):
        graphc.compile(lambda x: graphc.jacobian(np.sin, sparse=True)(x))(np.ones(2))


def test_without_scipy(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.sparse", None)
    with raises_exactly(ImportError, "sparse derivatives need SciPy\n  Install it: pip install scipy"):
        graphc.jacobian(np.sin, sparse=True)(np.ones(2))
