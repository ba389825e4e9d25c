"""The reverse rule of scan: one scan forwards that keeps what is needed, one backwards over it.

With c′, y = body(p, c, x), the cotangents of a step are linear in those of c′ and y:

    ḡ_c, ḡ_x, ḡ_p = bodyᵀ(ḡ_c′, ḡ_y),

so the backward scan carries ḡ_c and the running sums of ḡ_p, and stacks ḡ_x (Griewank & Walther 2008,
chapter 3, for a chain of equal steps). What a step needs of its forward run is kept for every
step, see `residuals.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from graphc.autodiff.reverse import pullback
from graphc.control.regions import is_real, is_zero, zeros
from graphc.control.residuals import choose_residuals
from graphc.ir.graph import Builder, Graph, Node
from graphc.ir.rewrite import rebuilt
from graphc.ops.base import apply
from graphc.ops.elementwise.arithmetic import Add
from graphc.ops.leaf import Input

if TYPE_CHECKING:
    from graphc.control.scan import Scan


def pull_scan(op: Scan, g: Sequence[Any], args: Sequence[Any]) -> tuple[Any, ...]:
    """Cotangents of the operands of a scan, given those of its results; None for what is not real."""
    return _Pull(op, g, args).run()


class _Pull:
    """The body pulled back once, and how its inputs and outputs are numbered.

    Inputs of the body come in three kinds: captured, carried, elements of sequences.
    """

    def __init__(self, op: Scan, g: Sequence[Any], args: Sequence[Any]) -> None:
        self.op, self.args = op, args
        body = op.body
        first, count = op.captured, op.captured + op.carried
        real = [i for i, n in enumerate(body.inputs) if is_real(n)]
        self.captured = [i for i in real if i < first]
        self.carried = [i for i in real if first <= i < count]
        self.elements = [i for i in real if i >= count]
        # Every real carry has a cotangent on the way; of the stacked results, those that arrived.
        self.stacked = [
            i for i, n in enumerate(body.outputs) if i >= op.carried and is_real(n) and not is_zero(g[i])
        ]
        self.g = g
        seeded = [*(i - first for i in self.carried), *self.stacked]
        self.wrt = [*self.carried, *self.captured, *self.elements]
        self.pulled = pullback(body, self.wrt, seeded)
        self.known = self.pulled.inputs[: len(body.inputs)]
        self.outputs = self.pulled.outputs[len(body.outputs) :]
        self.residuals = choose_residuals(self.pulled, self.known, self.outputs)

    def run(self) -> tuple[Any, ...]:
        op, args = self.op, self.args
        starts = range(op.captured, op.captured + op.carried)
        saved_carries = [i for i in starts if self.known[i] in self.residuals.inputs]
        kept = [*self.residuals.kept, *(self.known[i] for i in saved_carries)]
        forward = Graph(self.known, (*self.pulled.outputs[: len(op.body.outputs)], *kept))
        results = apply(replace(op, body=forward), *args)
        stacks = results[len(op.body.outputs) :]
        captured = [i for i in range(op.captured) if self.known[i] in self.residuals.inputs]
        walked = [i for i in range(len(args)) if i >= starts.stop and self.known[i] in self.residuals.inputs]
        backward = self._backward(captured, [*kept, *(self.known[i] for i in walked)])
        operands = [
            *(args[i] for i in captured),
            *(self._carry_cotangent(i) for i in self.carried),
            *(zeros(op.body.inputs[i].array_type) for i in self.captured),
            *stacks,
            *(args[i] for i in walked),
            *(self.g[i] for i in self.stacked),
        ]
        carries = len(self.carried) + len(self.captured)
        back = replace(op, body=backward, captured=len(captured), carried=carries, reverse=not op.reverse)
        pulled = apply(back, *operands)
        cotangents = dict(zip(self.wrt, pulled, strict=True))
        return tuple(cotangents.get(i) for i in range(len(args)))

    def _carry_cotangent(self, i: int) -> Any:
        return self.g[i - self.op.captured]

    def _backward(self, captured: Sequence[int], saved: Sequence[Node]) -> Graph:
        """The body of the backward scan.

        Inputs: captured, cotangents of the carries, sums for the captured, saved values, cotangents of the
        stacked results.
        """
        builder = Builder()
        inputs: list[Node] = []

        def new_input(like: Node) -> Node:
            node = builder.add(Input(len(inputs), like.array_type))
            inputs.append(node)
            return node

        body = self.op.body
        seeds = self.pulled.inputs[len(body.inputs) :]
        done = {self.known[i]: new_input(self.known[i]) for i in captured}
        done |= {seed: new_input(seed) for seed in seeds[: len(self.carried)]}
        sums = [new_input(body.inputs[i]) for i in self.captured]
        done |= {node: new_input(node) for node in saved}
        done |= {seed: new_input(seed) for seed in seeds[len(self.carried) :]}
        made = rebuilt(builder, self.outputs, done)
        n = len(self.carried)
        contributions = made[n : n + len(sums)]
        totals = [_add(builder, s, c) for s, c in zip(sums, contributions, strict=True)]
        return Graph(tuple(inputs), (*made[:n], *totals, *made[n + len(sums) :]))


def _add(builder: Builder, a: Node, b: Node) -> Node:
    return builder.add(Add(), a, b)
