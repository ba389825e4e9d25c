"""Kernels of ops that are algorithms of their own equal their NumPy definitions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from graphc.ir.dims import symbol
from graphc.ir.graph import AbstractOp, Builder, Graph
from graphc.ir.interpret import interpret
from graphc.ir.types import ArrayType
from graphc.ops.cumulative import CumProd, CumSum, LinearRecurrence
from graphc.ops.gather import ScatterAdd, ScatterSet
from graphc.ops.leaf import Input
from graphc.ops.sort import ArgSort, SearchSorted, Sort
from tests.native import run_native


def graph_of(op: AbstractOp, *arrays: np.ndarray, symbolic: bool = False) -> Graph:
    """The graph of one op on inputs like these; `symbolic` gives every size a name."""
    builder = Builder()
    names: dict[int, Any] = {}
    inputs = []
    for number, a in enumerate(arrays):
        shape = tuple(names.setdefault(n, symbol(f"N{n}")) if symbolic else n for n in a.shape)
        inputs.append(builder.add(Input(number, ArrayType(a.dtype, shape))))
    return Graph(tuple(inputs), (builder.add(op, *inputs),))


def check(op: AbstractOp, *arrays: Any, rtol: float = 0.0, symbolic: Sequence[bool] = (False, True)) -> None:
    """Machine code of `op` gives what its definition gives, with known sizes and with symbolic ones."""
    values = [np.asarray(a) for a in arrays]
    for names in symbolic:
        graph = graph_of(op, *values, symbolic=names)
        for actual, expected in zip(run_native(graph, *values), interpret(graph, *values), strict=True):
            assert actual.dtype == expected.dtype
            assert actual.shape == expected.shape
            np.testing.assert_allclose(actual, expected, rtol=rtol, err_msg=f"{op}")
            if not rtol and expected.dtype.kind == "f":
                np.testing.assert_array_equal(np.signbit(actual), np.signbit(expected))


RNG = np.random.default_rng(0)
DTYPES = [np.float32, np.float64, np.int8, np.int32, np.int64, np.uint16, np.bool_]


def numbers(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Few different numbers, so that there are ties; floats with NaN, both zeros and infinities."""
    values = RNG.integers(0 if np.dtype(dtype).kind in "ub" else -5, 6, shape).astype(dtype)
    if np.dtype(dtype).kind == "f":
        special = RNG.choice(np.array([np.nan, -0.0, 0.0, np.inf, -np.inf], dtype), shape)
        values = np.where(RNG.random(shape) < 0.3, special, values)
    return np.asarray(values, dtype)


SHAPES = [((1,), 0), ((0,), 0), ((100,), 0), ((3, 33), 1), ((2, 17, 19), 1), ((4, 0, 3), 1)]
CASES = [((33, 5), 0, dtype) for dtype in DTYPES] + [(shape, axis, np.float32) for shape, axis in SHAPES]


@pytest.mark.parametrize(("shape", "axis", "dtype"), CASES)
def test_sorting_is_stable_and_puts_nan_last(shape: tuple[int, ...], axis: int, dtype: Any) -> None:
    x = numbers(shape, dtype)
    check(Sort(axis), x)
    check(ArgSort(axis), x)


ALL_DTYPES = [*DTYPES, np.int16, np.uint8, np.uint32, np.uint64]


@pytest.mark.parametrize("n", [0, 1, 2, 3, 63, 64, 65, 257, 1000])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_lines_of_every_length_sort_alike(n: int, dtype: Any) -> None:
    x = numbers((n,), dtype)
    check(Sort(0), x)
    check(ArgSort(0), x)


@pytest.mark.parametrize("dtype", ALL_DTYPES)
def test_long_lines_with_all_bits_in_use_sort_stably(dtype: Any) -> None:
    dtype = np.dtype(dtype)
    bits = RNG.integers(0, 256, (3, 500, dtype.itemsize), np.uint8)
    x = bits.view(dtype)[..., 0] if dtype != np.bool_ else bits[..., 0] > 100
    check(Sort(1), x)
    check(ArgSort(1), x)
    check(Sort(0), np.ascontiguousarray(x.T))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sorted_zeros_and_nans_keep_their_bits_and_their_order(dtype: Any) -> None:
    unsigned = np.dtype(f"u{np.dtype(dtype).itemsize}")
    x = numbers((300,), dtype)
    some_nan = np.array(np.nan, dtype).view(unsigned) + RNG.integers(0, 99, 300).astype(unsigned)
    some_nan |= RNG.integers(0, 2, 300).astype(unsigned) << unsigned.type(8 * unsigned.itemsize - 1)
    x = np.where(np.isnan(x), some_nan.view(dtype), x)
    (actual,) = run_native(graph_of(Sort(0), x), x)
    expected = x[np.argsort(x, kind="stable")]
    np.testing.assert_array_equal(actual.view(unsigned), expected.view(unsigned))


@pytest.mark.parametrize("right", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
@pytest.mark.parametrize("n", [0, 1, 2, 31])
def test_search_finds_the_place_of_every_value(right: bool, dtype: Any, n: int) -> None:
    check(SearchSorted(right), np.sort(numbers((n,), dtype)), numbers((3, 13), dtype))


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(("shape", "axis", "dtype"), CASES)
def test_running_sums_and_products_run_along_their_axis(
    shape: tuple[int, ...], axis: int, dtype: Any, reverse: bool
) -> None:
    x = RNG.integers(0, 3, shape).astype(dtype)
    check(CumSum(axis, reverse), x)
    check(CumProd(axis, reverse), x)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(("shape", "axis"), SHAPES)
def test_a_linear_recurrence_runs_along_its_axis(shape: tuple[int, ...], axis: int, reverse: bool) -> None:
    check(LinearRecurrence(axis, reverse), RNG.random(shape), RNG.random(shape), rtol=1e-14)


@pytest.mark.parametrize("op", [ScatterAdd, ScatterSet])
@pytest.mark.parametrize("dtype", DTYPES)
def test_updates_of_every_dtype_arrive_in_order(op: Any, dtype: Any) -> None:
    updates = RNG.integers(0, 4, (7, 18)).astype(dtype)
    check(op((0,)), numbers((5, 18), dtype), updates, RNG.integers(0, 5, 7))


@pytest.mark.parametrize("op", [ScatterAdd, ScatterSet])
@pytest.mark.parametrize(
    ("shape", "axes", "points"),
    [
        ((5,), (0,), (9,)),
        ((5, 18), (1,), (2, 3)),
        ((3, 4, 6), (1,), (5,)),
        ((3, 4, 6), (0, 2), (11,)),
        ((3, 4, 6), (2, 0, 1), (11,)),
        ((3, 4, 0), (0,), (2,)),
        ((3, 4), (0,), (0,)),
        ((3, 4), (1, 0), ()),
    ],
)
def test_updates_arrive_in_order_where_the_indices_say(
    op: Any, shape: tuple[int, ...], axes: tuple[int, ...], points: tuple[int, ...]
) -> None:
    indices = [RNG.integers(0, shape[a], points) for a in axes]
    rest = tuple(n for a, n in enumerate(shape) if a not in axes)
    check(
        op(axes), numbers(shape, np.float64), RNG.integers(0, 4, points + rest).astype(np.float64), *indices
    )


@pytest.mark.parametrize("op", [ScatterAdd, ScatterSet])
@pytest.mark.parametrize("bad", [-1, 5, 2**62, -(2**62)])
def test_an_index_outside_raises_and_writes_nothing(op: Any, bad: int) -> None:
    x, updates, index = np.zeros((5, 3)), np.ones((4, 3)), np.array([0, 1, bad, 2])
    with pytest.raises(IndexError, match="an index is out of bounds for axis 0 with size 5"):
        run_native(graph_of(op((0,)), x, updates, index), x, updates, index)
