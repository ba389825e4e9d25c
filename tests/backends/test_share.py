"""Kernels that differ in numbers only are one function, and compute the same bits as one each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from llvmlite import ir

from graphc.backends.cpu.program import emit_program
from graphc.backends.cpu.share import SHARED_FROM, Call, generalised, shared
from graphc.backends.cpu.target import Target
from graphc.lower.program import LoweredProgram, lower
from tests.helpers import record
from tests.native import Native

TARGETS = [
    pytest.param(Target(), id="masks"),
    pytest.param(Target(16, masks=False), id="no masks"),
    pytest.param(Target(32, masked_bytes=4, threads=3), id="threads"),
]


def many(formula: Callable[[Any, float], Any], count: int = 6) -> Callable[..., Any]:
    """The formula of every argument with a number of its own."""
    return lambda *xs: tuple(formula(x, 0.7 + 0.31 * i) for i, x in enumerate(xs[:count]))


def functions(plan: LoweredProgram, target: Target) -> int:
    """How many kernels the module of a program has."""
    module = ir.Module()
    emit_program(module, plan, "program", target)
    return sum(".k" in function.name and bool(function.blocks) for function in module.functions)


def compared(function: Callable[..., Any], arrays: Sequence[np.ndarray], target: Target) -> int:
    """Checks that sharing changes no bit; how many functions there are with it."""
    graph = record(function, *arrays).graph
    together = Native(graph, target=target)
    alone = Native(graph, target=target, share=False)
    for a, b in zip(together(*arrays), alone(*arrays), strict=True):
        assert a.tobytes() == b.tobytes()
    return functions(lower(graph), target)


def arrays_of(lengths: Sequence[int], dtype: Any = np.float64) -> list[np.ndarray]:
    rng = np.random.default_rng(sum(lengths))
    return [rng.normal(size=n).astype(dtype) for n in lengths]


# All leave 19 iterations: a whole vector and a part of one, or several vectors.
LENGTHS = [1043, 1107, 2131, 3283, 4179, 5203]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_lengths_and_numbers_are_arguments(target: Target, dtype: Any) -> None:
    def formula(x: Any, c: float) -> Any:
        return np.tanh(x * c) + x / (c + 2.3) - x * x

    assert compared(many(formula), arrays_of(LENGTHS, dtype), target) == 1


@pytest.mark.parametrize("target", TARGETS[:2])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_are_rounded_as_before(target: Target, dtype: Any) -> None:
    arrays = arrays_of(LENGTHS, dtype)
    assert compared(many(lambda x, c: np.sum(x * c)), arrays, target) == 1
    assert compared(many(lambda x, c: np.sum(np.exp(x * c)) + np.max(x)), arrays, target) == 1


@pytest.mark.parametrize("target", TARGETS[:2])
@pytest.mark.parametrize(
    "formula", [np.tanh, np.sin, np.sqrt, lambda x: abs(x) ** 1.7], ids=["tanh", "sin", "sqrt", "power"]
)
def test_every_remainder_is_rounded_as_before(target: Target, formula: Callable[[Any], Any]) -> None:
    """Where the rest of a loop is code of another shape, products and sums may be contracted elsewhere."""
    lengths = [1100 + i for i in range(17)]
    function = many(lambda x, c: formula(x * c) * x - x * x, 68)
    assert compared(function, arrays_of(lengths * SHARED_FROM, np.float32), target) <= 17


@pytest.mark.parametrize("target", TARGETS[:2])
def test_rows_keep_their_length(target: Target) -> None:
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=(100 + i, 33)) for i in range(6)]
    assert compared(many(lambda x, c: np.sum(x * x, axis=1) * c), arrays, target) == 1


def test_tasks_for_threads_are_counted_at_run_time() -> None:
    lengths = [300_000 + 1234 * i for i in range(6)]
    plan = lower(record(many(lambda x, c: np.exp(x * c)), *arrays_of(lengths)).graph)
    assert any("parallel" in line for line in str(plan).splitlines())
    assert len({call.text for call in shared(plan.kernels, Target(threads=2))}) == 1


def test_short_loops_and_few_kernels_stay_special() -> None:
    brief = arrays_of([200 + 4 * i for i in range(6)])
    plan = lower(record(lambda *xs: tuple(x * 1.7 + 0.3 for x in xs), *brief).graph)
    for kernel in plan.kernels:
        assert generalised(kernel, Target()).sizes == ()
    rows = [np.ones((400, 10 + i)) for i in range(6)]
    assert compared(lambda *xs: tuple(np.sum(x * 1.7, axis=1) for x in xs), rows, Target()) == 6
    few = arrays_of([2000 + i for i in range(SHARED_FROM - 1)])
    assert compared(many(lambda x, c: x * c), few, Target()) == SHARED_FROM - 1


def test_numbers_that_llvm_simplifies_with_stay_in_the_code() -> None:
    (kernel,) = lower(
        record(lambda x: x * 0.5 + 3.0 - 2.0 * x + np.maximum(x, 0.7), "f64[5000]").graph
    ).kernels
    call = generalised(kernel)
    assert call.numbers == (3.0,)
    assert call.sizes == ()


def test_what_is_no_loop_of_arithmetic_stays_special() -> None:
    (kernel,) = lower(record(lambda x: (x @ x) * 1.7, "f64[50, 50]").graph).kernels
    assert generalised(kernel, Target()) == Call(kernel)
