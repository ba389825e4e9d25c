"""Branches on traced values run one of the functions, on every backend."""

import numpy as np
import pytest

import graphc
from tests.control.programs import agrees


def test_one_of_two_functions_runs():
    def f(x):
        return graphc.cond(np.sum(x) > 0, lambda a: a * 2, lambda a: a - 1, x)

    for x in (np.ones(3), -np.ones(3)):
        agrees(f, x)


def test_a_number_is_true_unless_it_is_zero():
    for x in (0.0, -1.5, np.nan):
        agrees(lambda x: graphc.cond(x, lambda: 1.0, lambda: 2.0), x)


def test_a_switch_clamps_its_index():
    branches = [lambda x: x, lambda x: x * x, lambda x: -x]
    for index in (-3, 0, 1, 2, 7):
        agrees(lambda i, x: graphc.switch(i, branches, x), index, np.arange(4.0))


def test_branches_see_values_around_them():
    def f(x, w):
        y = np.tanh(x)
        return graphc.cond(x[0] > 0, lambda: y @ w, lambda: w[0] * y[1])

    for x in (np.array([1.0, 2.0]), np.array([-1.0, 2.0])):
        agrees(f, x, np.array([[1.0, 2.0], [3.0, 4.0]]))


def test_branches_return_trees_and_python_numbers_take_the_type_of_the_other():
    def f(x):
        return graphc.cond(x[0] > 0, lambda: {"a": x, "b": x[1]}, lambda: {"a": x * 2, "b": 0.0})

    result = graphc.compile(f)(np.array([-1, 2], np.float32))
    assert result["b"].dtype == np.float32 and result["b"] == 0


def test_branches_nest_inside_loops():
    def f(x):
        def step(c, v):
            c = graphc.cond(
                v > 0, lambda c: graphc.fori_loop(0, 3, lambda i, c: c + v, c), lambda c: c * 0.5, c
            )
            return c, graphc.switch((v > 0) + 0, [lambda: c, lambda: -c])

        return graphc.scan(step, np.ones(2), x)

    agrees(f, np.array([1.0, -1.0, 2.0, -3.0]))


def test_a_plain_condition_runs_one_function_only():
    def fail():
        raise AssertionError("not this one")

    assert graphc.cond(True, lambda: 1, fail) == 1
    assert graphc.switch(9, [fail, lambda: 2]) == 2
    assert graphc.compile(lambda x: graphc.cond(True, lambda: x, fail))(3.0) == 3.0


def test_an_index_out_of_bounds_in_the_branch_that_does_not_run_is_no_error():
    def f(i, x):
        return graphc.cond(i < 3, lambda: x[i], lambda: -1.0)

    for i in (1, 5):
        agrees(f, i, np.arange(3.0))


@pytest.mark.parametrize("branch", [lambda: np.zeros(2), lambda: (0.0, 1.0)])
def test_branches_must_agree(branch):
    with pytest.raises(graphc.ShapeError, match="true_fn"):
        graphc.compile(lambda x: graphc.cond(x > 0, lambda: x * np.ones(3), branch))(1.0)
