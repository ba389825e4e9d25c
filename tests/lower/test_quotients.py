"""Quotients by a divisor that the loop does not change are right, however small or large it is."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import graphc
from graphc.lower.program import lower
from tests.helpers import record


def _numbers(dtype: np.dtype) -> np.ndarray:
    """Both signs of numbers over the whole range, the corners included."""
    info = np.finfo(dtype)
    rng = np.random.default_rng(3)
    exponents = rng.uniform(info.minexp - info.nmant, info.maxexp, 150).astype(int)
    spread = np.ldexp(rng.uniform(1, 2, 150).astype(dtype), exponents).astype(dtype)
    tiny = info.smallest_subnormal * np.array([1, 2, 3, 1000], dtype)
    edges = [
        info.smallest_normal,
        info.max,
        info.max / 2,
        1 / info.smallest_normal,
        1.0,
        3.0,
        0.0,
        np.inf,
        np.nan,
    ]
    values = np.concatenate(
        [spread, tiny, np.array(edges, dtype), np.nextafter(np.array(edges, dtype), dtype.type(0))]
    )
    return np.concatenate([values, -values])


@pytest.mark.parametrize("backend", ["cpu", "numba"])
@pytest.mark.parametrize("name", ["f4", "f8"])
def test_every_divisor_is_within_two_units_of_the_exact_quotient(backend: Any, name: str) -> None:
    dtype = np.dtype(name)
    x = d = _numbers(dtype)
    rows = np.ascontiguousarray(np.broadcast_to(x, (len(d), len(x))))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        actual = graphc.compile(lambda x, d: x / d[:, None], backend=backend)(rows, d)
        expected = rows / d[:, None]  # correctly rounded
        np.testing.assert_array_equal(np.isnan(actual), np.isnan(expected))
        # One step beyond the largest number is infinity.
        clipped = [np.clip(a, -np.finfo(dtype).max, np.finfo(dtype).max) for a in (actual, expected)]
        error = np.abs(clipped[0] - clipped[1]) / np.spacing(np.maximum(*map(np.abs, clipped)))
    assert np.nanmax(error) <= 2
    exact_zero, exact_infinity = expected == 0, np.isinf(expected) & (np.isinf(rows) | (d[:, None] == 0))
    assert np.all(np.abs(actual[exact_zero]) <= np.finfo(dtype).smallest_subnormal)
    np.testing.assert_array_equal(actual[exact_infinity], expected[exact_infinity])


def _multiplications(function: Any, *types: str) -> list[str]:
    """The operations of the innermost loops."""
    lines = str(lower(record(function, *types).graph)).splitlines()
    deepest = max(len(line) - len(line.lstrip()) for line in lines)
    return [line.split()[3] for line in lines if line.startswith(" " * deepest) and ": f32 = " in line]


def test_a_general_divisor_costs_two_products_an_element() -> None:
    assert _multiplications(lambda x, d: x / d[:, None], "f32[N, 8]", "f32[N]") == [
        "in0[(8)*i0",
        "multiply",
        "multiply",
    ]


@pytest.mark.parametrize(
    "divisor",
    [
        lambda x: np.sqrt(np.sum(x, axis=1, keepdims=True)),
        lambda x: np.std(x, axis=1, keepdims=True),
        lambda x: np.sum(x > 0, axis=1, keepdims=True).astype(np.float32),
        lambda x: np.sum(np.exp(x - np.max(x, axis=1, keepdims=True)), axis=1, keepdims=True),
    ],
    ids=["root", "deviation", "count", "softmax"],
)
def test_a_divisor_whose_reciprocal_is_normal_costs_one(divisor: Any) -> None:
    lines = str(lower(record(lambda x: x / divisor(x), "f32[N, 8]").graph))
    assert "1.8446744073709552e+19" not in lines and "reciprocal" in lines


def test_a_maximum_over_other_axes_proves_nothing() -> None:
    def function(x: Any) -> Any:
        e = np.exp(x - np.max(x))
        return e / np.sum(e, axis=1, keepdims=True)

    x = np.array([[0.0, 1.0], [-101.0, -102.0]], np.float32)
    e = np.exp(x - np.max(x))
    assert 0 < np.sum(e, axis=1)[1] < np.finfo(np.float32).smallest_normal
    np.testing.assert_allclose(graphc.compile(function)(x), e / np.sum(e, axis=1, keepdims=True), rtol=1e-2)
