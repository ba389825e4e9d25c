"""Recomputing instead of keeping: the same results, less memory."""

import numpy as np
import pytest

import graphc
from graphc.batching.batch import batch_graph
from graphc.ir.interpret import interpret
from graphc.passes.pipeline import optimise
from tests.helpers import record


@pytest.fixture(autouse=True)
def on_each_backend(backend, monkeypatch):
    """Derivatives of plain functions run on the default backend: make that the one under test."""
    for module in ("compile", "transform", "jacobian"):
        monkeypatch.setattr(f"graphc.api.{module}.default_backend", lambda: backend)


RNG = np.random.default_rng(0)
WEIGHTS = [RNG.normal(size=(16, 16)) / 4 for _ in range(8)]
X = RNG.normal(size=(64, 16))


def layer(w, x):
    return np.tanh(np.tanh(x @ w) @ w.T)


def network(layer):
    def loss(weights, x):
        for w in weights:
            x = layer(w, x)
        return np.sum(x**2)

    return loss


def products(graph):
    return sum(node.op.name == "contract" for node in graph)


def test_results_and_gradients_are_the_same():
    plain, kept = network(layer), network(graphc.checkpoint(layer))
    assert np.isclose(graphc.compile(kept)(WEIGHTS, X), plain(WEIGHTS, X), rtol=1e-13)
    assert kept(WEIGHTS, X) == plain(WEIGHTS, X)
    for a, b in zip(graphc.grad(kept)(WEIGHTS, X), graphc.grad(plain)(WEIGHTS, X), strict=True):
        assert np.allclose(a, b, rtol=1e-12, atol=1e-13)
    assert graphc.gradcheck(network(graphc.checkpoint(layer)), WEIGHTS[:2], X[:2])


def test_planned_memory_falls():
    """Eight layers of two products: one value a layer is kept, and those of one layer at a time."""

    def peak(layer):
        return graphc.compile(graphc.grad(network(layer)), backend="cpu").lower(WEIGHTS, X).cost().arena

    one = X.nbytes
    assert peak(graphc.checkpoint(layer)) < (len(WEIGHTS) + 6) * one < 0.5 * peak(layer)


def test_the_second_run_happens_in_the_gradient_only():
    forward = record(lambda w, x: [graphc.checkpoint(layer)(w, x)], WEIGHTS[0], X).graph
    assert products(optimise(forward)) == 2
    gradient = graphc.compile(graphc.grad(lambda w: np.sum(graphc.checkpoint(layer)(w, X))))
    plain = graphc.compile(graphc.grad(lambda w: np.sum(layer(w, X))))
    again = [optimise(f.lower(WEIGHTS[0]).graph) for f in (gradient, plain)]
    # The loss is no result, so that the first run is not needed at all: nothing is run twice.
    assert products(again[0]) == products(again[1])
    both = [
        graphc.compile(graphc.value_and_grad(network(f))).lower(WEIGHTS[:1], X)
        for f in (graphc.checkpoint(layer), layer)
    ]
    assert products(optimise(both[0].graph)) == products(optimise(both[1].graph)) + 2


def test_checkpoints_nest_with_each_other_and_all_transformations():
    def f(x):
        return np.sin(x) * np.exp(0.1 * x)

    inner = graphc.checkpoint(f)
    twice = graphc.checkpoint(lambda x: inner(inner(x)))
    plain = lambda x: f(f(x))  # noqa: E731
    x, t = np.array([0.3, -0.8, 1.7]), np.array([1.0, 2.0, -1.0])
    assert np.allclose(graphc.jacrev(twice)(x), graphc.jacrev(plain)(x), rtol=1e-13, atol=1e-15)
    assert np.allclose(graphc.jacfwd(twice)(x), graphc.jacfwd(plain)(x), rtol=1e-13, atol=1e-15)
    total, reference = (lambda x: np.sum(twice(x))), (lambda x: np.sum(plain(x)))
    assert np.allclose(graphc.hessian(total)(x), graphc.hessian(reference)(x), rtol=1e-12, atol=1e-14)
    slope = lambda f: graphc.grad(lambda x: graphc.jvp(f, (x,), (t,))[1])(x)  # noqa: E731
    assert np.allclose(slope(total), slope(reference), rtol=1e-12)
    graph = record(lambda x: [graphc.grad(total)(x)], x).graph
    over, _ = batch_graph(graph, 2, [True])
    rows = np.stack([x, 2 * x])
    expected = [graphc.grad(reference)(row) for row in rows]
    assert np.allclose(interpret(over, rows)[0], expected, rtol=1e-12)


def test_trees_keywords_and_what_it_closes_over():
    scale = 3.0

    @graphc.checkpoint
    def f(p, n, *, power=2):
        """Documented."""
        return {"y": scale * p["x"] ** power, "n": n}

    assert f.__doc__ == "Documented." and f({"x": 2.0}, 1)["y"] == 12.0
    assert graphc.grad(lambda p: f(p, 7, power=3)["y"])({"x": 2.0}) == {"x": 36.0}
    assert graphc.grad(lambda s: graphc.checkpoint(lambda x: s * x)(2.0))(5.0) == 2.0
    assert graphc.compile(lambda p: f(p, 7))({"x": 2.0})["n"] == 7


def test_numbers_stay_numbers():
    def power(x, n):
        for _ in range(n - 1):
            x = x * np.sin(x)
        return np.sum(x)

    x = np.array([0.5, 2.0])
    expected = graphc.grad(lambda x: power(x, 3))(x)
    assert np.allclose(graphc.grad(lambda x: graphc.checkpoint(power)(x, 3))(x), expected, rtol=1e-13)
    compiled = graphc.compile(power, static_argnames="n")
    assert np.allclose(graphc.grad(lambda x: graphc.checkpoint(compiled)(x, n=3))(x), expected, rtol=1e-13)


def test_a_part_without_arguments():
    w = np.arange(3.0)
    constant = graphc.checkpoint(lambda: w * 2)
    assert np.array_equal(graphc.compile(lambda x: x + constant())(1.0), w * 2 + 1)
    assert graphc.grad(lambda x: np.sum(x * constant()))(1.0) == 6.0
    assert graphc.grad(lambda x: x * graphc.checkpoint(lambda: 3.0)())(1.0) == 3.0


def test_views_and_indices_of_what_is_recomputed():
    table, index = RNG.normal(size=(6, 4)), np.array([1, 5, 1])

    def f(table, index):
        rows = np.tanh(table[index].reshape(-1)[::-1].reshape(4, 3))
        return np.sum(rows @ rows.T)

    expected = graphc.grad(f)(table, index)
    assert np.allclose(graphc.grad(graphc.checkpoint(f))(table, index), expected, rtol=1e-12)
