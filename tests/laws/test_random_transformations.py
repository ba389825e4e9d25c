"""Random programs under nested transformations: each derivative is that of what it was taken of.

A chain of transformations makes a graph of a graph of a graph. At every link the new graph is compared with
the interpreter and finite differences of the one before, never with another transformation.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from graphc.autodiff.forward import pushforward
from graphc.autodiff.reverse import gradient, pullback
from graphc.batching.batch import batch_graph
from graphc.batching.jacobian import jacobian_graph
from graphc.ir.graph import Graph
from graphc.ir.interpret import interpret
from graphc.ir.verify import verify
from graphc.passes.pipeline import optimise
from graphc.passes.stabilise import stabilise
from tests.laws.random_programs import Choose, Program, programs, random_program, seeded
from tests.laws.test_random_programs import UNCOMPARED, total

ORDINARY = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
F64 = np.dtype(np.float64)


def floating(graph: Graph) -> list[int]:
    return [i for i, node in enumerate(graph.inputs) if node.array_type.dtype == F64]


def smooth_outputs(graph: Graph) -> list[int]:
    return [i for i, node in enumerate(graph.outputs) if node.array_type.dtype == F64]


def slopes(graph: Graph, arrays: Any, directions: dict[int, Any], h: float) -> list[np.ndarray]:
    ends = []
    for sign in (1, -1):
        moved = [x + sign * h * directions[i] if i in directions else x for i, x in enumerate(arrays)]
        values = interpret(graph, *moved)
        ends.append([values[i] for i in smooth_outputs(graph)])
    return [(a - b) / (2 * h) for a, b in zip(*ends, strict=True)]


def compared(found: list[np.ndarray], graph: Graph, arrays: Any, directions: dict[int, Any]) -> bool:
    """Whether `found`, derivatives of the outputs along `directions`, could be compared, and agree."""
    wide, narrow = (slopes(graph, arrays, directions, h) for h in (1e-5, 2.5e-6))
    for t, a, b in zip(found, wide, narrow, strict=True):
        scale = 1 + np.max(np.abs(t), initial=0)
        if (
            not np.isfinite(a).all()
            or not np.isfinite(b).all()
            or np.max(np.abs(a - b), initial=0) > 1e-5 * scale
        ):
            return False  # a kink, or too steep for differences
        assert np.max(np.abs(t - b), initial=0) <= 1e-4 * scale, (t, b)
    return True


def random_directions(graph: Graph) -> dict[int, Any]:
    rng = np.random.default_rng(1)
    return {i: rng.uniform(-1, 1, graph.inputs[i].array_type.shape) for i in floating(graph)}


def check_forward(program: Program) -> bool:
    """Tangents are slopes, and the adjoint of cotangents; simplification changes neither."""
    graph, wrt = stabilise(program.graph), floating(program.graph)
    seeded_outputs = smooth_outputs(graph)
    if not seeded_outputs or any(node.op.name in UNCOMPARED for node in graph):
        return False
    directions = random_directions(graph)
    forward = optimise(pushforward(graph, wrt))
    verify(forward, "simplified")
    values = interpret(forward, *program.inputs, *(directions[i] for i in wrt))
    tangents = list(values[len(graph.outputs) :])
    if not all(np.isfinite(t).all() for t in tangents):
        return False
    rng = np.random.default_rng(2)
    cotangents = [rng.normal(size=graph.outputs[i].array_type.shape) for i in seeded_outputs]
    reverse = optimise(pullback(graph, wrt, seeded_outputs))
    pulled = interpret(reverse, *program.inputs, *cotangents)[len(graph.outputs) :]
    by_forward = [np.sum(g * t) for g, t in zip(cotangents, tangents, strict=True)]
    by_reverse = [np.sum(g * directions[i]) for i, g in zip(wrt, pulled, strict=True)]
    if np.isfinite(by_reverse).all():
        parts = [
            *(np.abs(g * t).sum() for g, t in zip(cotangents, tangents, strict=True)),
            np.abs(by_reverse).sum(),
        ]
        assert abs(sum(by_forward) - sum(by_reverse)) <= 1e-8 * (1 + sum(parts))
    return compared(tangents, graph, program.inputs, directions)


def transformed(choose: Choose, program: Program) -> Program | None:
    """The program under one more transformation, compared with what it means; None if it cannot be."""
    graph, arrays = program.graph, program.inputs
    wrt, outputs = floating(graph), smooth_outputs(graph)
    if not wrt or not outputs:
        return None
    match ("tangent", "gradient", "examples", "columns", "rows")[choose(5)]:
        case "tangent":
            directions = random_directions(graph)
            derived = pushforward(graph, wrt)
            new = Program(
                Graph(derived.inputs, derived.outputs[len(graph.outputs) :]),
                (*arrays, *(directions[i] for i in wrt)),
            )
            return (
                new if compared(list(interpret(new.graph, *new.inputs)), graph, arrays, directions) else None
            )
        case "gradient":
            head = total(graph)
            derived = gradient(head, wrt)
            new = Program(Graph(derived.inputs, derived.outputs[1:]), arrays)
            directions = random_directions(graph)
            found = interpret(new.graph, *arrays)
            slope = sum(np.sum(g * directions[i]) for i, g in zip(wrt, found, strict=True))
            return new if compared([np.asarray(slope)], head, arrays, directions) else None
        case "examples":
            batched = [node.array_type.dtype == F64 and bool(choose(2)) for node in graph.inputs]
            over, _ = batch_graph(graph, 2, batched, all_outputs=True)
            stacked = tuple(np.stack([x, 0.9 * x]) if b else x for x, b in zip(arrays, batched, strict=True))
            made = interpret(over, *stacked)
            for k in range(2):
                one = interpret(graph, *(x[k] if b else x for x, b in zip(stacked, batched, strict=True)))
                for a, b in zip(made, one, strict=True):
                    np.testing.assert_allclose(a[k], b, rtol=1e-9, atol=1e-9)
            return Program(over, stacked)
        case mode:
            i = wrt[choose(len(wrt))]
            head = Graph(graph.inputs, tuple(graph.outputs[k] for k in outputs[:2]))
            if graph.inputs[i].array_type.size > 30 or sum(n.array_type.size for n in head.outputs) > 30:
                return None
            derived = jacobian_graph(
                head, [i], "forward" if mode == "columns" else "reverse", len(head.outputs)
            )
            new = Program(Graph(derived.inputs, derived.outputs[len(head.outputs) :]), arrays)
            direction = random_directions(graph)[i]
            blocks = interpret(new.graph, *arrays)
            along = [np.tensordot(b, direction, axes=direction.ndim) for b in blocks]
            return new if compared(along, head, arrays, {i: direction}) else None


def check_chain(choose: Choose, program: Program, links: int) -> int:
    """How many links could be compared."""
    if any(node.op.name in UNCOMPARED for node in program.graph):
        return 0
    program = Program(stabilise(program.graph), program.inputs)
    for link in range(links):
        values = interpret(program.graph, *program.inputs)
        if not all(
            np.isfinite(v).all() and np.max(np.abs(v), initial=0) < 1e3 for v in values if v.dtype == F64
        ):
            return link
        new = transformed(choose, program)
        if new is None:
            return link
        verify(new.graph)
        program = new
    return links


@ORDINARY
@given(programs(largest=25, dtypes=(np.float64,)))
def test_tangents_are_slopes_and_the_adjoint_of_cotangents(program):
    assume(check_forward(program))


@ORDINARY
@given(programs(largest=12, dtypes=(np.float64,)), st.data())
def test_nested_transformations_mean_what_they_say(program, data):
    assume(check_chain(lambda n: data.draw(st.integers(0, n - 1)), program, 3))


@pytest.mark.slow
@pytest.mark.parametrize("block", range(10))
def test_tangents_of_thousands_of_programs(block):
    done = sum(
        check_forward(random_program(seeded(seed), 5 + seed % 30))
        for seed in range(100 * block, 100 * (block + 1))
    )
    assert done > 40


@pytest.mark.slow
@pytest.mark.parametrize("block", range(10))
def test_hundreds_of_chains_of_transformations(block):
    done = [
        check_chain(seeded(10_000 + seed), random_program(seeded(seed), 4 + seed % 10), 3)
        for seed in range(30 * block, 30 * (block + 1))
    ]
    assert sum(done) > 20 and max(done) == 3
