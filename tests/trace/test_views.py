"""Views of traced arrays share memory as NumPy's views do."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.errors import TraceError
from tests.helpers import check, record

X = np.arange(12.0).reshape(3, 4)


def same(function) -> None:
    check(function, X, grad=False)


def test_a_write_to_the_base_is_seen_by_a_view() -> None:
    def f(x):
        y = x.copy()
        row = y[1]
        y[1, 2] = 7.0
        return row, y

    same(f)


def test_a_write_to_a_view_is_seen_by_the_base_and_by_other_views() -> None:
    def f(x):
        y = x.copy()
        column, flat, turned = y[:, 1], y.ravel(), y.T
        column[1:] = -1.0
        flat[0] = 9.0
        return y, column, flat, turned

    same(f)


def test_a_reshape_of_a_transpose_is_a_copy() -> None:
    def f(x):
        y = x.copy()
        flat = y.T.reshape(-1)
        flat[0] = 9.0
        return y, flat

    same(f)


def test_a_scalar_taken_out_is_a_copy() -> None:
    def f(x):
        y = x.copy()
        first = y[0, 0]
        y[0, 0] = 5.0
        return first, y

    same(f)


def test_rows_stacked_by_the_array_constructor_keep_their_values() -> None:
    def f(x):
        y = x.copy()
        pair = np.array([y[0], y[2]])
        y[0] = 1.0
        return pair, y

    same(f)


def test_writing_into_an_argument_is_refused() -> None:
    def f(x):
        x[0] = 1.0
        return x

    with pytest.raises(TraceError) as caught:
        record(f, "f64[3]")
    line = f.__code__.co_firstlineno + 1
    assert str(caught.value) == (
        "in-place change of an argument: the caller's array would not see it\n"
        f"  at test_views.py:{line}, x[0] = 1.0\n"
        "  Work on a copy, x = x.copy(), and return it."
    )


def test_writing_into_a_view_of_an_argument_is_refused() -> None:
    def f(x):
        x.T[0] = 1.0
        return x

    with pytest.raises(TraceError, match="in-place change of an argument"):
        record(f, "f64[3, 2]")


def test_writing_into_a_broadcast_array_is_refused_as_in_numpy() -> None:
    def f(x):
        y = np.broadcast_to(x.copy(), (2, 3))
        y[0, 0] = 1.0
        return y

    with pytest.raises(ValueError, match="assignment destination is read-only"):
        record(f, "f64[3]")
