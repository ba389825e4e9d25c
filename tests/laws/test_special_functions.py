"""The special functions against mpmath at fifty digits, and against SciPy at corner values."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import mpmath
import numpy as np
import pytest

import graphc.ops.elementwise  # noqa: F401  (registers the ops)
from graphc.ops.base import SPECIAL_TO_OP
from graphc.ops.elementwise.special import trigamma
from tests.helpers import run

special = pytest.importorskip("scipy.special")

CORNERS = (0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 0.5, 1e10, -1e10, 1e300, -1e300, 1e-300, np.inf, -np.inf, np.nan)

EXACT: dict[str, Callable[..., Any]] = {
    "expit": lambda x: 1 / (1 + mpmath.exp(-x)),
    "logit": lambda x: mpmath.log(x / (1 - x)),
    "log_expit": lambda x: -mpmath.log1p(mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    "xlogy": lambda x, y: x * mpmath.log(y),
    "xlog1py": lambda x, y: x * mpmath.log1p(y),
    "entr": lambda x: -x * mpmath.log(x),
    "rel_entr": lambda x, y: x * mpmath.log(x / y),
    "kl_div": lambda x, y: x * mpmath.log(x / y) - x + y,
    "erf": mpmath.erf,
    "erfc": mpmath.erfc,
    "erfcx": lambda x: mpmath.exp(x * x) * mpmath.erfc(x),
    "erfinv": mpmath.erfinv,
    "erfcinv": lambda x: mpmath.erfinv(1 - x),
    "ndtr": mpmath.ncdf,
    "log_ndtr": lambda x: mpmath.log(mpmath.ncdf(x)),
    "ndtri": lambda p: mpmath.sqrt(2) * mpmath.erfinv(2 * p - 1),
    "gammaln": lambda x: mpmath.log(abs(mpmath.gamma(x))),
    "gamma": mpmath.gamma,
    "psi": mpmath.digamma,
    "gammainc": lambda a, x: mpmath.gammainc(a, 0, x, regularized=True),
    "gammaincc": lambda a, x: mpmath.gammainc(a, x, regularized=True),
    "_zeta": lambda x, q: mpmath.zeta(x, q),
    "k0": lambda x: mpmath.besselk(0, x),
    "k1": lambda x: mpmath.besselk(1, x),
    "k0e": lambda x: mpmath.exp(x) * mpmath.besselk(0, x),
    "k1e": lambda x: mpmath.exp(x) * mpmath.besselk(1, x),
    "i0": lambda x: mpmath.besseli(0, x),
    "i1": lambda x: mpmath.besseli(1, x),
    "i0e": lambda x: mpmath.exp(-abs(x)) * mpmath.besseli(0, x),
    "i1e": lambda x: mpmath.exp(-abs(x)) * mpmath.besseli(1, x),
}
# Operands beyond the op's test domain, where asymptotic forms take over.
FAR = {
    "expit": [-700.0, -40.0, 40.0],
    "log_expit": [-700.0, 40.0],
    "softplus": [-40.0, 700.0],
    "erfc": [10.0, 26.0],
    "erfcx": [-20.0, 10.0, 24.9, 25.1, 1e5],
    "erfinv": [1e-12, 0.999, 1 - 1e-12],
    "erfcinv": [1e-12, 1e-3, 1.999],
    "ndtr": [-30.0, 8.0],
    "log_ndtr": [-1e3, -30.0, -1.0, 5.0],
    "ndtri": [1e-12, 1e-3, 0.999],
    "gammaln": [1e-5, 50.0, 1e6, -2.5],
    "gamma": [1e-5, 50.0, 170.0, -2.5],
    "psi": [1e-5, 50.0, 1e6, -2.5, -1e-9],
    "k0": [1e-12, 1e-3, 40.0, 600.0],
    "k1": [1e-12, 1e-3, 40.0, 600.0],
    "k0e": [1e-12, 1e-3, 40.0, 1e6],
    "k1e": [1e-12, 1e-3, 40.0, 1e6],
    "i0": [29.9, 30.1, 500.0],
    "i1": [29.9, 30.1, -500.0],
    "i0e": [29.9, 30.1, 1e4],
    "i1e": [29.9, 30.1, -1e4],
}


@pytest.mark.parametrize("name", EXACT)
def test_values_are_those_of_mpmath_to_a_few_units_in_the_last_place(name: str) -> None:
    op = SPECIAL_TO_OP[name]
    rng = np.random.default_rng(3)
    arrays = [rng.uniform(low, high, 40) for low, high in op.domain]
    if op.arity == 1:
        arrays = [np.concatenate([arrays[0], FAR.get(name, [])])]
    found = op().evaluate(*arrays)
    with mpmath.workdps(50):
        exact = [EXACT[name](*map(mpmath.mpf, point)) for point in zip(*arrays, strict=True)]
    for point, value, reference in zip(zip(*arrays, strict=True), found, exact, strict=True):
        # Where functions cross zero, their condition number is unbounded: absolute error there.
        scale = max(abs(reference), 1.0 if name in ("gammaln", "psi", "kl_div", "rel_entr") else 0)
        assert abs(reference - mpmath.mpf(float(value))) <= 12 * np.finfo(np.float64).eps * scale, point


@pytest.mark.parametrize("name", [n for n in EXACT if n != "softplus"])
def test_corner_values_are_scipys(name: str) -> None:
    op = SPECIAL_TO_OP[name]
    points = np.array(list(product(CORNERS, repeat=op.arity))).T
    with np.errstate(all="ignore"):
        expected = getattr(special, name.removeprefix("_"))(*points)
    if name == "_zeta":  # SciPy's is NaN where x is large
        points, expected = (a[..., ~(points[0] > 1e4)] for a in (points, expected))
    # SciPy's own errors are up to a hundred units in the last place where a is tiny.
    rtol = 1e-13 if name in ("gammainc", "gammaincc") else 1e-14
    np.testing.assert_allclose(op().evaluate(*points), expected, rtol=rtol)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_trigamma_is_scipys() -> None:
    x = np.array([0.1, 0.5, 1.0, 3.7, 12.0, 1e3, 1e200, -0.5, -7.3])
    np.testing.assert_allclose(trigamma(x), special.polygamma(1, x), rtol=2e-14)


@pytest.mark.parametrize("dtype", ["f4", "f8", "i1", "i4", "?"])
def test_scipys_ufuncs_trace_with_scipys_types(dtype: str) -> None:
    x = np.array([0, 1]).astype(dtype)
    for name in (*EXACT, "exp10", "huber", "pseudo_huber", "expm1", "log1p", "cbrt", "exp2"):
        if name == "softplus":
            continue
        function = getattr(special, name.removeprefix("_"))
        args = (x,) * (2 if name == "_zeta" else function.nin)
        expected = function(*args)
        (found,) = run(function, *args)
        assert found.dtype == expected.dtype, name
        tolerance = 1e-14 if expected.dtype == np.float64 else 1e-6
        np.testing.assert_allclose(found, expected, rtol=tolerance, err_msg=name)
