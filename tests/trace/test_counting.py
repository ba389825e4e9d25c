"""Histograms, counts, quantiles of unknown levels and sizes, and values put where a mask holds."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import graphc
from graphc.errors import TraceError, UnsupportedError
from tests.helpers import check, record, run

RNG = np.random.default_rng(4)
X = RNG.normal(size=40)
W = RNG.uniform(size=40)
I = RNG.integers(0, 6, 40)
EDGES = np.array([-1.0, -0.2, 0.5, 0.5, 2.0])

HISTOGRAMS = {
    "bins": lambda x: np.histogram(x),
    "number of bins": lambda x: np.histogram(x, 7),
    "range": lambda x: np.histogram(x, 5, range=(-1, 1)),
    "empty range": lambda x: np.histogram(x, 3, range=(1, 1)),
    "edges": lambda x: np.histogram(x, EDGES),
    "density": lambda x: np.histogram(x, 4, (-1, 1), density=True),
    "weights": lambda x: np.histogram(x, EDGES, weights=np.sin(x)),
    "edges alone": lambda x: np.histogram_bin_edges(x, 5),
}


@pytest.mark.parametrize("name", HISTOGRAMS)
def test_histograms_are_numpys(name: str) -> None:
    for x in (X, np.round(X, 1), X.reshape(8, 5)):
        check(HISTOGRAMS[name], x, grad=False)
    check(lambda i: np.histogram(i, 6), I, grad=False)
    check(lambda i: np.histogram(i, [0, 2, 5]), I)


def test_a_histogram_weighted_by_the_data_is_differentiable() -> None:
    check(lambda w: np.histogram(X, EDGES, weights=w)[0], W)


def test_elements_on_edges_and_missing_ones_are_counted_as_in_numpy() -> None:
    x = np.array([-1.0, -0.2, 0.5, 2.0, 2.1, -1.1, np.inf, -np.inf, np.nan])
    check(lambda x: np.histogram(x, EDGES)[0], x, grad=False)


def test_counts_of_small_integers_are_numpys() -> None:
    check(lambda i: np.bincount(i, minlength=9), I)
    check(lambda i, w: np.bincount(i, w, minlength=6), I, W)
    check(lambda i: np.bincount(i, minlength=6), I.astype(np.uint8))
    check(lambda i: np.bincount(i, minlength=2), np.zeros(0, np.int64))
    check(lambda i, w: np.bincount(i, w, minlength=2), np.zeros(0, np.int64), np.zeros(0))


def test_an_integer_beyond_the_counts_is_an_error_at_run_time() -> None:
    count = graphc.compile(lambda i: np.bincount(i, minlength=4))
    for wrong in (np.array([1, 4]), np.array([1, -1])):
        with pytest.raises(IndexError, match="out of bounds for axis 0 with size 4"):
            count(wrong)


def test_counts_of_unknown_length_are_refused() -> None:
    with pytest.raises(TraceError) as caught:
        record(lambda i: np.bincount(i), "i64[5]")
    lines = str(caught.value).splitlines()
    assert lines[0] == "numpy.bincount: the shape of its result depends on the data"
    assert lines[2] == "  Pass minlength=, greater than every element."
    with pytest.raises(UnsupportedError, match="bins='auto', whose number depends on the data"):
        record(lambda x: np.histogram(x, "auto"), "f64[5]")


METHODS = ("linear", "lower", "higher", "midpoint", "nearest")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n", [1, 2, 7, 8])
def test_quantiles_along_axes_of_symbolic_size_are_numpys(method: Any, n: int) -> None:
    x = RNG.normal(size=(3, n))
    for q in (0.0, 0.3, 1.0, [0.25, 0.5]):
        check(lambda x, q=q: np.quantile(x, q, axis=1, method=method), x, types=["f64[M, N]"])
    check(lambda x: np.percentile(x, 40, method=method, keepdims=True), x, types=["f64[M, N]"])


def test_medians_along_axes_of_symbolic_size_are_numpys() -> None:
    for n in (1, 4, 5):
        x = RNG.normal(size=(n, 2))
        check(lambda x: np.median(x, axis=0), x, types=["f64[N, 2]"])
        check(np.median, x, types=["f64[N, 2]"])
        check(np.median, x.astype(np.float32), types=["f32[N, 2]"])
    x = np.array([1.0, np.nan, 2.0])
    np.testing.assert_array_equal(run(np.median, x, types=["f64[N]"])[0], np.nan)


def test_quantiles_of_a_traced_level_are_numpys_and_differentiable_in_it() -> None:
    for q in (0.0, 0.31, 0.77, 1.0):
        check(lambda x, q: np.quantile(x, q), X, np.float64(q), grad=q not in (0.0, 1.0))
        check(lambda x, q: np.percentile(x, 100 * q, axis=0), X, np.float64(q), grad=False)


@pytest.mark.parametrize("method", METHODS)
def test_quantiles_that_ignore_nan_are_numpys(method: Any) -> None:
    x = np.where(RNG.uniform(size=(4, 9)) < 0.4, np.nan, RNG.normal(size=(4, 9)))
    x[1] = np.nan
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for types in (None, ["f64[M, N]"]):
            check(lambda x: np.nanquantile(x, 0.3, axis=1, method=method), x, types=types, grad=False)
            check(lambda x: np.nanpercentile(x, [10, 60], method=method), x, types=types, grad=False)
            check(lambda x: np.nanmedian(x, axis=0, keepdims=True), x, types=types, grad=False)
        check(lambda x, q: np.nanquantile(x, q, axis=1), x, np.float64(0.4), grad=False)
    check(lambda i: np.nanmedian(i, axis=0), I.reshape(8, 5))


def test_deviations_of_too_few_elements_are_missing() -> None:
    x = np.array([[1.0, np.nan, np.nan], [1.0, 2.0, np.nan], [np.nan] * 3])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for ddof in (0, 1, 2):
            check(lambda x, d=ddof: np.nanvar(x, axis=1, ddof=d), x, grad=False)
            check(lambda x, d=ddof: np.nanstd(x, axis=1, correction=d), x, grad=False)
        check(lambda x: np.nanmean(x, axis=1, where=x > 1), x, grad=False)


def _written(function: Any, *args: Any) -> Any:
    def write(x: Any, *rest: Any) -> Any:
        y = x.copy()
        function(y, *rest)
        return y

    return write


def test_values_are_put_in_numpys_order() -> None:
    x, v, mask = (
        X[:6].reshape(2, 3),
        X[6:12].reshape(2, 3),
        np.array([[True, False, True], [False, True, True]]),
    )
    check(_written(lambda y, v: np.place(y, mask, v)), x, v)
    check(_written(lambda y, v: np.place(y, y > 0, v)), x, v[0, :2])
    check(_written(lambda y, v: np.place(y, mask, v)), x, v[0, :1])
    check(_written(lambda y, v: np.putmask(y, mask, v)), x, v)
    check(_written(lambda y, v: np.putmask(y, mask, v)), x, v[0])
    check(_written(lambda y, v: np.putmask(y, mask, v)), x, v[0, :2])
    check(_written(lambda y, v: np.put(y, [4, 0, 1], v)), x, v[0, :2])
    check(_written(lambda y, v: np.put(y, [7, -1], v, mode="wrap")), x, v[0, :2])
    check(_written(lambda y, v: np.put(y, [7, -1], v, mode="clip")), x, v[0, :2])


def test_interpolation_of_a_periodic_function_is_numpys() -> None:
    at = np.linspace(-500, 500, 23)
    check(lambda at, f: np.interp(at, [190, -190, 350, -350.0], f, period=360), at, X[:4], grad=False)


def test_mantissas_and_exponents_are_numpys() -> None:
    for dtype in (np.float32, np.float64):
        info = np.finfo(dtype)
        edges = [1.0, 0.5, 2.0, 3.0, 0.0, -0.0, np.inf, -np.inf, np.nan, info.max, info.smallest_normal]
        x = np.array([*edges, info.smallest_subnormal, info.smallest_subnormal * 12345], dtype)
        x = np.concatenate([x, -x, np.nextafter(x, dtype(0)), np.nextafter(x, dtype(np.inf))])
        finite = x[np.isfinite(x)]
        for backend in ("interpret", "cpu"):
            mantissa, exponent = graphc.compile(np.frexp, backend=backend)(x)
            expected = np.frexp(x)
            np.testing.assert_array_equal(mantissa, expected[0])
            np.testing.assert_array_equal(exponent[np.isfinite(x)], np.frexp(finite)[1])
            assert (mantissa.dtype, exponent.dtype) == (dtype, np.int32)
    check(np.frexp, np.array([0.3, -5.7, 100.0]))


REFUSED = {
    np.roots: "numpy.roots: roots of a polynomial may be complex, and graphc computes with real numbers",
    np.sort_complex: "numpy.sort_complex: its results may be complex, and graphc computes with real numbers",
    np.unique_counts: "numpy.unique_counts: the shape of its result depends on the data",
    np.is_busday: "graphc cannot trace numpy.is_busday",
}


@pytest.mark.parametrize("function", REFUSED, ids=lambda f: f.__name__)
def test_what_cannot_be_covered_is_named(function: Any) -> None:
    with pytest.raises(TypeError) as caught:
        record(lambda x: function(x), "f64[5]")
    assert str(caught.value).splitlines()[0] == REFUSED[function]
    assert str(caught.value).splitlines()[1].startswith("  at test_counting.py:")


def test_polynomials_from_their_zeros_are_numpys() -> None:
    check(np.poly, X[:5])


def test_covariances_of_repeated_and_weighted_observations_are_numpys() -> None:
    x, repeats, weights = X.reshape(4, 10), np.arange(1, 11), W[:10]
    check(lambda x: np.cov(x, fweights=repeats), x)
    check(lambda x, w: np.cov(x, aweights=w), x, weights)
    check(lambda x, w: np.cov(x, fweights=repeats, aweights=w, ddof=2), x, weights)
    check(lambda x, w: np.cov(x[0], x[1], aweights=w, bias=True), x, weights)
    with pytest.raises(TypeError, match="fweights must be integer"):
        record(lambda x: np.cov(x, fweights=weights), x)


def test_diagonals_and_flat_positions_take_arrays_of_values() -> None:
    x, v = X[:12].reshape(4, 3), X[12:15]
    check(_written(lambda y, v: np.fill_diagonal(y, v)), x, v)
    check(_written(lambda y, v: np.fill_diagonal(y, v)), x, v[:2])
    check(_written(lambda y, v: np.put_along_axis(y, np.array([3, 0, 7]), v, None)), x, v)
