"""Sizes that make no sense, hold nothing or do not fit into memory: the right answer or a clear error."""

from __future__ import annotations

import numpy as np
import pytest

import graphc
from graphc.errors import ParseError, ShapeError


def cube(x):
    return x[:, None, None, None] * x[:, None, None] * x[:, None] * x


def test_results_that_do_not_fit_into_memory_are_memory_errors() -> None:
    outer = graphc.compile(np.multiply.outer)
    with pytest.raises(MemoryError, match=r"Unable to allocate 32\.0 TiB"):
        outer(np.ones(2**21), np.ones(2**21))
    assert outer(np.ones(2), np.ones(3)).shape == (2, 3)


def test_results_of_symbolic_size_that_do_not_fit_into_memory_are_memory_errors() -> None:
    outer = graphc.compile(lambda x, y: np.outer(x, y), dynamic={"x": "f64[N]", "y": "f64[M]"})
    with pytest.raises(MemoryError, match=r"Unable to allocate 32\.0 TiB"):
        outer(np.ones(2**21), np.ones(2**21))
    np.testing.assert_array_equal(outer(np.ones(2), np.ones(3)), np.ones((2, 3)))


def test_bytes_that_64_bits_do_not_count_are_a_memory_error() -> None:
    function = graphc.compile(cube, dynamic={"x": "f64[N]"})
    with pytest.raises(MemoryError, match=r"cube needs 147573952589676412928 bytes for one array"):
        function(np.ones(2**16))
    with pytest.raises(ValueError, match="too big"):
        graphc.compile(lambda x: np.zeros((2**40, 2**40)) + x)(1.0)
    np.testing.assert_array_equal(function(np.full(2, 2.0)), np.full((2,) * 4, 16.0))


def test_scratch_memory_that_does_not_fit_is_a_memory_error() -> None:
    function = graphc.compile(lambda x: np.sort(np.broadcast_to(x, (2**44,)))[0])
    with pytest.raises(MemoryError, match="bytes of scratch memory"):
        function(np.ones(1))


def test_negative_sizes_are_numpys_error() -> None:
    with pytest.raises(ValueError, match="negative dimensions are not allowed"):
        graphc.compile(lambda x: np.zeros(-1) + x)(1.0)


VIRTUAL = {
    "sum": (lambda x: np.sum(np.broadcast_to(x, (2**40, 2**40, 3))), 2.0**80 * 6),
    "mean": (lambda x: np.mean(np.broadcast_to(x, (2**40, 3)), axis=0), [1.0, 2, 3]),
    "range": (lambda x: np.arange(2**50, like=x)[-1] + x[0], 2.0**50),
    "slice": (lambda x: np.broadcast_to(x[1], (2**50,))[5:7], [2.0, 2]),
    "identity": (lambda x: np.eye(2**40, like=x)[7, 6:9] + x, [1.0, 3, 3]),
    "pad": (lambda x: np.pad(x, 2**50)[2**50 - 1 : 2**50 + 2], [0.0, 1, 2]),
    "take": (lambda x: np.zeros(2**45, like=x)[np.array([1, 2**44])] + x[:2], [1.0, 2]),
}


@pytest.mark.parametrize("name", VIRTUAL)
def test_huge_arrays_of_which_little_is_read_are_never_made(name: str) -> None:
    function, expected = VIRTUAL[name]
    np.testing.assert_array_equal(graphc.compile(function)(np.array([1.0, 2, 3])), expected)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: np.tile(x, 2**60), "array is too big"),
        (lambda x: np.repeat(x, 2**62), "too large"),
        (lambda x: np.zeros(2**63, like=x), "Maximum allowed dimension exceeded"),
    ],
    ids=["tile", "repeat", "zeros"],
)
def test_sizes_beyond_what_numpy_counts_are_numpys_error(function, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        graphc.compile(function)(np.ones(3))


EMPTY_MAXIMA = {
    "max": lambda x: np.max(x, axis=0),
    "min": lambda x: np.min(x, axis=0),
    "argmax": lambda x: np.argmax(x, axis=0),
    "argmin": lambda x: np.argmin(x, axis=0),
    "ptp": lambda x: np.ptp(x, axis=0),
}


@pytest.mark.parametrize("name", EMPTY_MAXIMA)
@pytest.mark.parametrize("dynamic", [None, {"x": "f64[N, 3]"}])
def test_the_largest_of_nothing_is_an_error(name: str, dynamic: dict[str, str] | None) -> None:
    function = graphc.compile(EMPTY_MAXIMA[name], dynamic=dynamic)
    with pytest.raises(
        ValueError, match=r"zero-size array|empty sequence|the sizes of the arguments are too"
    ):
        function(np.ones((0, 3)))
    np.testing.assert_array_equal(function(np.eye(3)), EMPTY_MAXIMA[name](np.eye(3)))


def test_the_error_of_a_symbolic_size_that_is_zero_shows_the_line() -> None:
    function = graphc.compile(EMPTY_MAXIMA["max"], dynamic={"x": "f64[N, 3]"})
    with pytest.raises(ShapeError) as caught:
        function(np.ones((0, 3)))
    assert "this function takes N-1 for at least 0\n  at test_sizes.py:" in str(caught.value)


EMPTY = {
    "sum": lambda x: np.sum(x, axis=0),
    "prod": lambda x: np.prod(x, axis=0),
    "prod_rows": lambda x: np.prod(x, axis=1),
    "mean": lambda x: np.sum(np.mean(x, axis=1)),
    "logsumexp": lambda x: np.log(np.sum(np.exp(x), axis=0)),
    "softmax": lambda x: np.exp(x) / np.sum(np.exp(x), axis=1, keepdims=True),
    "matmul": lambda x: x @ x.T,
    "gram": lambda x: x.T @ x,
    "cumsum": lambda x: np.cumsum(x, axis=0),
    "sort": lambda x: np.sort(x, axis=0),
    "concatenate": lambda x: np.concatenate([x, x, x * 2]),
    "where": lambda x: np.where(x > 0, x, -x),
    "any": lambda x: (np.any(x > 0, axis=0), np.all(x > 0, axis=0)),
    "flip": lambda x: x[::-1] + 1,
}


@pytest.mark.parametrize("name", EMPTY)
@pytest.mark.parametrize("dynamic", [None, {"x": "f64[N, 3]"}])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_arrays_of_size_zero_give_what_numpy_gives(name: str, dynamic: dict[str, str] | None) -> None:
    function = graphc.compile(EMPTY[name], dynamic=dynamic)
    for n in (0, 4):
        x = np.linspace(-1, 1, 3 * n).reshape(n, 3)
        for actual, expected in zip(*map(np.atleast_1d, (function(x), EMPTY[name](x))), strict=True):
            np.testing.assert_allclose(actual, expected, rtol=1e-12)


@pytest.mark.parametrize("name", [n for n in EMPTY if n != "any"])
@pytest.mark.parametrize("dynamic", [None, {"x": "f64[N, 3]"}])
def test_gradients_of_arrays_of_size_zero_have_their_shape(name: str, dynamic: dict[str, str] | None) -> None:
    function = graphc.compile(lambda x: np.sum(EMPTY[name](x)), dynamic=dynamic)
    assert graphc.grad(function)(np.ones((0, 3))).shape == (0, 3)


@pytest.mark.parametrize("text", ["f32[N, 784", "f16[N]", "f32[N, ]x", "float64[2]"])
def test_text_that_is_meant_as_a_type_but_is_none_is_refused(text: str) -> None:
    with pytest.raises(ParseError, match="is not a type; write one like"):
        graphc.compile(np.negative).lower(text)
