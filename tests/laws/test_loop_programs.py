"""Random functions with branches, loops and element writes: every form of every derived graph agrees.

Python's own run of the function is the definition of its graph, and central differences that of derivatives.
Optimised graphs and machine code are compared with the interpreter on the graph as it was derived. Programs
derived twice (gradients over examples, tangents of gradients, …) are compared the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graphc.autodiff.forward import pushforward
from graphc.autodiff.reverse import gradient
from graphc.batching.batch import batch_graph
from graphc.ir.graph import Graph
from graphc.ir.interpret import interpret
from graphc.ir.parser import parse_graph
from graphc.ir.verify import verify
from graphc.passes.pipeline import optimise
from tests.helpers import record
from tests.laws.loop_programs import Function, random_function
from tests.laws.random_programs import seeded
from tests.laws.test_random_programs import total
from tests.native import run_native

EXAMPLES = 3
ROUNDING = 1e-8  # of values below 2 after some hundred operations, and of their derivatives


@dataclass(frozen=True)
class Case:
    """A random function, its graph for fixed sizes or for every size, and arguments."""

    function: Function
    size: int
    seed: int
    symbolic: bool

    def graph(self) -> tuple[Graph, list[Any]]:
        """The graph, and the arrays that it takes."""
        given = self.function.arguments(self.size, self.seed)
        traced = record(self.function, *(self.function.types() if self.symbolic else given))
        return verify(traced.graph), [*given, *traced.captured]


def case_number(seed: int, dtype: Any = np.float64) -> Case:
    return Case(random_function(seeded(seed), 4 + seed % 6, dtype), 1 + seed % 4, seed, seed % 3 == 0)


def close(actual: Sequence[Any], expected: Sequence[Any], tolerance: float = ROUNDING) -> None:
    for a, e in zip(actual, expected, strict=True):
        a, e = np.asarray(a), np.asarray(e)
        assert (a.dtype, a.shape) == (e.dtype, e.shape)
        scale = 1 + np.max(np.abs(e), initial=0)
        assert np.max(np.abs(np.subtract(a, e, dtype=np.float64)), initial=0) <= tolerance * scale, (a, e)


def forms_agree(graph: Graph, args: Sequence[Any], *, native: bool, tolerance: float = ROUNDING) -> list[Any]:
    """What the graph gives; optimised, and as machine code, it gives the same."""
    expected = interpret(verify(graph), *args)
    optimised = verify(optimise(graph), "simplified")
    close(interpret(optimised, *args), expected, tolerance)
    if native:
        close(run_native(optimised, *args), expected, tolerance)
    return list(expected)


def is_slope(found: float, function: Callable[[float], float]) -> bool:
    """Whether two central differences agree, so that there is a slope; it is then the one found."""
    wide, narrow = ((function(h) - function(-h)) / (2 * h) for h in (1e-5, 2.5e-6))
    scale = 1 + abs(found)
    if abs(wide - narrow) > 1e-6 * scale:
        return False  # a kink, or a branch that changes
    assert abs(found - narrow) <= 1e-5 * scale, (found, wide, narrow)
    return True


def check(case: Case, *, native: bool) -> bool:
    """The laws for one program; whether its gradient could be compared with differences."""
    graph, args = case.graph()
    expected = case.function(*(a.copy() for a in args[:4]))
    close(interpret(graph, *args), expected)
    assert str(parse_graph(str(graph))) == str(graph)
    forms_agree(graph, args, native=native)
    head = total(graph)
    wrt = [i for i, a in enumerate(args) if a.dtype == np.float64]
    rng = np.random.default_rng(1)
    tangents = [rng.uniform(-1, 1, np.shape(args[i])) for i in wrt]

    def moved(h: float) -> list[Any]:
        new = list(args)
        for i, t in zip(wrt, tangents, strict=True):
            new[i] = args[i] + h * t
        return new

    slopes = gradient(head, wrt)
    gradients = forms_agree(slopes, args, native=native)[1:]
    slope = sum(np.sum(g * t) for g, t in zip(gradients, tangents, strict=True))
    compared = is_slope(slope, lambda h: float(interpret(head, *moved(h))[0]))
    forward = forms_agree(pushforward(head, wrt), [*args, *tangents], native=native)
    assert abs(forward[1] - slope) <= 1e-9 * (1 + abs(slope))
    check_curvature(slopes, args, tangents, wrt, moved, native=native)
    check_examples(case, graph, slopes, args, wrt, native=native)
    return compared


def check_curvature(
    slopes: Graph, args: list[Any], tangents: list[Any], wrt: list[int], moved: Any, *, native: bool
) -> None:
    """Tangents of the gradient are its differences."""
    made = forms_agree(pushforward(slopes, wrt), [*args, *tangents], native=native, tolerance=1e-7)
    weights = [np.cos(np.arange(t.size)).reshape(t.shape) for t in tangents]

    def weighted(gradients: Sequence[Any]) -> float:
        return float(sum(np.sum(w * g) for w, g in zip(weights, gradients, strict=True)))

    is_slope(weighted(made[-len(wrt) :]), lambda h: weighted(interpret(slopes, *moved(h))[1:]))


def check_examples(
    case: Case, graph: Graph, slopes: Graph, args: list[Any], wrt: list[int], *, native: bool
) -> None:
    """Over examples, a program and its gradient are those of each; the gradient of all is that of each."""
    marks = [bool(case.seed >> i & 1) for i in range(len(args))]
    marks[0] = marks[0] or not any(marks)
    others = [case.function.arguments(case.size, case.seed + 1000 * j) for j in range(EXAMPLES)]
    each = [
        [(o[i] if i < 4 else a) if m else a for i, (a, m) in enumerate(zip(args, marks, strict=True))]
        for o in others
    ]
    given = [np.stack([e[i] for e in each]) if m else args[i] for i, m in enumerate(marks)]
    over = batch_graph(graph, EXAMPLES, marks, all_outputs=True)[0]
    expected = [np.stack(column) for column in zip(*(interpret(graph, *e) for e in each), strict=True)]
    close(forms_agree(over, given, native=native), expected)
    over_slopes = batch_graph(slopes, EXAMPLES, marks, all_outputs=True)[0]
    gradients = [np.stack(column) for column in zip(*(interpret(slopes, *e) for e in each), strict=True)][1:]
    close(forms_agree(over_slopes, given, native=native)[1:], gradients)
    summed = [g if marks[i] else np.sum(g, axis=0) for i, g in zip(wrt, gradients, strict=True)]
    close(forms_agree(gradient(total(over), wrt), given, native=native)[1:], summed)


def check_f32(case: Case) -> None:
    """Values and gradients of f32 are f32, and machine code gives the interpreter's."""
    graph, args = case.graph()
    expected = interpret(graph, *args)
    assert all(a.dtype in (np.float32, np.int64) for a in expected)
    again = [interpret(graph, *(_wobbled(a, s) for a in args)) for s in range(3)]
    optimised = verify(optimise(graph), "simplified")
    for made in (interpret(optimised, *args), run_native(optimised, *args)):
        for a, e, *others in zip(made, expected, *again, strict=True):
            change = max(np.max(np.abs(o - e), initial=0) for o in others)
            assert a.dtype == e.dtype and np.max(np.abs(a - e), initial=0) <= 2e-5 + 30 * change, (a, e)


def _wobbled(x: Any, seed: int) -> Any:
    if x.dtype.kind != "f":
        return x
    noise = np.random.default_rng(seed).uniform(-1, 1, x.shape)
    return np.asarray(x * (1 + 10 * np.finfo(x.dtype).eps * noise), x.dtype)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_drawn_programs_keep_the_laws(data: Any) -> None:
    size = data.draw(st.integers(1, 4))
    function = random_function(lambda n: data.draw(st.integers(0, n - 1)), data.draw(st.integers(1, 6)))
    check(Case(function, size, data.draw(st.integers(0, 1000)), data.draw(st.booleans())), native=False)


@pytest.mark.parametrize("block", range(2))
def test_machine_code_of_programs_keeps_the_laws(block: int) -> None:
    for seed in range(6 * block, 6 * (block + 1)):
        check(case_number(seed), native=True)


def test_f32_stays_f32() -> None:
    for seed in range(12):
        check_f32(case_number(seed, np.float32))


def test_every_pass_leaves_a_valid_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHC_VERIFY", "1")
    for seed in range(30, 50):
        graph, _ = case_number(seed).graph()
        optimise(gradient(total(graph), [0, 1, 2]))


@pytest.mark.slow
@pytest.mark.parametrize("block", range(40))
def test_thousands_of_programs_keep_the_laws(block: int) -> None:
    compared = sum(
        check(case_number(seed), native=seed % 2 == 0) for seed in range(50 * block, 50 * (block + 1))
    )
    assert compared > 35


@pytest.mark.slow
@pytest.mark.parametrize("block", range(10))
def test_thousands_of_f32_programs_stay_f32(block: int) -> None:
    for seed in range(100 * block, 100 * (block + 1)):
        check_f32(case_number(seed, np.float32))
