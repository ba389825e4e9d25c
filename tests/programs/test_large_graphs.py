"""Programs far larger than what people write by hand: deep, wide, with many arguments and results."""

import time

import numpy as np
import pytest

import graphc

x = np.linspace(0.1, 1, 100)


def chain(steps, step):
    def f(x):
        for i in range(steps):
            x = step(x, i)
        return x

    return f


DEEP = {
    "sines": chain(500, lambda x, i: np.sin(x) + 0.1 * i),
    "exponentials": chain(200, lambda x, i: np.exp(-x) * 0.1 * i),
    "polynomials": chain(1000, lambda x, i: x * 1.0001 + 0.001),
    "means": chain(200, lambda x, i: 1.01 * x - x.mean()),
    "neighbours": chain(20, lambda x, i: np.sin(x[1:] + x[:-1])[1:]),
    "transposed": chain(20, lambda x, i: np.tanh(x.reshape(10, 10) + x.reshape(10, 10).T).T.reshape(100)),
}


@pytest.mark.parametrize("name", DEEP)
def test_a_long_chain_of_operations_equals_numpy(name):
    np.testing.assert_allclose(graphc.compile(DEEP[name])(x), DEEP[name](x), rtol=1e-9)


def test_a_long_chain_of_a_python_number_equals_numpy():
    f = chain(1000, lambda x, i: x * 0.999 + i)
    assert graphc.compile(f)(1.5) == pytest.approx(f(1.5), rel=1e-12)


def test_the_gradient_of_a_long_chain_is_the_product_of_its_derivatives():
    f = chain(300, lambda x, i: np.sin(x) + 1)
    expected, y = np.ones_like(x), x
    for _ in range(300):
        expected, y = expected * np.cos(y), np.sin(y) + 1
    gradient = graphc.grad(lambda x: np.sum(f(x)))(x)
    np.testing.assert_allclose(gradient, expected, rtol=1e-9, atol=1e-300)


@pytest.mark.parametrize("scale", [1.0, 1e9])
def test_a_sum_of_many_terms_equals_numpy(scale):
    def f(x):
        return sum(np.cos(x * (i * scale)) for i in range(200))

    np.testing.assert_allclose(graphc.compile(f)(x), f(x), rtol=1e-9, atol=1e-9)
    assert graphc.compile(f)(0.7) == pytest.approx(f(0.7), rel=1e-9, abs=1e-9)


def test_two_hundred_results_and_three_hundred_arguments_are_possible():
    results = graphc.compile(lambda x: tuple(x * i for i in range(200)))(x)
    assert all(np.array_equal(r, x * i) for i, r in enumerate(results))

    def f(*xs):
        return sum(np.sum(a * i) for i, a in enumerate(xs))

    gradients = graphc.grad(f, argnums=tuple(range(300)))(*[x] * 300)
    assert all(np.array_equal(g, np.full(100, float(i))) for i, g in enumerate(gradients))


def test_a_gauss_seidel_sweep_written_element_by_element_equals_numpy():
    def sweep(u):
        u = u.reshape(10, 10).copy()
        for i in range(1, 9):
            for j in range(1, 9):
                u[i, j] = (u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1]) / 4
        return u

    np.testing.assert_allclose(graphc.compile(sweep)(x), sweep(x), rtol=1e-13)


@pytest.mark.slow
def test_five_thousand_operations_in_sequence_compile_in_seconds():
    f = chain(5000, lambda x, i: x * 1.0001 + 0.001)
    start = time.perf_counter()
    np.testing.assert_allclose(graphc.compile(f)(x), f(x), rtol=1e-9)
    assert time.perf_counter() - start < 20
