"""Updates in place: an output that takes over an input's memory is written after every read of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from graphc.errors import VerificationError
from graphc.ir.graph import Graph, Item, Node
from graphc.lower.tasks import Pointwise, Task

# Task -> tasks whose kernels must have ended before its own begins.
After: TypeAlias = dict[Task, list[Task]]


def updates_to_copy(graph: Graph, tasks: Sequence[Task], donated: Mapping[int, int]) -> list[int]:
    """The donated outputs that need memory of their own first, to be copied at the end.

    Those that read the input at other points than they write, that a reader of the input needs, or that
    wait for each other in a circle.
    """
    direct: dict[int, int] = {}
    copied: list[int] = []
    for output, source in donated.items():
        old, new = graph.inputs[source], graph.outputs[output]
        writers = [t for t in tasks if t.node is new]
        candidate = {**direct, output: source}
        if _same_points(writers, old) and order(tasks, write_after_read(graph, tasks, candidate)) is not None:
            direct = candidate
        else:
            copied.append(output)
    return copied


def write_after_read(graph: Graph, tasks: Sequence[Task], donated: Mapping[int, int]) -> After:
    """For each task that updates an input in place, the other tasks that read the input."""
    after: After = {}
    for output, source in donated.items():
        old, new = graph.inputs[source], graph.outputs[output]
        readers = [t for t in tasks if old in t.nodes_read and t.node is not new]
        for writer in (t for t in tasks if t.node is new):
            after.setdefault(writer, []).extend(readers)
    return after


def ordered(tasks: Sequence[Task], after: After) -> list[Task]:
    """The tasks in an order in which each comes after what it reads and what `after` names."""
    found = order(tasks, after)
    if found is None:
        raise VerificationError("updates in place wait for each other")
    return found


def order(tasks: Sequence[Task], after: After) -> list[Task] | None:
    """The same, or None where there is no such order."""
    by_node: dict[Node, list[Task]] = {}
    for task in tasks:
        by_node.setdefault(task.node, []).append(task)
    done: dict[Task, None] = {}
    # What nothing reads goes first: its operands are then made only when they are needed, and an update
    # in place finds the readers of the old value already done.
    read = {_owner(n) for task in tasks for n in task.nodes_read}
    for task in [*(t for t in tasks if t.node not in read), *tasks]:
        if not _visit(task, by_node, after, done):
            return None
    return list(done)


def _visit(task: Task, by_node: Mapping[Node, list[Task]], after: After, done: dict[Task, None]) -> bool:
    """Adds `task` and what it needs to `done`, depth first; False in a circle."""
    stack, open_ = [task], set[Task]()
    while stack:
        current = stack[-1]
        if current in done:
            stack.pop()
            continue
        reads = [t for n in current.nodes_read for t in by_node.get(_owner(n), ())]
        missing = [t for t in (*reads, *after.get(current, ())) if t not in done and t is not current]
        if not missing:
            done[stack.pop()] = None
            continue
        if current in open_:
            return False
        open_.add(current)
        stack += missing
    return True


def _same_points(writers: Sequence[Task], old: Node) -> bool:
    """Whether each point of the new value reads the old one at that point only."""
    return all(
        isinstance(t, Pointwise)
        and all(r.offset == t.target and r.guard is None for r in t.reads if r.node is old)
        for t in writers
    )


def _owner(node: Node) -> Node:
    return node.args[0] if isinstance(node.op, Item) else node
