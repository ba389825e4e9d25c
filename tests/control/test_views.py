"""Writes to views, rows and masked elements on traced arrays mean what NumPy means by them, in loops too."""

import numpy as np

import graphc
from tests.control.programs import agrees

X = np.linspace(-1.0, 2.0, 7)
M = np.arange(12.0).reshape(3, 4)


# ---- views and masks


def test_a_write_to_a_view_of_a_carry_changes_the_carry():
    def f(x):
        def step(i, c):
            part = c[1:5]
            part[i] = 9.0
            part[::2] += i
            back = c[::-1]
            back[0] -= 1
            return c

        return graphc.fori_loop(0, 4, step, x)

    agrees(f, X)


def test_a_write_to_a_carry_is_seen_through_its_views():
    def f(x):
        def step(c, v):
            last = c[-2:]
            c[-1] = v
            return c, last.sum()

        return graphc.scan(step, x, x)

    agrees(f, X)


def test_rows_and_columns_are_views():
    def f(m):
        def step(i, m):
            row, column = m[i], m[:, 0]
            row *= 2
            column += row[1]
            m.T[2] = 1.0
            m.reshape(-1)[i] = -5.0
            return m

        return graphc.fori_loop(0, 3, step, m)

    agrees(f, M)


def test_a_row_at_a_computed_place_is_a_view():
    def f(m, i, j):
        m = m * 1
        row, part = m[i], m[1:, j][:2]
        m[i, 1] = 7.0
        a = row.sum()
        row[2] = -1.0
        row[:2] *= 3
        part += row[1]
        m[i] += 0.5
        row[..., None][j] = 8.0
        return m, row, part, a, m[i, ...]

    for i, j in ((0, 1), (2, 3), (-1, 0)):
        agrees(f, M, i, j)


def test_an_element_at_a_computed_place_is_a_copy():
    def f(x, i):
        x = x * 1
        a = x[i]
        x[i] = 9.0
        b = a
        b += 1
        return a, b, x

    agrees(f, X, 3)


def test_rows_chosen_by_an_array_are_copies():
    def f(m, i):
        m = m * 1
        rows = m[np.stack([i, i])]
        rows += 1
        m[i] = 0.0
        return rows, m

    agrees(f, M, 1)


def test_masks_choose_what_is_written():
    def f(x):
        def step(i, c):
            c[c > 0.5] = 0.25 * i
            c[c < 0] *= -1
            return c

        return graphc.fori_loop(0, 3, step, x)

    agrees(f, X)


def test_repeated_indices_add_up_only_with_add_at():
    def f(x, where):
        def step(i, c):
            np.add.at(c, where, 1.0)
            c[where] += 10.0
            return c

        return graphc.fori_loop(0, 2, step, x)

    agrees(f, X, np.array([0, 0, 3, -1, 3]))


def test_the_last_of_repeated_writes_wins():
    def f(x, where):
        def step(i, c):
            c[where] = np.arange(5.0) + i
            return c

        return graphc.fori_loop(0, 2, step, x)

    agrees(f, X, np.array([0, 0, 3, -1, 3]))


def test_negative_and_traced_indices():
    def f(x):
        def step(i, c):
            c[-1 - i] = c[i - 2] + c[i]
            c[i, ...] += 1
            return c

        return graphc.fori_loop(0, 3, step, x)

    agrees(f, X)


def test_writes_before_a_loop_are_seen_in_it_and_those_after_it_are_not():
    def f(x):
        y = x * 1
        view = y[1:]
        view[0] = 7.0

        def step(c, v):
            return c + view[0] * v + y[1], y.sum()

        result = graphc.scan(step, 0.0, x)
        y[1] = -100.0
        return result, view

    agrees(f, X)


def test_a_copy_of_a_value_around_a_loop_may_be_written():
    def f(x):
        y = np.sin(x)

        def step(c, v):
            z = y.copy()
            z[2] = v
            return c + z.sum(), z[1:3]

        return graphc.scan(step, 0.0, x), y

    agrees(f, X)
