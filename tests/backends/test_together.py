"""Numbers that go through one long formula run as lanes of one vector, and come out the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc


def llvm_of(function: Any, *types: str) -> str:
    return str(graphc.compile(function).lower(*types).llvm)


def sines(x: Any) -> Any:
    a, b, c = np.sin(x[0]), np.sin(x[1] * 2.0), np.sin(x[2] - x[1])
    return a * b + c


def test_independent_calls_become_one_vector() -> None:
    text = llvm_of(sines, "f64[3]")
    assert "sin_large_lanes_v4f64" in text
    assert "sin_large_lanes_f64" not in text
    x = np.array([0.3, -2.5, 1e9])
    np.testing.assert_allclose(graphc.compile(sines)(x), sines(x), rtol=1e-15)


def test_calls_that_depend_on_each_other_stay_apart() -> None:
    def chain(x: Any) -> Any:
        return np.exp(-np.exp(-np.exp(-x[0])))

    text = llvm_of(chain, "f64[1]")
    assert "<2 x double>" not in text
    np.testing.assert_allclose(graphc.compile(chain)(np.array([0.2])), chain(np.array([0.2])), rtol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("count", [2, 3, 7, 8, 9, 17, 40])
def test_every_lane_is_what_the_number_alone_gives(dtype: Any, count: int) -> None:
    values = np.random.default_rng(count).normal(size=count).astype(dtype) * 3
    values[0] = [np.inf, -0.0, np.nan, 1e30][count % 4]

    def each(*xs: Any) -> Any:
        return tuple(f(x) for f in (np.cos, np.tanh, np.exp) for x in xs)

    together = graphc.compile(each)(*values)
    alone = [graphc.compile(lambda x, f=f: f(x)) for f in (np.cos, np.tanh, np.exp)]
    np.testing.assert_array_equal(together, [f(x) for f in alone for x in values])


def test_operands_are_computed_before_calls_that_move_up() -> None:
    def mixed(x: Any, y: Any) -> Any:
        first = np.log(x)
        scale = y * 3.0 + x
        return first * np.log(scale) + np.log(scale * first * first + 1.0)

    got = graphc.compile(mixed)(2.0, 5.0)
    np.testing.assert_allclose(got, mixed(2.0, 5.0), rtol=1e-15)


def test_bodies_of_loops_are_arranged_too() -> None:
    def steps(x: Any) -> Any:
        def body(i: Any, s: Any) -> Any:
            return np.sin(s[1]), np.sin(s[0] + 1.0)

        return graphc.fori_loop(0, 10, body, (x, x * 0.5))

    assert "sin_large_lanes_v2f64" in llvm_of(steps, "f64")
    np.testing.assert_allclose(graphc.compile(steps)(0.1), steps(0.1), rtol=1e-14)
