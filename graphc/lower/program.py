"""A lowered program: kernels in order, the buffers they run on, and the arena plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from graphc.errors import CompilationError
from graphc.ir.dims import Dim
from graphc.ir.graph import Graph, Item, Node
from graphc.ir.requirements import requirements
from graphc.ir.types import TupleType
from graphc.lower import kernel_ir as k
from graphc.lower.build import KernelBuilder
from graphc.lower.expressions import PointEvaluator
from graphc.lower.fuse import Group, fuse
from graphc.lower.memory import Plan, plan
from graphc.lower.opaque import OPAQUE
from graphc.lower.prepare import copy_outputs, prepare
from graphc.lower.printer import format_kernel
from graphc.lower.product import ProductScheduler
from graphc.lower.schedule import LoopScheduler
from graphc.lower.storage import choose_stored
from graphc.lower.tasks import Task, tasks_of
from graphc.lower.updates import ordered, updates_to_copy, write_after_read
from graphc.lower.writer import ErrorTable, RuntimeCheck
from graphc.ops import leaf


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
    return _Lowering(prepare(graph), dict(donated or {})).run()


class _Lowering:
    tasks: list[Task]

    def __init__(self, graph: Graph, donated: dict[int, int]) -> None:
        self.donated = donated
        self.errors = ErrorTable()
        self._analyse(graph)
        copied = updates_to_copy(graph, self.tasks, donated)
        if copied:
            self._analyse(copy_outputs(graph, copied), kept=[graph.outputs[i] for i in copied])
        after = write_after_read(self.graph, self.tasks, donated)
        self.tasks = ordered(self.tasks, after) if after else self.tasks
        self.groups = fuse(self.tasks, after)
        self.constants = [n for n in self.nodes if isinstance(n.op, leaf.Const) and n in self.stored]
        self.buffers: dict[Node, k.Buffer] = {}
        self.temporaries: dict[k.Buffer, tuple[int, int]] = {}

    def run(self) -> LoweredProgram:
        inputs = tuple(
            self._named(n, f"in{i}", "input") for i, n in enumerate((*self.graph.inputs, *self.constants))
        )
        outputs = tuple(self._output(i, n, inputs) for i, n in enumerate(self.graph.outputs))
        self._intermediates()
        kernels = tuple(self._kernel(i, group) for i, group in enumerate(self.groups))
        guards = tuple((r.dim, self.errors.number("ShapeError", r.text())) for r in requirements(self.graph))
        arena = plan([(b, first, last) for b, (first, last) in self.temporaries.items()])
        return LoweredProgram(
            kernels,
            inputs,
            outputs,
            tuple(n.op for n in self.constants if isinstance(n.op, leaf.Const)),
            arena,
            self.graph.symbols,
            tuple(self.errors.checks),
            guards,
        )

    def _tasks(self) -> list[Task]:
        points = PointEvaluator(self.stored)
        sources = (leaf.Input, leaf.Const, Item)
        return [
            t for n in self.nodes if n in self.stored and not _is(n, sources) for t in tasks_of(n, points)
        ]

    def _analyse(self, graph: Graph, kept: Sequence[Node] = ()) -> None:
        """Finds the tasks of `graph`; the nodes `kept` are stored whatever they cost."""
        self.graph = graph
        self.nodes = list(graph)
        self.stored = choose_stored(graph, kept)
        self.tasks = self._tasks()

    # ---- buffers

    def _named(self, node: Node, name: str, space: k.Space) -> k.Buffer:
        type_ = node.array_type
        buffer = self.buffers[node] = k.Buffer(name, type_.dtype, type_.size, space)
        return buffer

    def _output(self, index: int, node: Node, inputs: tuple[k.Buffer, ...]) -> k.Buffer:
        if index in self.donated:
            self.buffers[node] = inputs[self.donated[index]]
            return self.buffers[node]
        return self._named(node, f"out{index}", "output")

    def _intermediates(self) -> None:
        """Arena buffers for values that pass from one kernel to another."""
        made: dict[Node, list[int]] = {}  # the steps that make parts of a value
        last: dict[Node, int] = {}
        for step, group in enumerate(self.groups):
            for task in group.tasks:
                made.setdefault(task.node, []).append(step)
                for node in task.nodes_read:
                    source = node.args[0] if isinstance(node.op, Item) else node
                    last[source] = step
        for node, parts in made.items():
            if isinstance(node.type, TupleType):
                continue
            first = parts[0]
            end = last.get(node, first)
            is_opaque = self.groups[first].kind == "opaque"
            terminal = self.groups[first].made[node].level == "terminal"
            if node not in self.buffers and (end > first or len(parts) > 1 or is_opaque or terminal):
                self._temporary(node, first, max(end, *parts))
        for node in self.nodes:
            if isinstance(node.op, Item) and node not in self.buffers:
                (first,) = made[node.args[0]]
                self._temporary(node, first, last.get(node.args[0], first))

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
                body, scratch = self._opaque(group.tasks[0])
        for buffer in scratch:
            self.temporaries[buffer] = (step, step)
        buffers, _ = k.buffers_of(body)
        return k.Kernel(f"k{step}", buffers, self.graph.symbols, tuple(body))

    def _opaque(self, task: Task) -> tuple[list[k.Statement], list[k.Buffer]]:
        node = task.node
        emit = OPAQUE.get(type(node.op))
        if emit is None:
            raise CompilationError(f"the native backends have no kernel for {node.op.name}")
        builder = KernelBuilder()
        inputs = [self.buffers[a] for a in node.args]
        scratch = emit(builder, node, inputs, self._results(node), self.errors)
        return builder.body, scratch

    def _results(self, node: Node) -> list[k.Buffer]:
        if not isinstance(node.type, TupleType):
            return [self.buffers[node]]
        items = {
            n.op.index: self.buffers[n] for n in self.nodes if isinstance(n.op, Item) and n.args[0] is node
        }
        for index, type_ in enumerate(node.type.elements):
            if index not in items:
                step = next(s for s, g in enumerate(self.groups) if g.tasks[0].node is node)
                items[index] = k.Buffer(f"u{len(self.temporaries)}", type_.dtype, type_.size, "arena")
                self.temporaries[items[index]] = (step, step)
        return [items[i] for i in range(len(node.type.elements))]


def _is(node: Node, kinds: tuple[type, ...]) -> bool:
    return isinstance(node.op, kinds)
