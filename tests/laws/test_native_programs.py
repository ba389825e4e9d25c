"""Random programs and their gradients as machine code give what the interpreter gives."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.autodiff.reverse import gradient
from graphc.ir.graph import Builder, Graph, Node
from graphc.ir.interpret import interpret
from graphc.ops.base import AbstractElementwise
from graphc.ops.contract import Contract
from graphc.ops.gather import ScatterAdd
from graphc.ops.reduce import Prod, Sum
from graphc.passes.pipeline import optimise
from tests.laws.random_ops import EXACT, JUMPS
from tests.laws.random_programs import Program, random_program, seeded
from tests.native import Native

BLOCK = 10  # programs per test: a failure names few


def program_number(seed: int) -> Program:
    return random_program(seeded(seed), size=10 + seed % 30, dtype=np.float32 if seed % 2 else np.float64)


def assert_runs(graph: Graph, inputs: tuple[np.ndarray, ...], vector_bytes: int = 64) -> None:
    """Machine code gives the interpreter's results, to the rounding that the program is sensitive to."""
    assert_results(graph, inputs, Native(graph, vector_bytes)(*inputs))


def assert_results(graph: Graph, inputs: tuple[np.ndarray, ...], results: tuple[np.ndarray, ...]) -> None:
    """`results` are the interpreter's, to the rounding that the program is sensitive to.

    That is what random errors of each operation do to them (Vignes 1978).
    """
    expected = interpret(graph, *inputs)
    disturbed = [_disturbed(graph, inputs, seed) for seed in range(3)]
    floats = [n.array_type.dtype for n in graph if n.array_type.dtype.kind == "f"]
    for i, (actual, value) in enumerate(zip(results, expected, strict=True)):
        assert (actual.dtype, actual.shape) == (value.dtype, value.shape)
        if value.dtype.kind != "f":
            np.testing.assert_array_equal(actual, value)
            continue
        wide = np.asarray(value, np.float64)
        with np.errstate(all="ignore"):
            change = np.max([np.abs(np.asarray(d[i], np.float64) - wide) for d in disturbed], axis=0)
            allowed = 1e3 * max(np.finfo(t).eps for t in floats) * (1 + np.abs(wide)) + 30 * change
            wrong = np.abs(np.asarray(actual, np.float64) - wide) > allowed
        assert not (wrong & np.isfinite(wide) & np.isfinite(change)).any(), f"output {i} of\n{graph}"


def _disturbed(graph: Graph, inputs: tuple[np.ndarray, ...], seed: int) -> list[np.ndarray]:
    """The outputs if every operation that rounds were wrong by some units in the last place."""
    random = np.random.default_rng(seed)
    true: dict[Node, np.ndarray] = dict(zip(graph.inputs, inputs, strict=True))
    values = dict(true)
    with np.errstate(all="ignore"):
        for node in graph:
            if node in values:
                continue
            true[node] = np.asarray(node.op.evaluate(*(true[a] for a in node.args)))
            if true[node].dtype.kind != "f":
                values[node] = true[node]  # integers are meant to be free of rounding
                continue
            value = np.asarray(node.op.evaluate(*(values[a] for a in node.args)))
            if rounds(node):
                wobble = random.uniform(-16, 16, value.shape) * np.finfo(value.dtype).eps
                value = np.asarray(value * (1 + wobble), value.dtype)
            values[node] = value
    return [values[n] for n in graph.outputs]


def rounds(node: Node) -> bool:
    """Whether another order of operations may change the result: jumps are fed exact operands only."""
    if isinstance(node.op, AbstractElementwise):
        return node.op.name not in JUMPS | EXACT and node.op.differentiable
    return isinstance(node.op, Sum | Prod | Contract | ScatterAdd)


def run_block(first: int) -> None:
    for seed in range(first, first + BLOCK):
        program = program_number(seed)
        try:
            assert_runs(program.graph, program.inputs, 32 if seed % 3 == 0 else 64)
        except Exception as error:
            error.add_note(f"program_number({seed})")
            raise


def run_gradient(seed: int) -> None:
    found = gradient_program(seed)
    if found is not None:
        assert_runs(found.graph, found.inputs)


def gradient_program(seed: int) -> Program | None:
    """The gradient of the sum of a random program's first output, simplified; None if that is no float."""
    program = random_program(
        seeded(seed), size=12, dtype=np.float32 if seed % 2 else np.float64, only_floats=True
    )
    output = program.graph.outputs[0]
    if output.array_type.dtype.kind != "f":
        return None
    total = Builder().add(Sum(tuple(range(output.array_type.ndim))), output)
    graph = optimise(gradient(Graph(program.graph.inputs, (total,)), range(len(program.inputs))))
    return Program(graph, program.inputs)


@pytest.mark.parametrize("first", range(0, 100, BLOCK))
def test_random_programs_run_as_machine_code(first: int) -> None:
    run_block(first)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(1000, 4000, BLOCK))
def test_many_random_programs_run_as_machine_code(first: int) -> None:
    run_block(first)


def test_gradients_of_random_programs_run_as_machine_code() -> None:
    for seed in range(30):
        run_gradient(seed)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(1000, 3000, 100))
def test_gradients_of_many_random_programs_run_as_machine_code(first: int) -> None:
    for seed in range(first, first + 100):
        run_gradient(seed)
