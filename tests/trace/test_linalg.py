"""numpy.linalg on traced arrays: values, dtypes and gradients."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.errors import UnsupportedError
from tests.helpers import check, record, run

RNG = np.random.default_rng(5)
S = RNG.normal(size=(4, 4))
BATCH = RNG.normal(size=(2, 3, 3))
TALL = RNG.normal(size=(5, 3))
WIDE = RNG.normal(size=(3, 5))
V = RNG.normal(size=4)


def spd(x):
    return x @ np.swapaxes(x, -1, -2) + np.eye(x.shape[-1], dtype=x.dtype, like=x)


FUNCTIONS = {
    "solve": (lambda a, b: np.linalg.solve(a, b), S, RNG.normal(size=(4, 2))),
    "solve_vector": (lambda a, b: np.linalg.solve(a, b), S, V),
    "solve_batch": (lambda a, b: np.linalg.solve(a, b), BATCH, RNG.normal(size=(3, 2))),
    "inv": (np.linalg.inv, S),
    "inv_batch": (np.linalg.inv, BATCH),
    "det": (np.linalg.det, S),
    "det_batch": (np.linalg.det, BATCH),
    "slogdet": (np.linalg.slogdet, S),
    "cholesky": (lambda x: np.linalg.cholesky(spd(x)), S),
    "cholesky_batch": (lambda x: np.linalg.cholesky(spd(x)), BATCH),
    "cholesky_upper": (lambda x: np.linalg.cholesky(spd(x), upper=True), S),
    "eigvalsh": (lambda x: np.linalg.eigvalsh(spd(x)), S),
    "eigh": (lambda x: np.linalg.eigh(spd(x)), BATCH),
    "eigh_upper": (lambda x: np.linalg.eigh(spd(x), "U")[0], S),
    "qr": (lambda x: np.linalg.qr(x), TALL),
    "qr_wide": (lambda x: np.linalg.qr(x), WIDE),
    "qr_batch": (lambda x: np.linalg.qr(x), BATCH),
    "svd": (lambda x: np.linalg.svd(x, full_matrices=False), TALL),
    "svd_wide": (lambda x: np.linalg.svd(x, full_matrices=False), WIDE),
    "svd_square": (lambda x: np.linalg.svd(x), BATCH),
    "svdvals": (lambda x: np.linalg.svd(x, compute_uv=False), WIDE),
    "pinv": (np.linalg.pinv, TALL),
    "pinv_wide": (np.linalg.pinv, WIDE),
    "lstsq": (lambda a, b: np.linalg.lstsq(a, b), TALL, RNG.normal(size=(5, 2))),
    "lstsq_vector": (lambda a, b: np.linalg.lstsq(a, b)[0], TALL, RNG.normal(size=5)),
    "matrix_rank": (lambda x: np.linalg.matrix_rank(x), TALL),
    "matrix_power": (lambda x: [np.linalg.matrix_power(x, n) for n in (-2, 0, 1, 5)], S),
    "multi_dot": (lambda a, b: np.linalg.multi_dot([a, b, b.T, a]), S, RNG.normal(size=(4, 7))),
    "multi_dot_vectors": (lambda a, v: np.linalg.multi_dot([v, a, v]), S, V),
    "norm": (lambda x: np.linalg.norm(x), TALL),
    "norm_orders": (lambda x: [np.linalg.norm(x, p) for p in (None, 1, 2, 3.5, np.inf, -np.inf, 0)], V),
    "norm_axis": (lambda x: np.linalg.norm(x, axis=1, keepdims=True), TALL),
    "norm_matrix": (
        lambda x: [np.linalg.norm(x, p) for p in ("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)],
        TALL,
    ),
    "norm_matrix_axes": (lambda x: np.linalg.norm(x, 1, axis=(2, 0), keepdims=True), BATCH),
    "vector_norm": (lambda x: np.linalg.vector_norm(x, ord=3), TALL),
    "matrix_norm": (lambda x: np.linalg.matrix_norm(x), BATCH),
    "cond": (lambda x: [np.linalg.cond(x), np.linalg.cond(x, 1)], S),
    "trace": (lambda x: np.linalg.trace(x), BATCH),
    "tensorinv": (lambda x: np.linalg.tensorinv(x, 1), S.reshape(4, 2, 2)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_linear_algebra_is_numpys(name: str) -> None:
    check(*FUNCTIONS[name], rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", ["solve", "inv", "det", "cholesky", "eigvalsh", "qr", "svd", "norm"])
def test_single_precision_stays_single(name: str) -> None:
    function, *arrays = FUNCTIONS[name]
    check(function, *(a.astype(np.float32) for a in arrays), rtol=1e-10, atol=1e-11)


def test_integer_matrices_become_f64() -> None:
    check(np.linalg.inv, np.array([[2, 1], [1, 1]]), rtol=1e-9)


def test_a_singular_matrix_raises_at_run_time() -> None:
    with pytest.raises(np.linalg.LinAlgError, match="Singular matrix"):
        run(np.linalg.inv, np.ones((2, 2)))


def test_a_matrix_that_is_not_square_is_numpys_error() -> None:
    with pytest.raises(np.linalg.LinAlgError, match="Last 2 dimensions of the array must be square"):
        record(np.linalg.inv, TALL)


def test_the_determinant_of_a_singular_matrix_is_zero() -> None:
    check(np.linalg.det, np.ones((2, 2)), grad=False)


def test_linear_algebra_of_symbolic_sizes() -> None:
    for n in (2, 5):
        x = RNG.normal(size=(n, n))
        check(lambda x: np.linalg.solve(spd(x), x[0]), x, types=["f64[N, N]"], rtol=1e-9)
        check(lambda x: np.linalg.slogdet(spd(x))[1], x, types=["f64[N, N]"], rtol=1e-9)
        check(lambda x: np.linalg.cholesky(spd(x)), x, types=["f64[N, N]"], rtol=1e-9)


def test_general_eigenvalues_are_refused() -> None:
    def f(x):
        return np.linalg.eigvals(x)

    with pytest.raises(UnsupportedError) as caught:
        record(f, "f64[3, 3]")
    assert str(caught.value) == (
        "numpy.linalg.eigvals: eigenvalues of a general matrix may be complex, and graphc computes with real "
        "numbers\n"
        f"  at test_linalg.py:{f.__code__.co_firstlineno + 1}, return np.linalg.eigvals(x)\n"
        "  For a symmetric matrix use np.linalg.eigvalsh."
    )
