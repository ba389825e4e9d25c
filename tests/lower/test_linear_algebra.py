"""Factorisations as kernels: they multiply back to the matrix, and agree with LAPACK where it is unique."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphc.ir.dims import symbol
from graphc.ir.graph import AbstractOp, Builder, Graph, Item
from graphc.ir.interpret import interpret
from graphc.ir.types import ArrayType, TupleType
from graphc.ops.leaf import Input
from graphc.ops.linalg import LU, QR, SVD, Cholesky, Eigh, TriangularSolve
from tests.native import Native

RNG = np.random.default_rng(0)
FLOATS = [np.float32, np.float64]


def graph_of(op: AbstractOp, *arrays: np.ndarray, symbolic: bool = False) -> Graph:
    """The graph that returns every result of one op."""
    builder = Builder()
    inputs = []
    for number, a in enumerate(arrays):
        shape = tuple(symbol(f"N{n}") if symbolic else n for n in a.shape)
        inputs.append(builder.add(Input(number, ArrayType(a.dtype, shape))))
    node = builder.add(op, *inputs)
    if isinstance(node.type, TupleType):
        return Graph(tuple(inputs), tuple(builder.add(Item(i), node) for i in range(len(node.type.elements))))
    return Graph(tuple(inputs), (node,))


def results(op: AbstractOp, *arrays: np.ndarray, symbolic: bool = False) -> tuple[np.ndarray, ...]:
    return Native(graph_of(op, *arrays, symbolic=symbolic))(*arrays)


def tolerance(a: np.ndarray) -> float:
    """Rounding errors of a factorisation: a small multiple of n eps times the largest element."""
    return 20 * (1 + max(a.shape[-2:])) * np.finfo(a.dtype).eps * max(1.0, float(np.abs(a).max(initial=0)))


def close(actual: Any, expected: Any, like: np.ndarray, factor: float = 1.0) -> None:
    assert actual.dtype == like.dtype
    np.testing.assert_allclose(actual, expected, rtol=0, atol=factor * tolerance(like))


def random_matrix(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    return RNG.normal(size=shape).astype(dtype)


def positive(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    x = RNG.normal(size=shape)
    return (x @ np.swapaxes(x, -1, -2) + shape[-1] * np.eye(shape[-1])).astype(dtype)


SQUARE = [(1, 1), (2, 2), (5, 5), (17, 17), (40, 40), (2, 3, 6, 6), (0, 3, 3)]


def orthonormal(x: np.ndarray) -> None:
    close(
        np.swapaxes(x, -1, -2) @ x,
        np.broadcast_to(np.eye(x.shape[-1]), (*x.shape[:-2], *[x.shape[-1]] * 2)),
        x,
    )


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", SQUARE)
def test_the_cholesky_factor_is_lapacks(shape: tuple[int, ...], dtype: Any) -> None:
    a = positive(shape, dtype)
    (l,) = results(Cholesky(), a)
    close(l, np.linalg.cholesky(a), a)


def test_a_matrix_that_is_not_positive_definite_raises_numpys_error() -> None:
    for a in (np.array([[1.0, 2], [2, 1]]), np.zeros((3, 3))):
        with pytest.raises(np.linalg.LinAlgError) as numpys:
            np.linalg.cholesky(a)
        with pytest.raises(np.linalg.LinAlgError) as ours:
            results(Cholesky(), a)
        assert str(ours.value) == str(numpys.value)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", SQUARE)
def test_lu_with_partial_pivoting_is_the_definitions(shape: tuple[int, ...], dtype: Any) -> None:
    a = random_matrix(shape, dtype)
    packed, rows = results(LU(), a)
    if shape[0] == 0:
        return
    expected, order = interpret(graph_of(LU(), a), a)
    np.testing.assert_array_equal(rows, order)
    close(packed, expected, a, 10)


def test_lu_of_a_singular_matrix_has_a_zero_on_the_diagonal() -> None:
    packed, rows = results(LU(), np.array([[0.0, 1, 2], [0, 3, 4], [0, 5, 6]]))
    assert packed[0, 0] == 0
    assert sorted(rows) == [0, 1, 2]


@pytest.mark.parametrize("lower", [False, True])
@pytest.mark.parametrize("transpose", [False, True])
@pytest.mark.parametrize("unit", [False, True])
@pytest.mark.parametrize(("n", "m"), [(1, 1), (7, 1), (33, 1), (6, 19), (20, 3), (5, 0)])
def test_triangular_solves_satisfy_their_equation(
    lower: bool, transpose: bool, unit: bool, n: int, m: int
) -> None:
    for dtype in FLOATS:
        t = (random_matrix((2, n, n), dtype) / (2 * n) + 2 * np.eye(n)).astype(dtype)
        b = random_matrix((2, n, m), dtype)
        op = TriangularSolve(lower, transpose, unit)
        (x,) = results(op, t, b, symbolic=unit)
        close(x, op.evaluate(t, b), np.concatenate([t, b], -1))


def test_a_zero_on_the_diagonal_of_a_triangular_matrix_raises() -> None:
    with pytest.raises(np.linalg.LinAlgError, match="Singular matrix"):
        results(TriangularSolve(True, False, False), np.diag([1.0, 0, 2]), np.ones((3, 2)))


SHAPES = [(1, 1), (4, 4), (9, 5), (5, 9), (33, 17), (2, 3, 6, 4), (1, 7), (7, 1)]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", SHAPES)
def test_qr_is_lapacks_with_its_signs(shape: tuple[int, ...], dtype: Any) -> None:
    a = random_matrix(shape, dtype)
    q, r = results(QR(), a)
    orthonormal(q)
    close(q @ r, a, a)
    expected_q, expected_r = np.linalg.qr(a)
    close(q, expected_q, a, 30)
    close(r, expected_r, a, 30)


def test_qr_of_extreme_and_of_zero_matrices_is_finite() -> None:
    for a in (np.zeros((4, 3)), np.full((4, 3), 1e300), np.full((4, 3), 1e-300), np.eye(3), -np.eye(3)):
        q, r = results(QR(), a)
        orthonormal(q)
        np.testing.assert_allclose(q @ r, a, rtol=1e-13, atol=1e-320)
        np.testing.assert_allclose(r, np.linalg.qr(a)[1], rtol=1e-13, atol=np.abs(a).max() * 1e-14)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", [s for s in SQUARE if s[0]])
def test_eigenvectors_diagonalise_and_eigenvalues_ascend(shape: tuple[int, ...], dtype: Any) -> None:
    a = random_matrix(shape, dtype)
    w, v = results(Eigh(), a, symbolic=len(shape) == 2)
    full = np.tril(a) + np.swapaxes(np.tril(a, -1), -1, -2)
    orthonormal(v)
    close(full @ v, v * w[..., None, :], a)
    close(w, np.linalg.eigh(a)[0], a)
    assert (np.diff(w) >= 0).all()


def test_eigenvalues_of_corner_matrices_are_right() -> None:
    for a in (np.zeros((3, 3)), np.eye(4), np.ones((5, 5)), np.diag([3.0, -1, 2]), np.ones((3, 3)) * 1e200):
        w, v = results(Eigh(), a)
        orthonormal(v)
        np.testing.assert_allclose(w, np.linalg.eigh(a)[0], atol=1e-14 * max(1, np.abs(a).max()))


def check_spectrum(a: np.ndarray, symbolic: bool = False) -> None:
    """‖A V - V Λ‖ ≤ 50 n eps ‖A‖, as for V's orthogonality; the values are NumPy's to the same bound."""
    w, v = results(Eigh(), a, symbolic=symbolic)
    exact, n = a.astype(np.float64), max(len(a), 1)
    size = max(np.abs(a).max(initial=0.0), np.finfo(a.dtype).tiny)
    bound = 50 * n * np.finfo(a.dtype).eps
    scaled, values = exact / size, w.astype(np.float64) / size
    norm = np.linalg.norm(scaled)
    assert np.linalg.norm(scaled @ v - v * values) <= bound * norm
    assert np.linalg.norm(v.T.astype(np.float64) @ v - np.eye(len(a))) <= bound
    assert np.abs(values - np.linalg.eigvalsh(scaled)).max(initial=0.0) <= bound * norm
    assert (np.diff(w) >= 0).all()


@pytest.mark.parametrize("symbolic", [False, True])
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("n", [0, 1, 2, 3, 16, 17, 40, 101])
def test_eigenvectors_of_matrices_of_every_size_leave_a_small_residual(
    n: int, dtype: Any, symbolic: bool
) -> None:
    a = RNG.normal(size=(n, n)).astype(dtype)
    check_spectrum(a + a.T, symbolic)


SIDE = 40
PLACE = np.arange(SIDE)
DISTANCE = np.abs(PLACE[:, None] - PLACE)
LARGE_CORNERS = {
    "zero": np.zeros((SIDE, SIDE)),
    "identity": np.eye(SIDE),
    "all ones": np.ones((SIDE, SIDE)),
    "chain of springs": 2.0 * (DISTANCE == 0) - (DISTANCE == 1),
    "Wilkinson's pairs": np.diag(np.abs(PLACE - SIDE / 2)) + (DISTANCE == 1),
    "zero diagonal": 1.0 * (DISTANCE == 1),
    "graded": 10.0 ** -(PLACE[:, None] + PLACE),
    "graded upwards": 10.0 ** -(78.0 - PLACE[:, None] - PLACE),
    "blocks": np.kron(np.eye(4), np.ones((10, 10))),
    "tiny part": np.where(np.minimum.outer(PLACE, PLACE) < 20, 1.0, 1e-200),
    "huge": 1e300 / (1.0 + DISTANCE),
    "small": 1e-300 / (1.0 + DISTANCE),
}


@pytest.mark.parametrize("name", LARGE_CORNERS)
def test_eigenvectors_of_large_corner_matrices_leave_a_small_residual(name: str) -> None:
    a = LARGE_CORNERS[name]
    check_spectrum(a)
    if name not in ("huge", "small"):
        check_spectrum(a.astype(np.float32))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_eigenvalues_of_large_matrices_that_are_not_finite_are_nan(bad: float) -> None:
    a = np.eye(20)
    a[7, 3] = bad
    w, v = results(Eigh(), a)
    assert np.isnan(w).all()
    assert np.isnan(v).all()


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", SHAPES)
def test_singular_values_descend_and_the_factors_multiply_back(shape: tuple[int, ...], dtype: Any) -> None:
    a = random_matrix(shape, dtype)
    u, s, vt = results(SVD(), a)
    orthonormal(u)
    orthonormal(np.swapaxes(vt, -1, -2))
    close((u * s[..., None, :]) @ vt, a, a)
    close(s, np.linalg.svd(a, compute_uv=False), a)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", [(8, 4), (100, 3), (90, 37), (2, 50, 5), (5, 64), (3, 4, 33)])
def test_singular_vectors_of_long_matrices_multiply_back(shape: tuple[int, ...], dtype: Any) -> None:
    a = RNG.normal(size=shape).astype(dtype)
    u, s, vt = results(SVD(), a)
    orthonormal(u)
    orthonormal(np.swapaxes(vt, -1, -2))
    close((u * s[..., None, :]) @ vt, a, a)
    close(s, np.linalg.svd(a, compute_uv=False), a)


@pytest.mark.parametrize("scale", [1.0, 1e-300, 1e300])
def test_singular_vectors_of_long_matrices_are_orthonormal_where_values_vanish(scale: float) -> None:
    column = np.arange(1.0, 31)
    for a in (np.zeros((30, 3)), np.ones((30, 4)), np.outer(column, [1.0, 0, 2]), np.eye(30)[:, :5]):
        u, s, vt = results(SVD(), scale * a)
        orthonormal(u)
        orthonormal(vt.T)
        np.testing.assert_allclose((u * (s / scale)) @ vt, a, atol=1e-12)


def test_singular_vectors_are_orthonormal_where_values_vanish() -> None:
    for a in (
        np.zeros((4, 3)),
        np.ones((6, 4)),
        np.ones((3, 5)),
        np.eye(4)[:, :2],
        1e-300 * np.eye(3),
        1e200 * np.ones((3, 3)),
    ):
        u, s, vt = results(SVD(), a)
        orthonormal(u)
        orthonormal(vt.T)
        np.testing.assert_allclose((u * s) @ vt, a, rtol=1e-13, atol=1e-14 * np.abs(a).max())


def test_eigenvalues_of_matrices_that_are_not_finite_are_nan() -> None:
    for bad in (np.nan, np.inf):
        w, v = results(Eigh(), np.array([[1.0, 0], [bad, 1]]))
        assert np.isnan(w).all()
        assert np.isnan(v).all()


def test_singular_values_of_a_matrix_that_is_not_finite_raise_numpys_error() -> None:
    for bad in (np.nan, np.inf):
        with pytest.raises(np.linalg.LinAlgError, match="SVD did not converge"):
            results(SVD(), np.array([[1.0, 0], [bad, 1]]))
