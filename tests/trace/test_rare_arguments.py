"""Rare arguments of NumPy's functions: empty arrays, several axes, narrow types, falling order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc
from tests.helpers import check, record

pytestmark = pytest.mark.filterwarnings("ignore")  # NumPy warns of what it divides by zero

X = np.array([[0.5, -1.25, 2.0], [3.0, 0.0, -0.75]])
CUBE = np.arange(24.0).reshape(2, 3, 4) ** 1.5
NARROW = np.array([8, 0, 5, 0, -1, 2, -2], np.int8)
ENDS = np.array([1.0, 2.0, -3.0]), np.array([4.0, 0.5, -8.0])


@pytest.mark.parametrize("options", [{}, {"axis": -1, "endpoint": False}, {"num": 1}, {"num": 0}])
def test_geomspace_joins_ends_of_one_sign(options: Any) -> None:
    check(lambda a, b: np.geomspace(a, b, **{"num": 5, **options}), *ENDS)


def test_geomspace_between_signs_is_numpys() -> None:
    check(lambda a: np.geomspace(a, np.array([2.0, -1.0]), 4), np.array([-1.0, -2.0]), grad=False)


def test_logspace_takes_an_axis_and_a_base_for_each_line() -> None:
    bases = np.array([2.0, 3.0, 4.0])
    check(lambda a, b: np.logspace(a, b, 4, axis=-1), *ENDS)
    check(lambda a, b, c: np.logspace(a, b, 4, base=c), *ENDS, bases)
    check(lambda a, b, c: np.logspace(a, b, 4, base=c, axis=1), *ENDS, bases)
    check(lambda c: np.logspace(0.5, 2.0, 3, base=c), bases)


def test_no_dtype_means_f64_where_one_is_asked_for() -> None:
    check(lambda x: np.astype(x, None), X.astype(np.float32))
    check(lambda x: x.astype(None), np.arange(3))


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0,)])
def test_covariance_of_nothing_is_numpys(shape: tuple[int, ...]) -> None:
    check(np.cov, np.zeros(shape), grad=False)
    check(np.corrcoef, np.zeros(shape), grad=False)


def test_covariance_of_one_observation_and_of_columns() -> None:
    check(np.cov, np.ones((3, 1)), grad=False)
    check(lambda x: np.cov(x, rowvar=False), np.ones((1, 3)), grad=False)
    check(lambda x: np.cov(x, rowvar=False), X)
    check(lambda x: np.cov(x, x[:, 0] ** 2, rowvar=False), X)
    check(lambda x: np.cov(x, ddof=3), X, grad=False)
    check(lambda x: np.cov(x, ddof=5, aweights=np.ones(3)), X, grad=False)


@pytest.mark.parametrize("axes", [(0, 1), (1, 0), (2, 0), (0, 1, 2), [-1, 1]])
def test_average_takes_weights_for_several_axes(axes: Any) -> None:
    weights = np.random.default_rng(0).random(tuple(CUBE.shape[i] for i in axes))
    check(lambda x, w: np.average(x, axis=tuple(axes), weights=w), CUBE, weights)
    check(lambda x, w: np.average(x, tuple(axes), w, True, keepdims=True), CUBE, weights)


@pytest.mark.parametrize("function", [np.nanmax, np.nanmin])
def test_extrema_without_nan_start_from_a_number(function: Callable[..., Any]) -> None:
    holes = np.where(X > 1, np.nan, X)
    holes[:, 0] = np.nan
    check(lambda x: function(x, axis=0, initial=1.0), holes)
    check(lambda x: function(x, axis=1, initial=-0.5, where=x < 0.1, keepdims=True), holes)


@pytest.mark.parametrize("q", [0.68, np.float32(0.68), np.float64(0.68), np.array([0.1, 0.6], np.float32)])
@pytest.mark.parametrize("values", [NARROW, NARROW.astype(np.int32), NARROW.astype(np.float32) / 3])
def test_quantiles_have_numpys_types(q: Any, values: np.ndarray) -> None:
    check(lambda x: np.quantile(x, q), values)
    check(lambda x: np.nanquantile(x, q, axis=0), values)
    check(lambda x: np.percentile(x, q, keepdims=True), values)
    if not isinstance(q, float) or isinstance(q, np.float64):
        check(lambda x, level: np.quantile(x, level), values, q)
        check(lambda x, level: np.percentile(x, level), values, q)


def test_a_quantile_of_many_narrow_floats_finds_its_place_exactly() -> None:
    check(lambda x: np.quantile(x, 0.68), np.arange(50_001, dtype=np.float32) ** 0.5, rtol=1e-15)


@pytest.mark.parametrize(
    "values",
    [
        np.array([1.0, np.inf]),
        np.array([np.inf, np.inf, np.inf, np.inf]),
        np.array([np.nan, 1.0, 3.0]),
        np.array([100, -100], np.int8),
        np.array([120, 100, 110], np.int8),
        np.array([1e308, 1.5e308, 1.7e308]),
        np.array([True, False]),
        np.array([3.0, 1.0], np.float32),
    ],
)
def test_medians_neither_overflow_nor_cancel(values: np.ndarray) -> None:
    check(np.median, values, grad=False)
    check(lambda x: np.median(x, axis=0, keepdims=True), values, grad=False)
    if not np.any(values > 1e307):
        check(np.nanmedian, values, grad=False)


@pytest.mark.parametrize("shift", [np.array([4, 2, 5]), np.array(3), [4, 2, 5]])
def test_roll_takes_shifts_as_an_array(shift: Any) -> None:
    check(lambda x: np.roll(x, shift, axis=0), CUBE)
    check(lambda x: np.roll(x, shift), CUBE)
    check(lambda x: np.roll(x, shift, axis=0), CUBE[:, :0], grad=False)
    check(lambda x, s: np.roll(x, s, axis=1), CUBE, np.asarray(shift))


def test_roll_of_a_table_of_shifts_is_an_error() -> None:
    with pytest.raises(ValueError, match="'shift' and 'axis' should be scalars or 1D sequences"):
        record(lambda x: np.roll(x, np.ones((2, 2), int), axis=0), "f64[3]")


@pytest.mark.parametrize("shape", [(2, 3), (), (0,), (2, 0), 4])
def test_resize_of_nothing_is_zero(shape: Any) -> None:
    check(lambda x: np.resize(x, shape), np.zeros((0, 3), np.int32))
    if np.size(np.empty(shape)):
        check(lambda x: np.resize(x, shape), X)


def test_lexsort_of_numbers_has_one_place() -> None:
    check(np.lexsort, np.array([3, 1, 2]))
    check(lambda x: np.lexsort((x, x)), np.array(1))


def test_put_at_no_place_changes_nothing() -> None:
    def function(x: Any) -> Any:
        y = x.copy()
        np.put(y, np.zeros((0, 4), int), 1.0)
        return y

    check(function, X)


@pytest.mark.parametrize("right", [False, True])
@pytest.mark.parametrize("bins", [[5.0, 3.0, 1.0], [1.0, 3.0, 5.0], [2.0, 2.0], [2.0], []])
def test_digitize_in_bins_that_fall_or_rise(bins: list[float], right: bool) -> None:
    edges = np.array(bins)
    values = np.array([[0.0, 1.0, 2.0, 3.0], [4.0, 5.0, 6.0, np.inf]])
    check(lambda x: np.digitize(x, edges, right), values)
    check(lambda x, b: np.digitize(x, b, right), values, edges)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.uint8])
def test_bin_edges_have_numpys_type(dtype: Any) -> None:
    values = np.array([3, 1, 7, 4]).astype(dtype)
    check(lambda x: np.histogram_bin_edges(x, 5), values, grad=False)
    check(lambda x: np.histogram_bin_edges(x, 5, range=(0, 2)), values, grad=False)
    check(lambda x: np.histogram(x, 3), values, grad=False)
    check(lambda x: np.histogram(x, 3), values[:0], grad=False)
    check(lambda x: np.histogram(x, 3), values[:1], grad=False)


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.int64, np.float32, np.float64])
@pytest.mark.parametrize("options", [{}, {"period": 4}, {"period": 5}, {"period": 4, "discont": 3}])
def test_unwrapped_integers_stay_integers(dtype: Any, options: Any) -> None:
    values = np.array([[5, 0, -8, -3], [1, 3, 5, 4]], dtype)
    check(lambda x: np.unwrap(x, **options), values, grad=False)
    check(lambda x: np.unwrap(x, axis=0, **options), values, grad=False)


@pytest.mark.parametrize("ends", [0, -5, (3, -2)])
@pytest.mark.parametrize("dtype", [np.int64, np.int8, np.float32, np.float64])
def test_ramps_of_integers_round_down(ends: Any, dtype: Any) -> None:
    check(lambda x: np.pad(x, (3, 4), mode="linear_ramp", end_values=ends), np.array([-2, 0, 7, 5], dtype))


@pytest.mark.parametrize("mode", ["mean", "maximum", "minimum", "median"])
@pytest.mark.parametrize("length", [None, 1, (2, 3), ((1, 2), (2, 9))])
def test_pad_with_statistics(mode: str, length: Any) -> None:
    for values in (CUBE[0], np.array([[1, 2, 9, 5], [3, 3, 8, 2]], np.int16)):
        check(lambda x: np.pad(x, ((2, 1), (0, 3)), mode=mode, stat_length=length), values)


@pytest.mark.parametrize("mode", ["reflect", "symmetric"])
@pytest.mark.parametrize("width", [1, 2, (0, 5), (9, 0)])
def test_pad_with_odd_reflections(mode: str, width: Any) -> None:
    for values in (np.array([1.0, 2.0, 5.0]), np.array([7.0]), np.array([9, 0, 200], np.uint8)):
        check(lambda x: np.pad(x, width, mode=mode, reflect_type="odd"), values)
    check(lambda x: np.pad(x, 2, mode=mode, reflect_type="odd"), CUBE[0], types=["f64[M, N]"])


@pytest.mark.parametrize("m", [0, 1, 2, 3])
def test_polynomials_are_integrated_several_times(m: int) -> None:
    check(lambda p: np.polyint(p, m), X[0])
    check(lambda p: np.polyint(p, m, 2.0), X[0])
    check(lambda p, k: np.polyint(p, m, k), X[0], np.array([1.0, -2.0, 3.0]))


def test_positions_are_clipped_wrapped_or_left_alone() -> None:
    i, j = np.array([2, 0, 1]), np.array([3, 1, 0])
    check(lambda i, j: np.ravel_multi_index((i, j), (3, 4), mode=("clip", "wrap")), i + 2, j + 5)
    check(lambda i, x: np.take(x, i, mode=None), i, X)


@pytest.mark.parametrize("shape", [(1, 0), (0, 3), (2, 0, 3), (0, 2, 3)])
def test_the_pseudo_inverse_of_an_empty_matrix_is_empty(shape: tuple[int, ...]) -> None:
    check(np.linalg.pinv, np.zeros(shape), grad=False)


@pytest.mark.parametrize(
    "function",
    [
        lambda x, n: np.unravel_index(n, (n, 3)),
        lambda x, n: np.ravel_multi_index((n, n), [3, n]),
        lambda x, n: np.moveaxis(x, n, 0),
        lambda x, n: graphc.zeros((n, 2)),
        lambda x, n: graphc.full(n, 1.0),
    ],
)
def test_a_traced_size_or_axis_is_refused_at_the_users_line(function: Callable[[Any, Any], Any]) -> None:
    with pytest.raises(graphc.TraceError) as caught:
        record(function, "f64[2, 3]", "i64")
    assert str(caught.value).startswith("int() of the traced value i64: its value is not known while tracing")
    assert f"at test_rare_arguments.py:{function.__code__.co_firstlineno}, " in str(caught.value)


@pytest.mark.parametrize("function", [np.var, np.std, np.nanvar])
def test_a_variance_in_integers_is_refused(function: Callable[..., Any]) -> None:
    with pytest.raises(graphc.UnsupportedError, match="graphc cannot trace a variance computed in int64"):
        record(lambda x: function(x, dtype=np.int64), "f64[3]")
