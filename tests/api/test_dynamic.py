import contextlib

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


def test_a_returned_size_is_the_number_of_the_call(backend):
    def f(x):
        return {"n": x.shape[0] + 1, "shape": x.shape, "size": x.size}

    compiled = graphc.compile(f, backend=backend, dynamic={"x": "f64[N, 3]"})
    for n in (1, 4):
        assert compiled(np.ones((n, 3))) == f(np.ones((n, 3)))


@pytest.mark.parametrize(
    "chosen",
    [
        lambda x: x * 2 if x.shape[0] == 3 else x,
        lambda x: x * 2 if x.shape != (3,) else x,
        lambda x: x * 2 if x.shape[0] in (3, 4) else x,
        lambda x: x * 2 if x.shape[0] else x.sum(),
    ],
)
def test_a_choice_by_an_unknown_size_is_refused_or_left_to_a_program_per_size(chosen, backend):
    with pytest.raises(
        graphc.ShapeError, match=r"whether the size N equals \d is not known while tracing\n  at "
    ):
        graphc.compile(chosen, backend=backend, dynamic={"x": "f64[N]"})(np.ones(3))
    varying = graphc.compile(chosen, backend=backend, dynamic=True)
    for n in (2, 3, 4, 0):
        np.testing.assert_array_equal(varying(np.ones(n)), chosen(np.ones(n)))


def test_sizes_that_differ_or_agree_for_all_arguments_may_be_compared():
    def f(x):
        y = x[1:]
        return x * 2 if x.shape[0] != y.shape[0] and y.shape[0] + 1 == x.shape[0] != -1 else x

    compiled = graphc.compile(f, dynamic={"x": "f64[N]"})
    np.testing.assert_array_equal(compiled(np.ones(3)), 2 * np.ones(3))


def test_what_asks_a_size_for_a_number_names_the_line_and_the_ways_out():
    def f(x):
        return np.zeros(x.shape[0]) + x

    with pytest.raises(graphc.ShapeError) as caught:
        graphc.compile(f, dynamic={"x": "f64[N]"})(np.ones(3))
    line = f.__code__.co_firstlineno + 1
    assert str(caught.value) == (
        "the size N is symbolic and has no number while tracing\n"
        f"  at test_dynamic.py:{line}, return np.zeros(x.shape[0]) + x\n"
        "  Make arrays with graphc.zeros(shape) and np.arange(n, like=x), loop with graphc.scan or "
        "graphc.fori_loop, or trace with fixed sizes."
    )
    with pytest.raises(
        graphc.TraceError, match=r"iteration over an axis of symbolic size N.*\n.*\n.*graphc\.scan"
    ):
        graphc.compile(lambda x: sum(row for row in x), dynamic={"x": "f64[N]"})(np.ones(3))


def test_a_kernel_longer_than_the_signal_is_refused_where_numpy_would_exchange_them(backend):
    kernel = np.array([1.0, 2, 1])
    for mode, least in (("same", 3), ("valid", 3), ("full", 1)):
        f = graphc.compile(lambda x: np.convolve(x, kernel, mode), backend=backend, dynamic={"x": "f64[N]"})  # noqa: B023
        slope = graphc.compile(
            graphc.grad(lambda x: np.sum(np.convolve(x, kernel, mode))),  # noqa: B023
            backend=backend,
            dynamic={"x": "f64[N]"},
        )
        for n in (least, 5):
            x = np.arange(1.0, n + 1)
            np.testing.assert_allclose(f(x), np.convolve(x, kernel, mode))
            assert slope(x).shape == x.shape
        for refusing in (f, slope):
            with pytest.raises(graphc.ShapeError, match="too small"):
                refusing(np.ones(least - 1))


def test_a_window_longer_than_its_axis_is_refused_by_the_call(backend):
    def sums(x):
        return np.sum(np.lib.stride_tricks.sliding_window_view(x, 3), axis=-1)

    f = graphc.compile(sums, backend=backend, dynamic={"x": "f64[N]"})
    for n in (3, 4, 7):
        np.testing.assert_array_equal(f(np.arange(1.0, n + 1)), sums(np.arange(1.0, n + 1)))
    with pytest.raises(graphc.ShapeError, match="too small"):
        f(np.ones(2))


def test_a_variance_of_too_few_elements_is_numpys(backend):
    f = graphc.compile(
        lambda x: (np.var(x, ddof=1), np.std(x, ddof=2)), backend=backend, dynamic={"x": "f64[N]"}
    )
    for n in (0, 1, 2, 5):
        x = np.arange(float(n)) ** 2
        with np.errstate(all="ignore"), pytest.warns(RuntimeWarning) if n < 3 else contextlib.nullcontext():
            expected = np.var(x, ddof=1), np.std(x, ddof=2)
        np.testing.assert_allclose(f(x), expected)
