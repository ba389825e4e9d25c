"""The value that is not to be computed before others are."""

from __future__ import annotations

from typing import Any, ClassVar

from graphc.ir.dims import Dim
from graphc.ir.graph import AbstractOp, Node
from graphc.ir.types import ArrayType
from graphc.ops.base import apply, every_example, register


@register
class Barrier(AbstractOp):
    """The first operand; what is computed from it runs only after the other operands have been computed.

    What is computed from a barrier is never taken for what was computed from the operand itself: `checkpoint`
    recomputes behind barriers that wait for a cotangent. It costs nothing: it is a view.

    `needs` are conditions on symbolic sizes that no other op makes: each is at least zero, or the graph
    means nothing.
    """

    needs: tuple[Dim, ...] = ()

    name: ClassVar[str] = "barrier"

    def infer(self, *args: ArrayType) -> ArrayType:
        return args[0]

    def conditions(self, *args: ArrayType) -> list[Dim]:
        return list(self.needs)

    def evaluate(self, *args: Any) -> Any:
        return args[0]

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        return (apply(self, g) if self.needs else g, *(None for _ in args[1:]))

    def jvp(self, tangents: tuple[Any, ...], y: Any, *args: Any) -> Any:
        return None if tangents[0] is None else apply(self, tangents[0], *args[1:])

    def batch(self, size: Dim, batched: tuple[bool, ...], *args: Any) -> Any:
        (x,) = every_example(size, batched[:1], args[:1])
        return apply(self, x, *args[1:])

    def stays_finite(self, *args: Node) -> bool:
        return True


def computed_from(node: Node) -> tuple[Node, ...]:
    """The operands that the value of `node` is computed from, without those that a barrier waits for."""
    return node.args[:1] if isinstance(node.op, Barrier) else node.args


def behind_barriers(node: Node) -> Node:
    """The node whose value `node` is."""
    while isinstance(node.op, Barrier):
        node = node.args[0]
    return node
