"""One program compiled for f[N, M] serves every N and M: all families of ops, values and gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc

SIZES = [(1, 1), (2, 3), (7, 5), (16, 16), (33, 17), (64, 130)]

FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "chain": lambda x: np.tanh(x) * np.exp(-x * x) + 1,
    "outer": lambda x: x[:, :, None] * x[:, None, :],
    "sum_rows": lambda x: np.sum(x, axis=1),
    "sum_columns": lambda x: np.sum(x * x, axis=0),
    "mean_and_std": lambda x: (x - np.mean(x)) / (1 + np.std(x)),
    "max": lambda x: np.max(x, axis=1) - np.min(x, axis=0)[0],
    "argmax": lambda x: np.argmax(x, axis=1),
    "prod": lambda x: np.prod(1 + x / 100, axis=0),
    "softmax": lambda x: np.exp(x) / np.sum(np.exp(x), axis=1, keepdims=True),
    "logsumexp": lambda x: np.log(np.sum(np.exp(x), axis=0)),
    "matmul": lambda x: x @ x.T,
    "matvec": lambda x: x.T @ x[:, 0],
    "einsum": lambda x: np.einsum("ij,kj->ik", x, np.sin(x)),
    "transpose": lambda x: np.swapaxes(x, 0, 1) * 2,
    "reshape": lambda x: x.reshape(-1) + 1,
    "concatenate": lambda x: np.concatenate([x, 2 * x, x[:1]]),
    "stack": lambda x: np.stack([x, -x], axis=1),
    "flip_and_roll": lambda x: np.flip(x, 0) + x,
    "differences": lambda x: x[1:] - x[:-1],
    "pad": lambda x: np.pad(x, ((1, 2), (0, 1))),
    "cumsum": lambda x: np.cumsum(x, axis=0),
    "cumprod": lambda x: np.cumprod(1 + x / 10, axis=1),
    "where": lambda x: np.where(x > 0, x, 0.1 * x),
    "sort": lambda x: np.sort(x, axis=1),
    "argsort": lambda x: np.argsort(x, axis=0),
    "gather": lambda x: np.take_along_axis(x, np.argsort(x, axis=1), axis=1),
    "take": lambda x: x[np.zeros(3, int)],
    "cast": lambda x: (100 * x).astype(np.int32) // 7,
    "logic": lambda x: np.any(x > 1, axis=1) & np.all(x < 2, axis=1),
    # On NumPy arrays `like` changes nothing; on traced ones it lets NumPy ask for the size.
    "iota": lambda x: x * np.arange(x.shape[1], like=x),
    "solve": lambda x: np.linalg.solve(x @ x.T + np.eye(x.shape[0], like=x), x),
    "cholesky": lambda x: np.linalg.cholesky(x.T @ x + np.eye(x.shape[1], like=x)),
}
NOT_SMOOTH = {"argmax", "argsort", "cast", "logic"}


def sample(n: int, m: int, dtype: Any) -> np.ndarray:
    return np.random.default_rng(n * 1000 + m).normal(size=(n, m)).astype(dtype)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_program_serves_every_size(name: str, dtype: Any) -> None:
    reference = FUNCTIONS[name]
    function = graphc.compile(reference, dynamic={"x": f"f{np.dtype(dtype).itemsize * 8}[N, M]"})
    tolerance = 2e4 * np.finfo(dtype).eps
    for n, m in SIZES:
        x = sample(n, m, dtype)
        actual, expected = function(x), reference(x)
        assert (actual.dtype, actual.shape) == (expected.dtype, expected.shape)
        np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)
    assert function.cache_info().programs == 1


@pytest.mark.parametrize("name", [n for n in FUNCTIONS if n not in NOT_SMOOTH])
def test_gradients_of_one_program_serve_every_size(name: str) -> None:
    """The gradient with symbolic sizes is that of the program compiled for the sizes alone."""

    def loss(x: Any) -> Any:
        return np.sum(np.sin(FUNCTIONS[name](x)))

    symbolic = graphc.compile(graphc.grad(loss), dynamic={"x": "f64[N, M]"})
    for n, m in SIZES[:4]:
        x = sample(n, m, np.float64)
        direction = np.cos(np.arange(n * m)).reshape(n, m)
        slope = (loss(x + 1e-6 * direction) - loss(x - 1e-6 * direction)) / 2e-6
        np.testing.assert_allclose(np.sum(symbolic(x) * direction), slope, rtol=2e-5, atol=2e-6)
    assert symbolic.cache_info().programs == 1
