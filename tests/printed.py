"""Runs graphs as printed Python, under Numba or without it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from graphc.backends.numba_source.backend import loaded, run_driver
from graphc.backends.numba_source.program import program_text
from graphc.ir.dims import evaluate
from graphc.ir.graph import Graph
from graphc.ir.interpret import bind_sizes
from graphc.lower.program import lower

PLAIN = SimpleNamespace(njit=lambda **options: lambda function: function)


def run_printed(graph: Graph, *arrays: Any, compiled: bool = False) -> tuple[np.ndarray, ...]:
    """The outputs of `graph` for these inputs by its printed text, as plain Python or `compiled` by Numba."""
    program = lower(graph)
    source = program_text(program, "program", [f"x{i}" for i in range(len(graph.inputs))])
    driver = loaded(source, "program") if compiled else plain(source, "program")
    types = tuple(node.array_type for node in graph.inputs)
    given = [
        np.ascontiguousarray(a, t.dtype).reshape(np.shape(a)) for a, t in zip(arrays, types, strict=True)
    ]
    sizes = bind_sizes(types, tuple(a.shape for a in given))
    with np.errstate(all="ignore"):
        outputs = run_driver(driver, program, given, sizes)
    shapes = [tuple(evaluate(n, sizes) for n in node.array_type.shape) for node in graph.outputs]
    return tuple(o.reshape(shape) for o, shape in zip(outputs, shapes, strict=True))


def plain(source: str, driver: str) -> Any:
    """The driver of a text that runs without Numba."""
    namespace: dict[str, Any] = {"numba": PLAIN}
    exec(compile(source.replace("import numba\n", "", 1), "<printed>", "exec"), namespace)
    return namespace[driver]
