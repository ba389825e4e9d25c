"""Directional derivatives, Jacobians and Hessians: known mathematics, structure, nesting, errors."""

import numpy as np
import pytest
from scipy.optimize import rosen, rosen_der, rosen_hess, rosen_hess_prod

import graphc
from graphc.passes.pipeline import optimise
from tests.api.raising import raises_exactly

RNG = np.random.default_rng(0)
WEIGHTS = RNG.normal(size=(20, 12)) / 3, RNG.normal(size=(7, 20)) / 3


@pytest.fixture(autouse=True)
def on_each_backend(backend, monkeypatch):
    """Derivatives of plain functions run on the default backend: make that the one under test."""
    for module in ("compile", "transform", "jacobian"):
        monkeypatch.setattr(f"graphc.api.{module}.default_backend", lambda: backend)


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def network(x):
    first, second = WEIGHTS
    return np.tanh(second @ np.tanh(first @ x))


def polar(p):
    return np.array([p[0] * np.cos(p[1]), p[0] * np.sin(p[1])])


def objective(w, x, y):
    z = x @ w
    return np.sum(np.log1p(np.exp(z)) - y * z)


# ---- known mathematics


@pytest.mark.parametrize("n", [2, 3, 8, 9, 30])
def test_the_hessian_of_rosenbrocks_function(n):
    x = np.linspace(-1.2, 1.3, n)
    t = np.cos(np.arange(n))
    assert np.allclose(graphc.hessian(rosenbrock)(x), rosen_hess(x), rtol=1e-12, atol=1e-11)
    assert np.allclose(graphc.hvp(rosenbrock, (x,), (t,))[0], rosen_hess_prod(x, t), rtol=1e-12, atol=1e-11)
    y, slope = graphc.jvp(rosenbrock, (x,), (t,))
    assert np.isclose(y, rosen(x), rtol=1e-13) and np.isclose(slope, rosen_der(x) @ t, rtol=1e-12)


def test_the_hessian_of_logistic_regression():
    """Xᵀ S X with S = diag(s (1 - s)), s the logistic function of X w."""
    x, y, w = RNG.normal(size=(40, 9)), (RNG.random(40) > 0.5) * 1.0, RNG.normal(size=9)
    s = 1 / (1 + np.exp(-x @ w))
    expected = x.T @ np.diag(s * (1 - s)) @ x
    assert np.allclose(graphc.hessian(objective)(w, x, y), expected, rtol=1e-12)
    v = RNG.normal(size=9)
    along = graphc.hvp(lambda w: objective(w, x, y), w, v)
    assert np.allclose(along, expected @ v, rtol=1e-12)


def test_the_jacobian_of_a_tanh_network():
    first, second = WEIGHTS
    x = RNG.normal(size=12)
    hidden = np.tanh(first @ x)
    expected = (1 - network(x) ** 2)[:, None] * second @ ((1 - hidden**2)[:, None] * first)
    for derivative in (graphc.jacfwd, graphc.jacrev, graphc.jacobian):
        assert np.allclose(derivative(network)(x), expected, rtol=1e-12, atol=1e-14)


def test_the_jacobian_of_polar_coordinates():
    r, phi = 2.0, 0.3
    expected = [[np.cos(phi), -r * np.sin(phi)], [np.sin(phi), r * np.cos(phi)]]
    for derivative in (graphc.jacfwd, graphc.jacrev):
        assert np.allclose(derivative(polar)(np.array([r, phi])), expected, rtol=1e-15)


def test_hessian_vector_products_are_differences_of_gradients():
    def f(p):
        return np.sum(np.sin(p["a"]) * np.exp(p["b"][0] * 0.3)) + p["b"][1] ** 3 * np.sum(p["a"] ** 2)

    p = {"a": RNG.normal(size=(2, 3)), "b": [0.4, -0.7]}
    t = {"a": RNG.normal(size=(2, 3)), "b": [1.0, 0.5]}
    (product,) = graphc.hvp(f, (p,), (t,))
    h = 1e-5
    ends = [
        graphc.grad(f)(
            {"a": p["a"] + s * h * t["a"], "b": [x + s * h * v for x, v in zip(p["b"], t["b"], strict=True)]}
        )
        for s in (1, -1)
    ]
    assert np.allclose(product["a"], (ends[0]["a"] - ends[1]["a"]) / (2 * h), rtol=1e-7, atol=1e-8)
    assert np.allclose(
        product["b"], [(a - b) / (2 * h) for a, b in zip(ends[0]["b"], ends[1]["b"], strict=True)], rtol=1e-7
    )
    assert type(product["b"][0]) is float


# ---- structure, shapes and types


def test_blocks_stand_in_the_tree_of_the_result_as_trees_of_the_argument():
    def f(p, c):
        return {"s": np.sum(p["w"] @ p["v"]) * c, "rest": [p["w"] * c]}

    p, c = {"w": RNG.normal(size=(2, 3)), "v": RNG.normal(size=3)}, 2.0
    for derivative in (graphc.jacfwd, graphc.jacrev, graphc.jacobian):
        j = derivative(f)(p, c)
        assert np.allclose(j["s"]["w"], c * np.tile(p["v"], (2, 1)), rtol=1e-14)
        assert np.allclose(j["s"]["v"], c * p["w"].sum(0), rtol=1e-14)
        assert np.array_equal(j["rest"][0]["w"], c * np.eye(6).reshape(2, 3, 2, 3))
        assert np.array_equal(j["rest"][0]["v"], np.zeros((2, 3, 3)))
        both = derivative(f, argnums=(1, 0))(p, c)
        assert np.isclose(both["s"][0], np.sum(p["w"] @ p["v"])) and type(both["s"][0]) is float
        assert np.array_equal(both["rest"][0][0], p["w"])
        assert np.array_equal(both["rest"][0][1]["w"], j["rest"][0]["w"])


def test_hessian_blocks_of_several_arguments():
    def f(a, b):
        return np.sum(a**2) * b**3

    a, b = np.array([1.0, -2.0]), 0.5
    (aa, ab), (ba, bb) = graphc.hessian(f, argnums=(0, 1))(a, b)
    assert np.allclose(aa, 2 * b**3 * np.eye(2)) and np.allclose(ab, 6 * b**2 * a)
    assert np.allclose(ba, 6 * b**2 * a) and np.isclose(bb, 6 * b * np.sum(a**2))
    assert type(bb) is float


def test_blocks_have_the_dtype_of_their_argument():
    def f(a, b):
        return np.sum(a) * b

    a, b = np.ones(3, np.float32), np.ones(2)
    for derivative in (graphc.jacfwd, graphc.jacrev):
        by_a, by_b = derivative(f, argnums=(0, 1))(a, b)
        assert by_a.dtype == np.float32 and by_b.dtype == np.float64
    y, ty = graphc.jvp(f, (a, b), (a, b))
    assert y.dtype == ty.dtype == np.float64 and np.array_equal(ty, [6.0, 6.0])
    assert type(graphc.jvp(lambda x: x * x, (1.0,), (2.0,))[1]) is float


def test_empty_arrays_and_unused_arguments():
    for derivative in (graphc.jacfwd, graphc.jacrev, graphc.jacobian):
        assert derivative(np.sin)(np.zeros(0)).shape == (0, 0)
        assert derivative(lambda x: np.zeros((3, 0)) * x)(2.0).shape == (3, 0)
        assert np.array_equal(
            derivative(lambda x, y: 2 * x, argnums=1)(np.ones(2), np.ones(11)), np.zeros((2, 11))
        )
        assert np.array_equal(
            derivative(lambda x, y: 2 * x, argnums=1)(np.ones(12), np.ones(11)), np.zeros((12, 11))
        )


def test_auxiliary_results():
    def f(x):
        return {"y": x**2}, {"n": 3, "x": x, "label": "aux"}

    x = np.array([1.0, 2.0])
    for derivative in (graphc.jacfwd, graphc.jacrev, graphc.jacobian):
        j, aux = derivative(f, has_aux=True)(x)
        assert np.array_equal(j["y"], np.diag(2 * x)) and aux["label"] == "aux" and aux["n"] == 3
        assert np.array_equal(aux["x"], x)
    y, ty, aux = graphc.jvp(f, (x,), (x,), has_aux=True)
    assert np.array_equal(y["y"], x**2) and np.array_equal(ty["y"], 2 * x**2) and aux["n"] == 3
    h, aux = graphc.hessian(lambda x: (np.sum(x**3), {"twice": 2 * x}), has_aux=True)(x)
    assert np.array_equal(h, np.diag(6 * x)) and np.array_equal(aux["twice"], 2 * x)


def test_results_that_are_no_real_numbers_do_not_move():
    y, ty = graphc.jvp(lambda x: {"big": x > 1, "x": 3 * x}, (np.array([0.5, 2.0]),), (np.ones(2),))
    assert np.array_equal(y["big"], [False, True]) and np.array_equal(ty["x"], [3, 3])
    assert np.array_equal(ty["big"], [False, False])


def test_a_result_that_is_an_argument_moves_with_it():
    y, ty = graphc.jvp(lambda x: (x, 1.5), (np.arange(2.0),), (np.ones(2),))
    assert np.array_equal(y[0], [0, 1]) and np.array_equal(ty[0], [1, 1]) and ty[1] == 0.0


# ---- nesting


def test_derivatives_nest_in_any_order():
    def f(x):
        return np.sum(np.exp(0.3 * x) * np.sin(x[::-1]))

    x, t = np.array([0.3, -1.1, 0.8]), np.array([1.0, 0.5, -2.0])
    slope = graphc.compile(lambda x: graphc.jvp(f, (x,), (t,))[1])
    hessian = graphc.hessian(f)(x)
    assert np.allclose(hessian, graphc.jacrev(graphc.jacrev(f))(x), rtol=1e-13)
    assert np.allclose(hessian, graphc.jacrev(graphc.jacfwd(f))(x), rtol=1e-13)
    assert np.allclose(hessian, graphc.jacfwd(graphc.jacfwd(f))(x), rtol=1e-13)
    assert np.allclose(hessian, graphc.jacobian(graphc.compile(graphc.grad(f)))(x), rtol=1e-13)
    assert np.allclose(graphc.grad(slope)(x), hessian @ t, rtol=1e-13)
    assert np.allclose(graphc.compile(lambda x: graphc.hvp(f, x, t))(x), hessian @ t, rtol=1e-13)
    third = graphc.jvp(graphc.hessian(f), (x,), (t,))[1]
    h = 1e-5
    ends = [graphc.hessian(f)(x + s * h * t) for s in (1, -1)]
    assert np.allclose(third, (ends[0] - ends[1]) / (2 * h), rtol=1e-6, atol=1e-8)


def test_tangents_of_nested_functions_are_not_confused():
    """d/dx [x · d/dy (x + y)] = 1: the inner derivative does not see the outer variable."""

    def inner(x):
        return graphc.jvp(lambda y: x + y, (1.0,), (1.0,))[1]

    assert graphc.jvp(lambda x: x * inner(x), (5.0,), (1.0,))[1] == 1.0
    assert graphc.grad(lambda x: x * graphc.jvp(lambda y: x * y, (1.0,), (1.0,))[1])(5.0) == 10.0


def test_methods_and_compiled_functions_are_differentiated():
    class Scaled:
        def __init__(self, c):
            self.c = c

        def f(self, x):
            return self.c * x**2

    s = Scaled(3.0)
    assert np.array_equal(graphc.jacobian(s.f)(np.array([1.0, 2.0])), np.diag([6.0, 12.0]))
    assert graphc.jvp(s.f, (2.0,), (1.0,)) == (12.0, 12.0)
    assert graphc.jvp(graphc.compile(s.f), [2.0], [1.0]) == (12.0, 12.0)
    assert graphc.hvp(s.f, [2.0], [1.0]) == [6.0]


def test_sizes_may_be_unknown():
    jacobian = graphc.compile(graphc.jacobian(lambda x: x**2 + x[::-1]), dynamic={"x": "f64[N]"})
    for n in (1, 3, 11):
        x = np.arange(float(n))
        assert np.array_equal(jacobian(x), np.diag(2 * x) + np.eye(n)[::-1])


def test_a_jacobian_of_many_columns_is_a_few_products():
    """One batch, not one copy of the program per column; in forward mode the first product is its matrix."""
    for derivative, expected in ((graphc.jacfwd, 3), (graphc.jacrev, 4)):
        lowered = graphc.compile(derivative(network)).lower(np.zeros(12))
        products = [node for node in lowered.graph if node.op.name == "contract"]
        assert len(products) == expected and len(list(lowered.graph)) < 50


def test_products_with_basis_vectors_are_the_other_factor_in_any_layout():
    stack = RNG.normal(size=(5, 11, 4))
    cases = [
        lambda x: np.einsum("i,aib->ba", x, stack),
        lambda x: np.einsum("aib,i->ab", stack, x) * np.sum(x),
        lambda x: np.outer(x, x) @ np.ones(11) + x,
        lambda x: np.sum(stack, axis=(0, 2)) @ x + x @ x,
        lambda x: np.sin(x) @ stack.transpose(1, 0, 2).reshape(11, 20),
    ]
    x, h = RNG.normal(size=11), 1e-6
    for f in cases:
        numeric = np.stack([(f(x + h * e) - f(x - h * e)) / (2 * h) for e in np.eye(11)], axis=-1)
        for derivative in (graphc.jacfwd, graphc.jacrev):
            assert np.allclose(derivative(f)(x), numeric, rtol=1e-6, atol=1e-8)


def test_the_derivative_of_a_program_on_scalars_has_no_arrays_but_its_results():
    """Basis vectors are known numbers: what they do not reach is not computed."""

    def f(x):
        return np.array([x[0] * x[1], np.sin(x[2])])

    x = np.array([2.0, 3.0, 0.5])
    expected = [[3.0, 2.0, 0.0], [0.0, 0.0, np.cos(0.5)]]
    for derivative in (graphc.jacfwd, graphc.jacrev):
        assert np.array_equal(derivative(f)(x), expected)
        names = [node.op.name for node in graphc.compile(derivative(f)).lower(x).graph]
        assert not {"multiply", "add", "contract", "iota"} & {*names}


def test_the_hessian_of_a_program_on_scalars_is_put_together_once():
    def f(x):
        return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2

    x = np.array([1.3, -0.4])
    assert np.allclose(graphc.hessian(f)(x), rosen_hess(x), rtol=1e-14)
    graph = optimise(graphc.compile(graphc.hessian(f)).lower(x).graph)
    assert [node.op.name for node in graph].count("concatenate") == 1
    assert not {"transpose", "pad", "broadcast_to"} & {node.op.name for node in graph}


# ---- errors


def test_tangents_that_do_not_fit():
    with raises_exactly(
        graphc.ArgumentError,
        "the tangents have the structure (*, *), but the arguments have the structure (*,)",
    ):
        graphc.jvp(np.sin, (1.0,), (1.0, 2.0))
    with raises_exactly(graphc.ArgumentError, "the tangent of x is f64[3], but x is f64[2]"):
        graphc.jvp(lambda x: x, (np.ones(2),), (np.ones(3),))


def test_integers_have_no_derivative():
    with pytest.raises(graphc.DifferentiationError, match="with respect to argument n, whose dtype is int64"):
        graphc.jacobian(lambda n: n * 2.0)(np.arange(3))
    with pytest.raises(graphc.DifferentiationError) as raised:
        graphc.jacobian(lambda x: np.argmax(x))(np.ones(3))
    assert "a Jacobian needs real results, got i64\n  at test_jacobian.py" in str(raised.value)
    assert "pass has_aux=True" in str(raised.value)


def test_a_function_without_auxiliary_result():
    with pytest.raises(graphc.DifferentiationError, match=r"returns a pair \(y, aux\); this one returned \*"):
        graphc.jacfwd(lambda x: x, has_aux=True)(1.0)


def test_a_product_with_the_hessian_needs_a_scalar():
    with pytest.raises(graphc.DifferentiationError, match="needs a real scalar output"):
        graphc.hvp(lambda x: x, np.ones(2), np.ones(2))
