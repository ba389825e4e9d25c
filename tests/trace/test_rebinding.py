"""`total += x` where `total` is a concrete array and `x` is traced."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc

X = np.array([1.0, -2.0, 3.0])
SHARED = np.zeros(3)


def summed(x: Any) -> Any:
    total = np.zeros(3)
    for i in range(3):
        total += i * x
    return total


def counted(x: Any) -> Any:
    count = np.zeros(3, np.int8)
    count += x > 0
    count += 1
    small = np.ones(3, np.float32)
    small *= x
    return count, small


def read_before(x: Any) -> Any:
    weights = np.ones(3)
    y = weights * x
    weights -= y
    return weights, y


def of_a_fresh_argument(x: Any) -> Any:
    def add(total: Any) -> Any:
        total += x
        return total

    return add(np.ones(3))


def masks(x: Any) -> Any:
    alive = np.ones(3, bool)
    alive &= x > 0
    alive |= x < -1
    return alive


@pytest.mark.parametrize("function", [summed, counted, read_before, of_a_fresh_argument, masks])
def test_a_local_array_becomes_a_traced_one(function: Callable[[Any], Any]) -> None:
    result, expected = graphc.compile(function)(X), function(X)
    for got, wanted in zip(np.atleast_2d(result), np.atleast_2d(expected), strict=True):
        np.testing.assert_array_equal(got, wanted)
    if isinstance(expected, tuple):
        assert [r.dtype for r in result] == [e.dtype for e in expected]
    else:
        assert result.dtype == expected.dtype


def test_its_derivatives_are_those_of_the_sum() -> None:
    np.testing.assert_allclose(graphc.grad(lambda x: np.sum(summed(x) ** 2))(X), 18 * X)


def another_name(x: Any) -> Any:
    total = other = np.zeros(3)
    total += x
    return other


def in_a_list(x: Any) -> Any:
    total = np.zeros(3)
    kept = [total]
    total += x
    return kept


def a_view(x: Any) -> Any:
    table = np.zeros((2, 3))
    row = table[0]
    row += x
    return table


def an_element(x: Any) -> Any:
    rows = [np.zeros(3)]
    rows[0] += x
    return rows


def of_the_caller(x: Any) -> Any:
    def add(total: Any) -> None:
        total += x

    total = np.zeros(3)
    add(total)
    return total


def of_the_closure(x: Any) -> Any:
    total = np.zeros(3)

    def read() -> Any:
        return total

    total += x
    return read()


def of_the_module(x: Any) -> Any:
    global SHARED
    SHARED += x
    return SHARED


def of_the_defaults(x: Any, total: Any = np.zeros(3)) -> Any:  # noqa: B008
    total += x
    return total


def not_bound_again(x: Any) -> Any:
    total = np.zeros(3)
    np.add(total, x, out=total)
    return total


@pytest.mark.parametrize(
    "function",
    [
        another_name,
        in_a_list,
        a_view,
        an_element,
        of_the_caller,
        of_the_closure,
        of_the_module,
        of_the_defaults,
        not_bound_again,
    ],
)
def test_an_array_that_others_could_see_is_refused(function: Callable[[Any], Any]) -> None:
    with pytest.raises(
        graphc.UnsupportedError, match=r"cannot store traced values in a concrete array\n  at "
    ):
        graphc.compile(function)(X)


def test_what_numpy_does_not_convert_or_fit_is_its_error() -> None:
    def whole(x: Any) -> Any:
        count = np.zeros(3, np.int64)
        count += x
        return count

    def wide(x: Any) -> Any:
        total = np.zeros(3)
        total += np.outer(x, x)
        return total

    with pytest.raises(TypeError, match="with casting rule 'same_kind'"):
        graphc.compile(whole)(X)
    with pytest.raises(ValueError, match="non-broadcastable output operand"):
        graphc.compile(wide)(X)
