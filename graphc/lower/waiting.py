"""Which tasks wait for others because of barriers: recomputed values are not computed early."""

from __future__ import annotations

from collections.abc import Sequence

from graphc.ir.graph import Item, Node
from graphc.lower.tasks import Task
from graphc.lower.updates import After
from graphc.ops.barrier import Barrier, computed_from


def waiting(tasks: Sequence[Task], stored: set[Node]) -> After:
    """For each task that reads values through barriers, the tasks that make what those wait for."""
    makers: dict[Node, list[Task]] = {}
    for task in tasks:
        makers.setdefault(task.node, []).append(task)
    after: After = {}
    for task in tasks:
        awaited = [w for node in _unstored(task.node, stored) for w in node.args[1:] if _is_barrier(node)]
        made = [t for w in awaited for n in _sources(w, stored) for t in makers.get(n, ())]
        if made:
            after[task] = list(dict.fromkeys(t for t in made if t is not task))
    return after


def _is_barrier(node: Node) -> bool:
    return isinstance(node.op, Barrier)


def _unstored(node: Node, stored: set[Node]) -> list[Node]:
    """`node` and the nodes that are computed again wherever it is computed."""
    seen: dict[Node, None] = {node: None}
    stack = [node]
    while stack:
        for arg in computed_from(stack.pop()):
            if arg not in stored and arg not in seen:
                seen[arg] = None
                stack.append(arg)
    return list(seen)


def _sources(node: Node, stored: set[Node]) -> list[Node]:
    """The nodes in memory that `node` is computed from: itself, if it is stored."""
    edge = [node] if node in stored else [a for n in _unstored(node, stored) for a in computed_from(n)]
    return [n.args[0] if isinstance(n.op, Item) else n for n in edge if n in stored]
