"""Jacobians as graphs: the derivative along every basis vector, in one program that runs the function once.

Few basis vectors of small programs are pushed one by one: what is computed then stays in registers, and the
basis vectors are known numbers whose zeros remove what they meet. Otherwise one program takes all of them
as a batch, so that the Jacobian of a layer is a product of matrices.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np

from graphc.autodiff.forward import propagate, pushforward
from graphc.autodiff.reverse import arriving, pullback, zeros
from graphc.batching.apart import numbers_of, pays
from graphc.batching.basis import products_of_basis, split_products
from graphc.batching.batch import batch_graph
from graphc.batching.entries import assembled
from graphc.ir.dims import Dim
from graphc.ir.graph import Graph, Node
from graphc.ir.rewrite import inline
from graphc.ir.types import ArrayType
from graphc.ops.base import AbstractLinear
from graphc.trace.context import Trace, tracing
from graphc.trace.function import call_graph
from graphc.trace.tracer import Tracer, lift
from graphc.trace.ufuncs import broadcast_to, cast

Mode: TypeAlias = Literal["forward", "reverse"]

FEW = 8  # basis vectors that are pushed one by one …
SMALL = 16  # … if no array of the program has more elements than this,
SCALARS = 32  # and this many if the program computes with numbers only


def jacobian_graph(
    graph: Graph, wrt: Sequence[int], mode: Mode, count: int, *, symmetric: bool = False
) -> Graph:
    """The graph inputs -> (outputs…, blocks…): ∂output/∂input for the first `count` outputs and inputs `wrt`.

    A block has the output's axes, then the input's, and the dtype of the input. All blocks of one output come
    before those of the next. `symmetric` says that the outputs are the gradients of a number: output k by
    input wrt[k] is then a symmetric block, taken as it comes, without a transposition.
    """
    with tracing(closed=True) as trace:
        inputs = tuple(trace.new_input(node.array_type) for node in graph.inputs)
        outputs = inline(trace.builder, graph, inputs)
        head = Graph(graph.inputs, graph.outputs[:count])
        if mode == "forward":
            blocks = _forward(trace, head, inputs, outputs[:count], wrt, symmetric)
        else:
            blocks = _reverse(trace, head, inputs, outputs[:count], wrt)
        return Graph(inputs, outputs + tuple(lift(trace, b) for b in blocks))


def faster_mode(graph: Graph, wrt: Sequence[int]) -> Mode:
    """The mode with fewer basis vectors; forward where they are as many, or sizes are unknown."""
    columns = _count(graph.inputs[i] for i in wrt)
    rows = _count(graph.outputs)
    if isinstance(rows, int) and not isinstance(columns, int):
        return "reverse"
    return "reverse" if isinstance(rows, int) and isinstance(columns, int) and rows < columns else "forward"


def one_by_one(graph: Graph, node: Node) -> bool:
    """Whether the basis vectors of `node` are pushed one by one."""
    n = node.array_type.size
    if not isinstance(n, int) or n <= 1:
        return isinstance(n, int)
    arrays = [x for x in graph if isinstance(x.type, ArrayType)]
    small = all(isinstance(x.array_type.size, int) and x.array_type.size <= SMALL for x in arrays)
    computed = (x for x in arrays if x.args and not isinstance(x.op, AbstractLinear))
    return (n <= FEW and small) or (n <= SCALARS and all(x.array_type.size == 1 for x in computed))


def _forward(
    trace: Trace,
    graph: Graph,
    inputs: Sequence[Node],
    outputs: Sequence[Node],
    wrt: Sequence[int],
    symmetric: bool,
) -> list[Any]:
    # For each input, the tangents of all outputs, basis vectors along the last axis.
    columns: list[list[Any]] = []
    apart = _is_taken_apart(graph, wrt)
    outputs = numbers_of(trace, graph, inputs) if apart else outputs
    for position, i in enumerate(wrt):
        if apart or one_by_one(graph, graph.inputs[i]):
            tangents = [propagate(trace, {inputs[i]: e}, outputs) for e in _basis(inputs[i])]
            columns.append(
                [_stacked(trace, [t[k] for t in tangents], y, last=True) for k, y in enumerate(outputs)]
            )
        else:
            batch = _batch(trace, pushforward(graph, [i]), inputs, inputs[i], outputs)
            own = position if symmetric else None
            columns.append([t if k == own else np.moveaxis(t, 0, -1) for k, t in enumerate(batch)])
    return [
        cast(np.reshape(column[k], _shape(y, inputs[i])), inputs[i].array_type.dtype)
        for k, y in enumerate(outputs)
        for i, column in zip(wrt, columns, strict=True)
    ]


def _is_taken_apart(graph: Graph, wrt: Sequence[int]) -> bool:
    """Whether the columns are taken one by one from a program on numbers."""
    columns = _count(graph.inputs[i] for i in wrt)
    several = isinstance(columns, int) and 1 < columns <= SCALARS
    return several and not all(one_by_one(graph, graph.inputs[i]) for i in wrt) and pays(graph, wrt)


def _reverse(
    trace: Trace, graph: Graph, inputs: Sequence[Node], outputs: Sequence[Node], wrt: Sequence[int]
) -> list[Any]:
    wanted = [inputs[i] for i in wrt]
    blocks: list[Any] = []
    for index, y in enumerate(outputs):
        if one_by_one(graph, graph.outputs[index]):
            cotangents = [arriving(trace, [(y, e)], wanted) for e in _basis(y)]
            rows = [_stacked(trace, [g[i] for g in cotangents], x, last=False) for i, x in enumerate(wanted)]
        else:
            rows = _batch(trace, pullback(graph, wrt, [index]), inputs, y, wanted)
        blocks += [np.reshape(row, _shape(y, x)) for row, x in zip(rows, wanted, strict=True)]
    return blocks


def _shape(y: Node, x: Node) -> tuple[Dim, ...]:
    return (*y.array_type.shape, *x.array_type.shape)


def _basis(node: Node) -> list[Any]:
    """The basis vectors of arrays like `node`, as numbers."""
    type_ = node.array_type
    n: Any = type_.size
    return list(np.eye(n, dtype=type_.dtype).reshape((n, *type_.shape)))


def _stacked(trace: Trace, values: Sequence[Any], like: Node, *, last: bool) -> Any:
    """Derivatives along basis vectors, along a new first or last axis; zeros for exact zeros."""
    if not values:
        shape = like.array_type.shape
        return broadcast_to(zeros(like), (*shape, 0) if last else (0, *shape))
    numbers = assembled(trace, values, like, last=last)
    if numbers is not None:
        return numbers
    return np.stack([zeros(like) if v is None else v for v in values], axis=-1 if last else 0)


def _batch(
    trace: Trace, derived: Graph, inputs: Sequence[Node], along: Node, results: Sequence[Node]
) -> list[Any]:
    """The last outputs of `derived`, which are like `results`, for all basis vectors of its last input.

    That one is like `along`; the other inputs of `derived` are `inputs`.
    """
    n: Any = along.array_type.size
    split = split_products(derived)
    basis = [False] * len(inputs) + [True] * (1 + len(split.orders))
    over, marked = batch_graph(split.graph, n, basis)
    given = [Tracer(trace, x) for x in inputs]
    eye = np.eye(n, dtype=along.array_type.dtype, like=Tracer(trace, along))
    vectors = np.reshape(eye, (n, *along.array_type.shape))
    values = call_graph(over, [*given, vectors, *products_of_basis(split, given)])
    first = len(values) - len(results)
    # What does not depend on the basis vector is linear in it, hence zero.
    return [
        value if depends else broadcast_to(zeros(like), (n, *like.array_type.shape))
        for value, depends, like in zip(values[first:], marked[first:], results, strict=True)
    ]


def _count(nodes: Iterable[Node]) -> Dim:
    total: Dim = 0
    for node in nodes:
        total = total + node.array_type.size
    return total
