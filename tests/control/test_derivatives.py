"""Reverse mode, to second order, goes through branches and loops: it agrees with finite differences."""

import numpy as np
import pytest

import graphc
from graphc.control import while_reverse
from tests.control.programs import BACKENDS, derivative

W = np.array([[0.5, -0.2], [0.1, 0.3]])
X = np.linspace(-1.0, 2.0, 7)


def recurrent(x, w):
    def step(c, v):
        c = np.tanh(w @ c + v)
        return c, np.sum(c * c)

    c, ys = graphc.scan(step, np.zeros(2), x)
    return np.sum(c) + np.sum(ys * x)


def test_through_a_scan():
    derivative(recurrent, X, W)


def test_through_a_reverse_scan():
    def f(x, a):
        c, ys = graphc.scan(lambda c, v: (c * a + np.sin(v), c * v), 0.5, x, reverse=True)
        return c * np.sum(ys**2)

    derivative(f, X, 0.7)


def test_through_integers_that_are_carried_along():
    def f(x, table):
        def step(carry, v):
            c, i = carry
            return (c * 0.9 + table[i] * v, (i + 3) % 4), c

        (c, _), ys = graphc.scan(step, (0.0, 1), x)
        return c + np.sum(np.exp(ys))

    derivative(f, X, np.array([1.0, -0.5, 0.25, 2.0]))


def test_of_the_carry_a_scan_starts_from():
    derivative(lambda c: np.sum(graphc.scan(lambda c, _: (np.sin(c) * 1.3, None), c, length=6)[0]), X)


def counted(x, n):
    return np.sum(graphc.fori_loop(0, n, lambda i, c: c * x + np.cos(c) * i, np.ones(3)))


@pytest.mark.parametrize("n", [0, 1, 5])
def test_through_counted_loops_whose_bounds_the_data_give(n):
    x = np.array([0.3, 0.9, 1.1])
    (expected,) = derivative(lambda x: counted(x, n), x)
    traced = graphc.compile(lambda x, n: graphc.grad(lambda x: counted(x, n))(x))
    np.testing.assert_allclose(traced(x, n), expected, rtol=1e-12)


def newton(a):
    """√a by Newton's method: a loop that the data end."""

    def step(state):
        x, _ = state
        following = 0.5 * (x + a / x)
        return following, np.abs(following - x)

    return graphc.while_loop(lambda s: s[1] > 1e-13, step, (a, a))[0]


def test_through_a_while_loop():
    for backend in BACKENDS:
        f = graphc.compile(graphc.value_and_grad(newton), backend=backend)
        for a in (2.0, 1e6, 1e-4):
            value, slope = f(a)
            np.testing.assert_allclose((value, slope), (np.sqrt(a), 0.5 / np.sqrt(a)), rtol=1e-9)


def test_of_a_while_loop_that_never_runs():
    f = graphc.grad(lambda x: graphc.while_loop(lambda c: c < 0, lambda c: c * 2, x * x))
    assert f(3.0) == 6.0


@pytest.mark.parametrize("steps", [3, 16, 17, 40, 256, 300])
def test_of_a_long_while_loop_by_checkpoints(steps, monkeypatch):
    monkeypatch.setattr(while_reverse, "MOST_SLOTS", 16)

    def f(x, n):
        def step(state):
            c, i = state
            return np.sin(c * x) + 0.1 * c, i + 1

        return graphc.while_loop(lambda s: s[1] < n, step, (x, 0))[0]

    def slope(x, n):
        c, d = x, 1.0
        for _ in range(n):
            c, d = np.sin(c * x) + 0.1 * c, np.cos(c * x) * (d * x + c) + 0.1 * d
        return d

    for backend in ("interpret", "cpu") if steps < 100 else ("cpu",):
        g = graphc.compile(lambda x, n: graphc.grad(f)(x, n), backend=backend)
        np.testing.assert_allclose(g(1.2, steps), slope(1.2, steps), rtol=1e-10, err_msg=backend)


def test_through_the_branch_that_ran():
    def f(x, a):
        return graphc.cond(np.sum(x) > 0, lambda x: np.sum(x**2) * a, lambda x: np.sum(np.sin(x)) - a, x)

    derivative(f, X, 0.7)
    derivative(f, -X, 0.7)


def test_a_switch_inside_a_scan():
    def f(x, a):
        def step(c, v):
            k = (v > 0) * 1 + (v > 1.2) * 1
            c = graphc.switch(k, [lambda c: c * a, lambda c: c + np.sin(v), lambda c: c * c * 0.1], c)
            return c, c

        c, ys = graphc.scan(step, 1.0, x)
        return c + np.sum(ys)

    derivative(f, X + 0.1, 0.7)


def test_loops_in_loops():
    def f(x, a):
        def outer(c, v):
            inner = graphc.fori_loop(0, 4, lambda i, t: np.sin(t) * a + v * i, c)
            return inner, inner * c

        c, ys = graphc.scan(outer, 0.3, x)
        return c + np.sum(ys)

    derivative(f, X, 0.7)


def test_elements_written_in_a_loop():
    def f(x):
        def step(i, c):
            c[i + 1] = c[i] * x[i] + np.cos(c[i])
            return c

        return np.sum(graphc.fori_loop(0, 6, step, np.ones(7) * x[0]) ** 2)

    derivative(f, X)


def test_the_second_derivative():
    def f(x):
        return recurrent(x, W)

    def slope(x):
        return np.sum(graphc.grad(f)(x) * np.cos(x))

    derivative(slope, X)
    second = graphc.grad(graphc.grad(newton))
    np.testing.assert_allclose(second(2.0), -0.25 * 2.0**-1.5, rtol=1e-6)


def test_values_on_no_path_have_zero_gradients():
    g = graphc.grad(lambda x, y: graphc.scan(lambda c, v: (c + v, v * y), 0.0, x)[0], argnums=1)
    assert g(X, 3.0) == 0.0


def test_integers_have_no_gradient_but_may_be_walked_along():
    f = graphc.grad(lambda a, k: graphc.scan(lambda c, i: (c * a + i, None), 1.0, k)[0])
    np.testing.assert_allclose(f(2.0, np.array([1, 2, 3])), 3 * 2.0**2 + 2 * 2 * 1 + 2)


def test_forward_mode_agrees_with_reverse_mode():
    from graphc.autodiff.forward import pushforward
    from graphc.ir.interpret import interpret
    from tests.helpers import record

    rng = np.random.default_rng(0)

    def branch(x, a):
        return graphc.cond(x[0] < 0, lambda: np.sum(np.sin(x) * a), lambda: a)

    def repeated(x, a):
        state = (x, 0.0 * a)
        return np.sum(
            graphc.while_loop(lambda s: s[1] < 3.0, lambda s: (np.sin(s[0]) * a, s[1] + a), state)[0]
        )

    for f, args in ((recurrent, (X, W)), (branch, (X, np.array(0.7))), (repeated, (X, np.array(0.7)))):
        traced = record(f, *args)
        tangents = [rng.normal(size=np.shape(a)) for a in args]
        pushed = pushforward(traced.graph, range(len(args)))
        value, slope = interpret(pushed, *args, *traced.captured, *tangents)
        gradients = graphc.grad(f, argnums=(0, 1))(*args)
        np.testing.assert_allclose(value, f(*args))
        np.testing.assert_allclose(
            slope, sum(np.sum(g * t) for g, t in zip(gradients, tangents, strict=True))
        )


def test_gradients_of_examples_whose_loops_end_at_different_steps():
    """The examples that are done wait while the others go further back."""

    def total(a):
        return graphc.while_loop(lambda s: s[0] > 0.1, lambda s: (s[0] * a, s[1] + s[0]), (1.0, 0.0))[1]

    ratios = np.array([0.5, 0.2, 0.9])
    steps = np.ceil(np.log(0.1) / np.log(ratios)).astype(int)
    expected = [sum(k * a ** (k - 1) for k in range(n)) for a, n in zip(ratios, steps, strict=True)]
    np.testing.assert_allclose(graphc.vmap(graphc.grad(total))(ratios), expected, rtol=1e-12)
