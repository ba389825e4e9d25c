"""Element writes that nobody would see are refused, and those of loops happen in one array's memory."""

import re

import numpy as np
import pytest

import graphc
from tests.control.programs import agrees

X = np.linspace(-1.0, 2.0, 7)
M = np.arange(12.0).reshape(3, 4)


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
