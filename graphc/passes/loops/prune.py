"""Removes results, carries and operands that nobody needs; carries that never change become operands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from graphc.control.scan import Scan
from graphc.control.switch import Switch
from graphc.control.while_loop import While
from graphc.ir.graph import Graph, Node
from graphc.passes.loops.traversal import Site, change_regions, inputs_of, restricted


def prune_regions(graph: Graph) -> Graph:
    """The graph with the smallest operands and results that its branches and loops can do with."""
    return change_regions(graph, _pruned)


def _pruned(site: Site) -> Mapping[int, Node] | None:
    match site.op:
        case Scan() as op:
            return _scan(site, op)
        case While() as op:
            return _while(site, op)
        case Switch() as op:
            return _switch(site, op)
    return None


def _scan(site: Site, op: Scan) -> Mapping[int, Node] | None:
    if any(_unchanged(op.body, op.captured, i) for i in range(op.carried)):
        return _without_unchanged(site, op)
    first = op.captured
    stacked, equal = _distinct(op, site)
    carries = [i for i in range(op.carried) if i in site.used]
    live = _live(op.body, first, op.carried, {*stacked, *carries})
    kept_carries = [i for i in range(op.carried) if i in live]
    outputs = [*kept_carries, *stacked]
    needed = inputs_of(op.body, outputs)
    # A scan over known sequences keeps one of them where no other operand would do; the length is its own.
    captured = [i for i in range(first) if i in needed]
    elements = [i for i in range(first + op.carried, len(site.args)) if i in needed]
    inputs = [*captured, *(first + i for i in kept_carries), *elements]
    if len(inputs) == len(site.args) and len(outputs) == len(op.body.outputs):
        return None
    if not outputs:
        return {}
    body = restricted(op.body, inputs, outputs)
    smaller = replace(op, body=body, captured=len(captured), carried=len(kept_carries))
    made = dict(zip(outputs, site.results(smaller, [site.args[i] for i in inputs]), strict=True))
    return {**made, **{i: made[other] for i, other in equal.items()}}


def _distinct(op: Scan, site: Site) -> tuple[list[int], dict[int, int]]:
    """The stacked results that somebody reads, each once, and for repeated ones the number of the first."""
    first: dict[Node, int] = {}
    equal: dict[int, int] = {}
    for i in range(op.carried, len(op.body.outputs)):
        if i in site.used and first.setdefault(op.body.outputs[i], i) != i:
            equal[i] = first[op.body.outputs[i]]
    return list(first.values()), equal


def _while(site: Site, op: While) -> Mapping[int, Node] | None:
    first = op.captured
    count = len(site.args) - first
    decisive = {i - first for i in inputs_of(op.condition, [0]) if i >= first}
    live = _live(op.body, first, count, {*site.used, *decisive})
    carries = [i for i in range(count) if i in live]
    needed = inputs_of(op.body, carries) | inputs_of(op.condition, [0])
    captured = [i for i in range(first) if i in needed]
    inputs = [*captured, *(first + i for i in carries)]
    if len(inputs) == len(site.args) or not site.used:
        return {} if not site.used else None
    condition, body = restricted(op.condition, inputs, [0]), restricted(op.body, inputs, carries)
    made = site.results(While(condition, body, len(captured)), [site.args[i] for i in inputs])
    return dict(zip(carries, made, strict=True))


def _switch(site: Site, op: Switch) -> Mapping[int, Node] | None:
    outputs = sorted(site.used)
    needed = {i for branch in op.branches for i in inputs_of(branch, outputs)}
    inputs = [i for i in range(len(site.args) - 1) if i in needed]
    if len(inputs) == len(site.args) - 1 and len(outputs) == len(op.branches[0].outputs):
        return None
    branches = tuple(restricted(branch, inputs, outputs) for branch in op.branches)
    made = site.results(Switch(branches), [site.args[0], *(site.args[1 + i] for i in inputs)])
    return dict(zip(outputs, made, strict=True))


def _live(body: Graph, first: int, carried: int, wanted: set[int]) -> set[int]:
    """The outputs that `wanted` ones depend on, from step to step."""
    live = set(wanted)
    while True:
        found = {i - first for i in inputs_of(body, sorted(live)) if first <= i < first + carried}
        if found <= live:
            return live
        live |= found


def _unchanged(body: Graph, first: int, i: int) -> bool:
    return body.outputs[i] is body.inputs[first + i]


def _without_unchanged(site: Site, op: Scan) -> Mapping[int, Node]:
    """The scan with carries that every step returns as they came among its captured operands."""
    first, last = op.captured, op.captured + op.carried
    still = [i for i in range(op.carried) if _unchanged(op.body, first, i)]
    moving = [i for i in range(op.carried) if i not in still]
    inputs: Sequence[int] = [
        *range(first),
        *(first + i for i in still),
        *(first + i for i in moving),
        *range(last, len(site.args)),
    ]
    outputs = [*moving, *range(op.carried, len(op.body.outputs))]
    body = restricted(op.body, inputs, outputs)
    smaller = replace(op, body=body, captured=first + len(still), carried=len(moving))
    known = {i: site.args[first + i] for i in still}
    if not outputs:
        return known
    made = site.results(smaller, [site.args[i] for i in inputs])
    return {**known, **dict(zip(outputs, made, strict=True))}
