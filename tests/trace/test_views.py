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


def test_flat_writes_through_a_transpose() -> None:
    def f(x):
        y = x.copy()
        y.T.flat[1] = 9.0
        return y, y.flat[3]

    same(f)


def test_a_captured_array_that_changes_during_tracing_is_refused() -> None:
    def f(x):
        buffer = np.zeros(3)
        y = x + buffer
        buffer[0] = 1.0
        return y + buffer

    with pytest.raises(TraceError) as caught:
        record(f, "f64[3]")
    assert str(caught.value) == (
        "a concrete array was changed after it had been used with traced values\n"
        f"  at test_views.py:{f.__code__.co_firstlineno + 2}, y = x + buffer\n"
        "  Use a copy of it: x + buffer.copy()."
    )


def test_an_attribute_of_memory_is_refused() -> None:
    def f(x):
        return x.strides

    with pytest.raises(AttributeError) as caught:
        record(f, "f64[3]")
    assert str(caught.value) == (
        "a traced array has no attribute 'strides'\n"
        f"  at test_views.py:{f.__code__.co_firstlineno + 1}, return x.strides\n"
        "  Its numbers and memory do not exist while tracing; docs/coverage.md lists what there is."
    )


def test_methods_that_sort_and_fill_work_in_place() -> None:
    def f(x):
        y, z = x.copy(), x[::-1].copy()
        y.sort(axis=0)
        z[1].fill(4.0)
        np.copyto(z[2], y[0])
        np.put(y, [0, 5], -3.0)
        np.fill_diagonal(z, 0.5)
        return y, z, y.trace()

    same(f)


def test_out_stores_in_the_given_array() -> None:
    def f(x):
        y = np.zeros_like(x)
        np.add(x, 1.0, out=y)
        total = np.zeros_like(x[0])
        np.sum(y, axis=0, out=total)
        np.cumsum(x[0], out=y[1])
        return y, total

    same(f)
