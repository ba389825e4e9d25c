"""Hessians against closed forms."""

import numpy as np
import pytest
import scipy.optimize

import graphc


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def test_the_hessian_of_rosenbrocks_function():
    x = np.random.default_rng(2).normal(size=12)
    expected = scipy.optimize.rosen_hess(x)
    np.testing.assert_allclose(graphc.hessian(rosenbrock)(x), expected, rtol=1e-13, atol=1e-12)
    sparse = graphc.hessian(rosenbrock, sparse=True)(x)
    assert sparse.nnz == 12 + 2 * 11  # tridiagonal
    np.testing.assert_allclose(sparse.toarray(), expected, rtol=1e-13, atol=1e-12)
    v = np.random.default_rng(3).normal(size=12)
    np.testing.assert_allclose(graphc.hvp(rosenbrock, (x,), (v,))[0], expected @ v, rtol=1e-12)


def logistic_loss(w, x, y):
    """The mean negative log likelihood of labels y in {-1, 1}."""
    return np.mean(np.logaddexp(0.0, -y * (x @ w)))


def test_the_hessian_of_logistic_regression():
    """Xᵀ diag(p (1 - p)) X / N with p = 1 / (1 + exp(-X w))."""
    rng = np.random.default_rng(6)
    x, w = rng.normal(size=(200, 7)), rng.normal(size=7)
    y = np.where(rng.random(200) < 0.5, -1.0, 1.0)
    p = 1 / (1 + np.exp(-x @ w))
    expected = x.T @ (x * (p * (1 - p))[:, None]) / 200
    np.testing.assert_allclose(graphc.hessian(logistic_loss)(w, x, y), expected, rtol=1e-12, atol=1e-15)
    residual = (p - (y + 1) / 2) / 200
    np.testing.assert_allclose(graphc.grad(logistic_loss)(w, x, y), x.T @ residual, rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize("exponent", [0.7, 1.0, 2.0])
def test_a_power_law_is_fitted_to_a_point_at_zero(exponent: float) -> None:
    x = np.array([0.0, 0.5, 1.0, 2.0])
    y = np.array([0.1, 0.4, 1.2, 3.0])

    def loss(p: np.ndarray) -> np.float64:
        return np.sum((p[0] * x ** p[1] - y) ** 2)

    p = np.array([1.3, exponent])
    log_x = np.log(np.where(x == 0, 1.0, x))
    power = x**exponent
    rows = np.stack([power, 1.3 * power * log_x])
    residual = 1.3 * power - y
    cross = np.sum(residual * power * log_x)
    curved = np.array([[0.0, cross], [cross, np.sum(residual * 1.3 * power * log_x**2)]])
    np.testing.assert_allclose(graphc.hessian(loss)(p), 2 * (rows @ rows.T + curved), rtol=1e-12)
    v = np.array([0.3, -0.8])
    np.testing.assert_allclose(graphc.hvp(loss, p, v), 2 * (rows @ rows.T + curved) @ v, rtol=1e-12)
