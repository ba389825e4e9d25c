"""Regions that may run for nothing: over examples all branches run, and loops that have ended go on.

A run that does not count must neither raise an error nor keep a loop from ending.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.control.checkpoint import Checkpoint
from graphc.control.implicit import AbstractImplicit
from graphc.control.regions import AbstractControl
from graphc.ir.graph import Graph, Node
from graphc.ir.types import ArrayType
from graphc.ops.convergence import Converged
from graphc.ops.gather import Gather, ScatterAdd, ScatterSet
from graphc.ops.leaf import Const, Iota
from graphc.ops.linalg import SVD, Cholesky, Eigh, TriangularSolve
from graphc.trace.context import Trace, tracing
from graphc.trace.tracer import Tracer, record

INT64 = np.dtype(np.int64)


def guarded(graph: Graph) -> Graph:
    """The graph with a first input, bool[]: where it is False, no op fails, and results mean nothing.

    Indices are 0 then, matrices to factorise are the identity, no loop takes a step, and what a search
    returns counts as found. Functions with derivatives of their own stay what they are: their rules are
    about their own operands.
    """
    with tracing() as trace:
        runs = Tracer(trace, trace.new_input(ArrayType(np.dtype(np.bool_))))
        done = {node: trace.new_input(node.array_type) for node in graph.inputs}
        for node in graph:
            if node not in done:
                done[node] = _guarded(trace, runs, node, [done[a] for a in node.args])
        return Graph(tuple(trace.inputs), tuple(done[n] for n in graph.outputs))


def _guarded(trace: Trace, runs: Tracer, node: Node, args: Sequence[Node]) -> Node:
    op, operands = node.op, list(args)
    match op:
        case Gather():
            operands[1:] = [_index(trace, runs, i) for i in args[1:]]
        case ScatterAdd() | ScatterSet():
            operands[2:] = [_index(trace, runs, i) for i in args[2:]]
        case Cholesky() | Eigh() | SVD() | TriangularSolve():
            matrix = Tracer(trace, args[0])
            operands[0] = _chosen(runs, matrix, _identity(matrix))
        case Converged():
            operands[1] = (Tracer(trace, args[1]) | ~runs).node
        case Checkpoint():
            operands.insert(0, runs.node)
            op = Checkpoint(guarded(op.body))
        case AbstractImplicit():
            operands.insert(0, runs.node)
            op = op.changed(guarded)
        case AbstractControl():
            operands.insert(op.captures_from, runs.node)
            op = op.guarded(guarded)
    return trace.builder.add(op, *operands, source=node.source)


def _index(trace: Trace, runs: Tracer, index: Node) -> Node:
    """The index, or 0; constants are in bounds or fail in every run."""
    return index if isinstance(index.op, Const | Iota) else _chosen(runs, Tracer(trace, index), 0)


def _chosen(runs: Tracer, value: Any, other: Any) -> Node:
    return np.where(runs, value, other).node  # type: ignore[no-any-return]


def _identity(matrix: Tracer) -> Any:
    rows, columns = (record(Iota(INT64, matrix.shape[-2:], axis)) for axis in (0, 1))
    return (rows == columns).astype(matrix.dtype)
