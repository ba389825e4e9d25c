"""The graph of every op, and of its gradient, reads back as it was printed."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.autodiff.reverse import gradient
from graphc.ir.graph import AbstractOp, Builder, Graph
from graphc.ir.interpret import interpret
from graphc.ir.parser import parse_graph, registered_ops
from graphc.ir.types import ArrayType
from graphc.ops.base import AbstractElementwise
from graphc.ops.leaf import Input
from graphc.ops.reduce import Sum
from tests.laws.native_samples import accepts, graph_of
from tests.laws.test_structural_ops import CASES

ELEMENTWISE = [n for n, op in registered_ops().items() if issubclass(op, AbstractElementwise)]
F64, I32, BOOL = np.dtype(np.float64), np.dtype(np.int32), np.dtype(np.bool_)


def reads_back(graph: Graph) -> None:
    text = str(graph)
    assert str(parse_graph(text)) == text


def with_gradient(op: AbstractOp, *inputs: tuple[np.dtype, tuple[int, ...]]) -> list[Graph]:
    """The graph of the op, and of the gradient of the sum of its first result if that is real."""
    graph = graph_of(op, *inputs)
    builder = Builder()
    nodes = tuple(builder.add(Input(i, ArrayType(t, shape))) for i, (t, shape) in enumerate(inputs))
    result = builder.add(op, *nodes)
    refused = op.gradients or () if isinstance(op, AbstractElementwise) else ()
    real = [i for i, (t, _) in enumerate(inputs) if t == F64 and "unknown" not in refused[i : i + 1]]
    if not real or len(graph.outputs) > 1 or result.array_type.dtype != F64:
        return [graph]
    total = builder.add(Sum(tuple(range(result.array_type.ndim))), result)
    return [graph, gradient(Graph(nodes, (total,)), real)]


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise_ops_read_back(name: str) -> None:
    op = registered_ops()[name]
    assert issubclass(op, AbstractElementwise)
    equal = [(t,) * op.arity for t in (F64, I32, BOOL)]
    for types in [*equal, (BOOL, F64, F64), (F64, I32)]:
        if len(types) == op.arity and accepts(op, types):
            for graph in with_gradient(op(), *((t, (3,)) for t in types)):
                reads_back(graph)


@pytest.mark.parametrize("name", CASES)
def test_structural_ops_read_back_and_mean_the_same(name: str) -> None:
    case = CASES[name]
    arrays = [np.asarray(a) for a in case.args]
    for graph in with_gradient(case.op, *((a.dtype, a.shape) for a in arrays)):
        reads_back(graph)
    graph = graph_of(case.op, *((a.dtype, a.shape) for a in arrays))
    back = parse_graph(str(graph))
    for one, other in zip(interpret(graph, *arrays), interpret(back, *arrays), strict=True):
        assert one.tobytes() == other.tobytes()
