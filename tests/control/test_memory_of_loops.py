"""One value in several places: carries and writes that share memory never disturb each other."""

import numpy as np

import graphc
from tests.control.programs import agrees

X = np.linspace(-1.0, 2.0, 7)


# ---- one value in several places


def test_one_array_starts_two_carries():
    def f(x):
        def step(i, c):
            a, b = c
            a[i] = 0.0
            b[i + 1] = a[i + 1]
            return a, b

        y = x + 1
        return graphc.fori_loop(0, 4, step, (y, y)), y

    agrees(f, X)


def test_one_value_is_returned_as_two_carries():
    def f(x):
        def step(i, c):
            a, b = c
            a[i] = b[i + 1] + 1
            return a, a

        return graphc.fori_loop(0, 4, step, (x + 1, x + 2))

    agrees(f, X)


def test_a_carry_moves_into_another_before_it_is_written():
    def f(x):
        def step(i, c):
            a, b = c
            old = a.copy()
            a[i] = b[0]
            return a, old

        return graphc.fori_loop(0, 5, step, (x, x * 2))

    agrees(f, X)


def test_three_carries_turn_round_while_one_is_written():
    def f(x):
        def step(i, c):
            a, b, d = c
            a[i] = d[0] + b[1]
            return b, d, a

        return graphc.fori_loop(0, 5, step, (x, x * 2, x * 3))

    agrees(f, X)


def test_an_array_is_captured_and_carried_at_once():
    def f(x):
        y = np.sin(x)

        def step(i, c):
            c[i] = y[i] + y[i + 1] + c[0]
            return c

        return graphc.fori_loop(0, 5, step, y)

    agrees(f, X)


def test_an_array_is_walked_along_and_carried_at_once():
    def f(x):
        y = np.sin(x)

        def step(c, v):
            c[0] += v
            c[3] = c[0] * 2
            return c, c[3]

        return graphc.scan(step, y, y, reverse=True)

    agrees(f, X)


def test_a_carry_becomes_a_captured_value():
    def f(x):
        y = np.sin(x)

        def step(i, c):
            a, b = c
            b[i] = 1.0
            return y, b + a

        return graphc.fori_loop(0, 3, step, (x, x))

    agrees(f, X)


def test_a_carry_starts_anew_from_what_a_write_starts_from():
    def f(x, i):
        def step(state, v):
            c, s = state
            fresh = np.zeros_like(c)
            written = fresh.copy()
            written[i] = v
            return (fresh, s + c + written), None

        return graphc.scan(step, (x, x), x)[0]

    agrees(f, X, 2)


def test_stacked_results_keep_the_carry_of_their_step():
    def f(x):
        def step(c, v):
            c[1] += v
            before = c * 1
            c[1] *= 2
            return c, (before, c, c[1])

        return graphc.scan(step, x, x)

    agrees(f, X)


# ---- loops one after another and inside each other


def test_the_result_of_a_loop_starts_two_others_and_is_read_afterwards():
    def f(x):
        def step(i, c):
            c[i] += 1
            return c

        y = graphc.fori_loop(0, 3, step, x)
        a = graphc.fori_loop(0, 4, step, y)
        b = graphc.fori_loop(1, 5, step, y)
        return a * b + y, y[0] + a[1]

    agrees(f, X)


def test_loops_continue_in_each_others_memory():
    def f(x):
        def step(i, c):
            c[i] += c[i + 1]
            return c

        y = graphc.fori_loop(0, 3, step, x * 2)
        s = y.sum()
        z = graphc.fori_loop(0, 4, step, y)
        return graphc.while_loop(lambda c: c[0] < 10, lambda c: c + s, z)

    agrees(f, X)


def test_an_inner_loop_writes_what_the_outer_one_reads_afterwards():
    def f(x):
        def outer(c, v):
            before = c[2]

            def inner(i, t):
                t[i] += v * before
                return t

            new = graphc.fori_loop(0, 4, inner, c)
            return new, new.sum() + c.sum() + before

        return graphc.scan(outer, x, x)

    agrees(f, X)


def test_a_branch_in_a_loop_writes_or_does_not():
    def f(x):
        def step(i, c):
            def write():
                d = c.copy()
                d[i] = 5.0
                return d

            d = graphc.cond(c[i] > 0, write, lambda: c)
            return d * 0.5 + c

        return graphc.fori_loop(0, 6, step, x)

    agrees(f, X)


def test_a_branch_returns_its_operands_in_other_places():
    def f(x):
        def step(i, c):
            return graphc.switch(
                i % 3, [lambda a, b: (b, a), lambda a, b: (a, a), lambda a, b: (b, b + a)], *c
            )

        return graphc.fori_loop(0, 7, step, (x, x * 2))

    agrees(f, X)


# ---- chains of writes and reads without a loop


def test_reads_between_writes_see_what_was_there():
    def f(x, i, j):
        y = x * 2
        a = y[i]
        y[i] = 100.0
        b = y[i] + y[j]
        y[j] = a
        c = y[j] * 3
        y[i] += b
        y[0] = c
        return y, a + b, c, y.sum()

    for i, j in ((1, 2), (3, 3), (0, 6)):
        agrees(f, X, i, j)


def test_two_writes_to_copies_of_one_value():
    def f(x, i):
        y = np.exp(x)
        a, b = y.copy(), y.copy()
        a[i] = 0.0
        b[i + 1] = 1.0
        return a @ b, y.sum(), a, b, y

    agrees(f, X, 2)


def test_a_diamond_of_writes():
    def f(x, i):
        y = np.exp(x)
        a, b = y.copy(), y.copy()
        a[i] = y[i + 1]
        b[i] = a[i]
        a[i + 1] = b[i + 1]
        b[0] = a.sum() + y.sum()
        return a + b

    agrees(f, X, 2)


def test_a_write_of_a_value_made_from_the_array_itself():
    def f(x, i):
        y = x * 2
        y[i] = y.sum()
        y[1:] = y[:-1]
        y += y[::-1]
        y[i:] = 3.0 if isinstance(i, slice) else y[2]
        return y

    agrees(lambda x: f(x, 3), X)
