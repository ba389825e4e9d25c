"""A loop of known length that carries values from step to step and walks along arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from graphc.control.regions import AbstractControl, Run, check_operands, input_types, output_types
from graphc.control.scan_batch import batch_scan
from graphc.control.scan_forward import push_scan
from graphc.control.scan_reverse import pull_scan
from graphc.errors import ShapeError
from graphc.ir.dims import Dim
from graphc.ir.graph import Graph
from graphc.ir.types import ArrayType, TupleType
from graphc.ops.base import register


@register
class Scan(AbstractControl):
    """Runs `body` `length` times, from the last element to the first with `reverse`.

    Operands: `captured` values that stay the same, `carried` values that the first step starts from, and
    sequences, arrays whose axis 0 has `length` elements. The body maps (captured…, carries…, an element of
    each sequence…) to (carries…, an element of each stacked result…). Results: the carries after the last
    step, then the stacked results, element i being made by the step that saw element i of the sequences.
    """

    body: Graph
    length: Dim
    captured: int
    carried: int
    reverse: bool = False

    name: ClassVar[str] = "scan"

    def infer(self, *args: ArrayType) -> TupleType:
        first = self.captured + self.carried
        for sequence in args[first:]:
            if not sequence.shape or sequence.shape[0] != self.length:
                raise ShapeError(f"scan of {self.length} steps over {sequence}: axis 0 must be that long")
        elements = tuple(x.with_shape(x.shape[1:]) for x in args[first:])
        check_operands("the body of a scan", input_types(self.body), (*args[:first], *elements))
        made = output_types(self.body)
        carries = made[: self.carried]
        check_operands("the carry of a scan", args[self.captured : first], carries)
        stacked = tuple(t.with_shape((self.length, *t.shape)) for t in made[self.carried :])
        return TupleType((*carries, *stacked))

    def capturing(self, count: int, change: Callable[[Graph], Graph]) -> Scan:
        return replace(self, body=change(self.body), captured=self.captured + count)

    def runs(self, *args: Any) -> Iterator[Run]:
        first = self.captured + self.carried
        fixed, sequences = args[: self.captured], args[first:]
        carries = tuple(np.asarray(c) for c in args[self.captured : first])
        steps = range(self.length)  # sizes are known when values are
        for i in reversed(steps) if self.reverse else steps:
            step = Run(f"step {i} of a scan", self.body, (*fixed, *carries, *(x[i] for x in sequences)))
            yield step
            carries = step.outputs[: self.carried]

    def evaluate(self, *args: Any) -> Any:
        carries = tuple(np.asarray(c) for c in args[self.captured : self.captured + self.carried])
        stacked = [
            np.empty((self.length, *node.array_type.shape), node.array_type.dtype)
            for node in self.body.outputs[self.carried :]
        ]
        places = range(self.length)
        for i, step in zip(reversed(places) if self.reverse else places, self.runs(*args), strict=True):
            carries = step.outputs[: self.carried]
            for whole, element in zip(stacked, step.outputs[self.carried :], strict=True):
                whole[i] = element
        return (*carries, *stacked)

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        return pull_scan(self, g, args)

    def jvp(self, tangents: tuple[Any, ...], y: Any, *args: Any) -> Any:
        return push_scan(self, tangents, args)

    def batch(self, size: Dim, batched: tuple[bool, ...], *args: Any) -> Any:
        return batch_scan(self, size, batched, args)
