"""A lowered program: kernels in order, the buffers they run on, and the arena plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from graphc.control.regions import AbstractControl
from graphc.dataclass import dataclass
from graphc.errors import CompilationError
from graphc.ir.dims import Dim
from graphc.ir.graph import Graph, Item, Node
from graphc.ir.requirements import requirements
from graphc.ir.types import TupleType
from graphc.lower import kernel_ir as k
from graphc.lower.build import KernelBuilder
from graphc.lower.expressions import PointEvaluator
from graphc.lower.fuse import Group, fuse
from graphc.lower.join import Steps, join_small
from graphc.lower.memory import Plan, Time, plan
from graphc.lower.opaque import OPAQUE
from graphc.lower.prepare import copy_outputs, flat_outputs, prepare
from graphc.lower.printer import format_kernel
from graphc.lower.product import ProductScheduler
from graphc.lower.regions import RegionLowering
from graphc.lower.schedule import LoopScheduler
from graphc.lower.storage import choose_stored
from graphc.lower.tasks import Task, tasks_of
from graphc.lower.updates import Updates, ordered, plan_updates
from graphc.lower.waiting import waiting
from graphc.lower.writer import ErrorTable, RuntimeCheck
from graphc.ops import leaf


@dataclass(frozen=True)
class Body:
    """Kernels in order, on buffers that have no place in memory yet.

    `inputs` are those of the graph, then `constants`. `temporaries` live from one time to another.
    """

    kernels: tuple[k.Kernel, ...]
    inputs: tuple[k.Buffer, ...]
    outputs: tuple[k.Buffer, ...]
    constants: tuple[leaf.Const, ...]
    temporaries: tuple[tuple[k.Buffer, Time, Time], ...]


@dataclass(frozen=True)
class LoweredProgram:
    """What a backend turns into code. `outputs[i]` may be an input's buffer: updated in place.

    `constants` are the contents of further inputs, numbered after the graph's own.
    """

    kernels: tuple[k.Kernel, ...]
    inputs: tuple[k.Buffer, ...]
    outputs: tuple[k.Buffer, ...]
    constants: tuple[leaf.Const, ...]
    arena: Plan
    symbols: tuple[str, ...]
    checks: tuple[RuntimeCheck, ...]
    guards: tuple[tuple[Dim, int], ...] = ()  # sizes that must not be negative, and the check they fail

    def __str__(self) -> str:
        return "\n\n".join([*(format_kernel(kernel) for kernel in self.kernels), f"arena: {self.arena}"])


def lower(graph: Graph, donated: Mapping[int, int] | None = None) -> LoweredProgram:
    """The kernels of `graph`. `donated` maps an output to the input whose memory it takes over."""
    errors = ErrorTable()
    graph = flat_outputs(prepare(graph))
    body = lower_body(graph, dict(donated or {}), errors)
    guards = tuple((r.dim, errors.number("ShapeError", r.text())) for r in requirements(graph))
    steps = join_small(Steps(body.kernels, body.temporaries))
    return LoweredProgram(
        steps.kernels,
        body.inputs,
        body.outputs,
        body.constants,
        plan(steps.temporaries),
        graph.symbols,
        tuple(errors.checks),
        guards,
    )


def lower_body(graph: Graph, donated: Mapping[int, int], errors: ErrorTable) -> Body:
    """The kernels of a prepared graph, which may be a region of another one."""
    return _Lowering(graph, donated, errors).run()


class _Lowering:
    tasks: list[Task]
    updates: Updates

    def __init__(self, graph: Graph, donated: Mapping[int, int], errors: ErrorTable) -> None:
        self.donated = donated
        self.errors = errors
        copied: tuple[int, ...] = ()
        self._analyse(graph, copied)
        while self.updates.copied:  # a copy at the end may leave no room for an update found before
            copied = (*copied, *self.updates.copied)
            self._analyse(graph, copied)
        after = self.updates.after
        self.tasks = ordered(self.tasks, after) if after else self.tasks
        self.groups = fuse(self.tasks, after)
        self.constants = [n for n in self.nodes if isinstance(n.op, leaf.Const) and n in self.stored]
        self.buffers: dict[Node, k.Buffer] = {}
        self.temporaries: dict[k.Buffer, tuple[int, int]] = {}
        self.adopted: list[tuple[k.Buffer, Time, Time]] = []  # temporaries of regions
        self.length: Time = 0  # how long a step takes: no time at all, unless regions divide it

    def run(self) -> Body:
        inputs = tuple(
            self._named(n, f"in{i}", "input") for i, n in enumerate((*self.graph.inputs, *self.constants))
        )
        outputs = tuple(self._output(i, n, inputs) for i, n in enumerate(self.graph.outputs))
        self._intermediates()
        kernels = tuple(self._kernel(i, group) for i, group in enumerate(self.groups))
        constants = tuple(n.op for n in self.constants if isinstance(n.op, leaf.Const))
        own = ((b, first, last + self.length) for b, (first, last) in self.temporaries.items())
        return Body(kernels, inputs, outputs, constants, (*own, *self.adopted))

    def _tasks(self) -> list[Task]:
        points = PointEvaluator(self.stored)
        sources = (leaf.Input, leaf.Const, leaf.Unset, Item)
        return [
            t for n in self.nodes if n in self.stored and not _is(n, sources) for t in tasks_of(n, points)
        ]

    def _analyse(self, graph: Graph, copied: Sequence[int]) -> None:
        """Finds the tasks of `graph` with its outputs `copied` stored, and copied at the end."""
        self.graph = copy_outputs(graph, copied)
        self.nodes = list(self.graph)
        self.stored = choose_stored(self.graph, [graph.outputs[i] for i in copied])
        self.tasks = self._tasks()
        waits = waiting(self.tasks, self.stored)
        self.updates = plan_updates(self.graph, self.tasks, self.donated, waits, copied)

    # ---- buffers

    def _named(self, node: Node, name: str, space: k.Space) -> k.Buffer:
        """Memory for a value, and for those that it is made from in place."""
        type_ = node.array_type
        buffer = k.Buffer(name, type_.dtype, type_.size, space)
        for value in self.updates.chain(node):
            self.buffers[value] = buffer
        return buffer

    def _output(self, index: int, node: Node, inputs: tuple[k.Buffer, ...]) -> k.Buffer:
        if index not in self.donated:
            return self._named(node, f"out{index}", "output")
        for value in self.updates.chain(node):
            self.buffers[value] = inputs[self.donated[index]]
        return self.buffers[node]

    def _intermediates(self) -> None:
        """Arena buffers for values that pass from one kernel to another."""
        made: dict[Node, list[int]] = {}  # the steps that make parts of a value
        last: dict[Node, int] = {}
        for step, group in enumerate(self.groups):
            for task in group.tasks:
                made.setdefault(task.node, []).append(step)
                for node in task.nodes_read:
                    last[node] = step
        changed = set(self.updates.bases.values())
        for node in self.nodes:
            steps = made.get(node.args[0] if isinstance(node.op, Item) else node)
            if node in self.buffers or node in changed or isinstance(node.type, TupleType):
                continue
            if steps is not None and self._needs_memory(node, steps, last.get(node, steps[0])):
                times = [t for v in self.updates.chain(node) for t in self._life(v, made, last)]
                self._temporary(node, min(times), max(times))
            elif isinstance(node.op, leaf.Unset) and node in last:
                self._temporary(node, last[node], last[node])

    def _needs_memory(self, node: Node, steps: list[int], end: int) -> bool:
        """Whether a value made in these steps is ever read back."""
        first = steps[0]
        if isinstance(node.op, Item) or end > first or len(steps) > 1:
            return True
        group = self.groups[first]
        return group.kind == "opaque" or group.made[node].level == "terminal"

    def _life(self, node: Node, made: Mapping[Node, list[int]], last: Mapping[Node, int]) -> list[int]:
        """The steps that write or read the memory of a value."""
        steps = made.get(node.args[0] if isinstance(node.op, Item) else node, [])
        return [*steps, *([last[node]] if node in last else [])]

    def _temporary(self, node: Node, first: int, last: int) -> None:
        buffer = self._named(node, f"t{len(self.temporaries)}", "arena")
        self.temporaries[buffer] = (first, last)

    # ---- kernels

    def _kernel(self, step: int, group: Group) -> k.Kernel:
        match group.kind:
            case "loops":
                scheduler = LoopScheduler(group, self.buffers, self.errors)
                body = scheduler.build()
                scratch = scheduler.locals
            case "product":
                body, scratch = ProductScheduler(group, self.buffers, self.errors).build(), []
            case "opaque":
                body, scratch = self._opaque(group.tasks[0], step)
        for buffer in scratch:
            self.temporaries[buffer] = (step, step)
        buffers, _ = k.buffers_of(body)
        return k.Kernel(f"k{step}", buffers, self.graph.symbols, tuple(body))

    def _opaque(self, task: Task, step: int) -> tuple[list[k.Statement], list[k.Buffer]]:
        node = task.node
        builder = KernelBuilder()
        results = self._results(node, step)
        if isinstance(node.op, AbstractControl):
            region = RegionLowering(builder, node, self.buffers, results, self.errors, lower_body)
            region.write()
            self._adopt(region.temporaries, step)
            return builder.body, []
        emit = OPAQUE.get(type(node.op))
        if emit is None:
            raise CompilationError(f"the native backends have no kernel for {node.op.name}")
        inputs = [self.buffers[a] for a in node.args]
        return builder.body, emit(builder, node, inputs, results, self.errors)

    def _adopt(self, inner: Sequence[tuple[k.Buffer, Time, Time]], step: int) -> None:
        """The temporaries of a region live during this step, one after the other as their times say."""
        self.length = Fraction(1, 2)
        scale = self.length / (1 + max((last for _, _, last in inner), default=0))
        self.adopted += [(b, step + first * scale, step + last * scale) for b, first, last in inner]

    def _results(self, node: Node, step: int) -> list[k.Buffer]:
        if not isinstance(node.type, TupleType):
            return [self.buffers[node]]
        items = {
            n.op.index: self.buffers[n] for n in self.nodes if isinstance(n.op, Item) and n.args[0] is node
        }
        for index, type_ in enumerate(node.type.elements):
            if index not in items:
                items[index] = k.Buffer(f"u{len(self.temporaries)}", type_.dtype, type_.size, "arena")
                self.temporaries[items[index]] = (step, step)
        return [items[i] for i in range(len(node.type.elements))]


def _is(node: Node, kinds: tuple[type, ...]) -> bool:
    return isinstance(node.op, kinds)
