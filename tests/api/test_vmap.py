import dataclasses

import numpy as np
import pytest

import graphc
from graphc import nn
from tests.api.raising import raises_exactly

X = np.random.default_rng(0).normal(size=(5, 3))
W = np.random.default_rng(1).normal(size=(3, 4))


@pytest.fixture(autouse=True)
def on_each_backend(backend, monkeypatch):
    """Functions of plain functions run on the default backend: make that the one under test."""
    for module in ("compile", "transform", "vmap"):
        monkeypatch.setattr(f"graphc.api.{module}.default_backend", lambda: backend)


def layer(x, w):
    return np.tanh(x @ w)


def loss(w, x, y):
    return np.sum((np.tanh(x @ w) - y) ** 2)


@dataclasses.dataclass
class Affine:
    w: np.ndarray
    b: np.ndarray
    name: str = "affine"

    def __call__(self, x):
        return x @ self.w + self.b


def same(actual, expected):
    assert (actual.dtype, actual.shape) == (expected.dtype, expected.shape)
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-14)


# ---- axes


def test_examples_are_stacked():
    same(graphc.vmap(layer, (0, None))(X, W), np.stack([layer(x, W) for x in X]))
    same(graphc.vmap(np.sum)(X), np.sum(X, axis=1))
    same(graphc.vmap(lambda a, b: a * b)(X, X), X * X)


def test_any_axis_may_hold_the_examples():
    cube = np.random.default_rng(2).normal(size=(2, 3, 4))
    for axis in range(-3, 3):
        same(graphc.vmap(lambda x: 2 * x, axis)(cube), 2 * np.moveaxis(cube, axis, 0))
        same(graphc.vmap(lambda x: 2 * x, 0, axis)(cube), 2 * np.moveaxis(cube, 0, axis))
    same(graphc.vmap(layer, [None, 1], out_axes=-1)(X, W), layer(X, W))


def test_axes_are_trees_that_are_prefixes_of_the_arguments():
    params = {"w": W, "b": np.arange(8.0).reshape(4, 2), "name": "p", "none": None}

    def f(params, xs):
        return {"y": xs[0] @ params["w"] + params["b"], "x": (xs[1], params["none"], params["name"])}

    axes = ({"w": None, "b": 1, "name": None, "none": None}, (None, 0))
    mapped = graphc.vmap(f, axes, {"y": 1, "x": 0})
    result = mapped(params, (X, np.arange(2)))
    same(result["y"], np.stack([X @ W + params["b"][:, i] for i in range(2)], axis=1))
    same(result["x"][0], np.arange(2))
    assert result["x"][1:] == (None, "p")
    assert graphc.vmap(f, axes, {"y": 1, "x": 0}) is mapped


def test_keyword_arguments_are_mapped_over_axis_0():
    same(graphc.vmap(lambda x, *, scale: x * scale)(X, scale=np.arange(5.0)), X * np.arange(5.0)[:, None])


def test_results_that_do_not_depend_on_the_example_are_repeated_or_returned_once():
    def f(x, w):
        return x, w, 3, 2.5

    y, w, three, half = graphc.vmap(f, (0, None))(X, W)
    same(y, X)
    same(w, np.broadcast_to(W, (5, 3, 4)))
    same(three, np.full(5, 3))
    same(half, np.full(5, 2.5))
    y, w, three, half = graphc.vmap(f, (0, None), (0, None, None, None))(X, W)
    same(w, W)
    assert three == 3 and type(three) is int and half == 2.5


def test_axis_size_counts_the_examples_where_nothing_is_mapped():
    same(graphc.vmap(lambda w: w[0], None, axis_size=2)(W), np.stack([W[0]] * 2))
    same(graphc.vmap(lambda: 1.0, axis_size=3)(), np.ones(3))
    same(graphc.vmap(np.sum, axis_size=5)(X), np.sum(X, axis=1))


@pytest.mark.parametrize("size", [0, 1])
def test_no_example_and_one(size):
    same(graphc.vmap(layer, (0, None))(X[:size], W), layer(X[:size], W))
    same(graphc.vmap(np.argmax)(X[:size]), np.argmax(X[:size], axis=1))


def test_types_are_those_of_each_example():
    x = np.arange(6, dtype=np.int8).reshape(3, 2)
    same(graphc.vmap(np.sum)(x), np.sum(x, axis=1))
    same(graphc.vmap(lambda x: x * 2.5)(x.astype(np.float32)), (x * 2.5).astype(np.float32))
    same(graphc.vmap(lambda x, n: x * n, (0, None))(x.astype(np.float32), 2.5), (x * 2.5).astype(np.float32))


# ---- functions of all kinds


def test_modules_and_methods_are_shared_by_all_examples():
    model = nn.Sequential(nn.Linear(3, 4, rng=np.random.default_rng(0)), nn.Tanh())
    x = X.astype(np.float32)
    np.testing.assert_allclose(graphc.vmap(model)(x), model(x), rtol=1e-5, atol=1e-6)
    affine = Affine(W, np.ones(4))
    same(graphc.vmap(affine.__call__)(X), affine(X))
    same(graphc.vmap(affine)(X), affine(X))
    same(graphc.grad(lambda x: np.sum(graphc.vmap(affine)(x)))(X), np.broadcast_to(W.sum(1), (5, 3)))


def test_dataclasses_hold_examples():
    many = Affine(np.stack([W, 2 * W]), np.arange(8.0).reshape(2, 4))

    def twice(model, x):
        return Affine(model.w * 2, model(x), model.name)

    result = graphc.vmap(twice, (0, None))(many, X[0])
    assert isinstance(result, Affine) and result.name == "affine"
    same(result.w, many.w * 2)
    same(result.b, np.stack([X[0] @ w + b for w, b in zip(many.w, many.b, strict=True)]))
    axes = Affine(0, None, None)
    same(graphc.vmap(lambda m, x: m(x), (axes, None))(Affine(many.w, np.ones(4)), X[0]), X[0] @ many.w + 1)


def test_a_method_of_a_class_maps_over_its_object_too():
    class Scale:
        @graphc.vmap
        def both(self, x):
            return self * x

    same(Scale.both(np.arange(5.0), X), np.arange(5.0)[:, None] * X)


def test_static_arguments_are_the_same_for_all_examples():
    @graphc.compile(static_argnames="n")
    def power(x, n, kind):
        assert kind == "odd"
        for _ in range(n - 1):
            x = x * x
        return x

    same(graphc.vmap(power)(X, 2, "odd"), X * X)
    same(graphc.vmap(power)(X, n=2, kind="odd"), X * X)


def test_changes_in_place_are_each_examples_own():
    def f(x, i):
        y = np.zeros_like(x)
        y[i] = x[0]
        y[1:] += 1
        return y

    i = np.array([0, 2, 1, 0, 2])
    same(graphc.vmap(f)(X, i), np.stack([f(x, j) for x, j in zip(X, i, strict=True)]))


def test_a_function_may_refer_to_arrays_and_to_traced_values_around_it():
    same(graphc.vmap(lambda x: x @ W)(X), X @ W)
    same(graphc.compile(lambda x, w: graphc.vmap(lambda r: r @ w)(x))(X, W), X @ W)


# ---- nesting


def test_vmap_nests_with_itself():
    def distance(a, b):
        return np.sqrt(np.sum((a - b) ** 2))

    pairs = graphc.vmap(graphc.vmap(distance, (None, 0)), (0, None))
    same(pairs(X, X[1:]), np.linalg.norm(X[:, None] - X[None, 1:], axis=-1))
    same(graphc.vmap(graphc.vmap(distance, (0, None)), (None, 0))(X, X[1:]), pairs(X, X[1:]).T)
    cube = np.random.default_rng(2).normal(size=(2, 3, 4))
    same(graphc.vmap(graphc.vmap(np.cumsum, 1, 1), 2)(cube), np.moveaxis(np.cumsum(cube, 0), 2, 0))
    same(graphc.vmap(lambda x: graphc.vmap(lambda y: x * y)(X[0]))(X[1]), np.outer(X[1], X[0]))


def test_gradients_for_each_example():
    y = np.random.default_rng(3).normal(size=(5, 4))
    h = np.tanh(X @ W)
    each = 2 * X[:, :, None] * ((h - y) * (1 - h**2))[:, None, :]
    c, g, v = graphc.compile, graphc.grad, graphc.vmap
    for per_example in (
        v(g(loss), (None, 0, 0)),
        c(v(g(loss), (None, 0, 0))),
        v(c(g(loss)), (None, 0, 0)),
        v(g(c(loss)), (None, 0, 0)),
        c(lambda w, x, y: v(lambda a, b: g(loss)(w, a, b))(x, y)),
    ):
        same(per_example(W, X, y), each)
    values, gradients = v(graphc.value_and_grad(loss), (None, 0, 0))(W, X, y)
    same(values, np.sum((np.tanh(X @ W) - y) ** 2, axis=1))
    same(gradients, each)
    whole = g(lambda w: np.sum(v(loss, (None, 0, 0))(w, X, y)))(W)
    np.testing.assert_allclose(whole, each.sum(0), rtol=1e-12)


def test_vjp_inside_and_around():
    values, pullback = graphc.vjp(graphc.vmap(layer, (0, None)), X, W)
    same(values, layer(X, W))
    dx, _ = pullback(np.ones((5, 4)))
    same(dx, (1 - layer(X, W) ** 2) @ W.T)

    def slope(x, g):
        return graphc.vjp(np.tanh, x)[1](g)[0]

    same(graphc.vmap(slope)(X, 2 * X), 2 * X * (1 - np.tanh(X) ** 2))


def test_a_jacobian_is_a_vmap_of_a_pullback():
    def jacobian(x):
        y, pullback = graphc.vjp(lambda x: np.tanh(x @ W), x)
        return graphc.vmap(lambda g: pullback(g)[0])(np.eye(4, like=y))

    x = X[0]
    same(graphc.compile(jacobian)(x), (1 - np.tanh(x @ W) ** 2)[:, None] * W.T)


def test_hessian_diagonal_by_grad_of_grad():
    second = graphc.vmap(graphc.grad(graphc.grad(np.tanh)))
    t = np.tanh(X[0])
    np.testing.assert_allclose(second(X[0]), -2 * t * (1 - t**2), rtol=1e-13)


LOOPS = {
    "cond": lambda x: graphc.cond(x[0] > 1, np.sin, np.cos, x),
    "switch": lambda x: graphc.switch((2 * x[1]).astype(np.int64), [np.sin, np.cos, np.tanh], x),
    "while_loop": lambda x: graphc.while_loop(lambda c: c < 10, lambda c: c * 2, 0.5 + x[0] ** 2),
    "fori_loop": lambda x: graphc.fori_loop(0, 3, lambda i, c: c * x[0] + i, x),
    "scan": lambda x: graphc.scan(lambda c, e: (c * e, c + e), 1.0, x)[1],
}


@pytest.mark.parametrize("name", LOOPS)
def test_loops_and_branches_go_each_examples_own_way(name):
    f = LOOPS[name]

    def loss(x):
        return np.sum(np.sin(f(x)))

    same(graphc.vmap(f)(X), np.stack([f(x) for x in X]))  # outside a trace, f runs in Python
    step = 1e-6 * np.random.default_rng(4).normal(size=3)
    slopes = [(loss(x + step) - loss(x - step)) / 2 for x in X]
    for gradients in (
        graphc.vmap(graphc.grad(loss))(X),
        graphc.grad(lambda x: np.sum(graphc.vmap(loss)(x)))(X),
    ):
        np.testing.assert_allclose(gradients @ step, slopes, rtol=1e-5, atol=1e-12)


# ---- sizes


def test_one_program_serves_any_number_of_examples():
    mapped = graphc.compile(graphc.vmap(layer, (0, None)), dynamic={"x": "f64[N, 3]"})
    for n in (1, 2, 7, 100):
        x = np.random.default_rng(n).normal(size=(n, 3))
        same(mapped(x, W), layer(x, W))
    assert mapped.cache_info().programs == 1
    varying = graphc.vmap(graphc.compile(np.tanh, dynamic=True))
    for n in (2, 3, 4, 5):
        same(varying(X[:n]), np.tanh(X[:n]))
    assert varying.cache_info().programs == 2
    graph = graphc.vmap(layer, (0, None)).lower("f32[N, 3]", "f32[3, 4]").graph
    assert [str(node.array_type) for node in graph.outputs] == ["f32[N, 4]"]


def test_a_declared_size_of_one_example_is_no_size_of_many():
    one = graphc.compile(lambda x: np.tanh(x), dynamic={"x": "f64[N]"})
    same(graphc.vmap(one)(X), np.tanh(X))


# ---- products stay large


def products(f, *types):
    return [n for n in graphc.compile(f).lower(*types).graph if n.op.name == "contract"]


def test_examples_times_a_shared_matrix_are_one_product():
    (product,) = products(graphc.vmap(layer, (0, None)), "f64[50, 3]", "f64[3, 4]")
    assert str(product.op) == "ab,bc->ac"
    (product,) = products(graphc.vmap(layer, (0, None)), "f64[50, 7, 3]", "f64[3, 4]")
    assert [a.array_type.shape for a in product.args] == [(50, 7, 3), (3, 4)]
    (product,) = products(graphc.vmap(np.dot), "f64[50, 3]", "f64[50, 3, 4]")
    assert product.array_type.shape == (50, 4)


def test_formulas_are_as_stable_as_without_vmap():
    def log_sum_exp(x):
        return np.log(np.sum(np.exp(x)))

    x = np.array([[1000.0, 1000.0], [1.0, -800.0]])
    same(graphc.vmap(log_sum_exp)(x), np.array([1000 + np.log(2), 1.0]))
    same(graphc.vmap(graphc.grad(log_sum_exp))(x), np.array([[0.5, 0.5], [1.0, 0.0]]))


# ---- errors


def fails(error, call, *lines):
    with pytest.raises(error) as caught:
        call()
    first, place, *rest = str(caught.value).split("\n")
    assert place.startswith("  at test_vmap.py:")
    assert (first, *(line.strip() for line in rest)) == lines


def test_axes_of_different_sizes():
    fails(
        graphc.ShapeError,
        lambda: graphc.vmap(layer)(X, W),
        "vmap was given axes of different sizes: 5 (axis 0 of x: f64[5, 3]), 3 (axis 0 of w: f64[3, 4])",
        "Map over axes of one size; pass in_axes=None for an argument that all examples share.",
    )
    fails(
        graphc.ShapeError,
        lambda: graphc.vmap(np.sum, axis_size=4)(X),
        "vmap was given axis_size=4 and an axis of size 5 (axis 0 of a: f64[5, 3])",
        "Leave out axis_size, or map over axes of that size.",
    )


def test_axes_that_do_not_exist():
    fails(
        graphc.ShapeError,
        lambda: graphc.vmap(lambda p: p["a"], 2)({"a": X}),
        "vmap cannot map argument p['a'] over axis 2: it is f64[5, 3], which has 2 axes",
        "Pass in_axes=None for an argument that all examples share, or another axis.",
    )
    fails(
        graphc.ShapeError,
        lambda: graphc.vmap(layer)(X, 2.0),
        "vmap cannot map argument w over axis 0: it is f64, which has 0 axes",
        "Pass in_axes=None for an argument that all examples share, or another axis.",
    )
    fails(
        graphc.ShapeError,
        lambda: graphc.vmap(lambda x: {"s": np.sum(x)}, 0, -2)(X),
        "vmap cannot put the examples on axis -2 of the result['s'], which has 1 axis with them",
        "Pass another axis in out_axes.",
    )


def test_axes_that_do_not_fit_the_arguments():
    fails(
        graphc.ArgumentError,
        lambda: graphc.vmap(layer, (0,))(X, W),
        "in_axes of vmap is (0,), but 2 arguments were passed by position",
        "Give one axis, or None, per positional argument; keyword arguments are mapped over axis 0.",
    )
    fails(
        graphc.ArgumentError,
        lambda: graphc.vmap(lambda p, x: x, ({"a": 0}, 0))({"b": X}, X),
        "in_axes of vmap is ({'a': 0}, 0), but the arguments have the structure ({'b': *}, *)",
        "Write one axis or None, or a tree of them that is a prefix of that structure.",
    )
    fails(
        graphc.ArgumentError,
        lambda: graphc.vmap(lambda x: x, 0, (0, 0))(X),
        "out_axes of vmap is (0, 0), but the result has the structure *",
        "Write one axis or None, or a tree of them that is a prefix of that structure.",
    )


def test_axes_that_are_no_axes():
    for axes in ("x", (0, 1.0), True):
        wrong = axes[1] if isinstance(axes, tuple) else axes
        with raises_exactly(
            graphc.ArgumentError,
            f"in_axes of vmap is {axes!r}, where {wrong!r} is neither the number of an axis nor None",
        ):
            graphc.vmap(np.sum, axes)
    with raises_exactly(
        graphc.ArgumentError, "axis_size of vmap is -1; write a number of examples, 0 or more"
    ):
        graphc.vmap(np.sum, axis_size=-1)


def test_nothing_to_map_over():
    fails(
        graphc.ArgumentError,
        lambda: graphc.vmap(layer, None)(X, W),
        "vmap has nothing to map over: in_axes is None for every argument, or there is none",
        "Give an argument an axis in in_axes, or say how many examples there are: axis_size=n.",
    )


def test_a_result_of_each_example_needs_an_axis():
    fails(
        graphc.ArgumentError,
        lambda: graphc.vmap(lambda x: {"y": x, "n": 1}, 0, None)(X),
        "out_axes of vmap is None for the result['y'], which depends on what is mapped over",
        "Give it an axis in out_axes; only results that are the same for all examples can be returned once.",
    )
