"""Vector loops of long formulas: one piece of code for all iterations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from llvmlite import ir
from scipy import special

import graphc
from graphc.backends.cpu.program import emit_program
from graphc.backends.cpu.target import Target
from graphc.lower.program import lower
from tests.helpers import record
from tests.native import Native

TARGETS = [pytest.param(Target(), id="masks"), pytest.param(Target(16, masks=False), id="no masks")]


def text_of(function: Callable[..., Any], *types: str, target: Target | None = None) -> str:
    module = ir.Module()
    emit_program(module, lower(record(function, *types).graph), "program", target or Target())
    return str(module)


def copies(text: str) -> int:
    """How often tanh is written out."""
    return text.count('= call <8 x double> @"llvm.copysign.v8f64"')


def test_a_long_formula_is_written_once() -> None:
    assert copies(text_of(lambda x: np.tanh(x) * x, "f64[1003]")) == 1
    assert copies(text_of(lambda x: np.tanh(x) * x, "f64[1000]")) == 1
    assert copies(text_of(lambda x: np.tanh(x) * x, "f64[203]")) == 1


def test_sums_and_unknown_lengths_have_code_for_the_rest() -> None:
    assert copies(text_of(lambda x: np.tanh(x) * x, "f64[8*N+3]")) == 2
    assert copies(text_of(lambda x: np.sum(np.tanh(x)), "f64[1003]")) > 1


def test_only_loops_that_call_long_formulas_align_the_stack() -> None:
    assert "alignstack(64)" in text_of(np.tanh, "f64[100]")
    assert "alignstack(32)" in text_of(np.tanh, "f64[100]", target=Target(32, masked_bytes=4))
    assert "alignstack" not in text_of(lambda x: x * x + 1.0, "f64[100]")
    assert "alignstack" not in text_of(np.tanh, "f64")


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("length", [257, 263, 513, 519, 527, 1031, 1033])
def test_every_element_is_written_once_over(target: Target, dtype: Any, length: int) -> None:
    x = np.random.default_rng(length).normal(size=length).astype(dtype)

    def function(x: Any) -> Any:
        return special.erf(x) * np.exp(x), abs(x) ** 1.5, (np.tanh(x) * 100).astype(np.int32)

    for got, expected in zip(Native(record(function, x).graph, target=target)(x), function(x), strict=True):
        tolerance = 0 if expected.dtype.kind == "f" else 1  # what is truncated may differ by one
        np.testing.assert_allclose(got, expected, rtol=20 * np.finfo(dtype).eps, atol=tolerance)


@pytest.mark.parametrize("length", [1000, 1003, 40_007])
def test_an_array_updated_in_place_is_updated_once(length: int) -> None:
    def step(x: Any) -> Any:
        return np.tanh(x) + x * 0.5

    x = np.linspace(-3, 3, length)
    expected = step(x)
    np.testing.assert_allclose(graphc.compile(step, donate="x")(x.copy()), expected, rtol=1e-14)


def test_strided_and_reversed_reads_end_at_the_last_element() -> None:
    def function(x: Any) -> Any:
        return np.tanh(x[::2]) - np.tanh(x[::-2])

    x = np.random.default_rng(1).normal(size=2006)
    np.testing.assert_allclose(Native(record(function, x).graph)(x)[0], function(x), rtol=1e-13, atol=1e-15)
