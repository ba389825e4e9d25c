"""Methods of ufuncs on traced arrays: reduce, accumulate, reduceat and at."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc
from graphc.errors import UnsupportedError
from graphc.trace.numpy_functions.ufunc_methods import ALSO_ACCUMULATED, ASSOCIATIVE
from tests.helpers import check, record, run

RNG = np.random.default_rng(8)
X = RNG.normal(size=(4, 7))
I = RNG.integers(1, 30, size=(4, 7))
FLOATS = [u for u in ASSOCIATIVE if "dd->d" in u.types]
INTEGERS = [u for u in ASSOCIATIVE if "ll->l" in u.types]
NAMES: dict[str, Any] = {"ids": lambda u: u.__name__}


@pytest.mark.parametrize("ufunc", [*FLOATS, np.maximum, np.minimum], **NAMES)
def test_folds_of_floats_are_numpys(ufunc: Any) -> None:
    check(ufunc.reduce, X, rtol=1e-13)
    check(lambda x: ufunc.reduce(x, axis=(0, 1)), X, rtol=1e-13)
    check(lambda x: ufunc.reduce(x, axis=1, keepdims=True), X, rtol=1e-13)
    check(ufunc.accumulate, X, rtol=1e-13)
    check(lambda x: ufunc.accumulate(x, axis=-1), X, rtol=1e-13)


@pytest.mark.parametrize("ufunc", [*INTEGERS, np.maximum, np.minimum], **NAMES)
def test_folds_of_integers_are_numpys(ufunc: Any) -> None:
    for dtype in (np.int64, np.uint8):
        i = (I % 6 + 1 if ufunc is np.lcm else I).astype(dtype)  # no overflow
        check(ufunc.reduce, i)
        check(lambda i: ufunc.reduce(i, axis=1), i)
        check(lambda i: ufunc.accumulate(i, axis=1), i)


@pytest.mark.parametrize("ufunc", ALSO_ACCUMULATED, **NAMES)
def test_folds_of_booleans_are_numpys(ufunc: Any) -> None:
    if "??->?" in ufunc.types:
        check(ufunc.reduce, X > 0)
        check(lambda x: ufunc.accumulate(x, axis=1), X > 0)


def test_running_extrema_start_again_never() -> None:
    x = np.array([1.0, np.nan, 3.0, np.inf])
    np.testing.assert_array_equal(run(np.maximum.accumulate, x)[0], np.maximum.accumulate(x))
    np.testing.assert_array_equal(run(np.minimum.accumulate, x[[3, 0, 2, 1]])[0], [np.inf, 1, 1, np.nan])
    check(np.maximum.accumulate, np.zeros((0, 3)), grad=False)
    for n in (1, 6):
        check(np.maximum.accumulate, RNG.normal(size=n), types=["f64[N]"])


def test_the_gradient_of_a_running_maximum_goes_to_the_first_of_equals() -> None:
    weights = np.array([1.0, 10.0, 100.0, 1000.0, 1e4])
    slope = graphc.grad(lambda x: np.sum(weights * np.maximum.accumulate(x)))
    np.testing.assert_array_equal(slope(np.array([2.0, 2.0, 1.0, 3.0, 0.0])), [111.0, 0, 0, 11000.0, 0])
    slope = graphc.grad(lambda x: np.sum(weights * np.minimum.accumulate(x)))
    np.testing.assert_array_equal(slope(np.array([2.0, 2.0, 1.0, 3.0, 1.0])), [11.0, 0, 11100.0, 0, 0])


@pytest.mark.parametrize("ufunc", [np.add, np.multiply, np.maximum, np.fmin, np.logaddexp], **NAMES)
def test_folds_between_indices_are_numpys(ufunc: Any) -> None:
    check(lambda x: ufunc.reduceat(x, [0, 2, 1, 5], axis=1), X)
    check(lambda x: ufunc.reduceat(x, [3, 0]), X)


def test_reduceat_checks_its_indices() -> None:
    with pytest.raises(IndexError, match=r"index out-of-bounds in add.reduceat \[0, 4\)"):
        record(lambda x: np.add.reduceat(x, [0, 4]), X)


@pytest.mark.parametrize("ufunc", [np.add, np.subtract, np.maximum, np.minimum], **NAMES)
def test_unbuffered_updates_are_numpys(ufunc: Any) -> None:
    def at(x: Any, index: Any, values: Any) -> Any:
        y = x.copy()
        ufunc.at(y, index, values)
        return y

    check(lambda x, v: at(x, np.array([0, 2, 0, -1]), v), X, RNG.normal(size=(4, 7)))
    check(lambda x, i: at(x, i, 0.3), X[0], np.array([1, 1, 5]))
    check(lambda x, i: at(x, i, 11), I[0], np.array([[1, 1], [5, 0]]))
    check(lambda x, v: at(x, 2, v), X, X[0])
    check(lambda x, v: at(x, np.zeros(0, int), v), X, 1.0, grad=False)


def test_unbuffered_updates_check_their_indices() -> None:
    def at(x: Any, index: Any) -> Any:
        y = x.copy()
        np.maximum.at(y, index, 5.0)
        return y

    with pytest.raises(IndexError, match="out of bounds for axis 0 with size 7"):
        graphc.compile(at)(X[0], np.array([0, 7]))


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (lambda x: np.subtract.accumulate(x), "numpy.subtract.accumulate"),
        (lambda x: np.hypot.reduce(x), "numpy.hypot.reduce along an axis of symbolic size N"),
        (lambda x: np.power.reduce(x), "numpy.power.reduce"),
        (lambda x: np.fmax.accumulate(x), "numpy.fmax.accumulate along an axis of symbolic size N"),
        (lambda x: np.divide.at(x.copy(), 0, 2.0), "numpy.divide.at"),
    ],
)
def test_other_methods_are_refused_by_name(function: Any, name: str) -> None:
    with pytest.raises(UnsupportedError) as caught:
        record(function, "f64[N]")
    assert str(caught.value).splitlines()[0] == f"graphc cannot trace {name}"
