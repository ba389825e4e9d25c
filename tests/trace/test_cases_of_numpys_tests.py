"""Corner cases that NumPy's own tests have: the same values, types and errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc
from tests.helpers import check, record

RNG = np.random.default_rng(11)
A = RNG.normal(size=(3, 4))
C = RNG.normal(size=(2, 3, 4))
I = RNG.integers(0, 3, size=(3, 4))
BELOW_ONE = float(1 - np.finfo("f8").eps)


def at(ufunc: np.ufunc, values: Any, indices: Any, operand: Any) -> Any:
    result = values.copy()
    ufunc.at(result, indices, operand)
    return result


def filled(x: Any, *args: Any) -> Any:
    y = x.copy()
    np.fill_diagonal(y, *args)
    return y


def put_along(x: Any, indices: Any, axis: int) -> Any:
    y = x.copy()
    np.put_along_axis(y, indices, 20, axis)
    return y


def put_mask(x: Any, mask: Any, values: Any) -> Any:
    y = x.copy()
    np.putmask(y, mask, values)
    return y


CASES: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "roll by an unsigned number": (lambda x: np.roll(x, np.uint16(2)), (np.arange(4),)),
    "vander of small integers": (np.vander, (np.array([120, 11, 3], np.int8),)),
    "resize to nothing": (lambda x: np.resize(x, (0, 2)), (I,)),
    "resize of nothing": (lambda x: np.resize(x, (2, 2)), (np.zeros((0, 3), np.int16),)),
    "resize to a NumPy integer": (lambda x: np.resize(x, np.uint32(5)), (A,)),
    "isclose adapts Python numbers": (
        lambda x: (
            np.isclose(x, BELOW_ONE, atol=0, rtol=0),
            np.isclose(x, 2, atol=0, rtol=BELOW_ONE / 2),
            np.isclose(x, 2, atol=0, rtol=np.float64(BELOW_ONE / 2)),
            np.isclose(BELOW_ONE, x, rtol=0, atol=0, equal_nan=True),
        ),
        (np.array(BELOW_ONE, np.float32),),
    ),
    "moveaxis of ranges": (lambda x: np.moveaxis(x, range(3), range(2, -1, -1)), (C,)),
    "flatten in lower case": (lambda x: x.flatten("f"), (A,)),
    "concatenate into another dtype": (
        lambda x, out: np.concatenate((x, x), out=out.copy(), casting="unsafe"),
        (np.array([1.5, 2.5]), np.zeros(4, np.int64)),
    ),
    "put_along_axis in both directions": (
        lambda x, i: put_along(x, i, 1),
        (np.ones((3, 4, 1)), np.arange(10).reshape(1, 2, 5) % 4),
    ),
    "fill_diagonal of a tall matrix": (lambda x: filled(x, 5.0, True), (RNG.normal(size=(10, 3)),)),
    "fill_diagonal of a tall matrix with several": (
        lambda x: filled(x, [5.0, 6.0], True),
        (RNG.normal(size=(10, 3)),),
    ),
    "choose with mode raise": (lambda i: np.choose(i, (1.5, i, 7)), (I,)),
    "choose by booleans": (lambda i: np.choose(i, (1, 2)), (A > 0,)),
    "unravel_index": (lambda i: np.unravel_index(i, (3, 4)), (np.array([0, 5, 11], np.uint8),)),
    "unravel_index in order F": (lambda i: np.unravel_index(i, (3, 4), order="F"), (np.array([[0, 7]]),)),
    "ravel_multi_index": (lambda i: np.ravel_multi_index((i, i), (3, 4)), (I,)),
    "ravel_multi_index in order F": (
        lambda i: np.ravel_multi_index((i - 1, i), (3, 4), mode=("wrap", "raise"), order="F"),
        (I,),
    ),
    "reduce with a dtype": (lambda x: np.maximum.reduce(x, dtype=np.float32), (I,)),
    "logical_or.reduce to booleans": (lambda x: np.logical_or.reduce(x, axis=1, dtype=bool), (I,)),
    "accumulate with a dtype": (lambda x: np.fmax.accumulate(x, axis=1, dtype=np.float32), (I,)),
    "bitwise_and of no bytes": (lambda x: np.bitwise_and.reduce(x), (np.zeros(0, np.uint8),)),
    "reduceat of no places": (
        lambda x: np.add.reduceat(x, np.zeros(0, np.int32)),
        (np.zeros((3, 2), np.int8),),
    ),
    "vecdot along another axis": (lambda x: np.vecdot(x, 2 * x, axis=1), (C,)),
    "vecdot that keeps the axis": (lambda x: np.vecdot(x, x, keepdims=True), (C,)),
    "vecdot with axes": (lambda x: np.vecdot(x, x.T, axes=[0, 2, ()]), (A[:, None, :],)),
    "matmul with axes": (lambda x: np.matmul(x, x, axes=[(0, 1), (1, 0), (-1, -2)]), (C[0, :, :3],)),
    "matvec with axes": (
        lambda x, y: np.matvec(x, y, axes=[(-1, -2), -2, -1]),
        (A, RNG.normal(size=(3, 2))),
    ),
    "matmul in another dtype": (lambda x: np.matmul(x, x.T, dtype=np.float64), (I,)),
    "divmod into given arrays": (
        lambda x: np.divmod(x, 2, out=(np.zeros_like(x), np.zeros_like(x))),
        (I,),
    ),
    "frexp into one given array": (lambda x: np.frexp(x, out=(np.zeros_like(x), None)), (A,)),
    "average over axes in another order": (
        lambda x, w: np.average(x, axis=(1, 0), weights=w),
        (C, np.array([[1.0, 0.5], [2.0, 1.0], [3.0, 0.1]])),
    ),
    "cov of one observation in columns": (lambda x: np.cov(x, rowvar=False, ddof=0), (A[:1],)),
    "digitize in descending traced bins": (np.digitize, (np.arange(11), np.arange(10, 0, -1))),
    "digitize in descending known bins": (
        lambda x: [np.digitize(x, np.arange(10, 0, -1), right) for right in (False, True)],
        (np.arange(11),),
    ),
    "digitize in ascending traced bins": (
        lambda x, b: np.digitize(x, b, right=True),
        (np.arange(11), np.arange(1, 9)),
    ),
    "gradient over falling unsigned places": (np.gradient, (I[:, 0], np.array([9, 5, 2], np.uint8))),
    "insert several before one": (lambda x: np.insert(x, 1, [[1], [2], [3]], axis=1), (A[:, :2],)),
    "insert a column": (lambda x: np.insert(x, [1], [[1], [2], [3]], axis=1), (A,)),
    "insert by a mask": (lambda x: np.insert(x, np.array([True, False, True]), 9), (A[:, 0],)),
    "unwrap integers": (
        lambda x: np.unwrap(x, period=255),
        (np.array([1, 1 + 128, 1 + 256, 2], np.int64),),
    ),
    "unwrap with an odd period": (lambda x: np.unwrap(x, period=5), (np.array([0, 3, 6, 2, 9]),)),
    "quantile at a strong level": (lambda x: np.quantile(x, np.float64(0.3)), (A.astype(np.float32),)),
    "percentile at a weak level": (lambda x: np.percentile(x, 30), (A.astype(np.float32),)),
    "median of infinities": (
        lambda x: (np.nanmedian(x, axis=0), np.median(x, axis=0)),
        (np.array([[np.inf, 1.0, -np.inf], [np.nan, 2.0, -np.inf]]),),
    ),
    "median of integers and booleans": (lambda x: (np.median(x, axis=1), np.median(x > 0)), (I,)),
    "median of nothing": (
        lambda x: (np.median(x), np.median(x, axis=0), np.nanmedian(x, axis=0, keepdims=True)),
        (np.zeros((0, 3)),),
    ),
    "nanquantile of nothing": (lambda x: np.nanquantile(x, [0.1, 0.4], axis=0), (np.zeros((0, 3)),)),
    "choose given the choices one by one": (lambda i: i.choose(i, 2 * i, 3 * i), (I,)),
    "putmask with a flat mask": (
        lambda x, m: put_mask(x, m, [7.0, 8.0]),
        (A, (A > 0).reshape(4, 3)),
    ),
    "pad by statistics": (
        lambda x: [
            np.pad(x, ((2, 3), (1, 0)), mode=m, stat_length=n)
            for m in ("maximum", "minimum", "mean", "median")
            for n in (None, 1, ((1, 3), (2, 9)))
        ],
        (A,),
    ),
    "pad integers by statistics": (
        lambda x: [np.pad(x, 2, mode=m) for m in ("maximum", "mean", "median")],
        (I.astype(np.int16),),
    ),
    "pad by odd reflection": (
        lambda x: [np.pad(x, ((2, 1), (0, 3)), mode=m, reflect_type="odd") for m in ("reflect", "symmetric")],
        (A,),
    ),
    "windows along all axes": (lambda x: np.lib.stride_tricks.sliding_window_view(x, (2, 3)), (A,)),
    "windows along one axis twice": (
        lambda x: np.lib.stride_tricks.sliding_window_view(x, (2, 2), axis=(1, 1)),
        (A,),
    ),
    "packbits": (
        lambda x: [np.packbits(x, axis=a, bitorder=o) for a in (None, 0, 1) for o in ("big", "little")],
        (I > 0,),
    ),
    "unpackbits": (
        lambda x: [
            np.unpackbits(x, axis=a, bitorder=o, count=c)
            for a in (None, 0, 1)
            for o in ("big", "little")
            for c in (None, 5, -3, 90)
        ],
        (RNG.integers(0, 256, (3, 2)).astype(np.uint8),),
    ),
    "histogram2d": (lambda x, y: np.histogram2d(x, y, bins=(3, 4)), (A.ravel(), C.ravel()[:12])),
    "histogram2d with weights and known bins": (
        lambda x, y, w: np.histogram2d(x, y, bins=[np.linspace(-1, 1, 5), [-1.0, 0.0, 2.0]], weights=w),
        (A.ravel(), C.ravel()[:12], C.ravel()[12:]),
    ),
    "histogram2d with one array of bins": (
        lambda x, y: np.histogram2d(x, y, bins=np.array([-1.0, 0.0, 0.5, 2.0]), density=True),
        (A.ravel(), C.ravel()[:12]),
    ),
    "histogramdd": (
        lambda x: np.histogramdd(x, bins=(2, 3, 2), range=((0, 1), (-1, 1), (-2, 2))),
        (RNG.normal(size=(30, 3)),),
    ),
    "histogramdd of integers": (
        lambda x, y: np.histogramdd((x, y), bins=[np.arange(4), np.array([0, 1, 2])]),
        (I.ravel(), I.T.ravel()),
    ),
    "quantile at no levels": (lambda x: np.quantile(x, [], axis=1), (A,)),
    "norms of nothing": (
        lambda x: [np.linalg.matrix_norm(x, ord=o) for o in (1, 2, np.inf, "nuc")],
        (np.zeros((0, 2)),),
    ),
    "the largest of nothing": (lambda x: np.linalg.vector_norm(x, ord=np.inf), (np.zeros(0),)),
    "rank of nothing": (np.linalg.matrix_rank, (np.zeros((2, 0, 0)),)),
    "condition of zeros": (np.linalg.cond, (np.zeros((2, 2)),)),
}
FLAT = {
    "median of nothing",
    "nanquantile of nothing",
    "histogramdd",
    "median of infinities",
    "condition of zeros",
    "vander of small integers",
    "isclose adapts Python numbers",
}


@pytest.mark.filterwarnings("ignore:invalid value|divide by zero:RuntimeWarning")
@pytest.mark.parametrize("name", CASES)
def test_the_result_is_numpys(name: str) -> None:
    function, arrays = CASES[name]
    check(function, *arrays, grad=False if name in FLAT else None)


def test_the_edges_of_histogramdd_are_a_list() -> None:
    compiled = graphc.compile(lambda x: np.histogramdd(x, bins=2), backend="interpret")
    assert type(compiled(A)[1]) is type(np.histogramdd(A, bins=2)[1]) is list


METHODS = (
    *("inverted_cdf", "averaged_inverted_cdf", "closest_observation", "interpolated_inverted_cdf"),
    *("hazen", "weibull", "linear", "median_unbiased", "normal_unbiased"),
    *("lower", "higher", "midpoint", "nearest"),
)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", ["f8", "f4", "i4"])
def test_every_method_of_quantiles_is_numpys(method: Any, dtype: str) -> None:
    x = np.array([[1, 7, 2, 9, 4], [3, 6, 8, 0, 5]]).astype(dtype)
    levels = [0.0, 0.1, 0.2, 0.3, 0.5, 0.6, 0.77, 0.9, 1.0]
    check(lambda x: np.quantile(x, levels, axis=1, method=method), x)
    check(lambda x: np.quantile(x, 0.4, method=method), x)
    check(lambda x: np.nanquantile(x, 0.4, axis=0, method=method, keepdims=True), x)
    if dtype == "f8":
        check(lambda x, q: np.quantile(x, q, axis=1, method=method), x, np.array(levels), grad=False)


@pytest.mark.parametrize("ufunc", [np.multiply, np.fmax, np.maximum, np.logical_or, np.bitwise_xor])
@pytest.mark.parametrize("dtype", ["f8", "i4", "?"])
def test_at_combines_all_that_falls_on_one_place(ufunc: np.ufunc, dtype: str) -> None:
    if ufunc is np.bitwise_xor and dtype == "f8":
        pytest.skip("NumPy refuses as well")
    values, more = RNG.integers(0, 4, (5, 3)).astype(dtype), RNG.integers(0, 4, (4, 3)).astype(dtype)
    places = np.array([0, 3, -1, 3])
    for backend in ("interpret", "cpu"):
        traced = graphc.compile(lambda x, i, y: at(ufunc, x, i, y), backend=backend)
        result = traced(values, places, more)
        assert result.dtype == values.dtype
        np.testing.assert_array_equal(result, at(ufunc, values, places, more))
    if dtype == "f8" and ufunc is np.multiply:
        check(lambda x, y: at(ufunc, x, places, y), values + 0.5, more + 0.5)


def test_at_does_not_round_what_numpy_rounds_after_every_step() -> None:
    with pytest.raises(
        TypeError, match=r"numpy\.multiply\.at of int64 computes in float64 and rounds after"
    ) as caught:
        record(lambda x: at(np.multiply, x, [0], 1.5), I)
    assert str(caught.value).endswith("Convert the array first, or the values: values.astype(x.dtype).")
    with pytest.raises(TypeError, match=r"numpy\.add\.at of int64 computes in float64 and rounds after"):
        record(lambda x: at(np.add, x, [0], 1.5), I)


REFUSED_AS_NUMPY: dict[str, tuple[Callable[..., Any], Any, type[Exception], str]] = {
    "stack": (
        lambda x: np.stack([x, x], dtype=np.int64),
        A,
        TypeError,
        "Cannot cast array data from dtype\\('float64'\\) to dtype\\('int64'\\) according to the rule",
    ),
    "concatenate": (
        lambda x: np.concatenate([x, x], out=x, dtype=np.float64),
        A,
        TypeError,
        "only takes `out` or `dtype`",
    ),
    "clip without a bound": (lambda x: np.clip(x, 2), A, TypeError, "missing 1 required .* 'a_max'"),
    "clip twice": (lambda x: np.clip(x, 2, 3, max=3), A, ValueError, "Passing `min` or `max` keyword"),
    "moveaxis": (lambda x: np.moveaxis(x, (0, 1), (1, 1)), C, ValueError, "repeated axis in `destination`"),
    "rollaxis": (lambda x: np.rollaxis(x, 0, -5), C, np.exceptions.AxisError, "'start' arg requires -3"),
    "tensordot": (lambda x: np.tensordot(x, x, ((1, 1), (1, 1))), C, ValueError, "duplicate axes"),
    "fill_diagonal": (
        lambda x: filled(x, 2),
        C,
        ValueError,
        "All dimensions of input must be of equal length",
    ),
    "reshape by a bool": (lambda x: np.reshape(x, (True, -1)), A, TypeError, "an integer is required"),
    "reshape without a copy": (
        lambda x: np.reshape(x.T, -1, copy=False),
        A,
        ValueError,
        "Unable to avoid creating a copy",
    ),
    "partition": (lambda x: np.partition(x, 4), A, ValueError, "kth\\(=4\\) out of bounds \\(4\\)"),
    "isin": (lambda x: np.isin(x, x, kind="quicksort"), I, ValueError, "Invalid kind: 'quicksort'"),
    "put_along_axis": (
        lambda x: np.put_along_axis(x.copy(), np.zeros((2, 1), int), 1, None),
        I,
        ValueError,
        "`indices` must have a single dimension",
    ),
    "gradient": (lambda x: np.gradient(x, np.ones(4)), A, TypeError, "invalid number of arguments"),
    "gradient of one": (lambda x: np.gradient(x), A[:1], ValueError, "Shape of array too small"),
    "matrix_rank": (
        lambda x: np.linalg.matrix_rank(x, tol=0.1, rtol=0.1),
        A,
        ValueError,
        "`tol` and `rtol` can't be both set",
    ),
    "pinv": (lambda x: np.linalg.pinv(x, 0.5, rtol=0.5), A, ValueError, "`rtol` and `rcond` can't be both"),
    "quantile": (
        lambda x: np.quantile(x, 0.5, method="huber"),
        A,
        ValueError,
        "'huber' is not a valid method",
    ),  # type: ignore[call-overload]
    "pad widths": (
        lambda x: np.pad(x, ((3, 4, 5), (0, 1, 2))),
        A,
        ValueError,
        "operands could not be broadcast together with remapped shapes",
    ),
    "pad by floats": (lambda x: np.pad(x, 3.4), A, TypeError, "must be of integral type"),
    "pad of nothing": (lambda x: np.pad(x, 1, mode="edge"), A[:0], ValueError, "can't extend empty axis 0"),
    "pad by a negative number": (
        lambda x: np.pad(x, 1, mode="mean", stat_length=-2),
        A,
        ValueError,
        "index can't contain negative values",
    ),
    "pad by the largest of none": (
        lambda x: np.pad(x, 1, mode="maximum", stat_length=0),
        A,
        ValueError,
        "stat_length of 0 yields no value",
    ),
    "window": (
        lambda x: np.lib.stride_tricks.sliding_window_view(x, 9, axis=0),
        A,
        ValueError,
        "window shape cannot be larger than input array shape",
    ),
    "packbits of floats": (lambda x: np.packbits(x), A, TypeError, "integer or boolean data type"),
    "vecdot with axes of a number": (
        lambda x: np.vecdot(x, x, axes=[-1, -1, -1]),  # type: ignore[call-overload]
        C,
        np.exceptions.AxisError,
        "operand 2 has 0 core dimensions",
    ),
    "putmask": (lambda x: put_mask(x, [True], 5), A, ValueError, "mask and data must be the same size"),
    "searchsorted": (
        lambda x: np.searchsorted(x, 0.0, sorter=[1, 2]),
        A[0],
        ValueError,
        "sorter.size must equal a.size",
    ),
    "one element from a sequence": (
        lambda x: x.copy().__setitem__(0, [1.0]),
        A[0],
        ValueError,
        "setting an array element with a sequence",
    ),
    "histogram": (
        lambda x: np.histogram(x, range=(0.0, np.inf)),
        A,
        ValueError,
        "is not finite",
    ),
    "unravel_index of floats": (
        lambda x: np.unravel_index(x, (3, 4)),
        A,
        TypeError,
        "positions of dtype float64",
    ),
}


@pytest.mark.parametrize("name", REFUSED_AS_NUMPY)
def test_what_numpy_refuses_is_refused(name: str) -> None:
    function, array, error, text = REFUSED_AS_NUMPY[name]
    with pytest.raises(error):
        function(array.copy())
    with pytest.raises(error, match=text):
        record(function, array)


@pytest.mark.parametrize("backend", ["interpret", "cpu"])
def test_positions_outside_are_errors_at_run_time(backend: str) -> None:
    programs = (
        (lambda i: np.unravel_index(i, (3, 4)), [0, 12]),
        (lambda i: np.unravel_index(i, (3, 4)), [0, -1]),
        (lambda i: np.ravel_multi_index((i, i), (3, 4)), [0, 3]),
        (lambda i: np.choose(i, (1.5, 2.5)), [1, -1]),
    )
    for function, places in programs:
        compiled = graphc.compile(function, backend=backend)
        with pytest.raises(IndexError, match="out of bounds"):
            compiled(np.array(places))
