"""Functions whose derivative the user writes, eagerly, compiled, and under every transformation."""

import numpy as np
import pytest

import graphc
from graphc.batching.batch import batch_graph
from graphc.ir.interpret import interpret
from graphc.ir.parser import parse_graph
from tests.api.raising import raises_exactly
from tests.helpers import record


@pytest.fixture(autouse=True)
def on_each_backend(backend, monkeypatch):
    """Derivatives of plain functions run on the default backend: make that the one under test."""
    for module in ("compile", "transform", "jacobian", "vmap"):
        monkeypatch.setattr(f"graphc.api.{module}.default_backend", lambda: backend)


@graphc.custom_vjp
def product(x, y):
    """sin(x) y, with twice its derivative by y, so that it can be told from the true one."""
    return np.sin(x) * y


product.defvjp(
    lambda x, y: (product(x, y), (np.sin(x), np.cos(x), y)),
    lambda saved, g: (saved[1] * g * saved[2], 2 * saved[0] * g),
)


@graphc.custom_jvp
def softplus(x):
    return np.log(1 + np.exp(x))


@softplus.defjvp
def softplus_rule(primals, tangents):
    (x,), (t,) = primals, tangents
    return softplus(x), t * (1 - 1 / (1 + np.exp(x)))


X = np.array([0.3, -1.0, 2.0])


def same(actual, expected):
    for a, e in zip(np.atleast_1d(actual), np.atleast_1d(expected), strict=True):
        np.testing.assert_allclose(a, e, rtol=1e-14)


# ---- values


def test_the_value_is_that_of_the_function():
    assert product(1.0, 2.0) == np.sin(1.0) * 2 and type(product(1.0, 2.0)) is np.float64
    assert np.allclose(graphc.compile(product)(X, 2.0), np.sin(X) * 2, rtol=1e-15)
    assert product.__name__ == "product" and product.__doc__.startswith("sin(x) y")


# ---- derivatives


def test_the_rule_is_the_derivative_in_both_modes():
    dx, dy = graphc.grad(product, argnums=(0, 1))(1.0, 3.0)
    assert np.isclose(dx, 3 * np.cos(1.0)) and np.isclose(dy, 2 * np.sin(1.0))
    y, ty = graphc.jvp(product, (1.0, 3.0), (1.0, 10.0))
    assert np.isclose(y, 3 * np.sin(1.0)) and np.isclose(ty, 3 * np.cos(1.0) + 20 * np.sin(1.0))
    assert np.isclose(graphc.grad(softplus)(1000.0), 1.0)  # the derivative of the formula is NaN
    assert np.isclose(graphc.jvp(softplus, (1000.0,), (2.0,))[1], 2.0)


def test_rules_that_call_their_own_function_are_differentiated_to_any_order():
    s = 1 / (1 + np.exp(-X))
    second, third = s * (1 - s), s * (1 - s) * (1 - 2 * s)
    total = lambda x: np.sum(softplus(x))  # noqa: E731
    for hessian in (graphc.hessian, lambda f: graphc.jacfwd(graphc.jacfwd(f))):
        assert np.allclose(hessian(total)(X), np.diag(second), rtol=1e-12)
    assert np.allclose(graphc.jacrev(graphc.jacrev(graphc.jacfwd(total)))(X).sum((0, 1)), third, rtol=1e-10)
    # d²/dx² of the rule for x: cos(x) y, differentiated as an ordinary formula.
    assert np.isclose(graphc.grad(graphc.grad(product))(1.0, 3.0), -3 * np.sin(1.0))
    assert np.isclose(graphc.grad(graphc.grad(product), argnums=1)(1.0, 3.0), np.cos(1.0))


@pytest.mark.parametrize("transform", [graphc.grad, lambda f: lambda x: graphc.jvp(f, (x,), (1.0,))[1]])
def test_both_kinds_over_batches(transform):
    """Slope of each example; `y` is shared by all, `g` is not."""
    graph = record(lambda x, y: [transform(lambda v: product(v, y) + softplus(v))(x)], 1.0, 2.0).graph
    over, marked = batch_graph(graph, 3, [True, False])
    expected = np.cos(X) * 2.0 + 1 / (1 + np.exp(-X))
    assert marked == (True,) and np.allclose(interpret(over, X, np.array(2.0))[0], expected, rtol=1e-12)


def test_vmap_and_derivatives_in_any_order():
    s = 1 / (1 + np.exp(-X))
    assert np.allclose(graphc.vmap(product)(X, X), np.sin(X) * X, rtol=1e-14)
    assert np.allclose(
        graphc.vmap(graphc.grad(product), in_axes=(0, None))(X, 2.0), np.cos(X) * 2, rtol=1e-14
    )
    shared = graphc.grad(lambda y: np.sum(graphc.vmap(product, in_axes=(0, None))(X, y)))(2.0)
    assert np.isclose(shared, np.sum(2 * np.sin(X)))
    assert np.allclose(graphc.vmap(graphc.grad(graphc.grad(softplus)))(X), s * (1 - s), rtol=1e-12)
    product_with = graphc.hvp(lambda x: np.sum(graphc.vmap(softplus)(x)), X, X)
    assert np.allclose(product_with, s * (1 - s) * X, rtol=1e-12)


def test_derivatives_of_batches_use_the_rule():
    over, _ = batch_graph(record(lambda x, y: [product(x, y)], 1.0, 2.0).graph, 3, [True, False])
    from graphc.autodiff.forward import pushforward
    from graphc.autodiff.reverse import pullback

    y, g, t = np.array(2.0), np.array([1.0, 0.5, -2.0]), np.array([0.2, 0.1, 0.7])
    _, dx, dy = interpret(pullback(over, [0, 1], [0]), X, y, g)
    assert np.allclose(dx, g * np.cos(X) * y) and np.isclose(dy, np.sum(2 * np.sin(X) * g))
    (_, moving) = interpret(pushforward(over, [0, 1]), X, y, t, np.array(3.0))
    assert np.allclose(moving, t * np.cos(X) * y + 3 * 2 * np.sin(X))
    graph = record(lambda x: [softplus(x)], 1.0).graph
    over, _ = batch_graph(graph, 3, [True])
    assert np.allclose(interpret(pullback(over, [0], [0]), X, g)[1], g / (1 + np.exp(-X)))


def test_trees_integers_and_static_arguments():
    @graphc.custom_vjp
    def scaled(p, n, label="a"):
        return {"y": p["w"] * n + p["b"][0], "label": label}

    def forward(p, n, label):
        return scaled(p, n, label), (n, label)

    def backward(saved, g):
        n, label = saved
        assert label == "b"
        return {"w": g["y"] * n * 100, "b": [np.sum(g["y"])]}, None, None

    scaled.defvjp(forward, backward)
    p = {"w": np.ones(2), "b": [3.0]}
    gradient = graphc.grad(lambda p: np.sum(scaled(p, 5, label="b")["y"]))(p)
    assert np.array_equal(gradient["w"], [500, 500]) and gradient["b"] == [2.0]
    assert graphc.compile(lambda p: scaled(p, 5))(p)["label"] == "a"


def test_arguments_that_are_no_values():
    power = lambda x: x**3  # noqa: E731
    apply = graphc.custom_vjp(lambda f, x: f(x), nondiff_argnums=(0,))
    apply.defvjp(lambda f, x: (f(x), x), lambda f, x, g: (g * f(x),))
    assert graphc.grad(lambda x: apply(power, x))(2.0) == 8.0

    raised = graphc.custom_jvp(lambda x, n: x**n, nondiff_argnums=(1,))
    raised.defjvp(
        lambda n, primals, tangents: (raised(primals[0], n), n * primals[0] ** (n - 1) * tangents[0])
    )
    assert graphc.grad(lambda x: raised(x, 3))(2.0) == 12.0
    assert graphc.jvp(lambda x: raised(x, 3), (2.0,), (1.0,)) == (8.0, 12.0)


def test_compiled_functions_and_keywords():
    f = graphc.custom_jvp(graphc.compile(lambda x, scale=2.0: scale * x))
    f.defjvp(lambda primals, tangents: (f(*primals), 100 * tangents[0]))
    assert f(3.0) == 6.0 and graphc.grad(lambda x: f(x, scale=3.0))(1.0) == 100.0
    named = graphc.custom_vjp(lambda x, *, scale: scale * x)
    named.defvjp(lambda x, scale: (x, None), lambda _, g: (g,))
    with pytest.raises(graphc.ArgumentError, match=r"passed by name only: scale\n  Make them positional"):
        graphc.grad(lambda x: named(x, scale=3.0))(1.0)


def test_one_rule_per_argument():
    f = graphc.custom_jvp(lambda x, y: np.sin(x) * y)
    f.defjvps(lambda t, ans, x, y: np.cos(x) * y * t, lambda t, ans, x, y: 10 * t)
    dx, dy = graphc.grad(f, argnums=(0, 1))(1.0, 3.0)
    assert np.isclose(dx, 3 * np.cos(1.0)) and dy == 10.0
    g = graphc.custom_jvp(lambda x, y: x * y)
    g.defjvps(None, lambda t, ans, x, y: ans * t)
    assert graphc.grad(g, argnums=(0, 1))(2.0, 3.0) == (0.0, 6.0)


def test_several_results_one_of_them_unused():
    f = graphc.custom_vjp(lambda x: (x**2, np.argmax(x), x[0]))
    f.defvjp(lambda x: (f(x), x), lambda x, g: (2 * x * g[0] + g[2],))
    assert np.allclose(graphc.grad(lambda x: np.sum(f(x)[0]))(X), 2 * X)
    jacobian = graphc.jacfwd(lambda x: f(x)[0])(X)
    assert np.allclose(jacobian, np.diag(2 * X))


def test_a_rule_that_clips_the_cotangent_has_no_forward_mode():
    clip = graphc.custom_vjp(lambda x: x)
    clip.defvjp(lambda x: (x, None), lambda _, g: (np.clip(g, -1.0, 1.0),))
    clip.__name__ = "clip"
    assert graphc.grad(lambda x: 5 * clip(x))(2.0) == 1.0
    with pytest.raises(graphc.DifferentiationError) as raised:
        graphc.jvp(clip, (2.0,), (1.0,))
    assert str(raised.value).startswith(
        "the derivative rule of clip is not linear: the other mode cannot be derived"
    )
    assert "Write a rule linear in the cotangents" in str(raised.value)


def test_the_graph_prints_the_function_and_reads_back_without_its_rule():
    graph = record(lambda x: [softplus(x)], 1.0).graph
    text = str(graph)
    assert "custom_call[body={" in text and str(parse_graph(text)) == text
    back = parse_graph(text)
    assert np.isclose(interpret(back, np.array(1.0))[0], np.log(1 + np.e))
    from graphc.autodiff.reverse import gradient

    with pytest.raises(graphc.DifferentiationError, match="was read from text"):
        gradient(back, [0])


# ---- errors


def test_what_it_closes_over_is_not_differentiated_silently():
    def loss(w):
        f = graphc.custom_vjp(lambda x: w * x)
        f.__name__ = "f"
        f.defvjp(lambda x: (x, None), lambda _, g: (g,))
        return f(2.0)

    for derivative in (graphc.grad, graphc.jacfwd):
        with pytest.raises(graphc.DifferentiationError) as raised:
            derivative(loss)(3.0)
        message = str(raised.value)
        assert message.startswith(
            "f closes over a value that is differentiated: its own derivative has no part"
        )
        assert "test_custom.py" in message and message.endswith("or use stop_gradient on it.")
    assert graphc.compile(loss)(3.0) == 6.0


def test_a_rule_that_closes_over_traced_values():
    def loss(w):
        f = graphc.custom_vjp(lambda x: x)
        f.__name__ = "f"
        f.defvjp(lambda x: (x, None), lambda _, g: (g * w,))
        return f(w)

    with pytest.raises(graphc.LeakedTracerError, match="the derivative of f closes over a traced value"):
        graphc.grad(loss)(3.0)


def test_rules_close_over_arrays():
    table = np.array([1.0, 3.0])

    @graphc.custom_jvp
    def f(x):
        return 2 * x

    @f.defjvp
    def _(primals, tangents):
        return f(*primals), table * tangents[0]

    @graphc.custom_vjp
    def h(x):
        return 2 * x

    h.defvjp(lambda x: (h(x), table), lambda kept, g: (kept * g * table,))
    x = np.array([5.0, 7.0])

    def total(function):
        return lambda x: np.sum(function(x))

    for function, slope in ((f, table), (h, table**2)):
        same(graphc.jvp(function, (x,), (x,)), (2 * x, slope * x))
        same(graphc.grad(total(function))(x), slope)
        same(graphc.grad(lambda x, f=function: np.sum(f(x) ** 2))(x), 4 * x * slope)
        same(graphc.jacobian(function)(x), np.diag(slope))
        same(graphc.vmap(graphc.grad(total(function)))(np.stack([x, x])), np.stack([slope, slope]))
        same(graphc.grad(total(graphc.checkpoint(function)))(x), slope)
        same(graphc.grad(lambda x, f=function: np.sum(graphc.cond(x[0] > 0, f, f, x)))(x), slope)

        def twice(x, f=function):
            return np.sum(graphc.scan(lambda c, _: (f(c), None), x, None, length=2)[0])

        same(graphc.grad(twice)(x), slope**2)


def test_a_rule_calls_its_own_function_on_tangents():
    @graphc.custom_jvp
    def share(x, y):
        return x / y

    @share.defjvp
    def _(primals, tangents):
        return share(*primals), share(tangents[0], primals[1])

    same(graphc.grad(share)(1.0, 4.0), 0.25)
    same(graphc.jvp(share, (1.0, 4.0), (2.0, 0.0)), (0.25, 0.5))
    steps = graphc.grad(lambda x: graphc.scan(lambda c, _: (share(c, 2.0), None), x, None, 3)[0])
    same(steps(1.0), 0.125)


def test_rules_that_return_something_else():
    def with_rule(forward, backward):
        f = graphc.custom_vjp(lambda x, y: x * y)
        f.__name__ = "f"
        f.defvjp(forward, backward)
        return graphc.grad(lambda x: np.sum(f(x, 2.0)))

    def forward(x, y):
        return x * y, None

    cases = [
        (lambda x, y: x * y, lambda _, g: (g, g), "the forward rule of f returned Tracer"),
        (forward, lambda _, g: g, "the backward rule of f returned Tracer"),
        (forward, lambda _, g: (g,), "the backward rule of f returned 1 values"),
        (forward, lambda _, g: ([g], None), r"the rule of f returned a cotangent \[\*\]"),
        (forward, lambda _, g: (1.0, None), r"the rule of f returned a cotangent f64"),
    ]
    for one, other, message in cases:
        with pytest.raises(graphc.DifferentiationError, match=message):
            with_rule(one, other)(X)


def test_functions_without_a_rule():
    f = graphc.custom_vjp(product.fun)
    with raises_exactly(
        graphc.DifferentiationError,
        "product has no derivative yet\n  Call product.defvjp(forward, backward).",
    ):
        graphc.grad(f)(1.0, 2.0)
    with raises_exactly(
        graphc.DifferentiationError, "product has no derivative yet\n  Call product.defjvp(rule)."
    ):
        graphc.jvp(graphc.custom_jvp(product.fun), (1.0, 2.0), (1.0, 2.0))
    traced = graphc.custom_vjp(product.fun, nondiff_argnums=(1,))
    traced.defvjp(lambda x, y: (x, y), lambda y, _, g: (g,))
    with pytest.raises(
        graphc.ArgumentError, match="argument 1 of product is a traced value, but nondiff_argnums"
    ):
        graphc.grad(traced)(1.0, 2.0)
