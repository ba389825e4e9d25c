"""Replaces symbolic sizes inside an op's static parameters."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from graphc.ir.dims import Dim, SymbolicDim, substitute
from graphc.ir.graph import AbstractOp, Builder, Graph, Node
from graphc.ir.rewrite import rewrite
from graphc.ir.types import ArrayType


def with_sizes(op: AbstractOp, sizes: Mapping[str, Dim]) -> AbstractOp:
    """`op` with the named sizes replaced in all its fields."""
    fields = {f.name: getattr(op, f.name) for f in dataclasses.fields(op)}
    replaced = {name: _replace(value, sizes) for name, value in fields.items()}
    return op if replaced == fields else type(op)(**replaced)


def specialise(graph: Graph, sizes: Mapping[str, Dim]) -> Graph:
    """`graph` with the named sizes replaced everywhere."""

    def rule(builder: Builder, node: Node, args: tuple[Node, ...]) -> Node:
        return builder.add(with_sizes(node.op, sizes), *args, source=node.source)

    return rewrite(graph, rule)


def _replace(value: Any, sizes: Mapping[str, Dim]) -> Any:
    if isinstance(value, SymbolicDim):
        return substitute(value, sizes)
    if isinstance(value, ArrayType):
        return value.substitute(dict(sizes))
    if isinstance(value, tuple):
        return tuple(_replace(v, sizes) for v in value)
    if isinstance(value, Graph):
        return specialise(value, sizes)
    return value
