"""Functions of scipy.special that are formulas of others: SciPy's values, types and derivatives."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

import graphc
from graphc.errors import UnsupportedError
from tests.helpers import check

RNG = np.random.default_rng(5)
X = RNG.uniform(0.2, 4.0, size=(3, 4))
Y = RNG.uniform(-1.5, 1.5, size=(3, 4))

SMOOTH: dict[str, tuple[Callable[..., Any], tuple[np.ndarray, ...]]] = {
    "cosm1": (special.cosm1, (Y,)),
    "exprel": (special.exprel, (Y,)),
    "powm1": (special.powm1, (X, Y)),
    "boxcox": (special.boxcox, (X, Y)),
    "boxcox1p": (special.boxcox1p, (X, Y)),
    "inv_boxcox": (special.inv_boxcox, (Y * 0.5, X * 0.2)),
    "inv_boxcox1p": (special.inv_boxcox1p, (Y * 0.5, X * 0.2)),
    "betaln": (special.betaln, (X, X[0] + 0.5)),
    "rgamma": (special.rgamma, (Y,)),
    "loggamma": (special.loggamma, (X,)),
    "radian": (special.radian, (X, Y, X)),
    "sindg": (special.sindg, (200 * Y,)),
    "cosdg": (special.cosdg, (200 * Y,)),
    "tandg": (special.tandg, (20 * Y,)),
    "cotdg": (special.cotdg, (20 * Y + 60,)),
    "iv": (lambda x: special.iv(0, x) + special.iv(1, x), (Y,)),
    "ive": (lambda x: special.ive(0, x) + special.ive(1, x), (Y,)),
    **{
        f.__name__: (lambda x, f=f: sum(f(n, x) for n in (0, 1, 2, 5)), (X + 0.5,))
        for f in (special.kn, special.kv, special.kve)
    },
    **{
        f.__name__: (lambda x, f=f: sum(f(n, x) for n in (0, 1, 2, 5)), (Y,))
        for f in (special.eval_legendre, special.eval_chebyt, special.eval_chebyu)
    },
    **{
        f.__name__: (lambda x, f=f: sum(f(n, x) for n in (0, 1, 2, 5)), (Y,))
        for f in (special.eval_hermite, special.eval_hermitenorm)
    },
    "eval_laguerre": (lambda x: sum(special.eval_laguerre(n, x) for n in (0, 1, 2, 5)), (X,)),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_values_types_and_derivatives_are_scipys(name: str) -> None:
    function, arrays = SMOOTH[name]
    check(function, *arrays, rtol=1e-11, atol=1e-12)
    check(function, *(a.astype(np.float32) for a in arrays), rtol=1e-11, atol=1e-11)
    check(function, *(np.ones(3, np.int64) for _ in arrays), rtol=1e-11)


CORNERS = np.array([0.0, -0.0, 1.0, -1.0, -2.0, 2.5, -2.5, 1e-9, -1e-9, 600.0, np.inf, -np.inf, np.nan])


@pytest.mark.filterwarnings("ignore:invalid value|divide by zero|overflow:RuntimeWarning")
@pytest.mark.parametrize("backend", ["interpret", "cpu"])
def test_corners_are_scipys(backend: Any) -> None:
    one: tuple[Any, ...] = (special.cosm1, special.exprel, special.rgamma, special.gammasgn, special.round)
    for function in (*one, special.loggamma):
        actual = graphc.compile(lambda x, f=function: f(x), backend=backend)(CORNERS)
        np.testing.assert_allclose(actual, function(CORNERS), rtol=1e-12, err_msg=str(function))
    for transform in (special.boxcox, special.boxcox1p, special.inv_boxcox):
        x = np.array([0.5, 1.0, 0.0, 3.0, np.nan])
        actual = graphc.compile(lambda x, f=transform: f(x, np.zeros_like(x)), backend=backend)(x)
        np.testing.assert_allclose(actual, transform(x, 0.0), rtol=1e-12, err_msg=str(transform))


def test_the_derivative_at_the_removable_places_is_the_limit() -> None:
    slopes = graphc.grad(lambda x: np.sum(special.exprel(x) + special.cosm1(x)))(np.zeros(2))
    np.testing.assert_allclose(slopes, [0.5, 0.5])
    by_lambda = graphc.grad(lambda x: special.boxcox(x, 0.0))(2.0)
    np.testing.assert_allclose(by_lambda, 0.5)


def test_polygamma_is_a_multiple_of_zeta() -> None:
    """SciPy's `polygamma` cannot be traced; this is what the error says to write."""
    x = np.array([0.3, 1.0, 4.5, 80.0])
    for n in (1, 2, 3, 5):
        sign = (-1) ** (n + 1) * math.factorial(n)
        actual = graphc.compile(lambda x, n=n, sign=sign: sign * special.zeta(n + 1, x))(x)
        np.testing.assert_allclose(actual, special.polygamma(n, x), rtol=1e-14)
        slopes = graphc.grad(lambda x, n=n, sign=sign: np.sum(sign * special.zeta(n + 1, x)))(x)
        np.testing.assert_allclose(slopes, special.polygamma(n + 1, x), rtol=1e-14)


@pytest.mark.parametrize("backend", ["interpret", "cpu"])
def test_whole_quarters_of_a_turn_are_exact(backend: Any) -> None:
    x = np.arange(-720.0, 721.0, 45.0)
    for function in (special.sindg, special.cosdg, special.tandg, special.cotdg):
        actual = graphc.compile(lambda x, f=function: f(x), backend=backend)(x)
        expected = function(x)
        exact = np.isin(np.abs(expected), (0, 1, np.inf))
        np.testing.assert_array_equal(actual[exact], expected[exact], str(function))
        np.testing.assert_allclose(actual, expected, rtol=1e-15)


def test_high_degrees_are_scipys_where_polynomials_oscillate() -> None:
    x = np.linspace(-1.0, 1.0, 41)
    for function in (special.eval_legendre, special.eval_chebyt):
        actual = graphc.compile(lambda x, f=function: f(60, x))(x)
        np.testing.assert_allclose(actual, function(60, x), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(
    "call, what, remedy",
    [
        (
            lambda x: special.eval_legendre(x, x),
            "scipy.special.eval_legendre of an order that is traced or an array",
            "Pass the order as a Python integer, or make it static (static_argnames).",
        ),
        (
            lambda x: special.eval_hermite(200, x),
            "scipy.special.eval_hermite of order 200",
            "It does for the whole orders 0 to 100.",
        ),
        (
            lambda x: special.iv(0.5, x),
            "scipy.special.iv of order 0.5",
            "It does for the whole orders 0 to 1.",
        ),
    ],
)
def test_other_orders_are_refused(call: Callable[..., Any], what: str, remedy: str) -> None:
    with pytest.raises(UnsupportedError) as caught:
        graphc.compile(call)(np.ones(3))
    lines = str(caught.value).split("\n")
    assert lines[0] == f"graphc cannot trace {what}"
    assert lines[1].startswith("  at test_special_compositions.py:")
    assert lines[2] == f"  {remedy}"


@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
def test_bessel_functions_of_high_order_are_scipys_in_a_few_units() -> None:
    x = np.array([0.0, 1e-3, 0.3, 1.0, 7.5, 40.0, 600.0, np.inf, -1.0, np.nan])
    for n in (2, 7, 30):
        actual = graphc.compile(lambda x, n=n: special.kv(n, x))(x)
        np.testing.assert_allclose(actual, special.kv(n, x), rtol=3e-15 * n)
