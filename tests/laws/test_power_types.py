"""Powers over all pairs of dtypes have NumPy's type and values, or raise NumPy's error."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import numpy as np
import pytest

from tests.helpers import run

DTYPES = ("?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8")
PAIRS = list(itertools.product(DTYPES, DTYPES))
BASES, EXPONENTS = [0, 1, 2, 3], [0, 1, 2, 1]
CONSTANTS = (0, 1, 2, 3, 4, 5, 6, 300, -1, -2, True, 0.0, 0.5, 1.0, 2.0, -1.0)
NUMPY_CONSTANTS = (np.int8(2), np.uint8(2), np.int64(3), np.float32(2), np.float64(0.5), np.True_)


def _agree(function: Any, *arrays: Any) -> None:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            expected = np.asarray(function(*arrays))
        except (TypeError, ValueError, OverflowError) as error:
            kind = next(k for k in (TypeError, ValueError, OverflowError) if isinstance(error, k))
            with pytest.raises(kind):
                run(function, *arrays)
            return
        if expected.dtype == np.float16:
            with pytest.raises(TypeError, match="computes in float16"):
                run(function, *arrays)
            return
        (actual,) = run(function, *arrays)
    assert actual.dtype == expected.dtype
    np.testing.assert_allclose(actual, expected, rtol=1e-6 if expected.dtype == np.float32 else 1e-14)


@pytest.mark.parametrize(("base", "exponent"), PAIRS)
def test_powers_of_two_arrays(base: str, exponent: str) -> None:
    x, y = np.array(BASES).astype(base), np.array(EXPONENTS).astype(exponent)
    _agree(lambda x, y: x**y, x, y)
    _agree(np.float_power, x, y)
    _agree(lambda x, y: x[1] ** y[2], x, y)


@pytest.mark.parametrize("base", DTYPES)
@pytest.mark.parametrize("number", (*CONSTANTS, *NUMPY_CONSTANTS), ids=repr)
def test_powers_with_a_number(base: str, number: Any) -> None:
    x = np.array(BASES).astype(base)
    _agree(lambda x: x**number, x)
    _agree(lambda x: number**x, x)
    _agree(lambda x: np.power(x, number), x)
    _agree(lambda x: np.float_power(x, number), x)
    _agree(lambda x: x[1] ** number, x)


@pytest.mark.parametrize(("base", "exponent"), PAIRS)
def test_powers_in_place(base: str, exponent: str) -> None:
    def in_place(x: Any, y: Any) -> Any:
        x = x.copy()
        x **= y
        return x

    _agree(in_place, np.array(BASES).astype(base), np.array(EXPONENTS).astype(exponent))


def test_the_square_of_booleans_is_int8() -> None:
    (y,) = run(lambda x: x**2, np.array([True, False]))
    assert y.dtype == np.int8 and y.tolist() == [1, 0]
