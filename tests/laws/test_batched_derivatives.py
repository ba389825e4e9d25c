"""Batching and differentiating commute: gradients of all examples at once are the gradients of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graphc.autodiff.reverse import gradient, pullback
from graphc.batching.batch import batch_graph
from graphc.ir.dims import symbol
from graphc.ir.graph import Graph
from graphc.ir.interpret import interpret
from graphc.ir.verify import verify
from graphc.passes.pipeline import optimise
from tests.laws.native_samples import graph_of
from tests.laws.random_programs import Program, programs, random_program, seeded
from tests.laws.test_batching import STRUCTURAL, agree, example_types, subsets
from tests.laws.test_batching import given as operands_over_examples
from tests.laws.test_elementwise import OPS, SMOOTH, operands
from tests.laws.test_native_programs import assert_runs, program_number
from tests.laws.test_random_programs import assert_same_values, check_gradient, total
from tests.laws.test_structural_ops import Case, floating, results, smooth

SIZE = 3
ELEMENTWISE = {name: Case(OPS[name](), tuple(operands(OPS[name]))) for name in SMOOTH}
CASES = {**{n: c for n, c in STRUCTURAL.items() if smooth(c)}, **ELEMENTWISE}
# Their gradients at tied values, infinities and NaN are tested where they are defined.
CASES = {n: c for n, c in CASES.items() if all(np.isfinite(a).all() for a in c.args)}


def seeds_of(case: Case, size: int) -> list[np.ndarray]:
    """Random cotangents of the floating results of `size` examples; zeros for the others."""
    rng = np.random.default_rng(3)
    shapes = [np.shape(v) for v in results(case.op.evaluate(*case.args)) if v.dtype.kind == "f"]
    return [rng.normal(size=(size, *shape)) for shape in shapes]


def one_pullback(case: Case, args: Sequence[Any], seeds: Sequence[Any]) -> list[np.ndarray]:
    """Gradients of the floating operands of one example, by the op's rule on arrays."""
    y = case.op.evaluate(*args)
    supply = iter(seeds)
    g = [next(supply) if v.dtype.kind == "f" else np.zeros_like(v) for v in results(y)]
    with np.errstate(all="ignore"):
        found = case.op.vjp(tuple(g) if isinstance(y, tuple) else g[0], y, *args)
    return [np.zeros(args[i].shape) if found[i] is None else found[i] for i in floating(case)]


def each_pullback(case: Case, args: Sequence[Any], marks: Sequence[bool], seeds: Sequence[Any]) -> list[Any]:
    """The same for every example, stacked."""
    rows = [
        one_pullback(
            case, [x[i] if m else x for x, m in zip(args, marks, strict=True)], [s[i] for s in seeds]
        )
        for i in range(SIZE)
    ]
    return [np.stack(parts) for parts in zip(*rows, strict=True)]


def prepared(name: str, marks: Sequence[bool]) -> tuple[Case, list[np.ndarray], Graph, list[int]]:
    """The case, operands over examples, the graph of one example, and which results are floating."""
    case = CASES[name]
    args = operands_over_examples(case, marks, SIZE)
    graph = graph_of(case.op, *((t.dtype, t.shape) for t in example_types(args, marks)))
    return case, args, graph, [i for i, n in enumerate(graph.outputs) if n.array_type.dtype.kind == "f"]


@pytest.mark.parametrize("name", CASES)
def test_batched_pullbacks_are_the_pullbacks_of_each_example(name: str) -> None:
    """vmap of vjp: every example has its own gradient of every operand, shared ones too."""
    for marks in subsets(len(CASES[name].args)):
        case, args, graph, seeded = prepared(name, marks)
        seeds = seeds_of(case, SIZE)
        pulled = pullback(graph, floating(case), seeded)
        flags = (*marks, *[True] * len(seeds))
        over, _ = batch_graph(pulled, symbol("B"), flags, all_outputs=True)
        found = interpret(verify(over), *args, *seeds)[len(graph.outputs) :]
        agree(found, each_pullback(case, args, marks, seeds))


@pytest.mark.parametrize("name", CASES)
def test_pullbacks_of_batched_ops_add_up_what_examples_share(name: str) -> None:
    """vjp of vmap: operands with examples get the gradient of each, shared operands the sum."""
    for marks in subsets(len(CASES[name].args)):
        case, args, graph, seeded = prepared(name, marks)
        seeds = seeds_of(case, SIZE)
        over, _ = batch_graph(graph, symbol("B"), marks)
        found = interpret(verify(pullback(over, floating(case), seeded)), *args, *seeds)[len(graph.outputs) :]
        each = each_pullback(case, args, marks, seeds)
        agree(found, [g if marks[i] else g.sum(0) for i, g in zip(floating(case), each, strict=True)])


@pytest.mark.parametrize("name", CASES)
def test_gradients_of_batched_ops_are_those_of_finite_differences(name: str) -> None:
    for marks in subsets(len(CASES[name].args)):
        case, args, graph, seeded = prepared(name, marks)
        seeds = seeds_of(case, SIZE)
        over, _ = batch_graph(graph, SIZE, marks)
        gradients = interpret(pullback(over, floating(case), seeded), *args, *seeds)[len(graph.outputs) :]
        for i, g in zip(floating(case), gradients, strict=True):
            d = np.random.default_rng(i).normal(size=args[i].shape)
            d = d + np.swapaxes(d, -1, -2) if case.symmetric else d
            ahead, behind = (moved_sum(over, args, i, step * d, seeded, seeds) for step in (1e-6, -1e-6))
            np.testing.assert_allclose(np.sum(g * d), (ahead - behind) / 2e-6, rtol=2e-5, atol=2e-6)


def moved_sum(
    graph: Graph, args: Sequence[Any], i: int, by: Any, seeded: Sequence[int], seeds: Sequence[Any]
) -> float:
    """The results weighted by the seeds, operand i being moved."""
    moved = [x + by if j == i else x for j, x in enumerate(args)]
    values = interpret(graph, *moved)
    return sum(float(np.sum(s * values[j])) for j, s in zip(seeded, seeds, strict=True))


# ---- random programs


def over_examples(program: Program, marks: Sequence[bool]) -> tuple[Graph, Program]:
    """The program over four examples, and that with inputs that differ slightly between them."""
    random = np.random.default_rng(5)
    inputs = []
    for x, mark in zip(program.inputs, marks, strict=True):
        copies = np.stack([x] * 4)
        if mark and x.dtype.kind == "f":
            copies[1:] *= random.uniform(0.9, 1.1, copies[1:].shape).astype(x.dtype)
        inputs.append(copies if mark else x)
    graph, flags = batch_graph(program.graph, 4, marks, all_outputs=True)
    assert all(flags)
    return graph, Program(graph, tuple(inputs))


def marks_of(program: Program, bits: int) -> tuple[bool, ...]:
    """Which inputs have examples: at least one."""
    choices = subsets(len(program.inputs))
    return choices[bits % len(choices)]


def check_each(program: Program, marks: Sequence[bool]) -> None:
    """Over examples, the program gives what it gives for each, both as written and optimised."""
    graph, many = over_examples(program, marks)
    # The passes may change a rounding that the program magnifies: they do so on both sides.
    for whole, single in ((verify(graph), program.graph), (optimise(graph), optimise(program.graph))):
        found = interpret(whole, *many.inputs)
        for i in range(4):
            one = Program(single, tuple(x[i] if m else x for x, m in zip(many.inputs, marks, strict=True)))
            if all(np.isfinite(y).all() for y in interpret(single, *one.inputs)):
                assert_same_values([y[i] for y in found], one)


ORDINARY = settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@ORDINARY
@given(programs(), st.integers(0, 63))
def test_a_program_over_examples_is_the_program_on_each(program, bits):
    check_each(program, marks_of(program, bits))


@ORDINARY
@given(programs(largest=20, dtypes=(np.float64,)), st.integers(0, 63))
def test_the_gradient_of_a_program_over_examples_is_a_derivative(program, bits):
    _, many = over_examples(program, marks_of(program, bits))
    check_gradient(many)


@ORDINARY
@given(programs(largest=20, dtypes=(np.float64,)), st.integers(0, 63))
def test_gradients_of_each_example_are_those_of_the_program_alone(program, bits):
    floats = [i for i, x in enumerate(program.inputs) if x.dtype == np.float64]
    if not any(n.array_type.dtype == np.float64 for n in program.graph.outputs):
        return
    alone = gradient(total(program.graph), floats)
    check_each(Program(alone, program.inputs), marks_of(program, bits))


@pytest.mark.slow
@pytest.mark.parametrize("block", range(20))
def test_thousands_of_programs_over_examples_are_the_program_on_each(block: int) -> None:
    for seed in range(100 * block, 100 * (block + 1)):
        program = random_program(seeded(seed), 5 + seed % 45, (np.float32, np.float64)[seed % 2])
        check_each(program, marks_of(program, seed))


@pytest.mark.parametrize("block", range(3))
def test_machine_code_of_programs_over_examples(block: int) -> None:
    for seed in range(5 * block, 5 * block + 5):
        program = program_number(seed)
        graph, many = over_examples(program, marks_of(program, seed))
        assert_runs(optimise(graph), many.inputs)


@pytest.mark.parametrize("seed", range(12))
def test_programs_over_examples_of_examples(seed: int) -> None:
    program = program_number(seed)
    marks = marks_of(program, seed)
    once, many = over_examples(program, marks)
    turned = Program(once, tuple(x[::-1] if m else x for x, m in zip(many.inputs, marks, strict=True)))
    twice, _ = batch_graph(once, 2, marks, all_outputs=True)
    both = zip(many.inputs, turned.inputs, marks, strict=True)
    found = interpret(verify(twice), *(np.stack([x, y]) if m else x for x, y, m in both))
    if all(np.isfinite(y).all() for y in interpret(once, *many.inputs)):
        for i, one in enumerate((many, turned)):
            assert_same_values([y[i] for y in found], one)
