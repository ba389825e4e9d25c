"""Python's numbers: beyond 64 bits, outside an array's dtype, and as results of predicates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc
from tests.helpers import record, run

I = np.array([1, 5], np.int64)
X = np.array([1.0, np.nan, np.inf])


@pytest.mark.parametrize("value", [2**64, 2**70, -(2**63) - 1])
def test_an_integer_beyond_64_bits_overflows_as_in_numpy(value: int) -> None:
    for function in (
        lambda i: i + value,
        lambda i: value * i,
        lambda i: np.where(i > 0, i, value),
        lambda i: np.full_like(i, value),
        lambda i: np.maximum(i, value),
    ):
        with pytest.raises(OverflowError):
            function(I)
        with pytest.raises(OverflowError):
            record(function, I)


def test_the_error_names_the_line_and_the_remedy() -> None:
    def function(i: Any) -> Any:
        return np.where(i > 0, i, 2**70)

    with pytest.raises(OverflowError) as caught:
        record(function, I)
    line = function.__code__.co_firstlineno + 1
    assert str(caught.value) == (
        "Python integer 1180591620717411303424 does not fit 64 bits\n"
        f"  at test_python_numbers.py:{line}, return np.where(i > 0, i, 2**70)\n"
        "  Use a float."
    )


def test_integers_beyond_64_bits_compare_and_convert() -> None:
    for function in (lambda i: i < 2**70, lambda i: i == -(2**70), lambda i: i.astype(np.float64) + 2**70):
        np.testing.assert_array_equal(run(function, I)[0], function(I))


def test_full_like_refuses_what_the_dtype_cannot_hold() -> None:
    for array, value in ((I, 2**63), (I.astype(np.int8), 200), (I.astype(np.uint8), -1)):
        with pytest.raises(OverflowError):
            np.full_like(array, value)
        with pytest.raises(OverflowError):
            record(lambda i, value=value: np.full_like(i, value), array)


@pytest.mark.parametrize("dtype", ["i1", "u1", "i8", "u8"])
def test_clip_takes_bounds_outside_the_dtype(dtype: str) -> None:
    x = np.array([0, 1, 100]).astype(dtype)
    for bounds in ((-300, 300), (2, 2**70), (-(2**70), 50), (0, 2**63)):
        expected = np.clip(x, *bounds)
        (actual,) = run(lambda x, bounds=bounds: np.clip(x, *bounds), x)
        assert actual.dtype == expected.dtype
        np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("dtype", ["?", "i1", "u8", "f4", "f8"])
@pytest.mark.parametrize("number", [1, 2**40, 2**63, 1.0, True], ids=repr)
def test_numbers_in_an_array_of_traced_scalars_have_their_own_dtype(dtype: str, number: Any) -> None:
    x = np.array([1, 0]).astype(dtype)

    def function(x: Any) -> Any:
        return np.array([x[0], number])

    expected = function(x)
    actual = graphc.compile(function, backend="interpret")(x)
    assert actual.dtype == expected.dtype
    np.testing.assert_array_equal(actual, expected)


PREDICATES = {
    "allclose": lambda x: np.allclose(x, x),
    "allclose with nan": lambda x: np.allclose(x, x, equal_nan=True),
    "array_equal": lambda x: np.array_equal(x, x),
    "array_equal of other shapes": lambda x: np.array_equal(x, x[:2]),
    "array_equal with nan": lambda x: np.array_equal(x, x, equal_nan=True),
    "array_equiv": lambda x: np.array_equiv(x[:1], x[0]),
    "array_equiv of shapes that do not fit": lambda x: np.array_equiv(x, x[:2]),
    "isclose": lambda x: np.isclose(x, x),
    "isclose of scalars": lambda x: np.isclose(x[0], x[0]),
    "all": lambda x: np.all(x > 0),
    "any": lambda x: np.any(x > 0),
    "count": lambda x: np.allclose(x, x) + 1,
}


@pytest.mark.parametrize("name", PREDICATES)
@pytest.mark.parametrize("backend", ["cpu", "interpret"])
def test_predicates_return_numpys_type(name: str, backend: Any) -> None:
    function = PREDICATES[name]
    expected, actual = function(X), graphc.compile(function, backend=backend)(X)
    assert type(actual) is type(expected)
    np.testing.assert_array_equal(actual, expected)


F = np.array([1.0, 2.0], np.float32)
Z = F + 1j * F


@pytest.mark.parametrize(
    "function",
    [
        lambda x, z, s: x * np.exp(s),
        lambda x, z, s: x * (s * 2),
        lambda x, z, s: x * np.real(s),
        lambda x, z, s: np.multiply.outer(x, s),
        lambda x, z, s: z * np.exp(1j * s),
        lambda x, z, s: z * np.multiply(1j, s),
        lambda x, z, s: z * np.conj(1j * s),
        lambda x, z, s: z * (1j * s + 2).conjugate(),
        lambda x, z, s: z * (1j * s) ** 2,
    ],
)
def test_numpys_functions_make_arrays_numbers_of_pythons_and_operators_do_not(function: Any) -> None:
    result, expected = graphc.compile(function, backend="interpret")(F, Z, 0.3), function(F, Z, 0.3)
    assert result.dtype == expected.dtype
    np.testing.assert_allclose(result, expected, rtol=1e-6)
