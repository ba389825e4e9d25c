"""Functions made of SymPy expressions agree with SymPy's own arithmetic, derivatives included."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp

import graphc
from graphc.errors import ArgumentError, DTypeError, ShapeError, UnsupportedError
from tests.symbols.expressions import OTHERS, SMOOTH, values, x, y, z

RNG = np.random.default_rng(0)
CLOSE = {"rtol": 2e-13, "atol": 1e-13}


def ids(expression: Any) -> str:
    return str(expression)


@pytest.mark.parametrize("expression", SMOOTH, ids=ids)
def test_values_and_two_derivatives_are_those_of_sympy(expression: Any) -> None:
    f = graphc.from_sympy(expression, [x])
    points = np.random.default_rng(1).uniform(*SMOOTH[expression], 5)
    expected = values(expression.doit(), x=points)
    np.testing.assert_allclose(f(points), expected, **CLOSE)
    np.testing.assert_allclose(graphc.compile(f)(points), expected, **CLOSE)
    derived = expression.doit()
    function = f
    for order in (1, 2):
        derived = sp.diff(derived, x)
        function = graphc.grad(function)
        found = [function(p) for p in points.tolist()]
        np.testing.assert_allclose(
            found, values(derived, x=points), rtol=1e-10, atol=1e-10, err_msg=str(order)
        )


@pytest.mark.parametrize("expression", OTHERS, ids=ids)
def test_choices_and_several_variables(expression: Any) -> None:
    f = graphc.from_sympy(expression, [x, y, z])
    points = RNG.uniform(-2.5, 2.5, (3, 24))
    points[:, :3] = [[0.0, 1.0, -1.0], [0.0, 1.0, 2.0], [0.5, 1.0, -1.0]]
    if expression.has(sp.sin, sp.atan2):
        points = points[:, 3:]
    expected = values(expression, x=points[0], y=points[1], z=points[2])
    np.testing.assert_allclose(f(*points), expected, **CLOSE)
    for backend in ("cpu", "numba", "interpret"):
        np.testing.assert_allclose(graphc.compile(f, backend=backend)(*points), expected, **CLOSE)


def test_gradients_of_a_choice_are_those_of_its_pieces() -> None:
    f = graphc.from_sympy(sp.Piecewise((sp.log(x), x > 0), (x**2, True)), [x])
    assert [graphc.grad(f)(p) for p in (2.0, -3.0, 0.0)] == [0.5, -6.0, 0.0]


def test_constants_are_rounded_once() -> None:
    for constant in (sp.pi, sp.E, sp.Rational(1, 3), sp.sqrt(2 * sp.pi), sp.EulerGamma, sp.Float("0.1", 40)):
        assert graphc.from_sympy(constant, [])() == float(constant.evalf(60))
    assert graphc.from_sympy([sp.oo, -sp.oo, 10**400], [])() == [np.inf, -np.inf, np.inf]
    assert np.isnan(graphc.from_sympy(sp.zoo, [])())
    assert graphc.from_sympy(x / 3, [x])(1.0) == 1 / 3
    assert graphc.from_sympy(2 * x / 3, [x])(0.5) == 1 / 3


def test_shared_parts_are_computed_once() -> None:
    part = sp.exp(x) + y
    f = graphc.compile(graphc.from_sympy([part**2, sp.sin(part), part], [x, y]))
    assert str(f.lower(1.0, 2.0).graph).count(" exp ") == 1


def test_differences_and_quotients_are_written_as_a_person_would() -> None:
    graph = graphc.compile(graphc.from_sympy((1 - x**2) / (x * y), [x, y])).lower(1.0, 2.0).graph
    operations = [line.split(" = ")[1].split()[0] for line in str(graph).splitlines() if " = " in line]
    assert sorted(operations) == ["const[1.0:", "divide", "multiply", "square", "subtract"]


def test_results_have_the_shape_that_all_arguments_have_together() -> None:
    f = graphc.from_sympy([sp.Integer(2), x, x > 0], [x, y])
    for function in (f, graphc.compile(f)):
        two, same, positive = function(np.ones((3, 1)), np.ones(4))
        assert two.shape == same.shape == positive.shape == (3, 4)
        assert two.dtype == np.float64 and positive.dtype == np.bool_
        assert np.all(two == 2) and np.all(positive)
        two[0, 0] = 5.0  # a result is an array of its own
    assert [np.shape(part) for part in f(1.0, 2.0)] == [(), (), ()]


def test_what_is_computed_in_follows_from_the_arguments() -> None:
    f = graphc.from_sympy(sp.pi * x + sp.Piecewise((1, y > 0), (0, True)), [x, y])
    single, double, whole = np.float32(1.5), np.float64(1.5), np.arange(3)
    for function in (f, graphc.compile(f)):
        assert function(single, 2.0).dtype == np.float32
        assert function(np.full(2, single), np.full(2, single)).dtype == np.float32
        assert function(single, double).dtype == np.float64
        assert function(2, True).dtype == function(whole, single).dtype == np.float64
        assert function(single, [1, 2, 3]).dtype == np.float64
    half = graphc.from_sympy(x, [x], dtype="f4")
    assert half(1.0).dtype == graphc.compile(half)(whole).dtype == np.float32


def test_integers_do_not_wrap_around() -> None:
    assert graphc.from_sympy(x**20, [x])(1000) == 1e60
    assert graphc.from_sympy(1 / x, [x])(np.array([2, 4])).tolist() == [0.5, 0.25]


def test_matrices_become_arrays_with_leading_axes_for_examples() -> None:
    rotation = sp.Matrix([[sp.cos(x), -sp.sin(x)], [sp.sin(x), sp.cos(x)]])
    f = graphc.from_sympy({"r": rotation, "rows": (sp.Array([x, x**2]), 1)}, [x])
    angles = np.linspace(0, 1, 6).reshape(2, 3)
    for function in (f, graphc.compile(f)):
        found = function(angles)
        expected = np.array([[np.cos(angles), -np.sin(angles)], [np.sin(angles), np.cos(angles)]])
        np.testing.assert_allclose(found["r"], np.moveaxis(expected, (0, 1), (-2, -1)), rtol=1e-14)
        np.testing.assert_allclose(found["rows"][0], np.stack([angles, angles**2], -1), rtol=1e-15)
        assert np.all(found["rows"][1] == 1)
        assert function(0.0)["r"].tolist() == [[1, 0], [0, 1]]
    assert graphc.from_sympy(sp.zeros(0, 2), [])().shape == (0, 2)


def test_an_argument_may_hold_several_symbols() -> None:
    a, m = sp.IndexedBase("a"), sp.MatrixSymbol("m", 2, 2)
    f = graphc.from_sympy(a[0] * a[2] + (m * m)[0, 1] + x * y, [a, m, [x, y]])
    vector, matrix = np.array([1.0, 2.0, 3.0]), np.array([[1.0, 2.0], [3.0, 4.0]])
    for function in (f, graphc.compile(f)):
        assert function(vector, matrix, [2.0, 3.0]) == 3 + 10 + 6
        many = function(np.stack([vector, 2 * vector]), matrix, [2.0, 3.0])
        assert many.tolist() == [19, 28]
    assert graphc.grad(f)(vector, matrix, np.ones(2)).tolist() == [3, 0, 1]
    assert graphc.grad(f, 1)(vector, matrix, np.ones(2)).tolist() == [[2, 5], [0, 2]]


def test_matrix_expressions_are_written_out() -> None:
    m, v = sp.MatrixSymbol("m", 2, 2), sp.MatrixSymbol("v", 2, 1)
    f = graphc.from_sympy(m.T * m * v, [m, v])
    matrix, vector = RNG.normal(size=(2, 2)), RNG.normal(size=(2, 1))
    np.testing.assert_allclose(f(matrix, vector), matrix.T @ matrix @ vector, rtol=1e-14)


def test_parameters_are_called_like_their_symbols() -> None:
    f = graphc.from_sympy(x - y, [x, y])
    assert f(y=1.0, x=3.0) == graphc.compile(f)(y=1.0, x=3.0) == 2.0
    assert "graph(x: f64, y: f64)" in str(graphc.compile(f).lower(1.0, 1.0).graph)
    assert "argument1" in str(
        graphc.compile(graphc.from_sympy(x, [x, sp.Symbol("λ'")])).lower(1.0, 1.0).graph
    )


def test_it_takes_part_in_a_traced_function() -> None:
    f = graphc.from_sympy(x**2 * y, [x, y])

    def loss(w: Any) -> Any:
        return np.sum(f(w, np.array([1.0, 2.0]))) + f(w[0], 3.0) + np.sum(f([w[0], w[1]], 1.0))

    w = np.array([1.0, 2.0])
    assert graphc.compile(loss)(w) == loss(w) == 17.0
    assert graphc.grad(loss)(w).tolist() == [2 + 6 + 2, 8 + 4]


ERRORS = [
    (
        lambda: graphc.from_sympy(1 + sp.LambertW(x), [x]),
        UnsupportedError,
        "from_sympy cannot compute LambertW (in LambertW(x))\n  Rewrite it with functions that NumPy or "
        "scipy.special has: expr.rewrite(...), expr.doit(), or expr.replace(...).",
    ),
    (
        lambda: graphc.from_sympy(sp.Function("f")(x), [x]),
        UnsupportedError,
        "from_sympy cannot compute f (in f(x))\n  Rewrite it with functions that NumPy or scipy.special has: "
        "expr.rewrite(...), expr.doit(), or expr.replace(...).",
    ),
    (
        lambda: graphc.from_sympy(x + y, [x]),
        UnsupportedError,
        "from_sympy cannot compute the symbol y, which has no value\n  Pass it among the arguments "
        "(given: x), or substitute a number: expr.subs(y, 1).",
    ),
    (
        lambda: graphc.from_sympy(sp.I * x, [x]),
        UnsupportedError,
        "from_sympy cannot compute the constant I, which is not real\n  graphc computes with real numbers.",
    ),
    (
        lambda: graphc.from_sympy(x, [x + 1]),
        ArgumentError,
        "x + 1 of type Add cannot be an argument\n  Pass symbols, lists or matrices of symbols, "
        "MatrixSymbols of known shape, or IndexedBases.",
    ),
    (
        lambda: graphc.from_sympy(x, [[x, 2]]),
        ArgumentError,
        "2 in the argument [x, 2] is no symbol\n  Pass symbols, lists or matrices of symbols, MatrixSymbols "
        "of known shape, or IndexedBases.",
    ),
    (
        lambda: graphc.from_sympy(x, [x, [x, y]]),
        ArgumentError,
        "the symbol x is given a value by two arguments",
    ),
    (
        lambda: graphc.from_sympy(sp.IndexedBase("a")[sp.Symbol("i")], [sp.IndexedBase("a")]),
        ArgumentError,
        "the element a[i] of the argument a\n  Write indices as numbers, 0 or more.",
    ),
    (
        lambda: graphc.from_sympy([x, sp.Interval(0, 1)], [x]),
        ArgumentError,
        "Interval(0, 1) of type Interval is no expression\n  Pass SymPy expressions, matrices or arrays of "
        "them, or lists, tuples and dicts of those.",
    ),
    (
        lambda: graphc.from_sympy(x, [x], dtype=np.int32),
        DTypeError,
        "from_sympy cannot compute in int32\n  Choose np.float32 or np.float64.",
    ),
    (
        lambda: graphc.from_sympy(x, [x])(1.0, 2.0),
        ArgumentError,
        "the expression takes the arguments (x): too many positional arguments",
    ),
    (
        lambda: graphc.from_sympy(x + y, [[x, y]])(np.ones(3)),
        ShapeError,
        "argument argument0 has the shape (3), but its last 1 axes must have the sizes (2)",
    ),
    (
        lambda: graphc.from_sympy(sp.IndexedBase("a")[2], [sp.IndexedBase("a")])(np.ones((4, 2))),
        ShapeError,
        "argument a has the shape (4, 2), but its last 1 axes must have the sizes (at least 3)",
    ),
]


@pytest.mark.parametrize(("call", "kind", "text"), ERRORS)
def test_errors_say_what_to_do(call: Any, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert str(caught.value) == text
