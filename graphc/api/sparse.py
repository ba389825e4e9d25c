"""Sparse Jacobians and Hessians: the pattern from the graph, a few coloured directions, SciPy matrices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from graphc.api.compile import Compiled, unbind
from graphc.api.differentiable import (
    RecordedAt,
    check_real,
    check_scalar,
    like,
    positions_of,
    record_at,
    settings_of,
)
from graphc.autodiff.colouring import column_colours, star_colours, symmetric_places
from graphc.autodiff.forward import pushforward
from graphc.autodiff.reverse import gradient, pullback
from graphc.autodiff.sparsity import jacobian_pattern, scipy_sparse
from graphc.batching.batch import batch_graph
from graphc.dataclass import dataclass
from graphc.errors import ArgumentError, DifferentiationError, TraceError, located
from graphc.ir.graph import Graph
from graphc.passes.pipeline import optimise
from graphc.runtime.registry import default_backend
from graphc.trace import tree
from graphc.trace.context import content_of, current, user_line_with_text

Kind = Literal["jacobian", "hessian"]


class SparseDerivative:
    """A function (…) -> scipy.sparse.csr_array: a Jacobian of f, or the Hessian of a scalar f."""

    def __init__(self, f: Callable[..., Any], argnum: int, kind: Kind) -> None:
        function, bound = unbind(f)

        def derived(*args: Any, **kwargs: Any) -> Any:
            (position,) = positions_of(argnum, len(bound), len(args))
            check_real(f"a sparse {kind.capitalize()}", args[position])
            at = record_at(function, args, kwargs, [position])
            return _jacobian(at) if kind == "jacobian" else _hessian(at)

        # One program for each size: the pattern depends on it.
        settings = replace(settings_of(f, default_backend()), dynamic=None)
        self.compiled = Compiled(f, like(function, derived), bound, settings)
        self.kind = kind

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if current() is not None:
            raise TraceError(
                located(
                    f"a sparse {self.kind.capitalize()} inside a traced function",
                    user_line_with_text(),
                    "Call it outside, or leave out sparse=True.",
                )
            )
        sparse = scipy_sparse()
        data, layout = self.compiled(*args, **kwargs)
        if not layout.holds():  # an index array that the function closes over was changed
            self.compiled.clear_cache()
            data, layout = self.compiled(*args, **kwargs)
        parts = (data, layout.indices.copy(), layout.starts.copy())
        return sparse.csr_array(parts, shape=layout.shape)

    def __repr__(self) -> str:
        return f"<sparse {self.kind} of {self.compiled.__qualname__}>"


class Layout:
    """Where the entries are, in CSR form, and what that was worked out from."""

    def __init__(self, pattern: Any, directions: int, known: list[np.ndarray]) -> None:
        self.shape = pattern.shape
        self.indices, self.starts = pattern.indices, pattern.indptr
        self.directions = directions  # how many derivatives are computed for the whole matrix
        self.known = [(array, content_of(array)) for array in known]

    def holds(self) -> bool:
        """Whether the index arrays that positions follow from are what they were."""
        return all(content_of(array) == content for array, content in self.known)


@dataclass(frozen=True)
class _Numbers:
    """Values among the inputs of a graph that do not change from call to call: integers closed over."""

    at: RecordedAt

    def by_input(self) -> dict[int, np.ndarray]:
        captured = enumerate(self.at.recorded.traced.captured, len(self.at.inputs))
        return {i: v for i, v in captured if isinstance(v, np.ndarray) and v.dtype.kind in "iub"}

    def pattern(self, derivative: Graph) -> Any:
        """The pattern of the last output by the last input."""
        graph = optimise(derivative)
        return jacobian_pattern(graph, len(graph.inputs) - 1, len(graph.outputs) - 1, self.by_input())

    def layout(self, pattern: Any, directions: int) -> Layout:
        return Layout(pattern, directions, list(self.by_input().values()))


def _jacobian(at: RecordedAt) -> tuple[Any, Layout]:
    """The entries of the Jacobian and where they are, recorded in the current trace."""
    _check_arrays(at)
    numbers = _Numbers(at)
    forward = pushforward(at.forward, [0])
    pattern = numbers.pattern(forward)
    rows = np.repeat(np.arange(pattern.shape[0]), np.diff(pattern.indptr))
    by_column, by_row = column_colours(pattern), column_colours(pattern.T)
    if by_column.max(initial=-1) <= by_row.max(initial=-1):
        places, directions = (by_column[pattern.indices], rows), by_column
    else:
        forward = pullback(at.forward, [0], [0])
        places, directions = (by_row[rows], pattern.indices), by_row
    return _entries(at, forward, directions, places), numbers.layout(pattern, _count(directions))


def _hessian(at: RecordedAt) -> tuple[Any, Layout]:
    """The entries of the Hessian and where they are, recorded in the current trace."""
    check_scalar(at.recorded, has_aux=False)
    _check_arrays(at)
    numbers = _Numbers(at)
    first = gradient(at.forward, [0])
    forward = pushforward(Graph(first.inputs, first.outputs[-1:]), [0])
    pattern = numbers.pattern(forward)
    pattern = (pattern + pattern.T).tocsr()
    pattern.sort_indices()
    colours = star_colours(pattern)
    places = symmetric_places(pattern, colours)
    return _entries(at, forward, colours, places), numbers.layout(pattern, _count(colours))


def _entries(
    at: RecordedAt, derivative: Graph, colours: np.ndarray, places: tuple[np.ndarray, np.ndarray]
) -> Any:
    """The last output of `derivative` along the sum of the basis vectors of each colour, at `places`.

    `places` are (colour, position in the flat output); the directions are the last input.
    """
    along, result = derivative.inputs[-1].array_type, derivative.outputs[-1].array_type
    if not len(places[0]):
        return np.zeros(0, result.dtype)
    count = _count(colours)
    seeds = np.zeros((count, len(colours)), along.dtype)
    seeds[colours, np.arange(len(colours))] = 1
    marks = [False] * (len(derivative.inputs) - 1) + [True]
    over, _ = batch_graph(derivative, count, marks, all_outputs=True)
    compressed = at.call(over, [seeds.reshape((count, *along.shape))])[-1]
    return np.reshape(compressed, (count, -1))[places]


def _count(colours: np.ndarray) -> int:
    return int(colours.max(initial=-1)) + 1


def _check_arrays(at: RecordedAt) -> None:
    """Raises unless the function maps one array to one array of real numbers."""
    result = at.recorded.structure
    real = [n.array_type.dtype.kind == "f" for n in at.forward.outputs]
    if len(at.inputs) != 1 or not at.leaves.parts[0][0].is_leaf() or not result.is_leaf() or real != [True]:
        argument = tree.show(at.leaves.parts[0][0])
        raise DifferentiationError(
            f"a sparse derivative needs a function from one real array to one, this one maps {argument} "
            f"to {tree.show(result)}\n  Concatenate what belongs together, or leave out sparse=True."
        )


def sparse_derivative(f: Callable[..., Any], argnums: Any, has_aux: bool, kind: Kind) -> SparseDerivative:
    """The function behind `jacobian(f, sparse=True)` and `hessian(f, sparse=True)`."""
    if type(argnums) is not int or has_aux:
        raise ArgumentError(
            f"argnums={argnums!r}, has_aux={has_aux} with sparse=True; "
            "one argument and no auxiliary result are possible"
        )
    return SparseDerivative(f, argnums, kind)
