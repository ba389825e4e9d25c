"""Passes over loops: what they change can be read in the graph, and never changes what the program means."""

import numpy as np
import pytest

import graphc
from graphc.control.scan import Scan
from graphc.control.switch import Switch
from graphc.control.while_loop import While
from graphc.ops.contract import Contract
from graphc.trace import tree


def optimised(function, *args):
    """The optimised graph, after comparing what it computes with Python's run of the function."""
    compiled = graphc.compile(function)
    graph = compiled.lower(*args).graph
    for a, e in zip(tree.flatten(compiled(*args))[0], tree.flatten(function(*args))[0], strict=True):
        np.testing.assert_allclose(a, e, rtol=1e-9, atol=1e-12)
    return graph


def loops(graph, kind=Scan):
    return [node for node in graph if isinstance(node.op, kind)]


def products(graph):
    return [node for node in graph if isinstance(node.op, Contract)]


RNG = np.random.default_rng(0)
X, W, U = RNG.normal(size=(20, 16)), RNG.normal(size=(8, 8)) / 4, RNG.normal(size=(16, 8)) / 4


def recurrent(x, w, u):
    def step(h, v):
        h = np.tanh(h @ w + v @ u)
        return h, h

    return graphc.scan(step, np.zeros(8), x)


def test_results_nobody_reads_are_not_computed():
    (loop,) = loops(optimised(lambda x: graphc.scan(lambda c, v: (c + v, np.exp(v)), 0.0, x)[0], X[:, 0]))
    assert len(loop.op.body.outputs) == 1 and "exp" not in str(loop.op.body)


def test_carries_that_nothing_needs_disappear():
    def f(x):
        def step(c, v):
            a, b = c
            return (a + v, np.sin(b) * a), a

        return graphc.scan(step, (0.0, 1.0), x)[1]

    (loop,) = loops(optimised(f, X[:, 0]))
    assert loop.op.carried == 1


def test_a_loop_whose_results_are_not_read_does_not_run():
    graph = optimised(lambda x: (graphc.while_loop(lambda c: c < 5, lambda c: c + 1, x), x * 2)[1], 1.0)
    assert not loops(graph, While)


def test_carries_that_never_change_are_operands():
    f = lambda x: graphc.scan(lambda c, v: ((c[0] * 0.5 + v * c[1], c[1]), None), (0.0, 3.0), x)[0]  # noqa: E731
    (loop,) = loops(optimised(f, X[:, 0]))
    assert loop.op.carried == 1


def test_what_stays_the_same_is_computed_before_the_loop():
    def f(x, w):
        return graphc.scan(lambda c, v: (np.tanh(np.exp(w) @ c + v), None), np.zeros(8), x @ U)[0]

    graph = optimised(f, X, W)
    (loop,) = loops(graph)
    assert "exp" not in str(loop.op.body) and "exp" in [n.op.name for n in graph]


def test_what_can_fail_stays_in_a_loop_that_may_not_run():
    def f(table, i, n):
        return graphc.while_loop(lambda c: c < n, lambda c: c + table[i] * table[i], 1.0)

    (loop,) = loops(optimised(f, np.arange(3.0), 1, 4.0), While)
    assert "gather" in str(loop.op.body)
    assert graphc.compile(f)(np.arange(3.0), 99, 0.0) == 1.0
    with pytest.raises(IndexError):
        graphc.compile(f)(np.arange(3.0), 99, 5.0)


def test_a_gradient_runs_its_loop_once_forwards():
    def f(x, w):
        return np.sum(recurrent(x, w, U)[1] ** 2)

    graph = graphc.compile(graphc.value_and_grad(f, argnums=(0, 1))).lower(X, W).graph
    forwards = [loop for loop in loops(graph) if not loop.op.reverse]
    assert len(forwards) == 1 and len(loops(graph)) == 2


def test_a_while_loop_and_its_tape_are_one_loop():
    def f(a):
        return graphc.while_loop(lambda c: c < 50.0, lambda c: c * a, a)

    graph = graphc.compile(graphc.value_and_grad(f)).lower(2.0).graph
    outermost = loops(graph, While)
    assert len(outermost) == 3  # with a tape, with checkpoints, backwards


def test_products_of_elements_are_one_product():
    graph = optimised(lambda x: recurrent(x, W, U)[1], X)
    (loop,) = loops(graph)
    assert len(products(loop.op.body)) == 1, "only that of the carry stays"
    assert [n.array_type.shape for n in products(graph)] == [(20, 8)]


def test_gradients_of_weights_are_summed_by_one_product_after_the_loop():
    def f(x, w, u):
        return np.sum(recurrent(x, w, u)[1] ** 2)

    graph = graphc.compile(graphc.grad(f, argnums=(0, 1, 2))).lower(X, W, U).graph
    backward = next(loop for loop in loops(graph) if loop.op.reverse)
    assert backward.op.carried == 1, "no running sum of a gradient"
    shapes = sorted(n.array_type.shape for n in products(graph))
    assert shapes == [(8, 8), (16, 8), (20, 8), (20, 16)]


def test_small_sums_stay_in_the_loop():
    f = graphc.compile(graphc.grad(lambda a, x: graphc.scan(lambda c, v: (c * a + v, None), 0.0, x)[0]))
    backward = next(loop for loop in loops(f.lower(2.0, X[:, 0]).graph) if loop.op.reverse)
    assert backward.op.carried == 2


def test_operands_of_branches_are_those_that_the_results_need():
    def f(x, y, z):
        return graphc.cond(x > 0, lambda a, b, c: (a, b + c), lambda a, b, c: (c, b), x, y, z)[1]

    (branch,) = loops(optimised(f, 1.0, 2.0, 3.0), Switch)
    assert len(branch.args) == 3 and len(branch.op.branches[0].outputs) == 1
