import numpy as np
import pytest

import graphc
from tests.api.raising import raises_exactly


def total(x, w):
    return np.sum(x @ w)


def test_one_program_serves_all_declared_sizes(backend):
    f = graphc.compile(total, backend=backend, dynamic={"x": "f64[N, 3]"})
    w = np.arange(3.0)
    for n in (1, 2, 5):
        x = np.arange(3.0 * n).reshape(n, 3)
        assert f(x, w) == total(x, w)
    assert f.cache_info().programs == 1


def test_sizes_are_declared_by_axis_and_inside_trees(backend):
    f = graphc.compile(lambda p, y: np.sum(p["x"]) + y, backend=backend, dynamic={"p['x']": ("N", None)})
    assert f({"x": np.ones((4, 2))}, 1.0) == 9.0
    assert f({"x": np.ones((5, 2), np.float64)}, 1.0) == 11.0
    assert f.cache_info().programs == 1


def test_arguments_that_do_not_fit_their_declaration_name_both():
    f = graphc.compile(total, dynamic={"x": "f64[N, M]", "w": "f64[M]"})
    with raises_exactly(graphc.ShapeError, "argument x of total is f64[3], but dynamic says f64[N, M]"):
        f(np.ones(3), np.ones(3))
    with raises_exactly(graphc.DTypeError, "argument x of total is f32[3, 2], but dynamic says f64[N, M]"):
        f(np.ones((3, 2), np.float32), np.ones(2))
    with raises_exactly(
        graphc.ShapeError, "argument w of total is f64[3], but dynamic says f64[M] with M = 2 by argument x"
    ):
        f(np.ones((3, 2)), np.ones(3))
    with raises_exactly(graphc.ShapeError, "argument x of total is f64[2], but dynamic says f64[3]"):
        graphc.compile(total, dynamic={"x": "f64[3]"})(np.ones(2), np.ones(2))
    with raises_exactly(
        graphc.ShapeError,
        "argument x of total is f64[4], but dynamic says f64[2*N], where N is the size of no axis of this or "
        "an earlier argument",
    ):
        graphc.compile(total, dynamic={"x": "f64[2*N]"})(np.ones(4), np.ones(4))


def test_leading_sizes_that_vary_become_symbolic(backend):
    f = graphc.compile(lambda x, y, w: np.sum((x @ w - y) ** 2), backend=backend, dynamic=True)
    w = np.arange(3.0)
    for n in (4, 5, 6, 7, 4):
        x, y = np.arange(3.0 * n).reshape(n, 3), np.ones(n)
        assert f(x, y, w) == f.__wrapped__(x, y, w)
    assert f.cache_info().programs == 2


def test_functions_that_do_not_trace_with_symbols_get_a_program_per_size(backend):
    f = graphc.compile(lambda x: sum(x[i] for i in range(len(x))), backend=backend, dynamic=True)
    for n in (2, 3, 4, 3):
        assert f(np.arange(float(n))) == sum(range(n))
    assert f.cache_info().programs == 3


def test_sizes_that_changed_together_once_may_part_later(backend):
    f = graphc.compile(lambda x, y: np.sum(x) + np.sum(y), backend=backend, dynamic=True)
    for n, m in ((2, 2), (3, 3), (4, 4), (5, 6), (7, 9), (1, 5), (0, 2)):
        assert f(np.ones(n), np.ones(m)) == n + m
    assert f.cache_info().programs <= 5


def test_results_of_negative_size_are_refused_with_the_users_line(backend):
    f = graphc.compile(lambda x: np.cumsum(x[5:] * 2), backend=backend, dynamic={"x": "f64[N]"})
    np.testing.assert_array_equal(f(np.ones(7)), [2.0, 4.0])
    with pytest.raises(
        graphc.ShapeError, match=r"(?s)this function takes N-5 for at least 0.*test_dynamic.py"
    ):
        f(np.ones(3))
