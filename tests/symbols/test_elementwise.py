"""Primitives made of a formula: their values are NumPy's, their derivatives those of SymPy, everywhere."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp

import graphc
from graphc.autodiff.forward import pushforward
from graphc.autodiff.reverse import gradient
from graphc.errors import ArgumentError, DTypeError, ShapeError, TraceError, UnsupportedError
from graphc.ir.interpret import interpret
from graphc.ir.parser import parse_graph
from graphc.ops.base import apply
from graphc.ops.with_gradients import WithGradients
from graphc.symbols.differentiate import derivative, local_gradients
from tests.helpers import check_gradient, record, run
from tests.symbols.expressions import value

X, Y, R = sp.symbols("x y r", real=True)

# Formula, and operands to try it at.
FORMULAS: dict[str, tuple[Callable[..., Any], tuple[tuple[float, float], ...]]] = {
    "softsign": (lambda x: x / (1 + abs(x)), ((-3, 3),)),
    "logistic": (lambda x: 1 / (1 + np.exp(-x)), ((-3, 3),)),
    "silu": (lambda x: x / (1 + np.exp(-x)), ((-3, 3),)),
    "mish": (lambda x: x * np.tanh(np.log1p(np.exp(x))), ((-3, 3),)),
    "elu": (lambda x, slope=0.3: np.where(x > 0, x, slope * np.expm1(x)), ((-3, 3),)),
    "gelu": (lambda x: 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))), ((-3, 3),)),
    "clipped": (lambda x: np.clip(x, -1, 2) ** 2 + np.maximum(x, 0.5), ((-3, 3),)),
    "sawtooth": (lambda x: x % 1.5 + np.floor(2 * x) * x, ((0.1, 1.3),)),
    "bump": (lambda x: np.exp(-1 / (1 - x**2)), ((-0.9, 0.9),)),
    "distance": (lambda x, y: np.sqrt(x**2 + y**2), ((0.2, 3), (0.2, 3))),
    "power": (lambda x, y: x**y / (1 + y), ((0.2, 3), (0.2, 3))),
    "mixture": (
        lambda x, y, z: np.log(z * np.exp(-(x**2)) + (1 - z) * np.exp(-(y**2))),
        ((-2, 2),) * 2 + ((0.1, 0.9),),
    ),
    "in sympy": (
        lambda x, y: sp.exp(-x) * sp.Max(x, y) + sp.Piecewise((x, x < y), (y, True)),
        ((-3, 3),) * 2,
    ),
}


def arrays(name: str, shape: tuple[int, ...] = (6,)) -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    return [rng.uniform(*bounds, shape) for bounds in FORMULAS[name][1]]


@pytest.fixture(scope="module", params=FORMULAS)
def named(request: pytest.FixtureRequest) -> tuple[str, Any]:
    return request.param, graphc.elementwise(FORMULAS[request.param][0], name=request.param)


def test_values_are_those_of_the_formula_in_numpy(named: tuple[str, Any]) -> None:
    name, primitive = named
    formula = FORMULAS[name][0]
    if name == "in sympy":
        formula = lambda x, y: np.exp(-x) * np.maximum(x, y) + np.where(x < y, x, y)  # noqa: E731
    for shape in ((6,), (2, 3), (), (0,)):
        for dtype in (np.float32, np.float64):
            given = [np.asarray(a, dtype) for a in arrays(name, shape)]
            expected = np.asarray(formula(*given))
            backends = (None, "cpu", "numba", "interpret") if shape == (2, 3) else (None, "cpu")
            for backend in backends:
                function = primitive if backend is None else graphc.compile(primitive, backend=backend)
                found = np.asarray(function(*given))
                assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
                rtol = 2e-6 if dtype is np.float32 else 1e-13
                np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol / 10)


def test_first_and_second_gradients_are_those_of_finite_differences(named: tuple[str, Any]) -> None:
    name, primitive = named
    check_gradient(primitive, *arrays(name))
    check_gradient(graphc.grad(lambda *xs: np.sum(primitive(*xs) ** 2)), *arrays(name))


def test_gradients_are_sympys_to_the_last_digits(named: tuple[str, Any]) -> None:
    name, primitive = named
    symbols = sp.symbols(" ".join(primitive.__signature__.parameters), real=True, seq=True)
    formula = FORMULAS[name][0]
    expression = formula(*symbols) if name == "in sympy" else graphc.to_sympy(formula)(*symbols)
    for place, symbol in enumerate(symbols):
        exact = derivative(expression, symbol)
        for row in zip(*arrays(name), strict=True):
            expected = value(exact, dict(zip(symbols, row, strict=True)))
            found = graphc.grad(primitive, place)(*map(float, row))
            np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-15)


def test_third_derivatives_exist() -> None:
    softsign = graphc.elementwise(lambda x: x / (1 + abs(x)), name="softsign")
    third = graphc.grad(graphc.grad(graphc.grad(softsign)))
    np.testing.assert_allclose(third(2.0), 6 / 3**4, rtol=1e-13)


def test_derived_code_is_what_one_would_write() -> None:
    softsign = graphc.elementwise(lambda x: x / (1 + abs(x)), name="softsign")
    assert softsign.__name__ == "softsign"
    assert softsign.__doc__ == "r = x/(Abs(x) + 1); ∂/∂x = (Abs(x) + 1)**(-2)."
    graph = graphc.grad(softsign).lower(2.0).graph
    operations = [line.split(" = ")[1].split()[0] for line in str(graph).splitlines() if " = " in line]
    assert operations == ["absolute", "const[1.0:", "add", "square", "reciprocal"]
    assert "with_gradients" not in str(graphc.compile(softsign).lower(2.0).graph)


DERIVED = {
    sp.tanh(X): 1 - R**2,
    sp.exp(X): R,
    sp.sqrt(X**2 + 1): X / R,
    1 / (1 + sp.exp(-X)): 1 / (sp.exp(X) + 2 + sp.exp(-X)),
    sp.log(1 + sp.exp(X)): 1 / (1 + sp.exp(-X)),
    1 / X: -(R**2),
    sp.Abs(X): sp.sign(X),
    X * sp.floor(X): sp.floor(X),
    sp.Integer(3): sp.Integer(0),
}


@pytest.mark.parametrize("expression", DERIVED, ids=str)
def test_known_derivatives_come_in_their_known_forms(expression: Any) -> None:
    assert local_gradients(expression, [X], R) == (DERIVED[expression],)


def test_gradients_stay_finite_where_sympys_form_overflows() -> None:
    logistic = graphc.elementwise(lambda x: 1 / (1 + np.exp(-x)), name="logistic")
    swish = graphc.elementwise(lambda x: x / (1 + np.exp(-x)), name="swish")
    mish = graphc.elementwise(FORMULAS["mish"][0], name="mish")
    for stable in (True, False):
        for function, right in ((logistic, 0.0), (swish, 1.0), (mish, 1.0)):
            gradients = graphc.compile(graphc.grad(lambda x, f=function: np.sum(f(x))), stable=stable)
            assert gradients(np.array([-1000.0, 1000.0])).tolist() == [0.0, right]
    assert graphc.grad(graphc.grad(logistic))(-1000.0) == 0.0


def test_a_pole_at_zero_is_not_brought_in() -> None:
    softsign = graphc.elementwise(lambda x: x / (1 + abs(x)))
    assert graphc.grad(softsign)(0.0) == 1.0
    power = graphc.elementwise(lambda x, y: x**y)
    assert graphc.grad(power)(0.0, 3.0) == 0.0


def test_operands_broadcast_and_promote_as_in_numpy() -> None:
    blend = graphc.elementwise(lambda x, y: x * np.exp(-y), name="blend")
    x, y = np.ones((3, 1), np.float32), np.linspace(0, 1, 4)
    compiled = graphc.compile(blend)
    for a, b in ((x, y), (x, 2), (x, 2.0), (2, y), (np.arange(3), 1), ([1.0, 2.0], [1, 2])):
        expected = np.asarray(a) * np.exp(-np.asarray(b)) if isinstance(a, list) else a * np.exp(-b)
        found = compiled(a, b)
        assert found.dtype == blend(a, b).dtype == expected.dtype and found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    by_x, by_y = graphc.grad(lambda x, y: np.sum(blend(x, y)), (0, 1))(x, y)
    assert by_x.dtype == np.float32 and by_y.dtype == np.float64
    np.testing.assert_allclose(by_x, np.full((3, 1), np.exp(-y).sum()), rtol=1e-6)
    np.testing.assert_allclose(by_y, -3 * np.exp(-y), rtol=1e-14)
    assert type(graphc.grad(blend)(1.0, 2.0)) is float


def test_an_integer_operand_has_no_gradient_and_takes_part() -> None:
    scaled = graphc.elementwise(lambda x, n: n * x**2, name="scaled")
    found = graphc.grad(lambda x, n: np.sum(scaled(x, n)))(np.array([1.0, 2.0]), np.array([3, 4]))
    assert found.tolist() == [6.0, 16.0]


def test_primitives_of_one_name_do_not_meet() -> None:
    one, two = (graphc.elementwise(f, name="same") for f in (lambda x: x * x, lambda x: x * x * x))
    both = graphc.grad(lambda x: one(x) + 10 * two(x))
    assert both(2.0) == 4.0 + 120.0
    assert graphc.compile(one)(3.0) == 9.0 and graphc.compile(two)(3.0) == 27.0


def test_a_primitive_may_use_another() -> None:
    logistic = graphc.elementwise(lambda x: 1 / (1 + np.exp(-x)), name="logistic")
    swish = graphc.elementwise(lambda x: x * logistic(x), name="swish")
    assert swish.__doc__ == graphc.elementwise(lambda x: x / (1 + np.exp(-x))).__doc__
    check_gradient(swish, np.array([-1.0, 0.5, 2.0]))
    expression = graphc.to_sympy(graphc.grad(swish))()
    assert sp.simplify(expression - sp.diff(X / (1 + sp.exp(-X)), X)) == 0


def test_untaken_branches_send_nothing_back() -> None:
    entropy = graphc.elementwise(lambda x: np.where(x > 0, -x * np.log(np.where(x > 0, x, 1.0)), 0.0))
    assert graphc.grad(lambda x: np.sum(entropy(x)))(np.array([0.0, 1.0])).tolist() == [0.0, -1.0]
    log = graphc.elementwise(lambda x: np.log(x))
    found = graphc.grad(lambda x: np.sum(np.where(x > 0, log(x), 0.0)))(np.array([0.0, 2.0]))
    assert found.tolist() == [0.0, 0.5]


def test_forward_mode_takes_the_derived_gradients() -> None:
    blend = graphc.elementwise(lambda x, y: x * np.exp(-x * y), name="blend")
    x, y, t, s = np.random.default_rng(4).normal(size=(4, 5))
    graph = pushforward(record(blend, x, y).graph, [0, 1])
    value, tangent = interpret(graph, x, y, t, s)
    np.testing.assert_allclose(value, x * np.exp(-x * y), rtol=1e-15)
    np.testing.assert_allclose(tangent, np.exp(-x * y) * ((1 - x * y) * t - x**2 * s), rtol=1e-13)


def test_it_works_inside_loops() -> None:
    softsign = graphc.elementwise(lambda x: x / (1 + abs(x)), name="softsign")

    def f(xs: Any) -> Any:
        carry, ys = graphc.scan(lambda c, x: (softsign(c * x), c), xs[0], xs)
        return carry + np.sum(ys)

    check_gradient(f, np.array([1.0, 2.0, 0.5]))
    assert "with_gradients" not in str(graphc.compile(graphc.grad(f)).lower("f64[3]").graph)


def test_it_decorates() -> None:
    @graphc.elementwise
    def cubed(x: Any) -> Any:
        return x**3

    assert cubed.__name__ == "cubed" and cubed.__doc__ == "r = x**3; ∂/∂x = 3*x**2."
    assert graphc.grad(cubed)(2.0) == 12.0


# ---- the op behind it


def test_the_op_is_its_first_operand_with_the_gradients_stated() -> None:
    rng = np.random.default_rng(0)
    r, x, y, dx, dy = rng.normal(size=(5, 4))
    op = WithGradients()
    assert op.evaluate(r, x, y, dx, dy) is r
    g = np.array([1.0, 0.0, 2.0, -1.0])
    dx[1] = np.inf
    to_r, to_x, to_y, *to_gradients = op.vjp(g, r, r, x, y, dx, dy)
    assert to_r is None and to_gradients == [None, None]
    np.testing.assert_array_equal(to_x, [dx[0], 0.0, 2 * dx[2], -dx[3]])
    np.testing.assert_array_equal(to_y, g * dy)
    t = op.jvp((g, x, None, None, None), r, r, x, y, dx[:1].repeat(4), dy)
    np.testing.assert_array_equal(t, x * dx[0])
    assert op.jvp((None,) * 5, r, r, x, y, dx, dy) is None


def test_the_op_reads_back_and_has_derivatives_of_any_order() -> None:
    traced = record(lambda x: np.sum(apply(WithGradients(), x * x, x, 2 * x)), "f64[3]")
    assert str(parse_graph(str(traced.graph))) == str(traced.graph)
    assert "with_gradients" in str(traced.graph)
    x = np.array([1.0, 2.0, -1.0])
    first = gradient(traced.graph, [0])
    np.testing.assert_array_equal(interpret(first, x)[1], 2 * x)
    np.testing.assert_array_equal(run(lambda x: apply(WithGradients(), x * x, x, 2 * x), x)[0], x * x)


def test_the_op_of_examples_repeats_what_they_share() -> None:
    r, x, d = np.ones((3, 2)), np.arange(2.0), np.full((3, 2), 2.0)
    assert WithGradients().batch(3, (True, False, True), r, x, d).shape == (3, 2)


def test_the_op_checks_its_operands() -> None:
    for types, kind, text in (
        (
            ("f64[2]", "f64[2]"),
            ShapeError,
            "with_gradients takes a value, operands and as many gradients, got 2",
        ),
        (
            ("f64[2]", "f64[3]", "f64[2]"),
            ShapeError,
            "with_gradients: operands differ in type: f64[2], f64[3], f64[2]",
        ),
        (("i64[2]",) * 3, DTypeError, "with_gradients of i64[2], which is not real"),
    ):
        with pytest.raises(kind) as caught:
            record(lambda *xs: apply(WithGradients(), *xs), *types)
        message, *places = str(caught.value).splitlines()
        assert message == text
        assert all(place.startswith("  at test_elementwise.py") for place in places)


# ---- errors

ONE_NUMBER = "\n  Make one primitive for each result; choose between numbers with np.where."


def branching(x: Any) -> Any:
    return x if x > 0 else -x


def normalised(x: Any) -> Any:
    return x / np.sum(x)


def neighbour(x: Any) -> Any:
    return np.nextafter(x, 1.0)


def around(w: Any) -> Any:
    return graphc.elementwise(lambda x: w * x, name="scaled")(2.0)


def line(function: Callable[..., Any]) -> str:
    return f"test_elementwise.py:{function.__code__.co_firstlineno + 1}"


ERRORS: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (
        lambda: graphc.elementwise(branching),
        TraceError,
        "a Python branch on the traced value bool[2]: its value is not known while tracing\n"
        f"  at {line(branching)}, return x if x > 0 else -x\n"
        "  Use np.where(condition, a, b), or make the argument static (static_argnames).",
    ),
    (
        lambda: graphc.elementwise(normalised),
        ArgumentError,
        f"normalised is no function of single numbers: it uses sum\n  at {line(normalised)}\n"
        "  Use the function itself, without elementwise: it is differentiated and compiled, too.",
    ),
    (
        lambda: graphc.elementwise(neighbour),
        UnsupportedError,
        f"to_sympy: nextafter has no SymPy expression\n  at {line(neighbour)}\n"
        "  Write the formula without it, or pass numbers for the arguments that it depends on.",
    ),
    (
        lambda: graphc.elementwise(lambda x: (x, -x), name="two"),
        ArgumentError,
        "two must return one real number for numbers, but it returned (x, -x)" + ONE_NUMBER,
    ),
    (
        lambda: graphc.elementwise(lambda x: x > 0, name="positive"),
        ArgumentError,
        "positive must return one real number for numbers, but it returned x > 0" + ONE_NUMBER,
    ),
    (
        lambda: graphc.elementwise(lambda *xs: xs[0], name="any"),
        ArgumentError,
        "elementwise cannot tell the operands of any\n  Name each one as a parameter: lambda x, y: x * y.",
    ),
    (
        lambda: graphc.elementwise(lambda x: sp.exp(x) if x > 0 else sp.Integer(1), name="chosen"),
        TraceError,
        "chosen cannot be called with SymPy symbols: cannot determine truth value of Relational: x > 0\n"
        "  Use sympy.Piecewise to choose.",
    ),
    (
        lambda: graphc.elementwise(lambda x: sp.LambertW(x), name="w"),
        UnsupportedError,
        "from_sympy cannot compute LambertW (in LambertW(x))\n  Rewrite it with functions that NumPy or "
        "scipy.special has: expr.rewrite(...), expr.doit(), or expr.replace(...).",
    ),
    (
        lambda: graphc.grad(around)(1.0),
        ArgumentError,
        "to_sympy: it refers to the traced value f64 of a function around it\n  Pass it as an argument.",
    ),
    (
        lambda: graphc.elementwise(lambda x, y: x * y, name="product")(1.0),
        ArgumentError,
        "product(x, y): missing a required argument: 'y'",
    ),
]


@pytest.mark.parametrize(("call", "kind", "text"), ERRORS)
def test_errors_say_what_to_do(call: Any, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert str(caught.value) == text


def test_functions_of_the_math_module_are_refused() -> None:
    with pytest.raises(TraceError, match=r"float\(\) of the traced value f64\[2\]"):
        graphc.elementwise(lambda x: math.sin(x))
