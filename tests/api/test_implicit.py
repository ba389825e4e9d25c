"""Solutions of equations and their derivatives: closed forms, SciPy, and finite differences of SciPy's."""

import re

import numpy as np
import pytest
import scipy.linalg
import scipy.optimize

import graphc
from graphc.autodiff.reverse import pullback
from graphc.batching.batch import batch_graph
from graphc.ir.interpret import interpret
from graphc.ir.types import type_of
from graphc.trace.function import Abstract, trace

RNG = np.random.default_rng(5)
A = RNG.normal(size=(4, 4)) + 4 * np.eye(4)
B = RNG.normal(size=4)
CONTRACTION = RNG.normal(size=(4, 4)) / 8
BACKENDS = ("cpu", "numba", "interpret")


def square_root(a):
    return graphc.root(lambda x, a: x * x - a, 1.0, a)


def cubic(x, b):
    return A @ x + 0.1 * x**3 - b


def system(b):
    return graphc.root(cubic, np.zeros(4), b)


def layer(w, b):
    """A deep-equilibrium layer: x = tanh(w x + b)."""
    return graphc.fixed_point(lambda x, w, b: np.tanh(w @ x + b), np.zeros(4), w, b)


def layer_by_scipy(w, b):
    found = scipy.optimize.root(lambda x: x - np.tanh(w @ x + b), np.zeros(4), tol=1e-14)
    np.testing.assert_allclose(np.tanh(w @ found.x + b), found.x, rtol=0, atol=1e-14)
    return found.x


def layer_jacobian(w, b):
    """∂x/∂b = (I - D w)⁻¹ D with D = diag(1 - x²)."""
    d = np.diag(1 - layer_by_scipy(w, b) ** 2)
    return np.linalg.solve(np.eye(4) - d @ w, d)


def recorded(f):
    """The graph of f(b), and the arrays that f closes over: its other inputs."""
    traced = trace(lambda b: [f(b)], [Abstract(type_of(B))])
    return traced.graph, traced.captured


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_square_root_and_its_derivatives(backend):
    values = [graphc.compile(square_root, backend=backend)]
    for _ in range(3):
        values.append(graphc.compile(graphc.grad(values[-1]), backend=backend))
    expected = (2**0.5, 0.5 * 2**-0.5, -0.25 * 2**-1.5, 0.375 * 2**-2.5)
    np.testing.assert_allclose([f(2.0) for f in values], expected, rtol=1e-14)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_root_of_a_system_is_that_of_scipy(backend):
    found = graphc.compile(system, backend=backend)(B)
    np.testing.assert_allclose(found, scipy.optimize.root(cubic, np.zeros(4), B, tol=1e-14).x, rtol=1e-13)


@pytest.mark.parametrize("mode", [graphc.jacfwd, graphc.jacrev])
def test_the_derivative_of_a_root_is_the_inverse_jacobian(mode):
    expected = np.linalg.inv(A + np.diag(0.3 * system(B) ** 2))
    np.testing.assert_allclose(mode(system)(B), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("mode", [graphc.jacfwd, graphc.jacrev])
def test_the_second_derivative_of_a_root(mode):
    """x(b) inverts f: ∂²xᵢ/∂bⱼ∂bₖ = -Σₗ Jᵢₗ f''ₗ Jₗⱼ Jₗₖ with J = f'⁻¹ and f''ₗ = 0.6 xₗ."""
    x = system(B)
    j = np.linalg.inv(A + np.diag(0.3 * x**2))
    expected = -np.einsum("il,l,lj,lk->ijk", j, 0.6 * x, j, j)
    np.testing.assert_allclose(mode(mode(system))(B), expected, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_fixed_point_is_that_of_scipy(backend):
    found = graphc.compile(layer, backend=backend)(CONTRACTION, B)
    np.testing.assert_allclose(found, layer_by_scipy(CONTRACTION, B), rtol=1e-9)


@pytest.mark.parametrize("mode", [graphc.jacfwd, graphc.jacrev])
def test_the_derivative_of_a_fixed_point_is_the_implicit_one(mode):
    expected = layer_jacobian(CONTRACTION, B)
    np.testing.assert_allclose(mode(layer, argnums=1)(CONTRACTION, B), expected, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("mode", [graphc.jacfwd, graphc.jacrev])
def test_the_second_derivative_of_a_fixed_point(mode):
    found = mode(mode(layer, argnums=1), argnums=1)(CONTRACTION, B)
    h = 1e-4
    steps = [
        (layer_jacobian(CONTRACTION, B + h * e) - layer_jacobian(CONTRACTION, B - h * e)) / (2 * h)
        for e in np.eye(4)
    ]
    np.testing.assert_allclose(found, np.stack(steps, axis=-1), rtol=1e-6, atol=1e-7)


def test_derivatives_by_what_the_function_closes_over():
    def closed(w, b):
        return graphc.fixed_point(lambda x: np.tanh(w @ x + b), np.zeros(4))

    weights = RNG.normal(size=4)
    found = graphc.grad(lambda w, b: closed(w, b) @ weights, argnums=(0, 1))(CONTRACTION, B)
    adjoint = layer_jacobian(CONTRACTION, B).T @ weights  # by w[i, j]: that by b[i], times x[j]
    np.testing.assert_allclose(found[1], adjoint, rtol=1e-8)
    np.testing.assert_allclose(found[0], np.outer(adjoint, layer_by_scipy(CONTRACTION, B)), rtol=1e-8)


def test_the_start_has_derivative_zero():
    def from_start(x0):
        return graphc.root(lambda x: x * x - 2.0, x0) + graphc.fixed_point(np.cos, x0)

    assert graphc.grad(from_start)(1.0) == 0.0
    assert graphc.jvp(from_start, (1.0,), (1.0,))[1] == 0.0


def test_trees_of_arrays_and_numbers():
    def f(x, p):
        return [x["u"] ** 3 - p["a"], x["v"] * x["u"][0] - p["b"]]

    x0 = {"u": np.ones((2, 1)), "v": 1}
    p = {"a": np.array([[8.0], [27.0]]), "b": 5.0}
    found = graphc.root(
        lambda x, p: f({"u": x["u"][:, 0], "v": x["v"]}, {"a": p["a"][:, 0], "b": p["b"]}), x0, p
    )
    np.testing.assert_allclose(found["u"], [[2.0], [3.0]], rtol=1e-14)
    np.testing.assert_allclose(found["v"], 2.5, rtol=1e-14)

    def g(x, q):
        return {"a": x["b"] / 2 + q, "b": x["a"] / 4}

    x0 = {"a": np.float32(0), "b": 0}
    found = graphc.fixed_point(g, x0, 1.0)  # a = b/2 + 1, b = a/4
    np.testing.assert_allclose([found["a"], found["b"]], [8 / 7, 2 / 7], rtol=1e-5)
    assert found["a"].dtype == np.float32
    slope = graphc.grad(lambda q: graphc.fixed_point(g, {"a": 0.0, "b": 0.0}, q)["a"])(1.0)
    np.testing.assert_allclose(slope, 8 / 7, rtol=1e-9)


def test_newton_alone_would_diverge():
    """Full steps of Newton's method for atan leave 0 from |x| > 1.3918 on; halved ones do not."""
    found = graphc.compile(lambda x0: graphc.root(np.arctan, x0))(10.0)
    assert abs(found) < 1e-15


def test_a_start_that_is_the_root():
    assert graphc.root(lambda x: x**2, 0.0) == 0.0  # where the derivative is zero too
    np.testing.assert_array_equal(graphc.root(lambda x: x, np.zeros(3)), np.zeros(3))


def test_all_examples_of_a_batch():
    graph, arrays = recorded(system)
    over, marks = batch_graph(graph, 3, (True, *(False for _ in arrays)))
    bs = RNG.normal(size=(3, 4))
    expected = [scipy.optimize.root(cubic, np.zeros(4), b, tol=1e-14).x for b in bs]
    assert marks == (True,)
    np.testing.assert_allclose(interpret(over, bs, *arrays)[0], expected, rtol=1e-12)


@pytest.mark.parametrize("backend", ["cpu", "interpret"])
def test_vmap_solves_for_every_example(backend):
    bs = RNG.normal(size=(3, 4))
    found = graphc.compile(graphc.vmap(system), backend=backend)(bs)
    expected = [scipy.optimize.root(cubic, np.zeros(4), b, tol=1e-14).x for b in bs]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    jacobians = graphc.compile(
        graphc.vmap(graphc.jacrev(layer, argnums=1), in_axes=(None, 0)), backend=backend
    )
    expected = [layer_jacobian(CONTRACTION, b) for b in bs]
    np.testing.assert_allclose(jacobians(CONTRACTION, bs), expected, rtol=1e-8, atol=1e-10)


def test_derivatives_of_a_batch_by_what_examples_share():
    bs, weights = RNG.normal(size=(3, 4)), RNG.normal(size=(3, 4))
    found = graphc.grad(lambda w: np.sum(weights * graphc.vmap(layer, in_axes=(None, 0))(w, bs)))(CONTRACTION)
    expected = sum(
        np.outer(layer_jacobian(CONTRACTION, b).T @ g, layer_by_scipy(CONTRACTION, b))
        for b, g in zip(bs, weights, strict=True)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9)


def test_one_example_without_a_solution_is_an_error():
    roots = graphc.vmap(lambda a: graphc.root(lambda x: x * x - a, 1.0))
    np.testing.assert_allclose(roots(np.array([1.0, 4.0])), [1.0, 2.0], rtol=1e-14)
    assert "root did not converge" in raised(graphc.ConvergenceError, roots, np.array([1.0, -4.0]))


def test_examples_that_take_another_branch_search_for_nothing():
    """√a where a > 0, else -a: for one example, Newton's method would find no root."""
    searches = (
        lambda a: graphc.root(lambda x: x * x - a, 1.0),
        lambda a: graphc.fixed_point(lambda x: (x + a / x) / 2, 1.0),
        lambda a: graphc.root(lambda x: np.stack([x[0] ** 2 - a, x[1] - a]), np.ones(2))[0],
    )
    for search in searches:

        def f(a, search=search):
            return graphc.cond(a > 0, search, lambda a: -a, a)

        points = np.array([0.4, -1.0])
        np.testing.assert_allclose(graphc.vmap(f)(points), [0.4**0.5, 1.0], rtol=1e-12)
        np.testing.assert_allclose(graphc.vmap(graphc.grad(f))(points), [0.5 * 0.4**-0.5, -1.0], rtol=1e-9)


@pytest.mark.parametrize("which", ["system", "layer"])
def test_the_derivative_of_a_batch(which):
    """Batching the derivative and differentiating the batch give the same: the inverse of each example."""
    f = system if which == "system" else lambda b: layer(CONTRACTION, b)
    bs, gs = RNG.normal(size=(2, 3, 4))
    if which == "system":
        jacobians = [np.linalg.inv(A + np.diag(0.3 * system(b) ** 2)) for b in bs]
    else:
        jacobians = [layer_jacobian(CONTRACTION, b) for b in bs]
    expected = [j.T @ g for j, g in zip(jacobians, gs, strict=True)]
    graph, arrays = recorded(f)
    rest = tuple(False for _ in arrays)
    after = pullback(batch_graph(graph, 3, (True, *rest))[0], [0], [0])
    before = batch_graph(pullback(graph, [0], [0]), 3, (True, *rest, True))[0]
    for made in (after, before):
        np.testing.assert_allclose(interpret(made, bs, *arrays, gs)[1], expected, rtol=1e-8, atol=1e-10)


def test_roots_inside_loops_and_with_loops_inside():
    """x_{k+1} solves x³ + x = x_k + a; d by the implicit function theorem, step by step."""

    def roots(a):
        def step(x, _):
            return graphc.root(lambda y, x, a: y**3 + y - x - a, x, x, a), None

        return graphc.scan(step, a, None, length=3)[0]

    x, dx, a = 0.7, 1.0, 0.7
    for _ in range(3):
        x = scipy.optimize.brentq(lambda y, x=x: y**3 + y - x - a, -5, 5, xtol=1e-15)
        dx = (dx + 1) / (3 * x**2 + 1)
    value, slope = graphc.value_and_grad(roots)(a)
    np.testing.assert_allclose([value, slope], [x, dx], rtol=1e-12)

    def power(a):  # x with x⁵ = a, the power as a loop
        return graphc.root(lambda x, a: graphc.fori_loop(0, 5, lambda _, y: y * x, 1.0) - a, 1.0, a)

    np.testing.assert_allclose(graphc.value_and_grad(power)(2.0), [2**0.2, 0.2 * 2**-0.8], rtol=1e-13)


def test_single_precision():
    found = graphc.compile(layer)(CONTRACTION.astype(np.float32), B.astype(np.float32))
    np.testing.assert_allclose(found, layer_by_scipy(CONTRACTION, B), rtol=1e-4, atol=1e-5)
    root = graphc.root(lambda x, a: x * x - a, np.float32(1), np.float32(2))
    assert root.dtype == np.float32
    np.testing.assert_allclose(root, 2**0.5, rtol=3e-7)


def test_the_derivative_of_a_linear_solve_is_the_implicit_one():
    """dx = A⁻¹ (db - dA x), the transposed solve for reverse mode."""
    x, weights = np.linalg.solve(A, B), RNG.normal(size=4)
    adjoint = np.linalg.solve(A.T, weights)
    by_a, by_b = graphc.grad(lambda a, b: np.linalg.solve(a, b) @ weights, argnums=(0, 1))(A, B)
    np.testing.assert_allclose(by_b, adjoint, rtol=1e-12)
    np.testing.assert_allclose(by_a, -np.outer(adjoint, x), rtol=1e-11)
    da, db = RNG.normal(size=(4, 4)), RNG.normal(size=4)
    tangent = graphc.jvp(np.linalg.solve, (A, B), (da, db))[1]
    np.testing.assert_allclose(tangent, np.linalg.solve(A, db - da @ x), rtol=1e-11)
    same = graphc.grad(lambda a, b: graphc.root(lambda x: a @ x - b, np.zeros(4)) @ weights)(A, B)
    np.testing.assert_allclose(same, by_a, rtol=1e-11)


# ---- errors


def raised(error, function, *args):
    with pytest.raises(error) as caught:
        function(*args)
    return str(caught.value)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_fixed_point_that_is_not_reached(backend):
    def doubled(a):
        return graphc.fixed_point(lambda x: a * x + 1, 0.0, max_steps=20)

    text = raised(graphc.ConvergenceError, graphc.compile(doubled, backend=backend), 2.0)
    assert re.fullmatch(
        r"fixed_point did not converge to tol=1e-10 within max_steps=20"
        r"(: the residual is 0.5 after 20 steps)?\n"
        r"  at test_implicit.py:\d+\n"
        r"  g must bring points near the solution closer to it: damp it, \(1 - d\) \* x \+ d \* g\(x\), "
        r"start closer, raise max_steps or tol, or use graphc.root.",
        text,
    ), text
    assert ("the residual" in text) == (backend == "interpret")


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_equation_without_a_root(backend):
    f = graphc.compile(lambda a: graphc.root(lambda x: x * x + a, 3.0), backend=backend)
    text = raised(graphc.ConvergenceError, f, 1.0)
    assert re.match(
        r"root did not converge to tol=1e-10 within max_steps=100(: the residual is 1 after \d+ steps)?\n"
        r"  at test_implicit.py:\d+\n"
        r"  Start closer to the solution, scale f and its variables to about 1, or raise max_steps or tol.",
        text,
    ), text


def test_outside_a_trace_the_error_tells_the_residual():
    text = raised(graphc.ConvergenceError, lambda: graphc.fixed_point(lambda x: 2 * x + 1, 0.0, max_steps=5))
    assert "the residual is 0.5 after 5 steps" in text and "at test_implicit.py:" in text


def test_a_search_that_stops_being_finite():
    text = raised(graphc.ConvergenceError, lambda: graphc.fixed_point(lambda x: x**2 + 2, 3.0))
    assert "the residual is nan after" in text
    text = raised(graphc.ConvergenceError, lambda: graphc.root(lambda x: np.log(x), -1.0))
    assert "the residual is nan after" in text


def test_a_root_where_the_function_is_no_number():
    """x - 1, but 0/0 at 1: the steps become small, and end where f is not zero."""
    text = raised(graphc.ConvergenceError, lambda: graphc.root(lambda x: (x - 1) / (x != 1), 2.0))
    assert "the residual is nan after" in text


def test_the_derivative_of_a_fixed_point_that_repels():
    """The start is the fixed point of x², so the iteration ends; its derivative 2x = 2 does not contract."""
    text = raised(
        graphc.ConvergenceError,
        graphc.grad(lambda a: graphc.fixed_point(lambda x: a * x * x, 1.0, max_steps=50)),
        1.0,
    )
    assert text.startswith("the derivative of fixed_point did not converge to tol=1e-10 within max_steps=50")
    assert "at test_implicit.py:" in text


def test_a_singular_jacobian_is_an_error():
    a = np.ones((2, 2))
    with pytest.raises((np.linalg.LinAlgError, graphc.ConvergenceError)):
        graphc.compile(lambda a: graphc.root(lambda x: a @ x - 1, np.zeros(2)))(a)


def test_functions_of_another_kind():
    text = raised(graphc.ShapeError, graphc.fixed_point, lambda x: (x, x), 0.0)
    assert "fixed_point starts with x0 * of f64, but the function returns (*, *) of f64, f64" in text
    assert "g returns a tree like x0." in text
    text = raised(graphc.ShapeError, graphc.root, lambda x: x[:2], np.zeros(3))
    assert "root starts with x0 * of f64[3], but the function returns * of f64[2]" in text
    assert "f returns one number for each number in x0." in text
    text = raised(graphc.DTypeError, graphc.root, lambda x: x, np.zeros(3, int))
    assert "x0 is an array of int64" in text and "Start from floats: x0.astype(np.float64)." in text
    text = raised(graphc.ArgumentError, lambda: graphc.root(lambda x: x, 1.0, tol=0))
    assert "root with tol=0 and max_steps=100" in text and "Both are positive." in text
    assert "x0 has no number" in raised(graphc.ArgumentError, graphc.root, lambda x: x, ())
    text = raised(graphc.ArgumentError, graphc.root, lambda x: x["a"] - 1, {"a": 1.0, "b": "name"})
    assert "x0['b'] is a str" in text and "Write arrays and numbers only." in text
