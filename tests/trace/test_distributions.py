"""Distribution functions of scipy.special: SciPy's values, types and corners; derivatives by the variable."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
from scipy import special, stats

import graphc
from tests.helpers import check

CORNERS = (0.0, -0.0, 0.5, 1.0, 3.7, -0.5, -1.0, 40.0, np.inf, -np.inf, np.nan)
TWO = (special.gammainc, special.gammaincc, special.chdtr, special.chdtrc, special.pdtr, special.pdtrc)
THREE = (special.gdtr, special.gdtrc)
X = np.linspace(0.1, 9.0, 12).reshape(3, 4)


@pytest.mark.filterwarnings("ignore:invalid value|divide by zero|overflow:RuntimeWarning")
@pytest.mark.parametrize("function", (*TWO, *THREE), ids=lambda f: f.__name__)
@pytest.mark.parametrize("backend", ["interpret", "cpu"])
def test_values_and_corners_are_scipys(function: np.ufunc, backend: Any) -> None:
    points = [np.array(row) for row in zip(*product(CORNERS, repeat=function.nin), strict=True)]
    actual = graphc.compile(lambda *xs: function(*xs), backend=backend)(*points)
    # SciPy errs by 1e-13 in the far tails.
    np.testing.assert_allclose(actual, function(*points), rtol=3e-13)


SLOPES: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "chdtr": (lambda x: special.chdtr(4.5, x), lambda x: stats.chi2.pdf(x, 4.5)),
    "chdtrc": (lambda x: special.chdtrc(4.5, x), lambda x: -stats.chi2.pdf(x, 4.5)),
    "gdtr": (lambda x: special.gdtr(2.0, 1.5, x), lambda x: stats.gamma.pdf(x, 1.5, scale=0.5)),
    "gdtrc": (lambda x: special.gdtrc(2.0, 1.5, x), lambda x: -stats.gamma.pdf(x, 1.5, scale=0.5)),
    "pdtr": (lambda m: special.pdtr(3, m), lambda m: -stats.poisson.pmf(3, m)),
    "pdtrc": (lambda m: special.pdtrc(3, m), lambda m: stats.poisson.pmf(3, m)),
}


@pytest.mark.parametrize("name", SLOPES)
def test_the_derivative_by_the_variable_is_the_density(name: str) -> None:
    function, density = SLOPES[name]
    slopes = graphc.grad(lambda x: np.sum(function(x)))(X)
    np.testing.assert_allclose(slopes, density(X), rtol=1e-12)
    check(function, X, rtol=1e-12)
    check(function, X.astype(np.float32), rtol=1e-11, atol=1e-11)


def test_the_rate_of_a_gamma_distribution_has_a_derivative() -> None:
    check(lambda a, x: special.gdtr(a, 1.5, x), X, X / 3, rtol=1e-12)


def test_tails_keep_their_relative_accuracy_where_the_shape_is_large() -> None:
    tail = graphc.compile(lambda x: special.gammaincc(1e6, x))(np.array([1.02e6]))
    # By mpmath at sixty digits.
    np.testing.assert_allclose(tail, 3.8098103227133606653e-88, rtol=4e-15)
