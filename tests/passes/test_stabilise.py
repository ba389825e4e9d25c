"""Stable forms: the right answer where the naive formula overflows or cancels, values and gradients."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from scipy import special

from graphc.autodiff.reverse import gradient
from graphc.ir.interpret import interpret
from graphc.ir.parser import parse_graph
from graphc.passes.pipeline import optimise
from graphc.passes.stabilise import stabilise
from tests.helpers import record

EXTREME = np.array([-1e4, -800.0, -40.0, -1e-3, -1e-9, 0.0, 1e-9, 1e-3, 2.0, 40.0, 800.0, 1e4])
SMALL = np.array([-1e-3, -1e-8, -1e-12, 0.0, 1e-12, 1e-8, 1e-3])

SCALAR = {
    "softplus": (lambda x: np.log(1 + np.exp(x)), EXTREME, lambda x: mpmath.log1p(mpmath.exp(x))),
    "softplus by log1p": (lambda x: np.log1p(np.exp(x)), EXTREME, lambda x: mpmath.log1p(mpmath.exp(x))),
    "log sigmoid": (lambda x: np.log(1 / (1 + np.exp(-x))), EXTREME, lambda x: -mpmath.log1p(mpmath.exp(-x))),
    "log of one minus sigmoid": (
        lambda x: np.log(1 - 1 / (1 + np.exp(-x))),
        EXTREME,
        lambda x: -mpmath.log1p(mpmath.exp(x)),
    ),
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), EXTREME, lambda x: 1 / (1 + mpmath.exp(-x))),
    "sigmoid of exponentials": (
        lambda x: np.exp(x) / (1 + np.exp(x)),
        EXTREME,
        lambda x: 1 / (1 + mpmath.exp(-x)),
    ),
    "log of cosh": (lambda x: np.log(np.cosh(x)), EXTREME, lambda x: mpmath.log(mpmath.cosh(x))),
    "log of exp": (lambda x: np.log(np.exp(x)), EXTREME, lambda x: x),
    "log1p": (lambda x: np.log(1 + x), SMALL, lambda x: mpmath.log1p(x)),
    "log of 1 - x": (lambda x: np.log(1 - x), SMALL, lambda x: mpmath.log1p(-x)),
    "expm1": (lambda x: np.exp(x) - 1, SMALL, lambda x: mpmath.expm1(x)),
    "1 - exp": (lambda x: 1 - np.exp(x), SMALL, lambda x: -mpmath.expm1(x)),
    "1 - cos": (lambda x: 1 - np.cos(x), SMALL, lambda x: 2 * mpmath.sin(x / 2) ** 2),
    "1 - erf": (lambda x: 1 - special.erf(x), np.array([-2.0, 0.5, 5.0, 20.0]), mpmath.erfc),
    "root of square": (lambda x: np.sqrt(x**2), np.array([-1e200, 1e-200, 3.0]), lambda x: abs(x)),
}


@pytest.mark.parametrize("name", SCALAR)
def test_the_stable_form_is_accurate(name):
    function, points, exact = SCALAR[name]
    graph = optimise(record(function, "f64[N]").graph)
    (y,) = interpret(graph, points)
    with mpmath.workdps(60):
        expected = np.array([float(exact(mpmath.mpf(float(x)))) for x in points])
    np.testing.assert_allclose(y, expected, rtol=1e-14)


@pytest.mark.parametrize("name", SCALAR)
def test_the_gradient_of_the_stable_form_is_accurate(name):
    function, points, exact = SCALAR[name]
    points = points[points != 0]
    graph = stabilise(record(lambda x: np.sum(function(x)), "f64[N]").graph)
    _, g = interpret(optimise(gradient(graph, [0])), points)
    with mpmath.workdps(60):
        expected = np.array(
            [float(mpmath.diff(exact, mpmath.mpf(float(x)), h=abs(x) * 1e-25)) for x in points]
        )
    np.testing.assert_allclose(g, expected, rtol=1e-10, atol=1e-320)


ROWS = np.array(
    [
        [0.1, -0.3, 2.0],
        [1e4, 1e4 - 1, 3.0],
        [-1e4, -1e4, -1e4 + 2],
        [-np.inf, 1.0, 2.0],
    ]
)


def test_log_sum_exp_neither_overflows_nor_underflows():
    graph = optimise(record(lambda x: np.log(np.sum(np.exp(x), axis=1)), "f64[N, 3]").graph)
    np.testing.assert_allclose(interpret(graph, ROWS)[0], special.logsumexp(ROWS, axis=1), rtol=1e-14)


def test_log_sum_exp_of_infinities_is_their_limit():
    graph = optimise(record(lambda x: np.log(np.sum(np.exp(x), axis=1)), "f64[N, 3]").graph)
    rows = np.array([[-np.inf] * 3, [np.inf, 0, -np.inf], [np.nan, 0, 1]])
    np.testing.assert_array_equal(interpret(graph, rows)[0], [-np.inf, np.inf, np.nan])


def test_log_mean_exp_is_recognised():
    graph = optimise(record(lambda x: np.log(np.mean(np.exp(x), axis=1)), "f64[N, 3]").graph)
    np.testing.assert_allclose(
        interpret(graph, ROWS)[0], special.logsumexp(ROWS, axis=1) - np.log(3), rtol=1e-14
    )


def _softmax(x):
    e = np.exp(x)
    return e / np.sum(e, axis=1, keepdims=True)


def test_softmax_and_its_logarithm_are_shifted():
    graph = optimise(record(_softmax, "f64[N, 3]").graph)
    np.testing.assert_allclose(interpret(graph, ROWS)[0], special.softmax(ROWS, axis=1), rtol=1e-14)
    graph = optimise(record(lambda x: np.log(_softmax(x)), "f64[N, 3]").graph)
    np.testing.assert_allclose(interpret(graph, ROWS)[0], special.log_softmax(ROWS, axis=1), rtol=1e-13)


def test_the_gradient_of_cross_entropy_is_softmax_minus_labels():
    labels = np.eye(3)[[0, 2, 1]]

    def loss(x, y):
        return -np.sum(y * np.log(_softmax(x)))

    graph = stabilise(record(loss, "f64[N, 3]", "f64[N, 3]").graph)
    _, g = interpret(optimise(gradient(graph, [0])), ROWS[:3], labels)
    np.testing.assert_allclose(g, special.softmax(ROWS[:3], axis=1) - labels, atol=1e-14)


def test_a_sum_that_is_shifted_already_is_left_alone():
    def shifted(x):
        m = np.max(x, axis=1, keepdims=True)
        return np.log(np.sum(np.exp(x - m), axis=1)) + m[:, 0]

    graph = optimise(record(shifted, "f64[N, 3]").graph)
    assert [node.op.name for node in graph].count("max") == 1


def test_binary_cross_entropy_of_a_sigmoid_is_finite():
    def loss(x, y):
        p = 1 / (1 + np.exp(-x))
        return -np.sum(y * np.log(p) + (1 - y) * np.log(1 - p))

    x, y = np.array([800.0, -800.0, 0.5]), np.array([0.0, 1.0, 1.0])
    graph = stabilise(record(loss, "f64[N]", "f64[N]").graph)
    value, g = interpret(optimise(gradient(graph, [0])), x, y)
    np.testing.assert_allclose(value, 1600 + np.log1p(np.exp(-0.5)), rtol=1e-14)
    np.testing.assert_allclose(g, special.expit(x) - y, rtol=1e-14)


def test_integers_and_other_constants_are_left_alone():
    text = (
        "graph(x: f64):\n  %0: f64 = const[1.5: f64]\n  %1: f64 = add x %0\n  %2: f64 = log %1\n  return %2"
    )
    assert str(stabilise(parse_graph(text))) == text


def test_stable_rewrites_can_be_switched_off():
    graph = record(lambda x: np.log(1 + np.exp(x)), "f64").graph
    assert "softplus" in str(optimise(graph))
    assert "softplus" not in str(optimise(graph, stable=False))


def test_exp_of_log_keeps_the_domain():
    names = [n.op.name for n in optimise(record(lambda x: np.exp(np.log(x)), "f64").graph)]
    assert "log" in names  # NaN for negative x, as in NumPy
    names = [n.op.name for n in optimise(record(lambda x: np.exp(np.log(x**2)), "f64").graph)]
    assert "log" not in names


def test_markers_are_gone_after_the_pipeline():
    graph = record(lambda x: np.log(np.sum(np.exp(x))), "f64[N]").graph
    assert "stop_gradient" in str(stabilise(graph))
    assert "stop_gradient" not in str(optimise(graph))
