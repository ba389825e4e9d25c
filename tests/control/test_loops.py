"""Loops on traced values return what Python's own loops return, on every backend."""

import numpy as np
import pytest

import graphc
from tests.control.programs import agrees


@pytest.fixture
def x():
    return np.linspace(-1.0, 2.0, 7)


def test_a_scan_carries_and_stacks(x):
    def f(x):
        def step(c, x):
            c = 0.5 * c + np.sin(x)
            return c, c * 2

        return graphc.scan(step, 0.0, x)

    agrees(f, x)


def test_a_reverse_scan_starts_at_the_end_and_stacks_in_order(x):
    agrees(lambda x: graphc.scan(lambda c, x: (c * 0.9 + x, c), 1.0, x, reverse=True), x)


def test_a_carry_may_be_a_tree_and_steps_may_return_trees(x):
    def f(x):
        def step(c, row):
            c = {"sum": c["sum"] + row["a"], "n": c["n"] + 1}
            return c, (row["b"] * c["sum"], c["n"])

        return graphc.scan(step, {"sum": np.zeros(3), "n": 0}, {"a": np.outer(x, np.arange(3.0)), "b": x})

    agrees(f, x)


def test_a_scan_without_sequences_runs_so_many_times():
    agrees(lambda a: graphc.scan(lambda c, _: (c * a, c), 1.0, length=5), 1.5)


def test_a_scan_of_no_steps_returns_what_it_started_from():
    carry, ys = graphc.scan(lambda c, x: (c + x, np.stack([c, x])), 2.0, np.zeros(0))
    assert carry == 2.0 and ys.shape == (0, 2)
    agrees(lambda x: graphc.scan(lambda c, x: (c + x, np.stack([c, x])), 2.0, x), np.zeros(0))


def test_the_body_sees_values_around_the_loop(x):
    def f(x, w):
        scale = np.exp(x[0])
        return graphc.scan(lambda c, v: (np.tanh(w @ c + v * scale), np.sum(c)), np.zeros(2), x)

    agrees(f, x, np.array([[0.5, -0.2], [0.1, 0.3]]))


def test_arrays_of_the_program_are_operands_of_its_loops(x):
    table = np.arange(10.0).reshape(5, 2)
    agrees(lambda x: graphc.scan(lambda c, v: (c + table.T @ (table @ c) * v, None), np.ones(2), x)[0], x)


def test_a_counted_loop_has_a_python_integer_as_its_counter():
    def f(x):
        return graphc.fori_loop(2, 6, lambda i, c: c * x + i, np.float32(1.0))

    assert agrees(f, np.float32(0.5)).dtype == np.float32


def test_bounds_may_be_traced():
    for n in (0, 1, 5):
        agrees(lambda n, x: graphc.fori_loop(0, n, lambda i, c: c + i * x, np.zeros(3)), n, np.arange(3.0))


def test_a_while_loop_stops_when_the_condition_fails():
    def collatz(n):
        def step(state):
            n, count = state
            return np.where(n % 2 == 0, n // 2, 3 * n + 1), count + 1

        return graphc.while_loop(lambda s: s[0] != 1, step, (n, 0))[1]

    graph = graphc.compile(collatz)
    assert [graph(n) for n in (1, 2, 7, 27)] == [0, 1, 16, 111]


def test_loops_nest_and_share_what_is_around_them(x):
    def f(x):
        def outer(i, total):
            def inner(j, t):
                return t + np.sin(x[i] * x[j]) * total[0]

            return graphc.fori_loop(0, i + 1, inner, total * 0.5)

        return graphc.fori_loop(0, 4, outer, x)

    agrees(f, x)


def test_elements_are_written_in_place():
    def sieve(n):
        composite = np.zeros(50, bool)

        def mark(i, flags):
            def strike(j, flags):
                k = i * (j + 2)
                flags[np.minimum(k, 49)] |= k < 50
                return flags

            return graphc.fori_loop(0, 50, strike, flags)

        flags = graphc.fori_loop(2, 8, mark, composite)
        return np.sum(~flags[2:49]) + n

    assert agrees(sieve, 0) == 15  # primes below 49


def test_a_sort_by_exchanges_runs_in_one_array():
    def bubble(x):
        n = x.shape[0]

        def sweep(i, x):
            def exchange(j, x):
                a, b = np.minimum(x[j], x[j + 1]), np.maximum(x[j], x[j + 1])
                x[j] = a
                x[j + 1] = b
                return x

            return graphc.fori_loop(0, n - 1, exchange, x)

        return graphc.fori_loop(0, n, sweep, x)

    values = np.random.default_rng(0).normal(size=12)
    np.testing.assert_array_equal(agrees(bubble, values), np.sort(values))


def test_the_start_of_a_loop_is_not_overwritten(x):
    def f(x):
        def step(i, c):
            c[i] = 0.0
            return c

        return graphc.fori_loop(0, 3, step, x), x, graphc.fori_loop(1, 5, step, x)

    before = x.copy()
    agrees(f, x)
    np.testing.assert_array_equal(x, before)


def test_carries_that_change_places_keep_their_values(x):
    agrees(lambda x: graphc.fori_loop(0, 5, lambda i, c: (c[1], c[0] + c[1]), (x, x + 1)), x)


def test_a_carry_that_reads_itself_elsewhere_is_not_disturbed(x):
    agrees(lambda x: graphc.fori_loop(0, 5, lambda i, c: np.roll(c, 1) + c[::-1], x), x)


def test_one_program_serves_every_length():
    f = graphc.compile(
        lambda x, w: graphc.scan(lambda c, v: (np.tanh(w * c + v), c * v), np.zeros(2), x),
        dynamic={"x": "f64[N, 2]"},
    )
    for n in (1, 2, 9):
        x = np.random.default_rng(n).normal(size=(n, 2))
        for a, b in zip(f(x, 0.3), f.__wrapped__(x, 0.3), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)
    assert f.cache_info().programs == 1


def test_ten_thousand_steps_make_the_program_of_ten():
    def kernels(n):
        f = graphc.compile(lambda x: graphc.scan(lambda c, v: (c * 0.5 + v, np.sin(c)), 0.0, x))
        return str(f.lower(f"f64[{n}]").kernels)

    assert kernels(10_000).replace("10000", "10") == kernels(10)


def test_large_products_inside_a_loop_use_threads():
    rng = np.random.default_rng(0)
    w = rng.normal(size=(256, 256)) / 32
    agrees(lambda x: graphc.fori_loop(0, 3, lambda i, c: np.tanh(c @ w + i), x), rng.normal(size=(256, 256)))


def test_the_counter_of_a_loop_takes_no_memory():
    def f(x):
        return graphc.fori_loop(0, 1_000_000, lambda i, c: c * 0.5 + np.sin(x * i), x)

    assert graphc.compile(f).lower(2.0).cost().peak_memory < 10_000
    kernels = str(graphc.compile(graphc.grad(f)).lower(2.0).kernels)
    assert "i64[1000000]" not in kernels


def test_the_counter_does_not_wrap_in_the_type_of_a_narrow_bound():
    agrees(lambda x: graphc.fori_loop(np.int8(60), np.uint8(100), lambda i, c: c + i * 2 * x, x), 1.5)
