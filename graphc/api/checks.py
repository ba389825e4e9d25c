"""`checks="nan"`: where a value that is not finite comes from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.backends.base import Program
from graphc.control.regions import AbstractControl
from graphc.errors import located
from graphc.ir.graph import Graph, Node, topological
from graphc.ir.interpret import bind_sizes
from graphc.ir.sizes import specialise
from graphc.ops.leaf import Input


def raise_first_nonfinite(program: Program, values: Sequence[Any], results: Sequence[Any]) -> None:
    """Raises FloatingPointError if a result is not finite, naming the operation that first made such a value.

    Infinities that no result shows (a masked score, 1/inf) are no error. The program is run again, by NumPy.
    """
    if all(_is_finite(result) for result in results):
        return
    given = [np.asarray(v, a.type.dtype) for v, a in zip(values, program.arguments, strict=True)]
    arrays = [*given, *program.captured]
    sizes = bind_sizes(tuple(n.array_type for n in program.graph.inputs), tuple(a.shape for a in arrays))
    found = _find(specialise(program.graph, dict(sizes)), arrays, "")
    if found is None:
        raise FloatingPointError(f"a result of {program.name} is not finite, but NumPy computes a finite one")
    node, known, where = found
    if not where and isinstance(node.op, Input):
        name = program.graph.names[node.op.index]
        raise FloatingPointError(f"argument {name} of {program.name} is not finite: {_sample(known[node])}")
    operands = "".join(f"\n  operand {arg.type}: {_span(known[arg])}" for arg in node.args)
    message = f"{node.op.name} in {where}{program.name} gave {_sample(known[node])}{operands}"
    raise FloatingPointError(located(message, node.source))


def _find(graph: Graph, inputs: Sequence[Any], where: str) -> tuple[Node, dict[Node, Any], str] | None:
    """(the operation that first made a value that is not finite, the values around it, inside what)."""
    values = _evaluate(graph, inputs)
    node = _culprit(graph, values)
    if node is None or not isinstance(node.op, AbstractControl):
        return None if node is None else (node, values, where)
    for run in node.op.runs(*(values[arg] for arg in node.args)):
        if not _is_finite(run.outputs):
            inner = _find(run.region, run.inputs, f"{run.name} in {where}")
            return inner or (node, values, where)
    return node, values, where


def _evaluate(graph: Graph, arrays: Sequence[Any]) -> dict[Node, Any]:
    """The value of every node."""
    values: dict[Node, Any] = dict(zip(graph.inputs, arrays, strict=True))
    with np.errstate(all="ignore"):
        for node in graph:
            if node not in values:
                values[node] = node.op.evaluate(*(values[arg] for arg in node.args))
    return values


def _culprit(graph: Graph, values: dict[Node, Any]) -> Node | None:
    """Where the trouble starts, looking only at values through which it reached a result."""
    bad = {node for node, value in values.items() if not _is_finite(value)}
    reached: set[Node] = set()
    for node in reversed(topological(graph.outputs, graph.inputs)):
        if node in bad and (node in graph.outputs or node in reached):
            reached.update((node, *(arg for arg in node.args if arg in bad)))
    suspects = [node for node in graph if node in reached]
    from_finite = (n for n in suspects if n.args and not any(arg in bad for arg in n.args))
    new_nan = (n for n in suspects if _has_nan(values[n]) and not any(_has_nan(values[a]) for a in n.args))
    return next((n for group in (from_finite, new_nan, iter(suspects)) for n in group), None)


def _has_nan(value: Any) -> bool:
    if isinstance(value, tuple):
        return any(map(_has_nan, value))
    array = np.asarray(value)
    return array.dtype.kind == "f" and bool(np.any(np.isnan(array)))


def _is_finite(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(map(_is_finite, value))
    array = np.asarray(value)
    return array.dtype.kind != "f" or bool(np.all(np.isfinite(array)))


def _sample(value: Any) -> str:
    """`nan`, or `nan in 2 of 9 elements`."""
    if isinstance(value, tuple):
        return next(_sample(part) for part in value if not _is_finite(part))
    array = np.asarray(value)
    bad = array[~np.isfinite(array)]
    return f"{bad.flat[0]} in {bad.size} of {array.size} elements" if array.ndim else str(bad.flat[0])


def _span(operand: Any) -> str:
    """The value of a scalar, the range of an array."""
    array = np.asarray(operand)
    if array.ndim == 0:
        return str(array)
    return f"from {array.min()} to {array.max()}" if array.size else "empty"
