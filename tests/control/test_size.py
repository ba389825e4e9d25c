"""Large bodies, many loops, deep nesting and many steps compile and run, in time that steps do not change."""

import numpy as np
import pytest

import graphc

X = np.linspace(0.1, 1.0, 5)


def test_a_body_of_two_thousand_operations():
    def step(c, v):
        for k in range(1000):
            c = np.sin(c) + v * k
        return c, None

    agrees_on_cpu(lambda x: graphc.scan(step, 0.0, x)[0], X)


def agrees_on_cpu(function, *args):
    np.testing.assert_allclose(graphc.compile(function)(*args), function(*args), rtol=1e-9)


def test_two_hundred_loops_in_turn():
    def f(x):
        for k in range(200):
            x = graphc.fori_loop(0, 3, lambda i, c, k=k: np.sin(c) + k, x)
        return x

    agrees_on_cpu(f, 0.5)


def nested(depth, c):
    if depth == 0:
        return np.sin(c) * 1.1
    return graphc.fori_loop(0, 2, lambda i, t: nested(depth - 1, t), c)


def test_six_levels_of_loops_and_their_gradient():
    value, slope = graphc.value_and_grad(lambda x: nested(6, x))(0.5)
    x, d = 0.5, 1.0
    for _ in range(64):
        x, d = np.sin(x) * 1.1, np.cos(x) * 1.1 * d
    np.testing.assert_allclose((value, slope), (x, d), rtol=1e-12)


def test_four_levels_of_while_loops_and_their_gradient():
    def repeated(depth, c):
        if depth == 0:
            return np.sin(c) * 1.1
        return graphc.while_loop(lambda s: s[1] < 2, lambda s: (repeated(depth - 1, s[0]), s[1] + 1), (c, 0))[
            0
        ]

    x, d = 0.5, 1.0
    for _ in range(16):
        x, d = np.sin(x) * 1.1, np.cos(x) * 1.1 * d
    np.testing.assert_allclose(graphc.value_and_grad(lambda x: repeated(4, x))(0.5), (x, d), rtol=1e-12)


def test_a_carry_of_a_hundred_leaves():
    def f(x):
        def step(c, v):
            return {k: 0.5 * a + v * c["k0"] for k, a in c.items()}, None

        return sum(graphc.scan(step, {f"k{i}": x[i] for i in range(100)}, x[:4])[0].values())

    agrees_on_cpu(f, np.linspace(0, 1, 100))


@pytest.mark.parametrize("writes", [60])
def test_many_writes_to_one_array_at_computed_places(writes):
    def f(x):
        y = x * 1
        for k in range(writes):
            y[(x[0] > 0.05) * 1 + k % 3] += y[k % 5] * 0.1
        return y

    agrees_on_cpu(f, X)


def test_a_gradient_of_a_million_steps_keeps_one_number_a_step():
    f = graphc.grad(lambda x: graphc.scan(lambda c, v: (np.sin(c) * v, None), 1.0, x)[0])
    x = np.full(1_000_000, 0.9999999)
    found = f(x)
    assert found.shape == x.shape and np.isfinite(found).all()
    assert f.lower(x).kernels.arena.size <= 16 * x.size + 4096


def test_a_gradient_of_a_million_data_dependent_steps_keeps_a_tape_of_fixed_size():
    def f(a):
        def step(state):
            x, i = state
            return x + 1e-5 * (a - x**3), i + 1

        return graphc.while_loop(lambda s: s[1] < 1_000_000, step, (0.0 * a, 0))[0]

    slope = graphc.grad(f)
    np.testing.assert_allclose(slope(2.0), 1 / (3 * np.cbrt(4.0)), rtol=1e-9)
    assert slope.lower(2.0).kernels.arena.size < 64 * 1024


@pytest.mark.parametrize("size", [32, 256])
def test_any_number_of_threads_gives_the_same_bits_in_a_loop(size):
    rng = np.random.default_rng(0)
    w, x = rng.normal(size=(size, size)) / size, rng.normal(size=(2 * size, size))

    def f(x, w):
        def step(c, v):
            c = np.tanh(c @ w + v)
            c = c / np.sum(np.exp(c), axis=1, keepdims=True)
            return c, np.sum(c)

        return graphc.scan(step, x, np.arange(4.0))

    one, two = (graphc.compile(f, threads=n)(x, w) for n in (1, 2))
    for a, b in zip(one, two, strict=True):
        assert a.tobytes() == b.tobytes()
