"""Element writes on traced arrays mean what NumPy means by them, in loops, around them, and on views."""

import re

import numpy as np
import pytest

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


# ---- what is refused


def refused(function, *args):
    with pytest.raises(graphc.TraceError) as caught:
        graphc.compile(function)(*args)
    return str(caught.value)


def test_writes_to_what_is_around_a_loop_name_the_line():
    def f(x):
        y = x * 2

        def step(i, c):
            y[i] = 0.0
            return c + 1

        return graphc.fori_loop(0, 3, step, 0.0), y

    assert re.search(
        r"in-place change of an array that belongs to an enclosing function\n"
        r"  at test_in_place.py:\d+, y\[i\] = 0.0\n"
        r"  Pass it as an argument, work on a copy, and return it.",
        refused(f, X),
    )


@pytest.mark.parametrize(
    "line", ["y[1:3][0] = 1.0", "y[1:] += 1", "np.add.at(y, [0, 1], 2.0)", "y *= 2", "np.sin(y, out=y)"]
)
def test_every_kind_of_write_to_what_is_around_a_loop_is_refused(line):
    def f(x):
        y = x * 2

        def step(i, c):
            exec(line, {"np": np}, {"y": y, "c": c})
            return c + 1

        return graphc.fori_loop(0, 3, step, 0.0), y

    assert "in-place change" in refused(f, X)


def test_writes_to_elements_of_sequences_and_operands_of_branches_are_refused():
    def walked(m):
        def step(c, row):
            row[0] = 1.0
            return c + row.sum(), None

        return graphc.scan(step, 0.0, m)

    assert "row[0] = 1.0" in refused(walked, M)

    def chosen(x):
        def write(y):
            y[0] = 1.0
            return y

        return graphc.cond(x[0] > 0, write, lambda y: y, x * 2)

    assert "y[0] = 1.0" in refused(chosen, X)


def test_a_condition_that_writes_to_the_carry_is_refused():
    def f(x):
        def goes_on(c):
            c[0] += 1.0
            return c[0] < 3

        return graphc.while_loop(goes_on, lambda c: c * 2, x)

    assert "c[0] += 1.0" in refused(f, X)


def test_writes_to_arguments_are_refused():
    def f(x):
        x[0] = 1.0
        return x

    assert "in-place change of an argument" in refused(f, X)


# ---- memory


def statements(function, *args, donate=()):
    """What the kernels do inside of loops over steps, as text."""
    text = str(graphc.compile(function, donate=donate).lower(*args).kernels)
    steps = [kernel.split("# serial", 1)[1] for kernel in text.split("\n\n") if "for t in" in kernel]
    return "\n".join(steps), text


def doubled(i, c):
    c[i] = c[i] * 2 + 1
    return c


def test_a_donated_array_is_written_element_by_element_in_its_own_memory():
    inside, text = statements(lambda x: graphc.fori_loop(0, 1000, doubled, x), np.zeros(1000), donate=("x",))
    assert "range(1000)" not in inside, "no step goes over the array"
    assert "out0" not in text and "f64[1000]" not in text.split("in0: f64[1000]")[-1]


def test_steps_copy_no_array_that_they_write_to_and_read():
    def body(i, c):
        a, b = c
        a[i] = b[i] + b[i - 1]
        b[i] = a[i] + 1
        return a, b

    inside, _ = statements(lambda x: graphc.fori_loop(0, 50, body, (x, x * 2)), np.zeros(1000))
    assert "range(1000)" not in inside


def test_loops_in_turn_share_the_memory_of_one_array():
    def f(x):
        y = graphc.fori_loop(0, 5, doubled, np.exp(x))
        z = graphc.fori_loop(5, 10, doubled, y)
        return np.sum(graphc.fori_loop(1, 7, doubled, z))

    lowered = graphc.compile(f).lower(np.zeros(1000)).kernels
    assert lowered.arena.size < 2 * 8000, "exp(x), y and z are one array"
    agrees(f, np.linspace(0, 1, 1000))


def test_a_donated_array_that_is_read_after_the_loop_keeps_its_value_until_then():
    @graphc.compile(donate=("x",))
    def f(x, w):
        y = graphc.fori_loop(0, 5, doubled, x)
        return y, y @ w + x @ w

    x, w = np.linspace(0, 1, 9), np.arange(9.0)
    expected = f.__wrapped__(x.copy(), w)
    mine = x.copy()
    y, s = f(mine, w)
    np.testing.assert_allclose(y, expected[0])
    np.testing.assert_allclose(s, expected[1])


def test_gradients_of_element_writes_in_donated_arrays():
    @graphc.compile(donate=("x",))
    def step(x, a):
        return x - 0.1 * graphc.grad(lambda x: np.sum(np.sin(graphc.fori_loop(0, 6, doubled, x)) * a))(x)

    x, a = np.linspace(0, 1, 9), np.arange(9.0)
    y = np.where(np.arange(9) < 6, 2 * x + 1, x)
    slope = np.cos(y) * a * np.where(np.arange(9) < 6, 2, 1)
    np.testing.assert_allclose(step(x.copy(), a), x - 0.1 * slope)
