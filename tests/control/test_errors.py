"""Errors of branches and loops say what happened, where, and what to write instead."""

import re

import numpy as np
import pytest

import graphc


def raised(error, function, *args):
    """The text of the error that the compiled function raises."""
    with pytest.raises(error) as caught:
        graphc.compile(function)(*args)
    return str(caught.value)


X = np.linspace(-1.0, 2.0, 7)


def test_a_carry_that_changes_its_shape():
    text = raised(graphc.ShapeError, lambda x: graphc.scan(lambda c, v: (np.append(c, v), None), x, x), X)
    assert re.search(
        r"the carry init of scan is f64\[7\] before a step and f64\[8\] after it\n"
        r"  at test_errors.py:\d+, text = raised\(.*\n"
        r"  Give init the shape it has after a step: np.broadcast_to.",
        text,
    ), text


def test_a_carry_that_changes_its_dtype():
    def f(x):
        return graphc.fori_loop(0, 3, lambda i, c: {"a": c["a"] + x}, {"a": np.zeros(7, np.float32)})

    text = raised(graphc.DTypeError, f, X)
    assert "the carry init['a'] of fori_loop is f32[7] before a step and f64[7] after it" in text
    assert "Start from init['a'].astype(np.float64), or convert what the body returns." in text


def test_a_carry_of_another_structure():
    text = raised(
        graphc.ShapeError, lambda x: graphc.while_loop(lambda c: c[0] < 3, lambda c: c[0], (x,)), 1.0
    )
    assert "while_loop starts with a carry (*,), but the body returns *" in text


def test_a_body_that_returns_no_pair():
    text = raised(graphc.ArgumentError, lambda x: graphc.scan(lambda c, v: c + v, 0.0, x), X)
    assert "the function of a scan returned a Tracer" in text and "Return a pair" in text


def test_sequences_of_different_lengths():
    def f(x, y):
        return graphc.scan(lambda c, v: (c + v["a"] * v["b"], None), 0.0, {"a": x, "b": y})

    text = raised(graphc.ShapeError, f, X, X[:3])
    assert "scan over sequences of different lengths: xs['a'] 7, xs['b'] 3" in text
    text = raised(graphc.ShapeError, lambda x: graphc.scan(lambda c, v: (c + v, None), 0.0, x, length=4), X)
    assert "length 4, xs 7" in text
    text = raised(graphc.ArgumentError, lambda x: graphc.scan(lambda c, v: (c + x, None), 0.0), X)
    assert "scan without xs and without length" in text


def test_a_condition_that_is_no_single_value():
    text = raised(graphc.ArgumentError, lambda x: graphc.while_loop(lambda c: c < 1, lambda c: c + 1, x), X)
    assert "the condition of a while_loop returned an array of shape (7,)" in text
    text = raised(graphc.ArgumentError, lambda x: graphc.cond(x > 0, lambda: 1.0, lambda: 2.0), X)
    assert "pred is bool[7], not one value" in text and "np.where" in text


def test_branches_of_different_types():
    text = raised(graphc.DTypeError, lambda x: graphc.cond(x > 0, lambda: x, lambda: np.float32(1)), X[0])
    assert "false_fn returns f32, true_fn returns f64" in text


def test_a_switch_without_branches():
    assert "switch of no branches" in raised(graphc.ArgumentError, lambda i: graphc.switch(i, []), 1)
    text = raised(graphc.ArgumentError, lambda x: graphc.switch(x, [lambda: 1, lambda: 2]), 1.5)
    assert "switch by an index of dtype float64" in text


def test_loop_bounds_that_are_no_integers():
    text = raised(graphc.ArgumentError, lambda n: graphc.fori_loop(0, n, lambda i, c: c + i, 0.0), 2.5)
    assert "upper of a fori_loop is f64" in text
    for bounds, shown in {
        (0, 3.0): "upper of a fori_loop is 3.0",
        (None, 3): "lower of a fori_loop is None",
        (0, True): "upper of a fori_loop is True",
        (0, (2,)): "upper of a fori_loop is (2,)",
    }.items():
        for call in (lambda f, x: f(x), lambda f, x: graphc.compile(f)(x)):
            with pytest.raises(graphc.ArgumentError, match=re.escape(shown)):
                call(lambda x, b=bounds: graphc.fori_loop(*b, lambda i, c: c + i, x), 1.0)
    for f in (lambda x: graphc.scan(lambda c, _: (c, c), x, length=2.0), graphc.compile(scan_of_half_steps)):
        with pytest.raises(graphc.ArgumentError, match="the length of a scan is 2"):
            f(1.0)


def scan_of_half_steps(x):
    return graphc.scan(lambda c, _: (c, c), x, length=2.5)


def test_a_condition_that_is_a_tuple_is_refused_without_a_compiler_too():
    with pytest.raises(
        graphc.ArgumentError, match="the condition of a while_loop returned an array of shape"
    ):
        graphc.while_loop(lambda c: (c < 1, c < 2), lambda c: c + 1, 0.0)


def test_python_branches_inside_a_body_name_the_line():
    def f(x):
        def step(c, v):
            if v > 0:
                c = c + v
            return c, None

        return graphc.scan(step, 0.0, x)

    text = raised(graphc.TraceError, f, X)
    assert re.search(r"a Python branch on the traced value bool.*\n  at test_errors.py:\d+, if v > 0:", text)


def test_an_index_out_of_bounds_in_a_loop_names_the_line():
    def f(x, n):
        return graphc.while_loop(lambda c: c[0] < n, lambda c: (c[0] + 1, c[1] + x[c[0]]), (0, 0.0))[1]

    with pytest.raises(IndexError, match=r"axis 0 with size 7\n  at test_errors.py:\d+"):
        graphc.compile(f)(X, 9)


def test_a_loop_that_would_never_end_after_an_error_ends():
    def f(x, i):
        return graphc.while_loop(lambda c: c < 1.0, lambda c: c + x[i], 0.0)

    for backend in ("cpu", "numba"):
        with pytest.raises(IndexError):
            graphc.compile(f, backend=backend)(X, 100)


def test_checks_name_the_step_in_which_a_value_stopped_being_finite():
    @graphc.compile(checks="nan")
    def f(x):
        def step(c, v):
            c = np.log(c) + v
            return c, c

        return graphc.scan(step, 1.0, x)[1]

    with pytest.raises(FloatingPointError) as caught:
        f(np.array([1.0, 1.0, -1.0, 2.0]))
    assert re.search(
        r"log in step 3 of a scan in f gave nan\n  operand f64: -1.0\n  at test_errors.py:\d+",
        str(caught.value),
    ), caught.value


def test_checks_look_into_loops_in_loops():
    @graphc.compile(checks="nan")
    def f(x):
        def step(c, v):
            return graphc.while_loop(lambda c: c < v, lambda c: c + np.sqrt(c), c), None

        return graphc.scan(step, 1.0, x)[0] + graphc.fori_loop(0, 3, lambda i, c: np.sqrt(c - i), 1.5)

    with pytest.raises(FloatingPointError, match=r"sqrt in step 2 of a scan in f gave nan"):
        f(np.array([3.0, 10.0]))


def test_a_write_to_what_is_around_a_loop_is_refused():
    def f(x):
        y = x * 2

        def step(i, c):
            y[i] = 0.0
            return c + 1

        return graphc.fori_loop(0, 3, step, 0.0), y

    with pytest.raises(graphc.TraceError):
        graphc.compile(f)(X)


def test_a_value_of_a_body_that_leaks_is_refused():
    kept = []

    def f(x):
        graphc.scan(lambda c, v: (kept.append(v) or c, None), 0.0, x)
        return kept[0] * 2

    assert "a traced value was used after the function it belongs to had returned" in raised(
        graphc.LeakedTracerError, f, X
    )


@pytest.mark.parametrize(
    ("xs", "text"),
    [
        (1.0, "scan walks along axis 0 of xs, but a leaf of it is a number: pass arrays"),
        (None, "scan without xs and without length: pass length=, or arrays to walk along"),
    ],
)
def test_an_eager_scan_over_nothing_says_so(xs, text):
    with pytest.raises(graphc.ShapeError) as caught:
        graphc.scan(lambda c, x: (c, x), 0.0, xs)
    assert str(caught.value) == text
