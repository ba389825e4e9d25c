"""The law of batching: an op over examples is the op on each example, stacked, whatever has examples."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from graphc.batching.batch import batch_graph
from graphc.errors import UnsupportedError
from graphc.ir.dims import Dim, symbol
from graphc.ir.graph import AbstractOp, Builder, Graph, Node
from graphc.ir.interpret import interpret
from graphc.ir.parser import registered_ops
from graphc.ir.rewrite import inline
from graphc.ir.types import ArrayType, TupleType
from graphc.ir.verify import verify
from graphc.ops.base import AbstractElementwise, apply
from graphc.ops.contract import Contract
from graphc.ops.gather import Gather, ScatterAdd, ScatterSet
from graphc.ops.leaf import Input
from graphc.ops.linalg import Cholesky
from graphc.ops.reduce import Max, Sum
from graphc.ops.sort import ArgSort, SearchSorted, Sort
from graphc.ops.stop import StopGradient
from graphc.ops.view import BroadcastTo, Reshape
from graphc.ops.with_gradients import WithGradients
from graphc.passes.erase_markers import erase_markers
from tests.helpers import record
from tests.laws.native_samples import graph_of, operand_types, sample
from tests.laws.test_elementwise import CORNERS, OPS
from tests.laws.test_structural_ops import CASES, Case
from tests.native import Native

RNG = np.random.default_rng(11)
SIZES = (3, 1, 0)
NO_OPERANDS = {"const", "iota", "size", "unset"}
TIES = np.array([[1.0, np.nan, 1.0, -0.0], [0.0, 1.0, -np.inf, 1.0]])
INDICES = np.array([[1, 0], [1, 1]])

MORE = {
    "stop_gradient": Case(StopGradient(), (TIES,)),
    "with_gradients": Case(WithGradients(), (TIES, TIES, 2 * TIES)),
    "sum_over_nothing": Case(Sum(()), (TIES,)),
    "max_of_all": Case(Max((0, 1)), (TIES,)),
    "sort_ties": Case(Sort(1), (TIES,)),
    "argsort_ties": Case(ArgSort(1), (TIES,)),
    "searchsorted_left": Case(SearchSorted(False), (np.array([0.0, 1.0, 1.0, 2.0]), TIES)),
    "searchsorted_batch": Case(SearchSorted(False), (np.sort(TIES), TIES)),
    "broadcast_scalar": Case(BroadcastTo((2, 3)), (np.array(2.0),)),
    "broadcast_none": Case(BroadcastTo((2, 4)), (TIES,)),
    "reshape_to_scalar": Case(Reshape(()), (np.ones((1, 1)),)),
    "contract_shared_matrix": Case(Contract((0, 1), (1, 2), (0, 2)), (RNG.normal(size=(2, 4)), TIES.T)),
    "contract_inner": Case(Contract((0,), (0,), ()), (np.arange(3.0), np.ones(3))),
    "contract_booleans": Case(Contract((0, 1), (1,), (0,)), (TIES > 0, TIES[0] > 0)),
    "gather_scalar": Case(Gather((1,)), (TIES, np.array(3))),
    "gather_last_axis": Case(Gather((1,)), (TIES, INDICES)),
    "scatter_add_scalar": Case(ScatterAdd((0,)), (TIES, np.ones(4), np.array(1))),
    "scatter_add_repeated": Case(ScatterAdd((1,)), (TIES, np.ones((2, 2, 2)), INDICES)),
    "scatter_set_repeated": Case(ScatterSet((1,)), (TIES, RNG.normal(size=(2, 2, 2)), INDICES)),
}
STRUCTURAL = {**{n: c for n, c in CASES.items() if c.op.name not in NO_OPERANDS}, **MORE}


def subsets(count: int) -> list[tuple[bool, ...]]:
    """Every way in which at least one of the operands has examples."""
    return [marks for marks in itertools.product((False, True), repeat=count) if any(marks)]


def examples(case: Case, i: int, size: int) -> np.ndarray:
    """`size` operands in place of operand i, itself first: its elements elsewhere, or multiples of it."""
    x = np.asarray(case.args[i])
    if case.symmetric or (isinstance(case.op, SearchSorted) and i == 0):  # must stay definite, or ascending
        made = [x * (1 + number) for number in range(size)]
    else:
        axes = [axis for axis in range(x.ndim) if x.shape[axis] > 1]
        made = [np.roll(x, number, axes[number % len(axes)]) if axes else x for number in range(size)]
    return np.array(made, x.dtype).reshape(size, *x.shape)


def given(case: Case, marks: Sequence[bool], size: int) -> list[np.ndarray]:
    """The operands, those that are marked with examples along axis 0."""
    return [examples(case, i, size) if mark else np.asarray(case.args[i]) for i, mark in enumerate(marks)]


def example_types(args: Sequence[np.ndarray], marks: Sequence[bool]) -> list[ArrayType]:
    """What one example looks like."""
    return [ArrayType(x.dtype, x.shape[1:] if m else x.shape) for x, m in zip(args, marks, strict=True)]


def one_by_one(
    op: AbstractOp, args: Sequence[np.ndarray], marks: Sequence[bool], size: int
) -> list[np.ndarray]:
    """The op's definition on each example, stacked."""
    inferred = op.infer(*example_types(args, marks))
    types = tuple(inferred) if isinstance(inferred, TupleType) else (inferred,)
    whole = [np.empty((size, *map(int, t.shape)), t.dtype) for t in types]
    with np.errstate(all="ignore"):
        for i in range(size):
            made = op.evaluate(*(x[i] if m else x for x, m in zip(args, marks, strict=True)))
            for y, value in zip(whole, made if isinstance(made, tuple) else (made,), strict=True):
                assert np.asarray(value).dtype == y.dtype
                y[i] = value
    return whole


def batched(op: AbstractOp, args: Sequence[np.ndarray], marks: Sequence[bool], size: Dim) -> Graph:
    """The graph of the op over examples."""
    types = [(t.dtype, t.shape) for t in example_types(args, marks)]
    graph, flags = batch_graph(graph_of(op, *types), size, marks)
    assert all(flags)
    return verify(graph)


def agree(actual: Sequence[Any], expected: Sequence[np.ndarray]) -> None:
    assert len(actual) == len(expected)
    for a, e in zip(actual, expected, strict=True):
        assert (a.dtype, a.shape) == (e.dtype, e.shape)
        if e.dtype.kind == "f":
            eps = np.finfo(e.dtype).eps
            np.testing.assert_allclose(a, e, rtol=1e4 * eps, atol=1e3 * eps)
        else:
            np.testing.assert_array_equal(a, e)


def test_every_op_with_operands_has_a_case() -> None:
    """Ops whose parameters are graphs are tested as functions that make them: control flow and the like."""
    without = {"input", "item", "closed"} | NO_OPERANDS  # closed: with custom_vjp
    others = {
        name
        for name, op in registered_ops().items()
        if not issubclass(op, AbstractElementwise) and not any("Graph" in str(f.type) for f in fields(op))
    }
    assert others - without == {case.op.name for case in STRUCTURAL.values()}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", STRUCTURAL)
def test_an_op_over_examples_is_the_op_on_each(name: str, size: int) -> None:
    case = STRUCTURAL[name]
    for marks in subsets(len(case.args)):
        args = given(case, marks, size)
        expected = one_by_one(case.op, args, marks, size)
        agree(interpret(batched(case.op, args, marks, size), *args), expected)
        agree(interpret(batched(case.op, args, marks, symbol("B")), *args), expected)


@pytest.mark.parametrize("name", OPS)
def test_an_elementwise_op_over_examples_is_the_op_on_each(name: str) -> None:
    op = OPS[name]()
    for types in operand_types(OPS[name]):
        values = [corners(name, i, t) for i, t in enumerate(types)]
        for marks, size in itertools.product(subsets(len(types)), SIZES):
            args = given(Case(op, tuple(values)), marks, size)
            graph = batched(op, args, marks, size)
            for actual, expected in zip(
                interpret(graph, *args), one_by_one(op, args, marks, size), strict=True
            ):
                assert actual.dtype == expected.dtype
                np.testing.assert_array_equal(actual, expected)


def corners(name: str, i: int, dtype: np.dtype) -> np.ndarray:
    """Corner values of a float dtype; for others numbers that the op takes."""
    if dtype.kind == "f":
        with np.errstate(all="ignore"):
            return np.roll(np.array(CORNERS), i).astype(dtype)
    return sample(dtype, len(CORNERS), (0, 3))


# ---- examples of examples


@pytest.mark.parametrize("name", STRUCTURAL)
def test_examples_of_examples(name: str) -> None:
    """Batched twice, an op is the op on each example of each example, whatever has which of the two axes."""
    case = STRUCTURAL[name]
    for inner, outer in itertools.product(subsets(len(case.args)), repeat=2):
        once = given(case, inner, 3)
        args = [
            examples(case, i, 2) if o and not m else np.stack([x, x[::-1]]) if o else x
            for i, (x, m, o) in enumerate(zip(once, inner, outer, strict=True))
        ]
        per_example = batched(case.op, once, inner, 3)
        graph, _ = batch_graph(per_example, symbol("B"), outer)
        rows = [
            one_by_one(case.op, [x[i] if o else x for x, o in zip(args, outer, strict=True)], inner, 3)
            for i in (0, 1)
        ]
        agree(interpret(verify(graph), *args), [np.stack(parts) for parts in zip(*rows, strict=True)])


# ---- machine code


def together(graphs: Sequence[Graph]) -> Graph:
    """All graphs as one, side by side."""
    builder = Builder()
    inputs: list[Node] = []
    outputs: list[Node] = []
    for graph in graphs:
        nodes = [builder.add(Input(len(inputs) + i, n.array_type)) for i, n in enumerate(graph.inputs)]
        inputs += nodes
        outputs += inline(builder, graph, tuple(nodes))
    return Graph(tuple(inputs), tuple(outputs))


# Eigenvectors and singular vectors have a sign of their own: tests/lower compares their products.
UNIQUE = [name for name in STRUCTURAL if name not in ("eigh", "svd")]


@pytest.mark.parametrize("name", UNIQUE)
def test_machine_code_over_any_number_of_examples(name: str) -> None:
    case = STRUCTURAL[name]
    marks = subsets(len(case.args))
    graph = together([batched(case.op, given(case, m, 3), m, symbol("B")) for m in marks])
    program = Native(erase_markers(graph))
    for size in SIZES:
        args = [given(case, m, size) for m in marks]
        expected = [one_by_one(case.op, a, m, size) for a, m in zip(args, marks, strict=True)]
        agree(program(*itertools.chain(*args)), list(itertools.chain(*expected)))


@pytest.mark.parametrize("name", ["eigh", "svd"])
def test_stacks_are_decomposed_by_machine_code(name: str) -> None:
    case = CASES[name]
    (x,) = given(case, (True,), 3)
    graph = batched(case.op, [x], (True,), 3)
    parts = Native(graph)(x)
    if name == "eigh":
        w, v = parts
        product = (v * w[..., None, :]) @ np.swapaxes(v, -1, -2)
    else:
        u, s, vt = parts
        product = (u * s[..., None, :]) @ vt
    np.testing.assert_allclose(product, x, rtol=1e-10, atol=1e-12)


def test_one_example_that_fails_is_an_error() -> None:
    x = np.stack([np.eye(2), -np.eye(2)])
    graph = batched(Cholesky(), [x], (True,), 2)
    for run in (lambda: interpret(graph, x), lambda: Native(graph)(x)):
        with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
            run()
    with pytest.raises(IndexError):
        Native(batched(Gather((0,)), [x, np.array([0, 2])], (True, True), 2))(x, np.array([0, 2]))


# ---- graphs


def test_what_no_example_reaches_is_left_as_it_is() -> None:
    def f(x: Any, w: Any) -> Any:
        scaled = np.exp(w) * 2
        return x * scaled, scaled

    traced = record(f, "f64[3]", "f64[3]").graph
    graph, flags = batch_graph(traced, 5, (True, False))
    assert flags == (True, False)
    assert [str(n.type) for n in graph if n.op.name == "exp"] == ["f64[3]"]
    graph, flags = batch_graph(traced, 5, (True, False), all_outputs=True)
    assert flags == (True, True)
    assert [str(n.type) for n in graph.outputs] == ["f64[5, 3]"] * 2
    graph, flags = batch_graph(traced, 5, (False, False))
    assert flags == (False, False) and str(graph) == str(traced)


class Secret(AbstractOp):
    """An op that does not say what it is over examples."""

    name = "secret"

    def infer(self, *args: ArrayType) -> ArrayType:
        return args[0]

    def evaluate(self, *args: Any) -> Any:
        return args[0]

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        return (g,)


def test_an_op_without_a_rule_is_refused_where_examples_reach_it() -> None:
    traced = record(lambda x, w: x + apply(Secret(), w), "f64[3]", "f64[3]").graph
    graph, _ = batch_graph(traced, 5, (True, False))
    assert str(graph.outputs[0].type) == "f64[5, 3]"
    with pytest.raises(UnsupportedError) as caught:
        batch_graph(traced, 5, (True, True))
    first, place, remedy = str(caught.value).split("\n")
    assert first == "secret has no rule for vmap"
    assert place.startswith("  at test_batching.py:")
    assert remedy == "  Call it outside vmap, on all examples or in a Python loop over them."
