"""The verifier accepts what the builder makes and names every defect of what it could not have made."""

import numpy as np
import pytest

from graphc.errors import VerificationError
from graphc.ir.dims import symbol
from graphc.ir.graph import Graph, Node
from graphc.ir.parser import parse_graph
from graphc.ir.types import ArrayType
from graphc.ir.verify import verify
from graphc.ops.cast import Cast
from graphc.ops.leaf import Input
from graphc.ops.reduce import Sum

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)
VECTOR = ArrayType(F64, (3,))


def _input(index=0, type_=VECTOR):
    return Node(Input(index, type_), (), type_)


def test_a_valid_graph_is_returned():
    graph = parse_graph("graph(x: f64[N]):\n  %0: f64 = sum[axes=(0,)] x\n  return %0")
    assert verify(graph) is graph
    assert verify(graph, "simplified") is graph


def test_a_wrong_type_is_reported_with_the_inferred_one():
    x = _input()
    wrong = Node(Sum((0,)), (x,), ArrayType(F32))
    with pytest.raises(
        VerificationError, match=r"sum\[axes=\(0,\)\]\(f64\[3\]\) -> f32: the operands give f64"
    ):
        verify(Graph((x,), (wrong,)))


def test_operands_that_do_not_fit_are_reported():
    x = _input()
    with pytest.raises(VerificationError, match=r"axes \(7,\)"):
        verify(Graph((x,), (Node(Sum((7,)), (x,), ArrayType(F64)),)))


def test_a_cycle_is_reported():
    x = _input()
    a = Node(Cast(F64), (x,), VECTOR)
    b = Node(Cast(F64), (a,), VECTOR)
    object.__setattr__(a, "args", (b,))
    with pytest.raises(VerificationError, match="depends on itself"):
        verify(Graph((x,), (b,)))


def test_misnumbered_inputs_are_reported():
    x = _input(1)
    with pytest.raises(VerificationError, match="input 0 is numbered 1"):
        verify(Graph((x,), (x,)))


def test_an_unlisted_input_is_reported():
    x, y = _input(0), _input(1)
    with pytest.raises(VerificationError, match="not an input of the graph"):
        verify(Graph((x,), (y,)))


def test_a_computation_in_two_nodes_is_reported():
    x = _input()
    twins = tuple(Node(Sum((0,)), (x,), ArrayType(F64)) for _ in range(2))
    with pytest.raises(VerificationError, match="computed twice"):
        verify(Graph((x,), twins))


def test_a_size_that_no_input_has_is_reported():
    x = _input(0, ArrayType(F64, (2 * symbol("N"),)))
    with pytest.raises(VerificationError, match="the size N is not the size of any"):
        verify(Graph((x,), (x,)))


def test_repeated_names_are_reported():
    x, y = _input(0), _input(1)
    with pytest.raises(VerificationError, match="two inputs are called a"):
        verify(Graph((x, y), (x,), ("a", "a")))


def test_an_op_that_does_nothing_is_refused_only_after_the_passes():
    graph = parse_graph("graph(x: f64[3]):\n  %0: f64[3] = cast[dtype=f64] x\n  return %0")
    verify(graph)
    with pytest.raises(VerificationError, match="does nothing"):
        verify(graph, "simplified")
