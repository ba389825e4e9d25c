"""Donated arguments: the result is written into their memory, and is right however they are read."""

import numpy as np
import pytest

import graphc


def donated(*names):
    return lambda function: graphc.compile(function, donate=names)


def check(function, *args):
    """The compiled function, with its first argument donated, gives what NumPy gives."""
    expected = function(*[a.copy() for a in args])
    first = args[0].copy()
    result = graphc.compile(function, donate=(function.__code__.co_varnames[0],))(first, *args[1:])
    np.testing.assert_allclose(result, expected, rtol=1e-12)
    return result is first


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(7, 33))


def test_an_update_at_the_same_point_is_in_place(x):
    assert check(lambda x, g: x - 0.1 * g, x, np.ones_like(x))


def test_shifted_reads_of_the_old_value_are_not_disturbed(x):
    assert check(lambda x, g: np.concatenate([x[1:], x[:1]]) + g, x, np.ones_like(x))


def test_a_reversed_read_is_not_disturbed(x):
    assert check(lambda x, g: x[::-1] * g, x, np.ones_like(x))


def test_a_row_reduction_reads_the_old_value_first(x):
    assert check(lambda x, g: x / np.sum(x, axis=1, keepdims=True) + g, x, np.ones_like(x))


def test_a_column_reduction_reads_the_old_value_first(x):
    assert check(lambda x, g: x - np.sum(x, axis=0) + g, x, np.ones_like(x))


def test_a_product_reads_the_old_weights_before_they_change():
    @donated("w")
    def step(w, x):
        y = x @ w
        return w - 0.1 * (x.T @ y), y @ w.T

    rng = np.random.default_rng(1)
    w, x = rng.normal(size=(5, 6)), rng.normal(size=(4, 5))
    expected = step.__wrapped__(w.copy(), x)
    mine = w.copy()
    updated, product = step(mine, x)
    assert updated is mine
    np.testing.assert_allclose(updated, expected[0])
    np.testing.assert_allclose(product, expected[1])


def test_two_donated_arrays_can_trade_places():
    @donated("a", "b")
    def swap(a, b):
        return b, a

    a, b = np.arange(4.0), -np.arange(4.0)
    first, second = swap(a.copy(), b.copy())
    np.testing.assert_array_equal(first, b)
    np.testing.assert_array_equal(second, a)


def test_two_donated_arrays_that_need_each_other():
    @donated("a", "b")
    def rotate(a, b):
        return 0.6 * a - 0.8 * b, 0.8 * a + 0.6 * b

    rng = np.random.default_rng(2)
    a, b = rng.normal(size=50), rng.normal(size=50)
    expected = rotate.__wrapped__(a, b)
    for result, right in zip(rotate(a.copy(), b.copy()), expected, strict=True):
        np.testing.assert_allclose(result, right)


def test_one_donated_array_with_two_results(x):
    @donated("x")
    def both(x):
        return x + 1, x[:, ::-1] * 2

    expected = both.__wrapped__(x)
    for result, right in zip(both(x.copy()), expected, strict=True):
        np.testing.assert_allclose(result, right)


def test_adam_like_updates_of_many_arrays():
    @donated("params", "state")
    def step(params, state, g):
        new_state = [0.9 * m + 0.1 * g for m in state]
        return [p - 0.1 * m for p, m in zip(params, new_state, strict=True)], new_state

    rng = np.random.default_rng(3)
    params, state = ([rng.normal(size=(3, 4)) for _ in range(4)] for _ in range(2))
    g = rng.normal(size=(3, 4))
    expected = step.__wrapped__([p.copy() for p in params], [m.copy() for m in state], g)
    result = step(params, state, g)
    for mine, right in zip(result, expected, strict=True):
        for m, r in zip(mine, right, strict=True):
            np.testing.assert_allclose(m, r)
    assert all(a is b for a, b in zip(result[0], params, strict=True))
