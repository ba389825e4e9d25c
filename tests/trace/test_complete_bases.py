"""Full decompositions: square orthogonal factors, and derivatives of what does not depend on their choice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc
from tests.helpers import check, check_gradient, run

RNG = np.random.default_rng(6)
TALL, WIDE = RNG.normal(size=(5, 3)), RNG.normal(size=(3, 5))
BATCH = RNG.normal(size=(2, 4, 2))
DEFICIENT = np.outer(np.arange(1.0, 6.0), [1.0, 2.0, -1.0])
MATRICES = {"tall": TALL, "wide": WIDE, "batch": BATCH, "deficient": DEFICIENT, "zero": np.zeros((4, 2))}
S = RNG.normal(size=(4, 4))
S = S + S.T


def _t(x: Any) -> Any:
    return np.swapaxes(x, -1, -2)


@pytest.mark.parametrize("backend", ["cpu", "interpret"])
@pytest.mark.parametrize("name", MATRICES)
def test_a_complete_qr_is_orthogonal_and_gives_the_matrix_back(name: str, backend: Any) -> None:
    a = MATRICES[name]
    q, r = graphc.compile(lambda a: np.linalg.qr(a, mode="complete"), backend=backend)(a)
    expected = np.linalg.qr(a, mode="complete")
    assert (q.shape, r.shape) == (expected[0].shape, expected[1].shape)
    np.testing.assert_allclose(q @ r, a, atol=1e-14)
    np.testing.assert_allclose(_t(q) @ q, np.broadcast_to(np.eye(q.shape[-1]), q.shape), atol=1e-14)
    assert np.all(np.tril(r, -1) == 0)


@pytest.mark.parametrize("backend", ["cpu", "interpret"])
@pytest.mark.parametrize("name", MATRICES)
def test_a_full_svd_is_orthogonal_and_gives_the_matrix_back(name: str, backend: Any) -> None:
    a = MATRICES[name]
    u, s, vt = graphc.compile(np.linalg.svd, backend=backend)(a)
    expected = np.linalg.svd(a)
    assert (u.shape, s.shape, vt.shape) == tuple(e.shape for e in expected)
    k = s.shape[-1]
    np.testing.assert_allclose((u[..., :k] * s[..., None, :]) @ vt[..., :k, :], a, atol=1e-13)
    for q in (u, vt):
        np.testing.assert_allclose(_t(q) @ q, np.broadcast_to(np.eye(q.shape[-1]), q.shape), atol=1e-13)
    np.testing.assert_allclose(s, expected[1], atol=1e-13)


def test_projections_to_the_complement_have_the_right_gradient() -> None:
    def of_qr(a: Any, b: Any) -> Any:
        q = np.linalg.qr(a, mode="complete")[0][:, 3:]
        return q @ (q.T @ b)

    def of_svd(a: Any, b: Any) -> Any:
        q = np.linalg.svd(a)[2][3:]
        return q.T @ (q @ b)

    for function, a in ((of_qr, TALL), (of_svd, WIDE)):
        np.testing.assert_allclose(run(function, a, RNG.normal(size=5))[0].shape, (5,))
        check(function, a, RNG.normal(size=5), rtol=1e-11)
        check_gradient(function, a, RNG.normal(size=5))


def test_decompositions_of_symmetric_matrices_are_numpys() -> None:
    check(lambda a: np.linalg.svd(a + a.T, compute_uv=False, hermitian=True), S / 2, rtol=1e-11)
    check(lambda a: np.linalg.pinv(a + a.T, hermitian=True), S / 2, rtol=1e-10, atol=1e-11)
    check(lambda a: np.linalg.matrix_rank(a, hermitian=True), np.diag([1.0, 0.0, -3.0]))
    u, s, vt = run(lambda a: np.linalg.svd(a, hermitian=True), S)
    np.testing.assert_allclose((u * s) @ vt, S, atol=1e-13)
    np.testing.assert_allclose(vt @ vt.T, np.eye(4), atol=1e-13)


def test_tensor_equations_are_numpys() -> None:
    a = RNG.normal(size=(2, 3, 6))
    check(np.linalg.tensorsolve, a, RNG.normal(size=(2, 3)), rtol=1e-9)
    check(
        lambda a, b: np.linalg.tensorsolve(a, b, axes=(0,)),
        np.moveaxis(a, 2, 0),
        RNG.normal(size=(2, 3)),
        rtol=1e-9,
    )
    with pytest.raises(np.linalg.LinAlgError, match="Input arrays must satisfy the requirement"):
        run(np.linalg.tensorsolve, a, RNG.normal(size=2))
    check(lambda a, b: np.linalg.vecdot(a, b), TALL, TALL)


def test_matrices_without_full_rank_are_numpys() -> None:
    check(np.linalg.pinv, DEFICIENT, rtol=1e-9, atol=1e-12, grad=False)
    check(np.linalg.matrix_rank, DEFICIENT)
    check(lambda a: np.linalg.lstsq(a, np.arange(5.0))[0], DEFICIENT, rtol=1e-9, atol=1e-12, grad=False)
    check(np.linalg.matrix_rank, np.zeros((3, 3)))
    check(np.linalg.pinv, np.zeros((3, 2)), grad=False)
