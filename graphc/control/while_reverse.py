"""The reverse rule of loops that the data end: a tape of carries, and checkpoints for long loops.

The forward run writes the carries of its first `SLOTS` steps to a tape. If it took more, a second run writes
every s-th carry only, s = ⌈n / SLOTS⌉, and the backward loop goes from checkpoint to checkpoint: it runs the
s steps after one again with a tape of their own, then backwards over these (two levels of checkpoints,
Griewank & Walther 2008, chapter 12). Loops of up to SLOTS steps cost one forward run, up to SLOTS² two
more, beyond that each step is started again from the nearest checkpoint of the inner tape. Memory does not
depend on the number of steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from graphc.autodiff.reverse import pullback
from graphc.control.building import loop_while
from graphc.control.regions import is_real, run, zeros
from graphc.ir.dims import product
from graphc.ir.graph import Graph, Node
from graphc.ops.base import apply
from graphc.ops.gather import Gather, ScatterSet
from graphc.ops.leaf import Unset
from graphc.trace.context import current
from graphc.trace.function import call_graph
from graphc.trace.tracer import record

if TYPE_CHECKING:
    from graphc.control.while_loop import While

TAPE_BYTES = 8 << 20  # of one tape
MOST_SLOTS, FEWEST_SLOTS = 1024, 16


def pull_while(op: While, g: Sequence[Any], args: Sequence[Any]) -> tuple[Any, ...]:
    """Cotangents of the operands of a while loop, given those of its carries; None for what is not real."""
    return _Pull(op, args).run(g)


class _Pull:
    """The loop and its tapes; lists of values are carries, or a tape for each of them."""

    def __init__(self, op: While, args: Sequence[Any]) -> None:
        self.op = op
        self.fixed, self.start = list(args[: op.captured]), list(args[op.captured :])
        inputs = op.body.inputs
        self.captured = [i for i in range(op.captured) if is_real(inputs[i])]
        self.carried = [i for i in range(op.captured, len(inputs)) if is_real(inputs[i])]
        self.slots = slots_for(inputs[op.captured :])
        seeded = [i - op.captured for i in self.carried]
        pulled = pullback(op.body, [*self.carried, *self.captured], seeded)
        self.pulled = Graph(pulled.inputs, pulled.outputs[len(op.body.outputs) :])

    def run(self, g: Sequence[Any]) -> tuple[Any, ...]:
        steps, tapes = self._recorded()
        stride = np.maximum((steps + (self.slots - 1)) // self.slots, 1)
        tapes = self._checkpoints(steps, stride, tapes)
        cotangents = [g[i - self.op.captured] for i in self.carried]
        sums = [zeros(self.op.body.inputs[i].array_type) for i in self.captured]
        last = (steps + (stride - 1)) // stride - 1

        def segment(values: Sequence[Any]) -> Sequence[Any]:
            number, rest = values[0], values[1:]
            first = number * stride
            length = np.minimum(stride, steps - first)
            return [number - 1, *self._segment(_read(tapes, number), length, rest)]

        made = self._while(lambda values: values[0] >= 0, segment, [last, *cotangents, *sums])[1:]
        found = dict(zip([*self.carried, *self.captured], made, strict=True))
        return tuple(found.get(i) for i in range(len(self.op.body.inputs)))

    # ---- forward runs

    def _recorded(self) -> tuple[Any, list[Any]]:
        """How many steps the loop takes, and tapes of the carries before its first steps."""

        def step(values: Sequence[Any]) -> Sequence[Any]:
            k, carries, tapes = self._split(values)
            tapes = _written(tapes, np.minimum(k, self.slots), carries)
            return [*self._step(carries), k + 1, *tapes]

        initial = [*self.start, _zero(), *self._tapes()]
        made = self._while(lambda values: self._goes_on(self._split(values)[1]), step, initial)
        return self._split(made)[0], self._split(made)[2]

    def _checkpoints(self, steps: Any, stride: Any, tapes: Sequence[Any]) -> list[Any]:
        """Tapes of every `stride`-th carry; what is recorded already if every carry fits."""

        def step(values: Sequence[Any]) -> Sequence[Any]:
            k, carries, tapes = self._split(values)
            slot = np.where(k % stride == 0, k // stride, self.slots)
            return [*self._step(carries), k + 1, *_written(tapes, slot, carries)]

        made = self._while(
            lambda values: (self._split(values)[0] < steps) & (stride > 1),
            step,
            [*self.start, _zero(), *tapes],
        )
        return self._split(made)[2]

    # ---- backwards

    def _segment(self, start: Sequence[Any], length: Any, cotangents: Sequence[Any]) -> list[Any]:
        """Cotangents before `length` steps from `start`, given those after them."""
        stride = np.maximum((length + (self.slots - 1)) // self.slots, 1)

        def record(values: Sequence[Any]) -> Sequence[Any]:
            k, carries, tapes = self._split(values)
            slot = np.where(k % stride == 0, k // stride, self.slots)
            return [*self._step(carries), k + 1, *_written(tapes, slot, carries)]

        initial = [*start, _zero(), *self._tapes()]
        made = self._while(lambda values: self._split(values)[0] < length, record, initial)
        tapes = self._split(made)[2]

        def back(values: Sequence[Any]) -> Sequence[Any]:
            k = values[0]
            carries = self._again(_read(tapes, k // stride), k % stride)
            return [k - 1, *self._pulled(carries, values[1:])]

        return self._while(lambda values: values[0] >= 0, back, [length - 1, *cotangents])[1:]

    def _again(self, carries: Sequence[Any], steps: Any) -> list[Any]:
        """The carries some steps later."""
        made = self._while(
            lambda v: v[0] < steps, lambda v: [v[0] + 1, *self._step(v[1:])], [_zero(), *carries]
        )
        return made[1:]

    def _pulled(self, carries: Sequence[Any], values: Sequence[Any]) -> list[Any]:
        """Cotangents and sums before one step."""
        cotangents, sums = values[: len(self.carried)], values[len(self.carried) :]
        made = _call(self.pulled, [*self.fixed, *carries, *cotangents])
        contributions = made[len(self.carried) :]
        totals = [s + c for s, c in zip(sums, contributions, strict=True)]
        return [*made[: len(self.carried)], *totals]

    # ---- parts

    def _split(self, values: Sequence[Any]) -> tuple[Any, list[Any], list[Any]]:
        """(counter, carries, tapes): in a loop the carries come first, as in the loop that has no tapes."""
        count = len(self.start)
        return values[count], list(values[:count]), list(values[count + 1 :])

    def _step(self, carries: Sequence[Any]) -> list[Any]:
        return _call(self.op.body, [*self.fixed, *carries])

    def _goes_on(self, carries: Sequence[Any]) -> Any:
        return _call(self.op.condition, [*self.fixed, *carries])[0]

    def _tapes(self) -> list[Any]:
        """Room for the carries of so many steps, and for one that is not kept."""
        types = [n.array_type for n in self.op.body.inputs[self.op.captured :]]
        unset = [Unset(t.with_shape((self.slots + 1, *t.shape))) for t in types]
        return [_recorded_op(op) for op in unset]

    def _while(self, condition: Any, body: Any, initial: Sequence[Any]) -> list[Any]:
        return loop_while(type(self.op), condition, body, initial)


def slots_for(carries: Sequence[Node]) -> int:
    """How many steps a tape holds: `TAPE_BYTES` of carries, within limits."""
    sizes = [product(n.array_type.shape) * n.array_type.dtype.itemsize for n in carries]
    total = sum(size for size in sizes if isinstance(size, int))
    return max(FEWEST_SLOTS, min(MOST_SLOTS, TAPE_BYTES // max(total, 1)))


def _call(graph: Graph, values: Sequence[Any]) -> list[Any]:
    """The outputs of a graph for values, recorded in the current trace or computed at once."""
    return list(call_graph(graph, values) if current() is not None else run(graph, *values))


def _recorded_op(op: Unset) -> Any:
    return record(op) if current() is not None else op.evaluate()


def _zero() -> Any:
    return np.int64(0)


def _written(tapes: Sequence[Any], slot: Any, carries: Sequence[Any]) -> list[Any]:
    """The tapes with the carries in a slot."""
    return [apply(ScatterSet((0,)), t, c, slot) for t, c in zip(tapes, carries, strict=True)]


def _read(tapes: Sequence[Any], slot: Any) -> list[Any]:
    """The carries in a slot."""
    return [apply(Gather((0,)), t, slot) for t in tapes]
