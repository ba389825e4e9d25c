import dataclasses
import gc
import re
import weakref

import numpy as np
import pytest

import graphc
from graphc.errors import DifferentiationError
from graphc.ir.graph import AbstractOp
from graphc.ops.base import apply
from tests.api.raising import raises_exactly


def f(x, y):
    return y * (x**2 + x)


def squared_error(x, y, w):
    return (w @ x - y) ** 2


@dataclasses.dataclass
class Affine:
    w: np.ndarray
    b: float
    name: str = "affine"

    def loss(self, x):
        return np.sum(x @ self.w) + self.b


@pytest.fixture(autouse=True)
def on_each_backend(backend, monkeypatch):
    """Derivatives of plain functions run on the default backend: make that the one under test."""
    for module in ("compile", "transform"):
        monkeypatch.setattr(f"graphc.api.{module}.default_backend", lambda: backend)


# ---- the lecture


def test_values_and_gradients_of_the_lectures_first_example():
    assert graphc.compile(f)(2.0, 1.0) == 6.0
    assert graphc.grad(f, argnums=(0, 1))(2.0, 1.0) == (5.0, 6.0)
    assert graphc.value_and_grad(f)(2.0, 1.0) == (6.0, 5.0)
    assert type(graphc.grad(f)(2.0, 1.0)) is float


def test_gradients_of_the_squared_error_in_two_dimensions():
    x, y, w = np.array([1.0, 2.0]), 1.5, np.array([3.0, -1.0])
    r = w @ x - y
    value, (dx, dy, dw) = graphc.value_and_grad(squared_error, argnums=(0, 1, 2))(x, y, w)
    assert value == r**2
    assert np.array_equal(dx, 2 * r * w) and np.array_equal(dw, 2 * r * x) and dy == -2 * r


def test_gradients_of_unused_inputs_are_exact_zeros():
    unused = graphc.grad(lambda x, y, z: np.sum(x), argnums=(1, 2))
    dy, dz = unused(np.ones(2), np.full((2, 3), np.nan, np.float32), 3.0)
    assert np.array_equal(dy, np.zeros((2, 3))) and dy.dtype == np.float32
    assert dz == 0.0 and type(dz) is float


# ---- shapes, types and trees


def test_gradients_have_the_dtype_of_their_arguments():
    g32, g64 = graphc.grad(lambda a, b: np.sum(a * b), argnums=(0, 1))(np.ones(3, np.float32), np.ones(3))
    assert g32.dtype == np.float32 and g64.dtype == np.float64
    assert type(graphc.grad(np.tanh)(np.float32(0))) is np.float32


def test_gradients_have_the_structure_of_their_arguments():
    def loss(params, x):
        return np.sum(np.tanh(x @ params["w"] + params["b"][0]))

    params = {"w": np.ones((2, 3)), "b": [np.zeros(3), 1.0]}
    gradients = graphc.grad(loss)(params, np.ones(2))
    assert gradients["w"].shape == (2, 3) and gradients["b"][0].shape == (3,) and gradients["b"][1] == 0.0
    assert graphc.gradcheck(loss, params, np.ones(2))


def test_dataclasses_keep_their_static_leaves_and_methods_are_differentiated():
    model, x = Affine(np.ones(3), 2.0), np.arange(3.0)
    gradients = graphc.grad(lambda m: m.loss(x))(model)
    assert isinstance(gradients, Affine) and gradients.name == "affine" and gradients.b == 1.0
    assert np.array_equal(gradients.w, x)
    dx = graphc.grad(model.loss)
    assert np.array_equal(dx(x), np.ones(3))
    model.w = 2 * np.ones(3)
    assert np.array_equal(dx(x), 2 * np.ones(3))


def test_auxiliary_results():
    def loss(x, y):
        return np.sum(x) * y, {"half": x / 2, "label": "aux", "n": 3}

    x = np.ones(2)
    (value, aux), gradient = graphc.value_and_grad(loss, has_aux=True)(x, 3.0)
    assert value == 6.0 and np.array_equal(gradient, [3, 3])
    assert np.array_equal(aux["half"], [0.5, 0.5]) and aux["label"] == "aux" and aux["n"] == 3
    gradient, aux = graphc.grad(loss, argnums=-1, has_aux=True)(x, 3.0)
    assert gradient == 2.0 and aux["n"] == 3


def test_keyword_and_static_arguments():
    def power(x, n, scale=1.0):
        for _ in range(n - 1):
            x = x * x
        return x * scale

    assert graphc.grad(graphc.compile(power, static_argnames="n"))(3.0, 2, scale=2.0) == 12.0
    assert graphc.grad(graphc.compile(power, static_argnames="n"))(3.0, n=1) == 1.0
    assert graphc.grad(lambda x, kind: x if kind == "id" else -x)(1.0, "id") == 1.0


def test_negative_and_repeated_argnums():
    assert graphc.grad(f, argnums=-1)(2.0, 1.0) == 6.0
    assert graphc.grad(f, argnums=(-2, 1))(2.0, 1.0) == (5.0, 6.0)


# ---- nesting


def test_a_closure_is_not_differentiated():
    assert graphc.compile(lambda x: graphc.grad(lambda y: x * y)(x))(3.0) == 3.0
    assert graphc.grad(lambda x: graphc.grad(lambda y: x * y)(x))(3.0) == 1.0


def test_gradients_of_gradients():
    second = graphc.grad(graphc.grad(np.tanh))
    third = graphc.grad(second)
    t = np.tanh(0.3)
    assert second(0.3) == pytest.approx(-2 * t * (1 - t**2), rel=1e-14)
    assert third(0.3) == pytest.approx((1 - t**2) * (6 * t**2 - 2), rel=1e-14)
    assert graphc.grad(graphc.grad(f), argnums=1)(2.0, 1.0) == 5.0


def test_compile_and_grad_nest_in_any_order(backend):
    c, g = graphc.compile, graphc.grad
    for derivative in (g(f), c(g(f)), g(c(f)), c(g(c(f))), g(lambda x, y: c(f)(x, y))):
        assert derivative(2.0, 1.0) == 5.0


def test_a_gradient_step_inside_a_compiled_function():
    @graphc.compile
    def step(params, x, y):
        def loss(p):
            return np.sum((x @ p["w"] + p["b"] - y) ** 2) / 20

        value, gradients = graphc.value_and_grad(loss)(params)
        return {k: params[k] - 0.1 * gradients[k] for k in params}, value

    rng = np.random.default_rng(0)
    x, params = rng.normal(size=(20, 2)), {"w": np.zeros(2), "b": 0.0}
    y = x @ np.array([1.0, -2.0]) + 0.5
    for _ in range(200):
        params, value = step(params, x, y)
    assert value < 1e-6
    np.testing.assert_allclose(params["w"], [1, -2], atol=1e-3)
    assert type(params["b"]) is float


def test_the_same_derivative_is_compiled_once():
    assert graphc.grad(f) is graphc.grad(f)
    assert graphc.grad(f) is not graphc.grad(f, argnums=1)
    assert graphc.grad(np.tanh) is graphc.grad(np.tanh)
    compiled = graphc.compile(f)
    assert graphc.grad(compiled) is graphc.grad(compiled) is not graphc.grad(f)
    model = Affine(np.ones(3), 2.0)
    assert graphc.grad(model.loss) is graphc.grad(model.loss)


def test_derivatives_of_a_function_live_as_long_as_it_does():
    def build():
        data = np.ones(10)
        graphc.grad(lambda x: np.sum(x * data))(np.ones(10))
        return weakref.ref(data)

    data = build()
    gc.collect()
    assert data() is None


def test_scipy_minimises_with_value_and_grad():
    optimize = pytest.importorskip("scipy.optimize")

    def rosenbrock(x):
        return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)

    found = optimize.minimize(graphc.value_and_grad(rosenbrock), np.zeros(5), jac=True)
    np.testing.assert_allclose(found.x, np.ones(5), atol=1e-4)


def test_stop_gradient():
    g = graphc.grad(lambda x: x * graphc.stop_gradient({"x": x})["x"])
    assert g(3.0) == 3.0
    assert type(graphc.compile(graphc.stop_gradient)(3.0)) is float
    assert graphc.stop_gradient(2) == 2
    assert "stop_gradient" not in str(g.lower(3.0).graph)


def test_derivatives_start_from_stable_formulas_unless_told_otherwise():
    def log_sum_exp(x):
        return np.log(np.sum(np.exp(x)))

    x = np.array([1000.0, 1000.0])
    assert np.array_equal(graphc.grad(log_sum_exp)(x), [0.5, 0.5])
    value, pullback = graphc.vjp(log_sum_exp, x)
    assert np.isfinite(value) and np.array_equal(pullback(1.0)[0], [0.5, 0.5])
    for literal in (
        graphc.grad(graphc.compile(log_sum_exp, stable=False)),
        graphc.compile(lambda x: graphc.grad(log_sum_exp)(x), stable=False),
    ):
        assert not np.array_equal(literal(x), [0.5, 0.5])
    assert graphc.compile(log_sum_exp)(x) == 1000 + np.log(2)
    assert graphc.compile(log_sum_exp, stable=False)(x) == np.inf


# ---- vjp


def test_vjp_pulls_cotangents_back():
    x, y = np.array([0.1, 0.2]), 3.0

    def both(x, y):
        return {"t": np.tanh(x), "s": np.sum(x) * y}

    value, pullback = graphc.vjp(both, x, y)
    assert value["s"] == np.sum(x) * y and np.array_equal(value["t"], np.tanh(x))
    dx, dy = pullback({"t": np.array([1.0, 2.0]), "s": 5.0})
    np.testing.assert_allclose(dx, np.array([1.0, 2.0]) * (1 - np.tanh(x) ** 2) + 15.0, rtol=1e-14)
    assert dy == pytest.approx(5 * np.sum(x)) and type(dy) is float


def test_vjp_inside_a_compiled_function():
    @graphc.compile
    def g(x):
        y, pullback = graphc.vjp(lambda v: v * x, x)
        return y, pullback(np.ones(2))[0]

    x = np.array([2.0, 3.0])
    y, dx = g(x)
    assert np.array_equal(y, x * x) and np.array_equal(dx, x)


def test_vjp_of_integer_results_passes_nothing_back():
    value, pullback = graphc.vjp(lambda x: (np.sum(x), np.argmax(x)), np.array([1.0, 5.0]))
    assert value[1] == 1
    assert np.array_equal(pullback((2.0, 0))[0], [2, 2])


def test_vjp_checks_the_cotangent():
    _, pullback = graphc.vjp(np.tanh, np.ones(3))
    with raises_exactly(graphc.ArgumentError, "the cotangent is f64[2], but the result is f64[3]"):
        pullback(np.ones(2))
    with raises_exactly(
        graphc.ArgumentError, "the cotangent has the structure [*], but the result has the structure *"
    ):
        pullback([np.ones(3)])


# ---- gradcheck


def test_gradcheck_accepts_right_gradients():
    x, w = np.array([0.5, -1.0, 2.0]), np.array([[1.0, 2.0, 3.0]], np.float32)
    assert graphc.gradcheck(lambda x, w: np.tanh(w @ x), x, w)
    assert graphc.gradcheck(f, 2.0, 1.0)


def test_gradcheck_names_the_entry_that_is_wrong():
    with raises_exactly(
        graphc.DifferentiationError,
        "gradient of argument p['w'][1] is 0, but central differences give 2.729517028 "
        "(they may differ by 2.7e-05)",
    ):
        graphc.gradcheck(
            lambda s, p: np.sum(s) + p["w"][0] ** 2 + graphc.stop_gradient(p["w"])[1] ** 2,
            1.0,
            {"w": np.array([1.0, 0.9606])},
        )


def test_gradcheck_of_forward_mode_names_the_entry_that_is_wrong():
    message = r"tangent of the result\['y'\]\[1\] is 0, but central differences give 5\.6829.*they may differ"
    with pytest.raises(graphc.DifferentiationError, match=message):
        graphc.gradcheck(
            lambda x: {"y": np.array([x[0], graphc.stop_gradient(x[0]) * 4.0])},
            np.ones(1),
            modes=("forward",),
        )
    with raises_exactly(graphc.ArgumentError, "modes=('both',); choose from 'reverse' and 'forward'"):
        graphc.gradcheck(np.sin, 1.0, modes=("both",))


# ---- errors


def test_integers_have_no_gradient():
    for leaf, dtype in ((1, "int64"), (True, "bool"), (np.arange(3), "int64"), (np.int8(1), "int8")):
        with raises_exactly(
            graphc.DifferentiationError,
            f"cannot differentiate with respect to argument params['n'], whose dtype is {dtype}\n"
            "  Derivatives exist with respect to real values: pass a float, or choose other argnums.",
        ):
            graphc.grad(lambda params: np.sum(params["n"]) * 1.0)({"n": leaf})


def test_a_gradient_needs_one_real_scalar():
    with pytest.raises(graphc.DifferentiationError) as caught:
        graphc.grad(lambda x: np.tanh(x))(np.ones(3))
    first, place, remedy = str(caught.value).split("\n")
    assert first == "a gradient needs a real scalar output, got f64[3]"
    assert place.startswith("  at test_transform.py:")
    assert remedy == "  Reduce it with np.sum or np.mean, or use graphc.vjp."
    with raises_exactly(
        graphc.DifferentiationError,
        "a gradient needs a function that returns one real scalar; this one returned (*, {'a': *})\n"
        "  Return (value, aux) and pass has_aux=True for further results, or use graphc.vjp.",
    ):
        graphc.grad(lambda x: (x, {"a": x}))(1.0)
    with raises_exactly(
        graphc.DifferentiationError,
        "a gradient needs a function that returns a pair (value, aux), value being one real scalar; "
        "this one returned *\n"
        "  Return (value, aux) and pass has_aux=True for further results, or use graphc.vjp.",
    ):
        graphc.grad(lambda x: x, has_aux=True)(1.0)


def test_argnums_that_do_not_exist():
    with raises_exactly(
        graphc.ArgumentError,
        "argnums=2, but the function was called with 2 positional arguments\n"
        "  Pass what is differentiated by position.",
    ):
        graphc.grad(f, argnums=2)(2.0, 1.0)
    with raises_exactly(
        graphc.ArgumentError, "argnums='x'; write the position of an argument, or a tuple of positions"
    ):
        graphc.grad(f, argnums="x")


class Opaque(AbstractOp):
    """An op that nobody gave a derivative."""

    name = "opaque"

    def infer(self, *args):
        return args[0]

    def evaluate(self, *args):
        return args[0]

    def vjp(self, g, y, *args):
        raise NotImplementedError


def test_an_op_without_a_rule_is_named_with_its_line():
    with pytest.raises(DifferentiationError) as caught:
        graphc.grad(lambda x: np.sin(apply(Opaque(), x)) * 2)(1.0)
    assert re.fullmatch(
        r"opaque has no rule for derivatives\n  at test_transform.py:\d+\n"
        r"  Give the function around it one with graphc.custom_vjp, or use graphc.stop_gradient.",
        str(caught.value),
    )
    with pytest.raises(DifferentiationError, match="opaque has no rule for derivatives"):
        graphc.jvp(lambda x: apply(Opaque(), x), (1.0,), (1.0,))
    cut = graphc.grad(lambda x: x * graphc.stop_gradient(apply(Opaque(), x)), argnums=0)
    assert graphc.compile(cut, backend="interpret")(3.0) == 3.0
