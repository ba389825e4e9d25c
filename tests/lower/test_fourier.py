"""Kernels of Fourier transforms: every way in which lengths are taken apart, along every axis."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import mpmath
import numpy as np
import pytest

from graphc.ir.dims import symbol
from graphc.ir.graph import AbstractOp, Builder, Graph
from graphc.ir.types import ArrayType
from graphc.lower.fourier.plan import Chirp, Split, Stages, plan_of, radices_of
from graphc.lower.fourier.tables import roots
from graphc.ops.fourier import AbstractFourier, Fourier, RealFourier, RealFourierTransposed
from graphc.ops.leaf import Input
from tests.laws.native_samples import graph_of, results_of
from tests.native import Native

RNG = np.random.default_rng(7)


def line_ops(n: int) -> Iterator[tuple[AbstractFourier, int]]:
    """Every transform of length n along the last axis, with the length of its operands."""
    yield Fourier(0), n
    yield Fourier(0, True), n
    yield RealFourier(0), n
    yield RealFourierTransposed(0, n), n // 2 + 1


def along(op: AbstractFourier, axis: int) -> AbstractFourier:
    if isinstance(op, RealFourierTransposed):
        return RealFourierTransposed(axis, op.n)
    return Fourier(axis, op.inverse) if isinstance(op, Fourier) else RealFourier(axis)


def operands(op: AbstractFourier, shape: tuple[int, ...], dtype: Any) -> list[np.ndarray]:
    count = 1 if isinstance(op, RealFourier) else 2
    return [RNG.normal(size=shape).astype(dtype) for _ in range(count)]


def error(actual: Any, expected: Any) -> float:
    """The relative error of all numbers together (root mean square), in units of eps."""
    wrong = sum(np.sum((a.astype(float) - e) ** 2) for a, e in zip(actual, expected, strict=True))
    size = sum(np.sum(np.square(e, dtype=float)) for e in expected)
    return float(np.sqrt(wrong / size) / np.finfo(actual[0].dtype).eps) if size else float(wrong)


def check(op: AbstractFourier, *xs: np.ndarray, sizes: Any = None, n: int) -> None:
    """Machine code of `op` agrees with NumPy in f64 up to O(eps log n)."""
    program = Native(graph_of(op, *((x.dtype, sizes or x.shape) for x in xs)))
    actual = program(*xs)
    exact = op.evaluate(*(x.astype(np.float64) for x in xs))
    expected = exact if isinstance(exact, tuple) else (exact,)
    assert [a.shape for a in actual] == [e.shape for e in expected]
    assert {a.dtype for a in actual} == {xs[0].dtype}
    # A rounding error of at most some eps a stage, with those of NumPy's own result in f64.
    assert error(actual, expected) <= 1 + 0.5 * np.log2(n + 1), f"{op} of {n}"


@pytest.mark.parametrize("start", range(1, 201, 20))
def test_all_small_lengths_are_numpys(start: int) -> None:
    for n in range(start, start + 20):
        ops = list(line_ops(n))
        for op, length in (ops[0], ops[1 + n % 3], *ops[1 : 3 * (n < 20)]):
            check(op, *operands(op, (length,), np.float64), n=n)


LARGE = [1024, 4096, 65536, 131072, 10007, 2 * 3 * 5 * 7 * 11, 1000, 13 * 17 * 19, 3**8, 2 * 4999]


@pytest.mark.parametrize("n", LARGE)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_lengths_are_numpys(n: int, dtype: Any) -> None:
    for op, length in line_ops(n):
        check(op, *operands(op, (length,), dtype), n=n)


SHAPES: list[tuple[tuple[int, ...], int]] = [
    ((5, 12), 0),
    ((12, 3), 0),
    ((70, 12), 1),
    ((3, 100), 1),
    ((2, 100, 3), 1),
    ((2, 34, 3), 1),
    ((2, 46, 19), 1),
    ((1000, 33), 0),
    ((2, 9, 130), 1),
    ((0, 12), 1),
    ((12, 0), 0),
    ((2, 64, 0), 1),
]


@pytest.mark.parametrize(("shape", "axis"), SHAPES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_lines_along_every_axis(shape: tuple[int, ...], axis: int, dtype: Any) -> None:
    n = shape[axis]
    for op, length in line_ops(n):
        op = along(op, axis)
        given = (*shape[:axis], length, *shape[axis + 1 :])
        check(op, *operands(op, given, dtype), n=n)


@pytest.mark.parametrize("n", [12, 15, 100, 34])
def test_how_many_lines_there_are_may_be_symbolic(n: int) -> None:
    rows, columns = symbol("R"), symbol("C")
    for op, length in line_ops(n):
        for shape, sizes, axis in (
            ((70, length), (rows, length), 1),
            ((length, 21), (length, columns), 0),
            ((2, length, 3), (rows, length, columns), 1),
        ):
            check(along(op, axis), *operands(op, shape, np.float64), sizes=sizes, n=n)


@pytest.mark.parametrize("vector_bytes", [16, 32])
@pytest.mark.parametrize("n", [24, 128, 62])
def test_short_vectors_compute_the_same(vector_bytes: int, n: int) -> None:
    for op, length in line_ops(n):
        xs = operands(op, (length, 5), np.float32)
        program = Native(graph_of(op, *((x.dtype, x.shape) for x in xs)), vector_bytes)
        value = op.evaluate(*xs)
        expected = value if isinstance(value, tuple) else (value,)
        assert error(program(*xs), expected) < 4


def test_numbers_that_are_not_finite_spread_as_in_numpy() -> None:
    x = RNG.normal(size=64)
    x[3] = np.nan
    graph = graph_of(Fourier(0), *[(x.dtype, x.shape)] * 2)
    for part in Native(graph)(x, np.zeros(64)):
        assert np.isnan(part).all()


def test_lines_do_not_mix() -> None:
    """A line with NaN leaves its neighbours in the same vector as they are."""
    for n in (12, 100):
        x = RNG.normal(size=(9, n))
        x[4] = np.nan
        graph = graph_of(RealFourier(1), (x.dtype, x.shape))
        for part in Native(graph)(x):
            assert np.isnan(part[4]).all()
            assert np.isfinite(np.delete(part, 4, 0)).all()


def test_transforms_chain_in_one_program() -> None:
    builder = Builder()
    x = builder.add(Input(0, ArrayType(np.dtype(np.float64), (6, 8))))
    first = results_of(builder, builder.add(RealFourier(1), x))
    ops: list[AbstractOp] = [Fourier(0), Fourier(0, True)]
    pair = first
    for op in ops:
        pair = results_of(builder, builder.add(op, *pair))
    value = RNG.normal(size=(6, 8))
    (re, im) = Native(Graph((x,), pair))(value)
    np.testing.assert_allclose(re + 1j * im, np.fft.rfft(value) * 6, atol=1e-13)


def test_plans_take_lengths_apart() -> None:
    assert plan_of(1, True) == Stages(1, (1,))
    assert radices_of(16) == (4, 4)
    assert radices_of(2310) == (2, 3, 5, 7, 11)
    assert plan_of(1024, True) == Split(1024, Stages(32, (8, 4)), Stages(32, (8, 4)))
    assert plan_of(1024, False) == Stages(1024, (8, 8, 4, 4))
    assert plan_of(26, True) == Stages(26, (2, 13))
    assert plan_of(17, False) == Chirp(17, Stages(40, (8, 5)))
    assert all(np.prod(radices_of(n)) == n for n in (1, 2, 30, 2**13, 13**2, 8 * 9 * 25))


@pytest.mark.parametrize("n", [1, 3, 8, 12, 360, 1001])
def test_roots_of_unity_are_rounded_once_or_twice(n: int) -> None:
    with mpmath.workdps(30):
        for k in range(0, n, max(1, n // 60)):
            exact = mpmath.expjpi(mpmath.mpf(-2 * k) / n)
            (found,) = roots(np.array([k]), n)
            assert abs(mpmath.mpc(found) - exact) < 2.3e-16
