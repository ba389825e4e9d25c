"""Ops with regions as kernels: the kernels of a region become statements of a loop or a branch.

Carries live in the memory of the results; an element of a sequence is a place in it that moves with the
loop. The values of one iteration share memory as those of a program do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from graphc.control.scan import Scan
from graphc.control.switch import Switch
from graphc.control.while_loop import While
from graphc.dataclass import dataclass
from graphc.ir.dims import Dim
from graphc.ir.graph import Graph, Node
from graphc.lower import kernel_ir as k
from graphc.lower.build import INT64, KernelBuilder
from graphc.lower.inline import Count, Inliner, Part, without_dead_stores
from graphc.lower.memory import Time
from graphc.lower.storage import is_counter
from graphc.lower.writer import BOOL, ErrorTable
from graphc.ops import leaf

if TYPE_CHECKING:
    from graphc.lower.program import Body

SMALL = 4096  # bytes

# A prepared graph, and which outputs take over the memory of which inputs, to kernels.
LowerBody: TypeAlias = Callable[[Graph, Mapping[int, int], ErrorTable], "Body"]


@dataclass(eq=False)
class RegionLowering:
    """Writes one op with regions into a kernel. `temporaries` is the memory that the regions need."""

    builder: KernelBuilder
    node: Node
    buffers: Mapping[Node, k.Buffer]
    results: Sequence[k.Buffer]
    errors: ErrorTable
    lower_body: LowerBody

    def __post_init__(self) -> None:
        self.temporaries: list[tuple[k.Buffer, Time, Time]] = []
        self._clock: Time = 0

    def write(self) -> None:
        """The statements of the op."""
        match self.node.op:
            case Scan() as op:
                self._scan(op)
            case While() as op:
                self._while(op)
            case Switch() as op:
                self._switch(op)
        touched, _ = k.buffers_of(self.builder.body)
        self.temporaries = [
            (b, first, last) if b.shared else (b, 0, self._clock)
            for b, first, last in self.temporaries
            if b in touched
        ]

    # ---- loops of known length

    def _scan(self, op: Scan) -> None:
        first = op.captured + op.carried
        self._start(self.node.args[op.captured : first])
        axis = k.Axis("t", op.length)
        operands = [self._operand(a) for a in self.node.args[: op.captured]]
        carries = [Part(b) for b in self.results[: op.carried]]
        walked = zip(self.node.args[first:], op.body.inputs[first:], strict=True)
        made = zip(self.results[op.carried :], op.body.outputs[op.carried :], strict=True)
        elements = [self._walked(a, n, axis, op) for a, n in walked]
        stacked = [self._element(b, n.array_type.size, axis, op) for b, n in made]
        donated = {i: op.captured + i for i in range(op.carried)}
        with self.builder.loop(axis, "serial"):
            inputs, outputs = [*operands, *carries, *elements], [*carries, *stacked]
            self.builder.append(self._region(op.body, donated, inputs, outputs, {axis: axis}))

    def _walked(self, sequence: Node, element: Node, axis: k.Axis, op: Scan) -> Part | Count:
        """What the current step sees of a sequence; of one that counts the steps, their number."""
        if not is_counter(sequence):
            return self._element(self.buffers[sequence], element.array_type.size, axis, op)
        if not op.reverse:
            return Count(k.Index(((axis, 1),)))
        return Count(k.Index(((axis, -1),), op.length - 1))

    def _element(self, whole: k.Buffer, size: Dim, axis: k.Axis, op: Scan) -> Part:
        """The element of a sequence that the current step is about; it has `size` numbers."""
        if not op.reverse:
            return Part(whole, k.Index(((axis, size),)))
        return Part(whole, k.Index(((axis, -1 * size),), (op.length - 1) * size))

    # ---- loops that the data end

    def _while(self, op: While) -> None:
        self._start(self.node.args[op.captured :])
        operands = [self._operand(a) for a in self.node.args[: op.captured]]
        carries = [Part(b) for b in self.results]
        inputs = [*operands, *carries]
        holds = k.Buffer("holds", BOOL, 1, "arena")
        test = self._region(op.condition, {}, inputs, [Part(holds)])
        self.temporaries.append((holds, 0, self._clock))
        test, condition = self._result_of(test, holds)
        donated = {i: op.captured + i for i in range(len(carries))}
        body = self._region(op.body, donated, inputs, carries)
        self.builder.append([k.While(test, condition, body)])

    def _result_of(self, body: list[k.Statement], cell: k.Buffer) -> tuple[list[k.Statement], k.Value]:
        """The statements without a last store to `cell`, and the value that would be there."""
        last = body[-1] if body else None
        if isinstance(last, k.Store) and last.buffer is cell and last.guard is None:
            return body[:-1], last.value
        value = self.builder.fresh(cell.dtype)
        return [*body, k.Load(value, cell, k.Index())], value

    # ---- choices

    def _switch(self, op: Switch) -> None:
        b = self.builder
        index = b.load(self.buffers[self.node.args[0]], k.Index())
        inputs = [self._operand(a) for a in self.node.args[1:]]
        last = len(op.branches) - 1
        for number, branch in enumerate(op.branches):
            relation = "equal"
            if number == 0 and last > 0:
                relation = "less_equal"
            elif number == last:
                relation = "greater_equal"
            chosen = b.let(relation, (index, b.constant(number, INT64)), BOOL)
            if last == 0:
                chosen = b.constant(True, BOOL)
            with b.when(chosen):
                b.append(self._region(branch, {}, inputs, [Part(r) for r in self.results]))

    # ---- what they share

    def _operand(self, node: Node) -> Part:
        return Part(self.buffers[node])

    def _start(self, initial: Sequence[Node]) -> None:
        """Copies what the loop starts from into the memory of the carries, where it is not there already."""
        for node, carry in zip(initial, self.results, strict=False):
            if isinstance(node.op, leaf.Unset) or self.buffers[node] is carry:
                continue
            source = self.buffers[node]
            if carry.size == 1:
                self.builder.store(carry, k.Index(), self.builder.load(source, k.Index()))
                continue
            axis = k.Axis("z", carry.size)
            with self.builder.loop(axis, "lanes"):
                here = k.Index(((axis, 1),))
                self.builder.store(carry, here, self.builder.load(source, here))

    def _region(
        self,
        graph: Graph,
        donated: Mapping[int, int],
        inputs: Sequence[Part | Count],
        outputs: Sequence[Part],
        axes: Mapping[k.Axis, k.Axis] | None = None,
    ) -> list[k.Statement]:
        """The kernels of a region, on the memory of the surrounding kernel."""
        body = self.lower_body(graph, donated, self.errors)
        given = list(zip(body.inputs, inputs, strict=False))
        parts = {b: part for b, part in given if isinstance(part, Part)}
        counts = {b: count for b, count in given if isinstance(count, Count)}
        for buffer, part in zip(body.outputs, outputs, strict=True):
            parts.setdefault(buffer, part)
        self._keep(body, parts, counts)
        stores: list[k.Statement] = []
        for op, cell in zip(body.constants, body.inputs[len(inputs) :], strict=True):
            stores += self._number(op, parts[cell])
        inliner = Inliner(self.builder, parts, counts)
        inliner.axes.update(axes or {})
        copied = [s for kernel in body.kernels for s in inliner.copy(kernel.body)]
        own = {parts[b].buffer for b, _, _ in body.temporaries}
        return without_dead_stores([*stores, *copied], own)

    def _number(self, op: leaf.Const, cell: Part) -> list[k.Statement]:
        """Puts a number where an op of the region takes it from memory."""
        assert len(op.data) == op.dtype.itemsize, "arrays that a region mentions are operands of its op"
        value = self.builder.fresh(op.dtype)
        return [k.Constant(value, op.value.item()), k.Store(cell.buffer, k.Index(), value)]

    def _keep(self, body: Body, parts: dict[k.Buffer, Part], counts: Mapping[k.Buffer, Count]) -> None:
        """Takes over the temporaries of a region and the cells of its numbers, after those before it."""
        end = 1 + max((last for _, _, last in body.temporaries), default=0)
        cells = [(b, 0, end) for b in body.inputs if b not in parts and b not in counts]
        for buffer, first, last in (*cells, *body.temporaries):
            space: k.Space = "local" if buffer.space == "local" else "arena"
            shared = buffer.shared or not _is_small(buffer)
            own = k.Buffer(f"r{len(self.temporaries)}", buffer.dtype, buffer.size, space, shared)
            parts[buffer] = Part(own)
            self.temporaries.append((own, self._clock + first, self._clock + last))
        self._clock += 1 + end


def _is_small(buffer: k.Buffer) -> bool:
    """Whether a temporary is worth memory of its own, so that the compiler may keep it in registers."""
    return isinstance(buffer.size, int) and buffer.size * buffer.dtype.itemsize <= SMALL
