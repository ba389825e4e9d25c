"""A part of a program whose values are computed again when its gradient needs them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from graphc.autodiff.forward import is_floating, pushforward
from graphc.autodiff.reverse import arriving
from graphc.batching.batch import batch_graph
from graphc.control.call import AbstractCall
from graphc.ir.dims import Dim
from graphc.ir.graph import Graph
from graphc.ir.rewrite import inline
from graphc.ops.barrier import Barrier
from graphc.ops.base import apply, register
from graphc.trace.context import current
from graphc.trace.tracer import lift


@register
class Checkpoint(AbstractCall):
    """`body` of the operands, of which the reverse pass keeps the operands only."""

    body: Graph

    name: ClassVar[str] = "checkpoint"

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        """The reverse pass through the body, run again on operands that wait for the cotangents.

        Nodes are interned: without the barrier the second run would be the first one, and be kept.
        """
        trace = current()
        assert trace is not None, "a region is differentiated inside a trace"
        smooth = [i for i, node in enumerate(self.body.outputs) if is_floating(node.type)]
        late = tuple(lift(trace, apply(Barrier(), x, *(g[i] for i in smooth))) for x in args)
        outputs = inline(trace.builder, self.body, late)
        found = arriving(trace, [(outputs[i], g[i]) for i in smooth], late, late)
        return tuple(_last(x, c, found) for x, c in zip(args, found, strict=True))

    def jvp(self, tangents: tuple[Any, ...], y: Any, *args: Any) -> Any:
        """The body and its tangents as one checkpoint: reverse over forward mode recomputes both."""
        moving = [i for i, t in enumerate(tangents) if t is not None]
        derived = pushforward(self.body, moving)
        values = apply(Checkpoint(derived), *args, *(tangents[i] for i in moving))
        supply = iter(values[len(self.body.outputs) :])
        return tuple(next(supply) if is_floating(node.type) else None for node in self.body.outputs)

    def batch(self, size: Dim, batched: tuple[bool, ...], *args: Any) -> Any:
        over, _ = batch_graph(self.body, size, batched, all_outputs=True)
        return apply(Checkpoint(over), *args)


def _last(x: Any, cotangent: Any, all_: Sequence[Any]) -> Any:
    """The cotangent of `x`, not to be used before all cotangents of the part have been computed.

    What the part recomputed is then free before the next part, further back, runs again. Where nothing
    lies further back, as behind parameters, there is nothing to wait.
    """
    others = [c for c in all_ if c is not None and c is not cotangent]
    goes_on = cotangent is not None and others and x.node.args
    return apply(Barrier(), cotangent, *others) if goes_on else cotangent
