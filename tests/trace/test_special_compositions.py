"""Functions of scipy.special that are formulas of others: SciPy's values, types and derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

import graphc
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
