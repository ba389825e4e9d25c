"""Rewrites a graph into the ops that kernels are made of; meaning is unchanged.

Position-finding reductions become plain ones, products that are not floating-point matrix products
become sums, summed axes of a product become one, Fourier transforms get their tables, and every output
becomes a value of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from graphc.control.capture import close_over
from graphc.control.regions import AbstractControl
from graphc.dataclass import dataclass
from graphc.ir.dims import Dim, product
from graphc.ir.graph import Builder, Graph, Item, Node
from graphc.ir.types import ArrayType
from graphc.lower.fourier.planned import Planned, tables_for
from graphc.ops import leaf, reduce, view
from graphc.ops.base import AbstractElementwise, apply
from graphc.ops.contract import Contract
from graphc.ops.fourier import AbstractFourier
from graphc.ops.stop import StopGradient
from graphc.passes.engine import with_regions
from graphc.trace.context import Trace, tracing
from graphc.trace.tracer import Tracer, record

TINY_PRODUCT = 64  # multiply-adds below which a product is a sum in registers


@dataclass(frozen=True)
class Copy(AbstractElementwise):
    """The operand itself, as a value of its own: output number `slot`."""

    slot: int

    name: ClassVar[str] = "copy"
    arity: ClassVar[int] = 1
    numba: ClassVar[str] = "{0}"

    def result_dtype(self, *dtypes: np.dtype) -> np.dtype:
        return dtypes[0]

    def evaluate(self, *args: Any) -> Any:
        return args[0]


def prepare(graph: Graph) -> Graph:
    """The same function in terms of pointwise ops, reductions, matrix products and opaque ops."""
    with tracing() as trace:
        inputs = tuple(trace.new_input(n.array_type) for n in graph.inputs)
        done: dict[Node, Node] = dict(zip(graph.inputs, inputs, strict=True))
        for node in graph:
            if node not in done:
                args = tuple(done[a] for a in node.args)
                done[node] = _expanded(trace, node, args)
        outputs = tuple(done[n] for n in graph.outputs)
        return Graph(inputs, _own_outputs(trace, inputs, outputs), graph.names)


def copy_outputs(graph: Graph, slots: Sequence[int]) -> Graph:
    """The graph with some outputs copied at the end; all its nodes stay the same objects."""
    builder = Builder()
    outputs = list(graph.outputs)
    for slot in slots:
        outputs[slot] = builder.add(Copy(slot), outputs[slot], source=outputs[slot].source)
    return Graph(graph.inputs, tuple(outputs), graph.names)


def flat_outputs(graph: Graph) -> Graph:
    """The graph without reshapes at its end: what is reshaped lies in memory as the result does."""
    outputs: list[Node] = []
    for i, node in enumerate(graph.outputs):
        others = (*outputs, *graph.outputs[i + 1 :])
        while isinstance(node.op, view.Reshape) and _is_made(node.args[0]) and node.args[0] not in others:
            node = node.args[0]
        outputs.append(node)
    return Graph(graph.inputs, tuple(outputs), graph.names)


def _is_made(node: Node) -> bool:
    """Whether memory of its own is filled for a node."""
    return not isinstance(node.op, leaf.Input | leaf.Const | leaf.Unset | Item | AbstractControl)


def _own_outputs(trace: Trace, inputs: tuple[Node, ...], outputs: tuple[Node, ...]) -> tuple[Node, ...]:
    """Outputs that are inputs, constants or given twice are copied: each has memory of its own."""
    result: list[Node] = []
    for slot, node in enumerate(outputs):
        if node in inputs or node in result or isinstance(node.op, leaf.Const):
            node = trace.builder.add(Copy(slot), node, source=node.source)
        result.append(node)
    return tuple(result)


def _expanded(trace: Trace, node: Node, args: tuple[Node, ...]) -> Node:
    trace.source = node.source
    values = [Tracer(trace, a) for a in args if isinstance(a.type, ArrayType)]
    match node.op:
        case StopGradient():
            return args[0]
        case reduce.ArgMax() as op:
            return _first_position(values[0], op.axis, np.max).node
        case reduce.ArgMin() as op:
            return _first_position(values[0], op.axis, np.min).node
        case Contract() as op:
            return _product(op, *values).node
        case AbstractFourier() as op:
            x = args[0].array_type
            table = trace.builder.add(leaf.Const.of(tables_for(op, x).numbers, x.dtype))
            return trace.builder.add(Planned(op), *args, table, source=node.source)
        case AbstractControl() as op:
            return _with_prepared_regions(trace, op, args, node.source)
    return trace.builder.add(node.op, *args, source=node.source)


def _with_prepared_regions(
    trace: Trace, op: AbstractControl, args: tuple[Node, ...], source: str | None
) -> Node:
    """The op with its regions prepared, and the arrays that they mention among its operands."""
    closed, arrays = close_over(op)
    lifted = tuple(trace.builder.add(array) for array in arrays)
    place = op.captures_from
    prepared = with_regions(closed, prepare)
    return trace.builder.add(prepared, *args[:place], *lifted, *args[place:], source=source)


def _first_position(x: Any, axis: int, extremum: Any) -> Tracer:
    """The first index where x is its extremum along `axis`, or is NaN."""
    if x.dtype == np.bool_:
        x = x.astype(np.int8)
    best = extremum(x, axis=axis, keepdims=True)
    chosen = x == best
    if x.dtype.kind == "f":
        chosen = chosen | np.isnan(x)
    position = record(leaf.Iota(np.dtype(np.int64), x.shape, axis))
    first: Tracer = np.min(np.where(chosen, position, np.iinfo(np.int64).max), axis=axis)
    return first


def _product(op: Contract, a: Any, b: Any) -> Tracer:
    """A product with one summed axis, or its terms summed where no matrix product pays."""
    sizes: dict[int, Dim] = dict(zip(op.left, a.shape, strict=True))
    sizes.update(zip(op.right, b.shape, strict=True))
    summed = tuple(label for label in op.left if label not in op.out)
    work = product(tuple(sizes.values()))
    free = [label for label in op.out if sizes[label] != 1 and (label in op.left) != (label in op.right)]
    tiny = isinstance(work, int) and work <= TINY_PRODUCT
    if a.dtype.kind != "f" or tiny or not free or not summed or work == 0:
        total: Tracer = _sum_of_terms(op, a, b, summed)
    else:
        total = apply(*_merged(op, a, b, summed, sizes))
    return total


def _sum_of_terms(op: Contract, a: Any, b: Any, summed: tuple[int, ...]) -> Any:
    order = (*op.out, *summed)
    terms = _aligned(a, op.left, order) * _aligned(b, op.right, order)
    if not summed:
        return terms
    axes = tuple(range(len(op.out), len(order)))
    if a.dtype == np.bool_:
        return np.any(terms, axis=axes)
    return np.sum(terms, axis=axes, dtype=a.dtype)


def _aligned(x: Any, labels: tuple[int, ...], order: tuple[int, ...]) -> Any:
    """x with its axes in `order` and axes of length one for the labels it lacks."""
    present = [label for label in order if label in labels]
    x = np.transpose(x, tuple(labels.index(label) for label in present))
    sizes = dict(zip(present, x.shape, strict=True))
    return np.reshape(x, tuple(sizes.get(label, 1) for label in order))


def _merged(
    op: Contract, a: Any, b: Any, summed: tuple[int, ...], sizes: dict[int, Dim]
) -> tuple[Contract, Any, Any]:
    """The product with its summed axes reshaped into one."""
    long = tuple(label for label in summed if sizes[label] != 1)
    if len(long) <= 1:
        return op, a, b
    left, a = _with_one_axis(a, op.left, summed)
    right, b = _with_one_axis(b, op.right, summed)
    return Contract(left, right, op.out), a, b


def _with_one_axis(x: Any, labels: tuple[int, ...], summed: tuple[int, ...]) -> tuple[tuple[int, ...], Any]:
    """x with its summed axes as one, called after the first of them, and its labels.

    Axes that stand side by side in this order are one already, wherever they are; others are moved.
    """
    first = labels.index(summed[0])
    if labels[first : first + len(summed)] != summed:
        order = (*summed, *(label for label in labels if label not in summed))
        x, labels, first = np.transpose(x, tuple(map(labels.index, order))), order, 0
    end = first + len(summed)
    shape = (*x.shape[:first], product(x.shape[first:end]), *x.shape[end:])
    return (*labels[: first + 1], *labels[end:]), np.reshape(x, shape)
