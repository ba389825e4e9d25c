"""The pipeline: order, record, verification, regions and speed."""

from __future__ import annotations

import time
from typing import Any, ClassVar

import numpy as np
import pytest

from graphc.dataclass import dataclass
from graphc.errors import VerificationError
from graphc.ir.graph import AbstractOp, Builder, Graph, Node
from graphc.ir.parser import parse_graph
from graphc.ir.types import ArrayType
from graphc.ops.leaf import Input
from graphc.passes import pipeline
from graphc.passes.fold_constants import LARGEST_RESULT, fold_constants
from graphc.passes.pipeline import optimise, run
from graphc.passes.simplify import simplify
from tests.helpers import record

TEXT = "graph(x: f64[3]):\n  %0: f64[3] = negative x\n  %1: f64[3] = negative %0\n  return %1"


def test_steps_tell_what_each_pass_made_and_how_long_it_took():
    graph, steps = run(parse_graph(TEXT))
    assert [s.name for s in steps] == [
        "inline_calls",
        "stabilise",
        "erase_markers",
        "canonicalise",
        "simplify",
    ]
    assert str(steps[1]).startswith("# produced by stabilise in ")
    assert str(graph) == "graph(x: f64[3]):\n  return x"


def test_the_pipeline_stops_where_it_is_told_to():
    _, steps = run(parse_graph(TEXT), until="stabilise")
    assert [s.name for s in steps] == ["inline_calls", "stabilise"]


def test_a_pass_that_breaks_the_graph_is_named(monkeypatch):
    def breaking(graph: Graph) -> Graph:
        return Graph(graph.inputs, (Node(graph.outputs[0].op, graph.inputs, ArrayType(np.dtype(np.int8))),))

    monkeypatch.setenv("GRAPHC_VERIFY", "1")
    monkeypatch.setattr(pipeline, "stabilise", breaking)
    with pytest.raises(VerificationError, match="after breaking: the traced graph is not valid"):
        run(parse_graph("graph(x: f64):\n  %0: f64 = negative x\n  return %0"))


def test_a_graph_in_normal_form_is_returned_itself():
    graph = parse_graph("graph(x: f64[3]):\n  %0: f64[3] = exp x\n  return %0")
    assert simplify(graph) is graph


def test_inputs_and_names_survive():
    graph = optimise(parse_graph("graph(unused: f64, x: f64[3]):\n  return x"))
    assert graph.names == ("unused", "x") and len(graph.inputs) == 2


@dataclass(frozen=True)
class Calling(AbstractOp):
    """Applies a graph: stands for the ops with regions."""

    body: Graph
    name: ClassVar[str] = "calling"

    def infer(self, *args: ArrayType) -> ArrayType:
        return self.body.outputs[0].array_type

    def evaluate(self, *args: Any) -> Any:
        raise NotImplementedError

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        raise NotImplementedError


def test_regions_are_simplified_too():
    builder = Builder()
    x = builder.add(Input(0, ArrayType(np.dtype(np.float64), (3,))))
    graph = optimise(Graph((x,), (builder.add(Calling(parse_graph(TEXT)), x),)))
    assert str(graph.outputs[0].op.body) == "graph(x: f64[3]):\n  return x"


def test_folding_stops_at_large_results():
    n = LARGEST_RESULT + 1
    builder = Builder()
    from graphc.ops.leaf import Const
    from graphc.ops.view import Reshape

    big = builder.add(Const.of(np.arange(n)))
    graph = Graph((), (builder.add(Reshape((n, 1)), big),))
    assert fold_constants(graph) is graph


def _network(layers):
    def loss(x, *weights):
        for w, b in zip(weights[::2], weights[1::2], strict=True):
            x = np.tanh(x @ w + b)
            x = (x - np.mean(x, axis=1, keepdims=True)) / np.sqrt(np.var(x, axis=1, keepdims=True) + 1e-5)
        return np.mean(x**2)

    return record(loss, "f32[N, 8]", *["f32[8, 8]", "f32[8]"] * layers).graph


def test_two_thousand_nodes_take_a_fraction_of_a_second(monkeypatch):
    from graphc.autodiff.reverse import gradient

    monkeypatch.delenv("GRAPHC_VERIFY", raising=False)
    graph = gradient(_network(45), list(range(91)))
    assert len(list(graph)) > 2000
    times = []
    for _ in range(5):
        start = time.process_time()
        run(graph)
        times.append(time.process_time() - start)
    assert min(times) < 0.5  # 0.1 s on a quiet machine
