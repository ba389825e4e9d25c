"""Updates in place: values that are made in the memory of others, once nothing reads those any more.

Two kinds: an output that takes over the memory of a donated input, and the result of an op that changes a
few elements of an operand, or starts a loop from it, in that operand's own memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from graphc.control.scan import Scan
from graphc.control.while_loop import While
from graphc.dataclass import dataclass
from graphc.errors import VerificationError
from graphc.ir.graph import Graph, Item, Node
from graphc.lower.tasks import Opaque, Pointwise, Task
from graphc.ops import leaf
from graphc.ops.gather import ScatterAdd, ScatterSet

# Task -> tasks whose kernels must have ended before its own begins.
After: TypeAlias = dict[Task, list[Task]]


@dataclass(frozen=True)
class Updates:
    """Which values are made where another one was.

    `bases` maps a value to the one whose memory it takes over. `copied` numbers the donated outputs that
    need memory of their own first, to be copied at the end.
    """

    bases: dict[Node, Node]
    copied: tuple[int, ...]
    after: After

    def chain(self, node: Node) -> Iterator[Node]:
        """`node` and what was in its memory before, the last first."""
        return _chain(node, self.bases)


def plan_updates(
    graph: Graph,
    tasks: Sequence[Task],
    donated: Mapping[int, int],
    waits: After,
    copies: Sequence[int] = (),
) -> Updates:
    """The updates in place that some order of the tasks allows. `donated` maps outputs to inputs.

    `waits` are tasks that wait for others in any case, and are in the order that is planned.
    A donated output is copied at the end if it reads the input at other points than it writes, if a reader
    of the input needs it, or if such outputs wait for each other in a circle. Those numbered in `copies` are
    such copies already: nothing depends on them, and every other update leaves them room.
    """
    direct = {output: donated[output] for output in copies}
    bases = _bases(graph, tasks, direct, waits)
    copied: list[int] = []
    for output, source in donated.items():
        if output in direct:
            continue
        old, new = graph.inputs[source], graph.outputs[output]
        candidate = {**direct, output: source}
        longer = _with_input(bases, tasks, new, old)
        after = write_after_read(graph, tasks, candidate, longer, waits)
        if _is_local(tasks, longer, new, old) and order(tasks, after) is not None:
            direct, bases = candidate, longer
        else:
            copied.append(output)
    return Updates(bases, tuple(copied), write_after_read(graph, tasks, direct, bases, waits))


def write_after_read(
    graph: Graph, tasks: Sequence[Task], donated: Mapping[int, int], bases: Mapping[Node, Node], waits: After
) -> After:
    """`waits`, and for each task that overwrites a value, the other tasks that read the value."""
    after = {task: list(others) for task, others in waits.items()}
    uses = _Uses.of(tasks)
    for result, base in bases.items():
        uses.order(after, [_owner(result)], base)
    for output, source in donated.items():
        makers = [_owner(n) for n in _chain(graph.outputs[output], bases)]
        uses.order(after, makers, graph.inputs[source])
    return after


@dataclass(frozen=True)
class _Uses:
    """The tasks that make a node, and those that read it."""

    makers: dict[Node, list[Task]]
    readers: dict[Node, list[Task]]

    @staticmethod
    def of(tasks: Sequence[Task]) -> _Uses:
        uses = _Uses({}, {})
        for task in tasks:
            uses.makers.setdefault(task.node, []).append(task)
            for node in task.nodes_read:
                uses.readers.setdefault(node, []).append(task)
        return uses

    def order(self, after: After, makers: Sequence[Node], old: Node) -> None:
        """Lets the tasks that make `makers` wait for the others that read `old`."""
        readers = [t for t in self.readers.get(old, ()) if t.node not in makers]
        if readers:
            for writer in (t for maker in dict.fromkeys(makers) for t in self.makers.get(maker, ())):
                after[writer] = [*after.get(writer, ()), *readers]


def _bases(graph: Graph, tasks: Sequence[Task], copies: Mapping[int, int], waits: After) -> dict[Node, Node]:
    """For values that an op makes by changing an operand, that operand, if it is not needed any more.

    `copies` are the donated outputs that are certain, and the inputs whose memory they take.
    """
    bases: dict[Node, Node] = {}
    after = write_after_read(graph, tasks, copies, bases, waits)
    uses = _Uses.of(tasks)
    changed: set[Node] = set()
    results = {(n.args[0], n.op.index): n for n in graph if isinstance(n.op, Item)}
    for task in tasks:
        for operand, index in _changed(task):
            node = task.node
            base = node.args[operand]
            result = node if not isinstance(node.op, Scan | While) else results.get((node, index))
            taken = base in changed or base in graph.outputs or node.args.count(base) > 1
            made_here = _owner(base) in uses.makers or isinstance(base.op, leaf.Unset)
            if result is None or taken or not made_here:
                continue
            longer = dict(after)
            uses.order(longer, [_owner(result)], base)
            if longer == after or order(tasks, longer) is not None:
                bases[result], after = base, longer
                changed.add(base)
    return bases


def _changed(task: Task) -> tuple[tuple[int, int], ...]:
    """(operand, result) pairs of an op whose result may be made in the operand's memory."""
    match task.node.op:
        case ScatterAdd() | ScatterSet() if isinstance(task, Opaque):
            return ((0, 0),)
        case Scan() as op:
            return tuple((op.captured + i, i) for i in range(op.carried))
        case While() as op:
            return tuple((i, i - op.captured) for i in range(op.captured, len(task.node.args)))
    return ()


def _with_input(bases: Mapping[Node, Node], tasks: Sequence[Task], new: Node, old: Node) -> dict[Node, Node]:
    """`bases`, with `old` below the chain of `new` where the op at its end changes `old` itself."""
    *_, end = _chain(new, bases)
    owner = _owner(end)
    for task in tasks:
        if task.node is owner:
            for operand, index in _changed(task):
                same = not isinstance(end.op, Item) or end.op.index == index
                if same and owner.args[operand] is old and owner.args.count(old) == 1:
                    return {**bases, end: old}
    return dict(bases)


def _is_local(tasks: Sequence[Task], bases: Mapping[Node, Node], new: Node, old: Node) -> bool:
    """Whether nothing that writes the memory of `new` reads `old` at another point than it writes."""
    makers = {_owner(n): n for n in _chain(new, bases)}
    for task in tasks:
        if task.node not in makers or old not in task.nodes_read:
            continue
        if bases.get(makers[task.node]) is old:
            continue
        local = isinstance(task, Pointwise) and all(
            r.offset == task.target and r.guard is None for r in task.reads if r.node is old
        )
        if not local or makers[task.node] in bases:
            return False
    return True


def _chain(node: Node, bases: Mapping[Node, Node]) -> Iterator[Node]:
    """`node`, what it is made from in place, and so on; an input at the end is left out."""
    yield node
    while node in bases and not isinstance(bases[node].op, leaf.Input):
        node = bases[node]
        yield node


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


def _owner(node: Node) -> Node:
    return node.args[0] if isinstance(node.op, Item) else node
