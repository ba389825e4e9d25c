"""Laws on random programs: passes keep the meaning, gradients are derivatives, text reads back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings

from graphc.autodiff.reverse import gradient
from graphc.ir.graph import Builder, Graph
from graphc.ir.interpret import interpret
from graphc.ir.parser import parse_graph
from graphc.ir.rewrite import inline
from graphc.ir.verify import verify
from graphc.ops.reduce import Sum
from graphc.passes.pipeline import optimise
from graphc.passes.stabilise import stabilise
from tests.laws.random_programs import Program, programs, random_program, seeded

ORDINARY = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def assert_same_meaning(graph: Graph, program: Program) -> None:
    """`graph` gives what `program` gives, to the rounding that its own operations are sensitive to.

    The allowance is that of perturbed inputs: what a relative change of 1000 ulp does to the result.
    """
    assert_same_values(interpret(graph, *program.inputs), program)


def assert_same_values(actual: Sequence[np.ndarray], program: Program) -> None:
    """`actual` are the results of `program`, to the same allowance."""
    expected = interpret(program.graph, *program.inputs)
    moved = interpret(program.graph, *(_perturbed(x) for x in program.inputs))
    for a, b, c in zip(expected, actual, moved, strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        if a.dtype.kind != "f":
            assert np.array_equal(a, b)
            continue
        eps = max(np.finfo(x.dtype).eps for x in (a, *program.inputs) if x.dtype.kind == "f")
        wide = [np.asarray(x, np.float64) for x in (a, b, c)]
        allowed = 1e4 * eps * (1 + np.abs(wide[0])) + 10 * np.abs(wide[2] - wide[0])
        assert np.all(np.abs(wide[0] - wide[1]) <= allowed), (a, b)


def _perturbed(x: np.ndarray) -> np.ndarray:
    if x.dtype.kind != "f":
        return x
    wobble = np.random.default_rng(0).uniform(-1, 1, x.shape) * 1e3 * np.finfo(x.dtype).eps
    return np.asarray(x * (1 + wobble), x.dtype)


@ORDINARY
@given(programs())
def test_passes_keep_the_meaning(program):
    graph = optimise(program.graph)
    verify(graph, "simplified")
    assert_same_meaning(graph, program)


@ORDINARY
@given(programs())
def test_without_stable_rewrites_passes_keep_the_meaning(program):
    graph = optimise(program.graph, stable=False)
    verify(graph, "simplified")
    assert_same_meaning(graph, program)


@ORDINARY
@given(programs())
def test_passing_twice_changes_nothing_more(program):
    once = optimise(program.graph)
    assert str(optimise(once)) == str(once)


@ORDINARY
@given(programs())
def test_programs_read_back_as_printed(program):
    text = str(program.graph)
    back = parse_graph(text)
    assert str(back) == text
    for a, b in zip(interpret(program.graph, *program.inputs), interpret(back, *program.inputs), strict=True):
        assert a.tobytes() == b.tobytes()


def total(graph: Graph) -> Graph:
    """The sum of all floating outputs."""
    from graphc.ops.elementwise.arithmetic import Add

    builder = Builder.containing(graph)
    parts = [
        builder.add(Sum(tuple(range(n.array_type.ndim))), n)
        for n in inline(builder, graph, graph.inputs)
        if n.array_type.dtype == np.float64
    ]
    result = parts[0]
    for part in parts[1:]:
        result = builder.add(Add(), result, part)
    return Graph(graph.inputs, (result,))


# nextafter counts as a step function, of slope 0.
UNCOMPARED = frozenset(["nextafter"])


def check_gradient(program: Program) -> bool:
    """Whether the gradient along a random direction could be compared (False at kinks) and agrees."""
    floats = [i for i, x in enumerate(program.inputs) if x.dtype == np.float64]
    if any(node.op.name in UNCOMPARED for node in program.graph):
        return False
    if not any(n.array_type.dtype == np.float64 for n in program.graph.outputs):
        return False
    graph = total(program.graph)
    derivative = optimise(gradient(stabilise(graph), floats))
    verify(derivative, "simplified")
    _, *gradients = interpret(derivative, *program.inputs)
    random = np.random.default_rng(1)
    direction = {i: random.uniform(-1, 1, program.inputs[i].shape) for i in floats}
    slope = sum(np.sum(g * direction[i]) for i, g in zip(floats, gradients, strict=True))
    differences = [_difference(graph, program, direction, h) for h in (1e-5, 2.5e-6)]
    scale = 1 + abs(slope) + sum(np.abs(g).sum() for g in gradients)
    if not np.isfinite(differences).all() or abs(differences[0] - differences[1]) > 1e-5 * scale:
        return False
    assert abs(slope - differences[1]) <= 1e-4 * scale, (slope, differences)
    return True


def _difference(graph: Graph, program: Program, direction: dict[int, np.ndarray], h: float) -> float:
    ends = []
    for sign in (1, -1):
        moved = [x + sign * h * direction[i] if i in direction else x for i, x in enumerate(program.inputs)]
        ends.append(float(interpret(graph, *moved)[0]))
    return (ends[0] - ends[1]) / (2 * h)


@ORDINARY
@given(programs(largest=25, dtypes=(np.float64,)))
def test_gradients_are_derivatives(program):
    assume(check_gradient(program))


@pytest.mark.slow
@pytest.mark.parametrize("block", range(20))
def test_passes_keep_the_meaning_of_thousands_of_programs(block):
    for seed in range(250 * block, 250 * (block + 1)):
        program = random_program(seeded(seed), 5 + seed % 55, (np.float32, np.float64)[seed % 2])
        graph = optimise(program.graph)
        verify(graph, "simplified")
        assert_same_meaning(graph, program)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(20))
def test_gradients_of_thousands_of_programs_are_derivatives(block):
    compared = sum(
        check_gradient(random_program(seeded(seed), 5 + seed % 30))
        for seed in range(100 * block, 100 * (block + 1))
    )
    assert compared > 50
