"""Text form of a graph, one op per line, that `graphc.ir.parser` reads back to an equal graph.

graph(x: f32[N, 3], w: f32[3]):
  %0: f32[N] = contract[ab,b->a] x w    # model.py:9
  %1: f32 = sum[axes=(0,)] %0           # model.py:10
  return %1
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import cache
from typing import Any

import numpy as np

from graphc.hashing import hashed
from graphc.ir.dims import SymbolicDim
from graphc.ir.graph import AbstractOp, Graph, Node
from graphc.ir.types import ArrayType, TupleType, dtype_name

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
INLINE_ELEMENTS = 16  # constants up to this many elements are written as numbers
BARE_NAME = r"[A-Za-z_][\w.\[\]']*"


def format_graph(graph: Graph) -> str:
    """The graph as text: inputs by the user's names, other values numbered, source lines as comments."""
    labels = _labels(graph)
    inputs = set(graph.inputs)
    head = ", ".join(f"{labels[node]}: {node.type}" for node in graph.inputs)
    rows = [(_row(node, labels), node.source) for node in graph if node not in inputs]
    width = max((len(text.rpartition("\n")[2]) for text, _ in rows), default=0)
    body = [_with_comment(text, source, width) for text, source in rows]
    tail = ", ".join(labels[node] for node in graph.outputs)
    return "\n".join([f"graph({head}):", *body, f"  return {tail}".rstrip()])


def format_op(op: AbstractOp) -> str:
    """`name[parameters]`, or the bare name of an op without parameters."""
    special = _PARAMETERS.get(op.name)
    text = special(op) if special is not None else _parameters(op)
    return f"{op.name}[{text}]" if text else op.name


def graph_key(graph: Graph) -> str:
    """Canonical text for hashing: equal exactly for equal computations.

    Names, source lines and inferable types are left out; large constants appear as digests.
    """
    numbers: dict[Node, int] = {node: i for i, node in enumerate(graph.inputs)}
    lines = [",".join(str(node.type) for node in graph.inputs)]
    for node in graph:
        if node not in numbers:
            numbers[node] = len(numbers)
            lines.append(f"{_op_key(node.op)} {' '.join([str(numbers[a]) for a in node.args])}")
    lines.append(",".join(str(numbers[node]) for node in graph.outputs))
    return "\n".join(lines)


def format_value(value: Any) -> str:
    """One static parameter of an op."""
    if type(value) is int:
        return str(value)
    if isinstance(value, tuple):
        return f"({', '.join(map(format_value, value))}{',' * (len(value) == 1)})"
    if isinstance(value, np.dtype):
        return dtype_name(value)
    if isinstance(value, ArrayType):
        return str(value) if value.shape else f"{value}[]"
    if isinstance(value, Graph):
        return "{\n" + _indented(format_graph(value), 4) + "\n  }"
    if isinstance(value, str):
        return json.dumps(value)
    if value is None or isinstance(value, bool | int | float | SymbolicDim):
        return str(value)
    raise TypeError(f"a parameter of type {type(value).__name__} has no text form: {value!r}")


def _labels(graph: Graph) -> dict[Node, str]:
    """The printed name of every node: the user's argument names, then %0, %1, …"""
    named = len(set(graph.names)) == len(graph.inputs) == len(graph.names)
    labels: dict[Node, str] = {}
    if named:
        labels = dict(zip(graph.inputs, map(_quoted, graph.names), strict=True))
    unnamed = (node for node in graph if node not in labels)
    return labels | {node: f"%{number}" for number, node in enumerate(unnamed)}


def _quoted(name: str) -> str:
    return name if re.fullmatch(BARE_NAME, name) else json.dumps(name)


def _row(node: Node, labels: dict[Node, str]) -> str:
    operands = "".join(f" {labels[arg]}" for arg in node.args)
    return f"  {labels[node]}: {_type(node)} = {format_op(node.op)}{operands}"


def _type(node: Node) -> str:
    if isinstance(node.type, TupleType) and len(node.type.elements) == 1:
        return f"({node.type.elements[0]},)"
    return str(node.type)


def _with_comment(text: str, source: str | None, width: int) -> str:
    if source is None:
        return text
    last = text.rpartition("\n")[2]
    return f"{text}{' ' * (width - len(last))}  # {' '.join(source.split())}"


def _indented(text: str, spaces: int) -> str:
    return "\n".join(" " * spaces + line for line in text.splitlines())


@cache
def _field_names(cls: type[AbstractOp]) -> tuple[str, ...]:
    """The parameters with a text form: all but those marked `metadata={"text": False}`."""
    return tuple(f.name for f in fields(cls) if f.metadata.get("text", True))


def _parameters(op: AbstractOp) -> str:
    return ", ".join([f"{name}={format_value(getattr(op, name))}" for name in _field_names(type(op))])


def _item(op: Any) -> str:
    return str(op.index)


def _contraction(op: Any) -> str:
    """`ab,bc->ac`; numbers where the letters run out."""
    if max((*op.left, *op.right), default=0) >= len(LETTERS):
        return _parameters(op)
    left, right, out = ("".join(LETTERS[i] for i in part) for part in (op.left, op.right, op.out))
    return f"{left},{right}->{out}"


def _constant(op: Any) -> str:
    """`1.5: f32`, `[1, 2]: i64[2]`, or the bytes of a large array in base64."""
    type_ = str(ArrayType(op.dtype, op.shape))
    if op.value.size > INLINE_ELEMENTS:
        return f'base64"{base64.b64encode(op.data).decode()}": {type_}'
    return f"{_nested(op.value)}: {type_}"


def _nested(array: np.ndarray) -> str:
    if array.ndim == 0:
        return _number(array[()])
    return f"[{', '.join(_nested(np.asarray(part)) for part in array)}]"


def _number(value: Any) -> str:
    """The shortest text that reads back to the same bits; other NaNs than NumPy's as `nan"bits"`."""
    if value.dtype.kind != "f":
        return str(value)
    if np.isnan(value) and value.tobytes() != value.dtype.type(np.nan).tobytes():
        return f'nan"{value.tobytes()[::-1].hex()}"'
    text = str(value)
    return text if value.dtype.type(float(text)).tobytes() == value.tobytes() else repr(float(value))


_PARAMETERS: dict[str, Callable[[Any], str]] = {
    "item": _item,
    "contract": _contraction,
    "const": _constant,
}


def _op_key(op: AbstractOp) -> str:
    if op.name == "const":
        return _constant_key(op)
    return f"{op.name}{[_value_key(getattr(op, name)) for name in _field_names(type(op))]}"


def _value_key(value: Any) -> str:
    if isinstance(value, Graph):
        return f"{{{graph_key(value)}}}"
    if isinstance(value, tuple) and any(isinstance(v, Graph) for v in value):
        return str([_value_key(v) for v in value])
    return format_value(value)


def _constant_key(op: Any) -> str:
    data = op.data.hex() if len(op.data) <= 64 else hashed(op.data).hexdigest()
    return f"const {dtype_name(op.dtype)}{format_value(op.shape)} {data}"


def same_computation(a: Graph, b: Graph) -> bool:
    """Whether two graphs are equal up to names and source lines."""
    return graph_key(a) == graph_key(b)


def describe(nodes: Sequence[Node]) -> str:
    """`add(f32[3], f32[3]) -> f32[3]` for each node, for error messages."""
    return "; ".join(
        f"{format_op(node.op)}({', '.join(str(a.type) for a in node.args)}) -> {node.type}" for node in nodes
    )
