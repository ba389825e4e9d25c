"""The passes in order, with a record of what each did and, on request, verification after each."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import TypeAlias

from graphc.dataclass import dataclass
from graphc.errors import VerificationError
from graphc.ir.graph import Graph
from graphc.ir.verify import verify
from graphc.passes.canonicalise import canonicalise
from graphc.passes.erase_markers import erase_markers
from graphc.passes.inline_calls import inline_calls
from graphc.passes.loops import has_regions, tidy_loops
from graphc.passes.simplify import simplify
from graphc.passes.stabilise import stabilise

Pass: TypeAlias = Callable[[Graph], Graph]

ROUNDS = 4  # simplification feeds itself at most this often; two are usual


@dataclass(frozen=True)
class Step:
    """One pass that ran: the graph it made and how long it took."""

    name: str
    graph: Graph
    milliseconds: float

    def __str__(self) -> str:
        return f"# produced by {self.name} in {self.milliseconds:.2f} ms\n{self.graph}"


def optimise(graph: Graph, *, stable: bool = True) -> Graph:
    """The graph to be lowered: stable (unless `stable` is False), simplified, free of markers."""
    return run(graph, stable=stable)[0]


def run(graph: Graph, *, stable: bool = True, until: str | None = None) -> tuple[Graph, tuple[Step, ...]]:
    """The optimised graph and the steps that led to it; stops after the first pass called `until`.

    With GRAPHC_VERIFY=1 in the environment every pass's result is verified.
    """
    checked = os.environ.get("GRAPHC_VERIFY") == "1"
    steps: list[Step] = []
    for passes in _rounds(stable, loops=has_regions(graph)):
        for pass_ in passes:
            before = graph
            graph = _step(pass_, before, steps, checked)
            if pass_.__name__ == until:
                return graph, tuple(steps)
        if graph is before:  # simplify, the last of every round, found nothing to do
            break
    return graph, tuple(steps)


def _rounds(stable: bool, *, loops: bool) -> Sequence[Sequence[Pass]]:
    """Passes in order. Canonical operand order may let simplification find more, and the reverse.

    Loops are tidied before anything makes equal ones look different, and again when they are simpler.
    """
    first: tuple[Pass, ...] = (stabilise, erase_markers) if stable else (erase_markers, simplify)
    again: tuple[Pass, ...] = (canonicalise, simplify)
    if loops:
        first, again = (tidy_loops, *first), (tidy_loops, *again)
    return ((inline_calls, *first, *again), *((again,) * (ROUNDS - 1)))


def _step(pass_: Pass, graph: Graph, steps: list[Step], checked: bool) -> Graph:
    start = time.perf_counter()
    result = pass_(graph)
    steps.append(Step(pass_.__name__, result, 1e3 * (time.perf_counter() - start)))
    if checked:
        try:
            verify(result)
        except VerificationError as error:
            raise VerificationError(f"after {pass_.__name__}: {error}") from None
    return result
