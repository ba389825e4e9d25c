"""Code for the array API standard, and SciPy's functions that are written for it, on traced arrays."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import Any

import numpy as np
import pytest
from scipy import special
from scipy._lib import _array_api_override

import graphc
from graphc.nn.functional import logsumexp
from tests.helpers import check, record

X = np.random.default_rng(0).normal(size=(3, 4))

SCIPY = """
import numpy as np
import scipy.special as sp
import graphc

x = np.random.default_rng(0).normal(size=(3, 4))
for f in (
    lambda x: sp.softmax(x, axis=1),
    lambda x: sp.log_softmax(x, axis=1),
    lambda x: sp.logsumexp(x),
    lambda x: sp.logsumexp(x, axis=1, keepdims=True),
    lambda x: sp.logsumexp(x, axis=1, b=2 * x, return_sign=True)[0],
    lambda x: sp.logsumexp(1000 * x, axis=0),
    lambda x: sp.expit(x) + sp.erf(x) + sp.gammaln(x * x) + sp.xlogy(x * x, x * x),
):
    value, slope = graphc.value_and_grad(lambda x: np.sum(np.cos(f(x))))(x)
    np.testing.assert_allclose(graphc.compile(f)(x), f(x), rtol=1e-12)
    d = np.cos(np.arange(12.0)).reshape(3, 4)
    numeric = (np.sum(np.cos(f(x + 1e-6 * d))) - np.sum(np.cos(f(x - 1e-6 * d)))) / 2e-6
    np.testing.assert_allclose(np.sum(slope * d), numeric, rtol=1e-5, atol=1e-6)

def mixed(x):
    return sp.logsumexp(x, b=np.ones((3, 4)))

try:
    graphc.compile(mixed)(x)
except graphc.UnsupportedError as error:
    print(str(error).replace("<string>", "line"))
print("traced")
"""


@pytest.mark.parametrize("switch", ["0", "1"])
def test_scipy_functions_for_the_standard_are_traced(switch: str) -> None:
    environment = {**os.environ, "SCIPY_ARRAY_API": "1" if switch == "1" else ""}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCIPY],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == (
        "a function of SciPy given a traced and a concrete array\n"
        "  at line:23\n"
        "  Make the concrete one traced as well: np.asarray(array, like=x).\n"
        "traced\n"
    ), done.stderr


def test_scipy_is_as_it_was_for_everything_that_is_not_traced() -> None:
    masked: Any = np.ma.masked_array([1.0, 2.0], [False, True])
    before = special.softmax(masked)
    seen = []

    def function(x: Any) -> Any:
        seen.append(special.softmax(masked))  # refused where namespaces are asked for
        return special.softmax(x)

    result = graphc.compile(function)(X)
    np.testing.assert_allclose(result, special.softmax(X), rtol=1e-13)
    seen.append(special.softmax(masked))
    assert all(type(s) is type(before) and np.array_equal(s, before) for s in seen)
    assert not _array_api_override.SCIPY_ARRAY_API and _array_api_override.SCIPY_ARRAY_API == False  # noqa: E712
    assert str(_array_api_override.SCIPY_ARRAY_API) == "False"


def test_threads_that_do_not_trace_see_scipy_as_it_was() -> None:
    masked: Any = np.ma.masked_array([1.0, 2.0], [False, True])
    started, done = threading.Event(), threading.Event()
    refused: list[Exception] = []

    def other() -> None:
        started.wait()
        try:
            special.softmax(masked)
        except Exception as error:
            refused.append(error)
        done.set()

    def function(x: Any) -> Any:
        started.set()
        done.wait()
        return special.log_softmax(x, axis=1)

    thread = threading.Thread(target=other)
    thread.start()
    result = graphc.compile(function)(X)
    thread.join()
    assert not refused
    np.testing.assert_allclose(result, special.log_softmax(X, axis=1), rtol=1e-13)


def test_scipy_imported_inside_the_traced_function_is_traced_from_the_second_time_on() -> None:
    program = """
import numpy as np
import graphc

def f(x):
    import scipy.special
    return scipy.special.softmax(x)

try:
    graphc.compile(f)(np.ones(2))
except graphc.UnsupportedError as error:
    print(str(error).splitlines()[-1].strip())
print(graphc.compile(f)(np.ones(2)))
"""
    environment = {key: value for key, value in os.environ.items() if key != "SCIPY_ARRAY_API"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout == "Import SciPy before the function is traced, not inside it.\n[0.5 0.5]\n", (
        done.stderr
    )


def _standardised(x: Any) -> Any:
    """Written for the standard: no NumPy in sight."""
    xp = x.__array_namespace__()
    x = xp.asarray(x, dtype=xp.float64)
    scale = xp.sqrt(xp.mean((x - xp.mean(x, axis=0)) ** 2, axis=0))
    return xp.concat([x / scale, xp.zeros((1, 4), dtype=x.dtype)]) * xp.asarray(2.0)


def test_code_for_the_standard_is_traced() -> None:
    check(_standardised, X)
    check(_standardised, X.astype(np.float32))


def test_asarray_of_the_namespace_copies_and_converts_as_told() -> None:
    def function(x: Any) -> Any:
        xp = x.__array_namespace__()
        y = xp.asarray(x, copy=True)
        y[0] = 5.0
        return x, y, xp.asarray(x, dtype=xp.float32)

    x, y, z = graphc.compile(function, backend="interpret")(X)
    np.testing.assert_array_equal(x, X)
    assert np.all(y[0] == 5.0) and z.dtype == np.float32
    with pytest.raises(ValueError, match="cannot convert float64 to float32 without a copy"):
        record(lambda x: x.__array_namespace__().asarray(x, dtype=np.float32, copy=False), "f64[3]")


def test_logsumexp_is_scipys() -> None:
    for rows in (X, 1e4 * X, np.array([[-np.inf] * 3, [np.inf, 0, -np.inf], [0.0, np.nan, 1]])):
        for axis in (None, 0, 1, (0, 1)):
            for keep in (False, True):
                expected = special.logsumexp(rows, axis=axis, keepdims=keep)
                with np.errstate(all="ignore"):
                    actual = graphc.compile(lambda x, a=axis, k=keep: logsumexp(x, a, k))(rows)
                    np.testing.assert_allclose(logsumexp(rows, axis, keep), expected, rtol=1e-13)
                np.testing.assert_allclose(actual, expected, rtol=1e-13)
    x = X.astype(np.float32)
    assert logsumexp(x).dtype == np.float32
