"""Run a graph node by node in NumPy: slow, obvious, and the oracle of every test."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.errors import ShapeError
from graphc.ir.dims import Dim, as_symbol, evaluate
from graphc.ir.graph import Graph, Node
from graphc.ir.types import ArrayType, TupleType


def bind_sizes(types: tuple[ArrayType, ...], shapes: tuple[tuple[int, ...], ...]) -> dict[str, int]:
    """The symbolic sizes for which `types` have these shapes, or a `ShapeError`."""
    sizes: dict[str, int] = {}
    pairs: list[tuple[Dim, int]] = []
    for type_, shape in zip(types, shapes, strict=True):
        if len(type_.shape) != len(shape):
            raise ShapeError(f"expected {type_}, got an array of shape {shape}")
        pairs += zip(type_.shape, shape, strict=True)
    for dim, n in pairs:
        name = as_symbol(dim)
        if name is not None:
            sizes.setdefault(name, n)
    for dim, n in pairs:
        if evaluate(dim, sizes) != n:
            raise ShapeError(
                f"size {dim} is {n} here, but {evaluate(dim, sizes)} follows from the other arguments"
            )
    return sizes


def interpret(graph: Graph, *arrays: Any) -> tuple[np.ndarray, ...]:
    """The outputs of `graph` for these inputs, each op evaluated by its NumPy definition."""
    from graphc.ir.requirements import check_sizes
    from graphc.ir.sizes import with_sizes

    shapes = tuple(np.shape(a) for a in arrays)
    sizes = bind_sizes(tuple(n.array_type for n in graph.inputs), shapes)
    if sizes:
        check_sizes(graph, sizes)
    values: dict[Node, Any] = dict(zip(graph.inputs, arrays, strict=True))
    with np.errstate(all="ignore"):
        for node in graph:
            if node not in values:
                op = with_sizes(node.op, sizes) if sizes else node.op
                value = op.evaluate(*(values[arg] for arg in node.args))
                values[node] = value if isinstance(node.type, TupleType) else np.asarray(value)
    return tuple(values[node] for node in graph.outputs)
