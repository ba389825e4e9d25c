"""The untaken branch of `where` never poisons a gradient; a genuine infinity stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc
from graphc.autodiff.forward import pushforward
from graphc.autodiff.reverse import gradient, pullback
from graphc.ir.graph import Graph
from graphc.ir.interpret import interpret
from graphc.ops.base import apply
from graphc.ops.elementwise.selection import MulOrZero
from graphc.passes.simplify import simplify
from tests.helpers import record


def slope(function: Callable[..., Any], *values: Any) -> list[np.ndarray]:
    """The gradient of the sum of function(*values), for each value."""
    arrays = [np.asarray(v, np.float64) for v in values]
    graph = gradient(record(lambda *xs: np.sum(function(*xs)), *arrays).graph, range(len(arrays)))
    plain = interpret(graph, *arrays)[1:]
    for kept, simplified in zip(plain, interpret(simplify(graph), *arrays)[1:], strict=True):
        np.testing.assert_allclose(simplified, kept, rtol=1e-14)
    return list(plain)


def forward_slope(function: Callable[..., Any], x: Any) -> np.ndarray:
    """The derivative of function(x) along ones, element by element."""
    graph = pushforward(record(function, x).graph, [0])
    plain = interpret(graph, x, np.ones_like(x))[1]
    simplified = interpret(simplify(graph), x, np.ones_like(x))[1]
    np.testing.assert_allclose(simplified, plain, rtol=1e-14)
    return plain


X = np.array([-1.0, 0.0, 4.0])

SAFE: dict[str, tuple[Callable[..., Any], list[float]]] = {
    "sqrt": (lambda x: np.where(x > 0, np.sqrt(x), 0.0), [0.0, 0.0, 0.25]),
    "log": (lambda x: np.where(x > 0, np.log(x), x), [1.0, 1.0, 0.25]),
    "x log x": (lambda x: np.where(x > 0, x * np.log(x), 0.0), [0.0, 0.0, np.log(4.0) + 1]),
    "reciprocal": (lambda x: np.where(x > 0, 1 / x, 2 * x), [2.0, 2.0, -1 / 16]),
    "power": (lambda x: np.where(x > 0, x**1.5, 0.0), [0.0, 0.0, 3.0]),
    "overflow": (lambda x: np.where(x < 2, np.exp(400 * x), 1.0), [0.0, 400.0, 0.0]),
    "sqrt of log": (
        lambda x: np.where(x > 1, np.sqrt(np.log(x)), 0.0),
        [0.0, 0.0, 0.125 / np.sqrt(np.log(4))],
    ),
    "arcsin": (lambda x: np.where(np.abs(x) < 1, np.arcsin(x), 0.0), [0.0, 1.0, 0.0]),
    "choice by index": (lambda x: np.select([x > 0], [np.log(x)], 0.0), [0.0, 0.0, 0.25]),
}


@pytest.mark.parametrize("name", SAFE)
def test_the_untaken_branch_contributes_nothing(name: str) -> None:
    function, expected = SAFE[name]
    (g,) = slope(function, X)
    np.testing.assert_allclose(g, expected, rtol=1e-14, atol=1e-100)


@pytest.mark.parametrize("name", SAFE)
def test_forward_mode_agrees_that_the_untaken_branch_contributes_nothing(name: str) -> None:
    function, expected = SAFE[name]
    np.testing.assert_allclose(forward_slope(function, X), expected, rtol=1e-14, atol=1e-100)


@pytest.mark.parametrize("name", SAFE)
def test_forward_over_reverse_is_finite_at_guarded_points(name: str) -> None:
    """And equal to reverse over reverse wherever that is finite: there 0 · ∞ can remain."""
    function, _ = SAFE[name]
    first = gradient(record(lambda x: np.sum(function(x)), X).graph, [0])
    slope = Graph(first.inputs, first.outputs[1:])
    over_forward = interpret(pushforward(slope, [0]), X, np.ones(3))[1]
    over_reverse = interpret(pullback(slope, [0], [0]), X, np.ones(3))[1]
    assert np.isfinite(over_forward).all()
    known = np.isfinite(over_reverse)
    np.testing.assert_allclose(over_forward[known], over_reverse[known], rtol=1e-13, atol=1e-100)
    assert known[[0, 2]].all()  # all but the edge itself


MASKED: dict[str, Callable[..., Any]] = {
    "square of root": lambda x: np.sqrt(x) ** 2,
    "root times zero": lambda x: np.sqrt(x) * 0.0 + x,
    "root times a mask": lambda x: np.sqrt(x) * np.sign(x) + x,
    "cube root cubed": lambda x: np.cbrt(x) ** 3,
    "tangent of a root, times zero": lambda x: np.tan(np.sqrt(x)) * np.minimum(x, 0.0),
}


@pytest.mark.parametrize("name", MASKED)
def test_a_local_gradient_of_zero_stops_an_infinite_tangent_as_it_stops_in_reverse(name: str) -> None:
    x = np.array([0.0, 1.0])
    (backward,) = slope(MASKED[name], x)
    assert np.isfinite(backward).all()
    np.testing.assert_allclose(forward_slope(MASKED[name], x), backward, rtol=1e-14)


def test_what_does_not_move_has_no_infinite_tangent() -> None:
    """The columns of a Jacobian at a point where the slope of one component is infinite."""
    graph = pushforward(record(np.sqrt, np.zeros(2)).graph, [0])
    np.testing.assert_array_equal(interpret(graph, np.zeros(2), np.array([1.0, 0.0]))[1], [np.inf, 0.0])


def test_a_genuine_infinite_slope_stays_infinite() -> None:
    assert slope(np.sqrt, 0.0)[0] == np.inf
    assert slope(lambda x: np.where(x >= 0, np.sqrt(x), 0.0), 0.0)[0] == np.inf


def test_an_infinite_cotangent_does_not_reach_the_smaller_operand() -> None:
    a, b = slope(lambda a, b: np.sqrt(np.maximum(a, b)), -1.0, 0.0)
    assert a == 0 and b == np.inf


def test_ties_of_maximum_and_minimum_share_the_gradient() -> None:
    for function in (np.maximum, np.minimum, np.fmax, np.fmin):
        a, b = slope(function, 2.0, 2.0)
        assert a == b == 0.5


def test_fmax_sends_the_gradient_past_nan() -> None:
    a, b = slope(np.fmax, np.nan, 2.0)
    assert a == 0 and b == 1


def test_hypot_and_absolute_have_gradient_zero_at_the_origin() -> None:
    assert [float(g) for g in slope(np.hypot, 0.0, 0.0)] == [0.0, 0.0]
    assert slope(np.abs, 0.0)[0] == 0


def test_power_at_zero_has_its_limits_as_gradient() -> None:
    dx, dy = slope(np.power, 0.0, 2.0)
    assert dx == 0 and dy == 0
    assert slope(np.power, 0.0, 0.0)[0] == 0
    assert slope(np.power, 0.0, 1.0)[0] == 1


def test_mul_or_zero_is_linear_in_its_first_factor_also_at_zero() -> None:
    """Its derivative by the first factor is the second, not 0: what forward mode by two reversals needs."""
    da, db = slope(lambda a, b: apply(MulOrZero(), a, b), 0.0, 3.0)
    assert da == 3 and db == 0


BRANCHES = {
    "square of sinh": lambda x: np.log1p(np.square(np.sinh(x))),
    "root": lambda x: np.sqrt(np.exp(x) * np.exp(x)),
    "power": lambda x: (1 + np.exp(x)) ** -1.5,
}


@pytest.mark.parametrize("name", BRANCHES)
@pytest.mark.parametrize("order", [1, 2, 3])
def test_an_untaken_branch_that_overflows_leaves_higher_derivatives_alone(name, order) -> None:
    branch = BRANCHES[name]
    taken = derivative = lambda x: np.where(np.abs(x) < 1, branch(x), 2 * x * x)
    for _ in range(order):
        derivative = graphc.grad(derivative)
    assert derivative(800.0) == [None, 3200.0, 4.0, 0.0][order]
    assert np.isfinite(derivative(0.5)) and taken(800.0) == 2 * 800.0**2


# Infinite or NaN at 50, with factors that have derivatives of their own.
FACTORS: dict[str, Callable[..., Any]] = {
    "x exp x²": lambda x: x * np.exp(x * x),
    "x log": lambda x: x * np.log(x - 50),
    "x over 0": lambda x: x * x / (x - 50),
    "log over x": lambda x: np.log(x - 50) / x,
    "sine over log": lambda x: np.sin(x) / np.log(x - 50),
    "powers": lambda x: x ** (x - 50) * (x - 50) ** -0.5,
    "exp times cosine": lambda x: np.exp(x**3) * np.tanh(x) * np.cos(x),
    "sums": lambda x: np.cumsum(x * np.exp(x * x)) - np.mean(x * np.exp(x * x)),
    "softmax": lambda x: np.exp(x * x) / np.sum(np.exp(x * x)) * x,
    "over its norm": lambda x: x / np.linalg.norm(x - 50),
    "inner product": lambda x: np.dot(np.exp(x * x), x) * x,
    "matrix of constants": lambda x: (np.arange(9.0).reshape(3, 3) @ np.exp(x * x)) * x,
    "gathered": lambda x: (x * np.exp(x * x))[[2, 0, 1]],
    "sorted": lambda x: np.sort(x * np.exp(x * x)),
    "differences": lambda x: np.concatenate([np.diff(x * np.exp(x * x)), x[:1]]),
}


@pytest.mark.parametrize("name", FACTORS)
def test_higher_derivatives_pass_by_an_untaken_branch_with_factors(name: str) -> None:
    branch = FACTORS[name]
    at = np.full(3, 50.0)

    def function(x: Any) -> Any:
        return np.sum(np.where(x < 100, x * x, branch(x)))

    first = graphc.grad(function)
    second = graphc.grad(lambda x: np.sum(first(x)))
    third = graphc.grad(lambda x: np.sum(second(x) * x))
    np.testing.assert_array_equal(first(at), 2 * at)
    np.testing.assert_array_equal(second(at), [2, 2, 2])
    np.testing.assert_array_equal(third(at), [2, 2, 2])
    np.testing.assert_array_equal(graphc.hessian(function)(at), 2 * np.eye(3))


def test_a_product_has_no_gradient_where_nothing_arrives() -> None:
    def function(x: Any) -> Any:
        return np.sum(np.where(x < 100, x * x, np.prod(x * np.exp(x * x))))

    np.testing.assert_array_equal(graphc.grad(function)(np.full(3, 50.0)), [100, 100, 100])


def test_an_infinite_slope_of_what_was_not_chosen_is_zero_but_a_true_one_stays() -> None:
    """√(m y) at m = where(…, 0) does not depend on y; the slope of √(x²) at 0 is ∞ · 0, NaN as it says."""
    by_y = graphc.grad(lambda x, y: np.sqrt(np.where(x > 1, x, 0.0) * y), argnums=1)
    assert by_y(0.0, 3.0) == 0 and by_y(4.0, 1.0) == 1
    assert np.isnan(slope(lambda x: np.sqrt(x * x), 0.0)[0])


def test_no_guard_is_needed_where_gradients_are_finite() -> None:
    """Networks of sums, products and bounded activations run without compare and select."""

    def loss(w: Any, x: Any) -> Any:
        return np.mean((np.tanh(x @ w) - np.sin(x[:, :2])) ** 2)

    program = record(loss, "f32[3, 2]", "f32[5, 3]").graph
    for graph in (gradient(program, [0]), pushforward(program, [0])):
        assert "mul_or_zero" not in {node.op.name for node in graph}
