"""Branches and loops over examples: a run that does not count for an example neither fails nor lasts."""

import numpy as np
import pytest

import graphc
from graphc.batching.batch import batch_graph
from graphc.ir.interpret import interpret
from graphc.ir.verify import verify
from graphc.passes.pipeline import optimise
from tests.helpers import record
from tests.native import run_native


def over_examples(function, *arrays, marks):
    """The function on each example, stacked; batched, it gives the same in every form of the graph."""
    size = next(len(a) for a, m in zip(arrays, marks, strict=True) if m)
    examples = [[a[i] if m else a for a, m in zip(arrays, marks, strict=True)] for i in range(size)]
    expected = [np.stack(column) for column in zip(*(function(*e) for e in examples), strict=True)]
    traced = record(function, *examples[0])
    graph, _ = batch_graph(traced.graph, size, [*marks, *(False for _ in traced.captured)], all_outputs=True)
    optimised = optimise(verify(graph))
    given = [*map(np.asarray, arrays), *traced.captured]
    for made in (interpret(graph, *given), interpret(optimised, *given), run_native(optimised, *given)):
        for a, e in zip(made, expected, strict=True):
            np.testing.assert_allclose(a, e, rtol=1e-12)
    return expected


def summed(x, n):
    """Σ x[i] for i < n: the counter ends at n, which may be outside of x."""
    return graphc.while_loop(lambda s: s[0] < n, lambda s: (s[0] + 1, s[1] + x[s[0]] * x[s[0]]), (0, 0.0))


def test_a_loop_reads_nothing_for_examples_that_have_ended():
    over_examples(summed, np.arange(3.0), np.array([3, 0, 2]), marks=(False, True))


def test_a_loop_writes_nothing_for_examples_that_have_ended():
    def f(x, n):
        def step(state):
            i, y = state
            y[i] = y[i - 1] + 1
            return i + 1, y

        return graphc.while_loop(lambda s: s[0] < n, step, (0, x))

    over_examples(f, np.arange(3.0), np.array([3, 0, 2]), marks=(False, True))


def test_a_branch_that_an_example_does_not_take_reads_nothing():
    def f(x, i):
        return (graphc.cond(i < 3, lambda: x[i], lambda: x[i - 3]),)

    over_examples(f, np.arange(3.0), np.array([0, 4, 2, 3]), marks=(False, True))


def test_a_checkpoint_in_a_branch_that_an_example_does_not_take_reads_nothing():
    def f(x, i):
        return (graphc.cond(i < 3, lambda: graphc.checkpoint(lambda x, i: x[i] * x[i])(x, i), lambda: -1.0),)

    over_examples(f, np.arange(3.0), np.array([0, 4, 2, 3]), marks=(False, True))


def test_a_loop_in_a_branch_that_an_example_does_not_take_ends():
    def f(x):
        def doubled():
            return graphc.while_loop(lambda c: c < 100.0, lambda c: c * 2, x)

        return (graphc.cond(x > 0, doubled, lambda: x),)

    over_examples(f, np.array([3.0, -1.0, 0.0]), marks=(True,))


def test_a_factorisation_in_a_branch_that_an_example_does_not_take_is_no_error():
    def f(a):
        return (graphc.cond(a[0, 0] > 0, lambda: np.linalg.cholesky(a), lambda: -a),)

    matrices = np.array([np.eye(2), -np.eye(2)])
    over_examples(f, matrices, marks=(True,))


def test_errors_of_examples_that_count_are_raised():
    traced = record(summed, np.arange(3.0), np.array(0))
    graph, _ = batch_graph(traced.graph, 2, (False, True))
    for execute in (interpret, run_native):
        with pytest.raises(IndexError, match="out of bounds for axis 0 with size 3"):
            execute(graph, np.arange(3.0), np.array([2, 4]))


def test_gradients_of_loops_over_examples():
    def slope(x, n):
        return (graphc.grad(lambda x: summed(x, n)[1])(x),)

    n = np.array([3, 0, 2])
    (found,) = over_examples(slope, np.arange(3.0), n, marks=(False, True))
    np.testing.assert_allclose(found, [2 * np.arange(3.0) * (np.arange(3) < k) for k in n])
