"""A choice between programs: one of several branches runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np

from graphc.autodiff.forward import pushforward
from graphc.autodiff.reverse import pullback
from graphc.batching.batch import batch_graph
from graphc.control.guarded import guarded
from graphc.control.regions import (
    AbstractControl,
    Run,
    check_operands,
    input_types,
    is_real,
    is_zero,
    output_types,
)
from graphc.errors import ShapeError
from graphc.ir.dims import Dim
from graphc.ir.graph import Graph
from graphc.ir.types import ArrayType, TupleType
from graphc.ops.base import apply, register


@register
class Switch(AbstractControl):
    """branches[min(max(index, 0), last)](operands…): the first operand is the index, i64.

    All branches take the same operands and return values of the same types.
    """

    branches: tuple[Graph, ...]

    name: ClassVar[str] = "switch"
    captures_from: ClassVar[int] = 1

    def infer(self, *args: ArrayType) -> TupleType:
        index, *operands = args
        if index != ArrayType(np.dtype(np.int64)) or not self.branches:
            raise ShapeError(f"switch takes an i64 index and at least one branch, got {index}")
        results = output_types(self.branches[0])
        for branch in self.branches:
            check_operands("a branch of a switch", input_types(branch), operands)
            check_operands("a branch of a switch returns as the first does", results, output_types(branch))
        return TupleType(results)

    def capturing(self, count: int, change: Callable[[Graph], Graph]) -> Switch:
        return Switch(tuple(map(change, self.branches)))

    def runs(self, *args: Any) -> Iterator[Run]:
        index = min(max(int(args[0]), 0), len(self.branches) - 1)
        yield Run(f"branch {index} of a switch", self.branches[index], args[1:])

    def evaluate(self, *args: Any) -> Any:
        (chosen,) = self.runs(*args)
        return chosen.outputs

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        """The branch that ran, pulled back; it computes again what it needs of its forward run."""
        results = self.branches[0].outputs
        wrt = [i for i, n in enumerate(self.branches[0].inputs) if is_real(n)]
        seeded = [i for i, n in enumerate(results) if is_real(n) and not is_zero(g[i])]
        pulled = tuple(_last(pullback(b, wrt, seeded), len(wrt)) for b in self.branches)
        found = apply(Switch(pulled), *args, *(g[i] for i in seeded)) if wrt else ()
        cotangents = dict(zip(wrt, found, strict=True))
        return (None, *(cotangents.get(i) for i in range(len(args) - 1)))

    def jvp(self, tangents: tuple[Any, ...], y: Any, *args: Any) -> Any:
        """The branch that ran, pushed forward."""
        wrt = [i for i, t in enumerate(tangents[1:]) if t is not None]
        real = [i for i, n in enumerate(self.branches[0].outputs) if is_real(n)]
        pushed = tuple(_last(pushforward(b, wrt), len(real)) for b in self.branches)
        found = apply(Switch(pushed), *args, *(tangents[1 + i] for i in wrt))
        results = dict(zip(real, found, strict=True))
        return tuple(results.get(i) for i in range(len(self.branches[0].outputs)))

    def batch(self, size: Dim, batched: tuple[bool, ...], *args: Any) -> Any:
        """The branch over all examples; where each example chooses its own, all branches and a selection."""
        index, *operands = args
        if not batched[0]:
            over = [batch_graph(b, size, batched[1:], all_outputs=True)[0] for b in self.branches]
            return apply(Switch(tuple(over)), *args)
        over = [
            batch_graph(guarded(b), size, (True, *batched[1:]), all_outputs=True)[0] for b in self.branches
        ]
        last = len(over) - 1
        index = np.minimum(np.maximum(index, 0), last)
        here = np.int64(0)
        results: list[Any] = []
        for number, branch in enumerate(over):
            made = apply(Switch((branch,)), here, index == number, *operands)
            results = [
                _chosen(index == number, new, old) for new, old in zip(made, results or made, strict=True)
            ]
        return tuple(results)


def _chosen(runs: Any, new: Any, old: Any) -> Any:
    """For each example, the new value where the branch runs."""
    return np.where(np.reshape(runs, (runs.shape[0], *(1 for _ in new.shape[1:]))), new, old)


def _last(graph: Graph, count: int) -> Graph:
    """The graph with only its last outputs."""
    return Graph(graph.inputs, graph.outputs[len(graph.outputs) - count :])
