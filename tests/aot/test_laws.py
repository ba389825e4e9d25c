"""Random programs as C libraries: in C they touch only what they are given, and compute what Python does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc
from graphc.ir.graph import Graph, Item
from graphc.ir.interpret import interpret
from graphc.trace.tracer import record
from tests.aot.harness import Case, Harness, has
from tests.aot.test_harness import MEMCHECK, X86
from tests.laws.loop_programs import random_function
from tests.laws.random_programs import random_program, seeded

pytestmark = pytest.mark.skipif(not has("gcc"), reason="no gcc to compile C programs with")

# What reordered sums and another exp may make of values below 50 after 40 operations that are not steep.
ROUNDING = 1e-6


def as_function(graph: Graph) -> Callable[[Any], Any]:
    """A function of a tuple of arrays that traces to `graph`."""

    def function(xs: Any) -> Any:
        values: dict[Any, Any] = dict(zip(graph.inputs, xs, strict=True))
        for node in graph:
            if isinstance(node.op, Item):
                values[node] = values[node.args[0]][node.op.index]
            elif node not in values:
                values[node] = record(node.op, *(values[a] for a in node.args))
        return tuple(values[node] for node in graph.outputs)

    return function


def straight(first: int, count: int) -> Iterator[tuple[str, Any, list[Case]]]:
    """Programs over all kinds of ops, for fixed sizes."""
    for seed in range(first, first + count):
        program = random_program(seeded(seed), size=8 + seed % 30)
        types = tuple(str(n.array_type) for n in program.graph.inputs)
        result = tuple(interpret(program.graph, *program.inputs))
        case = Case(f"laws_p{seed}", [program.inputs], result, {}, relative=ROUNDING, absolute=ROUNDING)
        yield f"p{seed}", (as_function(program.graph), types), [case]


def loops(first: int, count: int) -> Iterator[tuple[str, Any, list[Case]]]:
    """Functions with branches and loops, for every size."""
    for seed in range(first, first + count):
        function = random_function(seeded(seed), 4 + seed % 6)

        def called(s: Any, v: Any, m: Any, i: Any, function: Any = function) -> Any:
            return function(s, v, m, i)

        cases = []
        for n in (1, 2, 5, 17):
            given = function.arguments(n, seed)
            result = function(*(np.array(a) for a in given))
            options = {"relative": ROUNDING, "absolute": ROUNDING}
            cases.append(Case(f"laws_l{seed}", given, result, {"N": n}, None, **options))
        yield f"l{seed}", (called, *function.types()), cases


def run(folder: Path, rows: Iterator[tuple[str, Any, list[Case]]]) -> None:
    functions, cases = {}, []
    for name, row, own in rows:
        functions[name] = row
        cases += own
    targets = ["x86-64", "x86-64-v3", "native"] if X86 else "native"
    harness = Harness(graphc.export(functions, path=folder, name="laws", targets=targets), cases)
    for mode in ("end", "start"):
        assert "all right" in harness.run(mode)
    if has("valgrind"):
        assert "all right" in harness.run("heap", *MEMCHECK)


@pytest.mark.parametrize("sample", [straight, loops])
def test_random_programs_run_in_c(tmp_path: Path, sample: Any) -> None:
    run(tmp_path, sample(0, 4))


@pytest.mark.slow
@pytest.mark.parametrize("first", range(100, 400, 20))
@pytest.mark.parametrize("sample", [straight, loops])
def test_many_random_programs_run_in_c(tmp_path: Path, sample: Any, first: int) -> None:
    run(tmp_path, sample(first, 20))
