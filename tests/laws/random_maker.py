"""A random program under construction: its nodes, their values, and which of them are free of rounding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphc.ir.graph import AbstractOp, Builder, Node
from graphc.ir.parser import registered_ops
from graphc.ops.leaf import Const
from graphc.ops.view import BroadcastTo

Choose = Callable[[int], int]


@dataclass
class Maker:
    """The program so far: nodes, what they are for the inputs, and which are free of rounding."""

    choose: Choose
    dtype: np.dtype
    builder: Builder = field(default_factory=Builder)
    values: dict[Node, Any] = field(default_factory=dict)
    exact: set[Node] = field(default_factory=set)

    def add(self, op: AbstractOp, *args: Node, exact: bool = False) -> Node:
        node = self.builder.add(op, *args)
        if node not in self.values:
            with np.errstate(all="ignore"):
                self.values[node] = np.asarray(op.evaluate(*(self.values[a] for a in args)))
        if exact and all(arg in self.exact for arg in args):
            self.exact.add(node)
        return node

    def pick(self, items: Sequence[Any]) -> Any:
        return items[self.choose(len(items))]

    def any_node(self, kind: str = "f") -> Node | None:
        """One of the nodes of this kind of dtype, recent ones more often."""
        nodes = [n for n in self.values if n.array_type.dtype.kind == kind]
        recent = nodes[-4:] if self.choose(2) else nodes
        return self.pick(recent) if recent else None

    def constant(self, value: Any, dtype: np.dtype) -> Node:
        return self.add(Const.of(value, dtype), exact=True)

    def filled(self, value: float, like: Node) -> Node:
        return self.fit(self.constant(value, like.array_type.dtype), like.array_type.shape)

    def fit(self, x: Node, shape: tuple[int, ...]) -> Node:
        return x if x.array_type.shape == shape else self.add(BroadcastTo(shape), x, exact=True)

    def tame(self, x: Node, low: float, high: float) -> Node:
        """x if all its values lie between low and high, otherwise a smooth function of x that does."""
        value = self.values[x]
        if value.size == 0 or (value.min() >= low and value.max() <= high):
            return x
        ops = registered_ops()
        if value.dtype.kind != "f":
            x = self.add(ops["minimum"](), x, self.filled(int(high), x), exact=True)
            return self.add(ops["maximum"](), x, self.filled(int(np.ceil(low)), x), exact=True)
        low, high = max(low, -2.0), min(high, 2.0)
        wave = self.add(ops["sin"](), x)
        scaled = self.add(ops["multiply"](), wave, self.filled(0.45 * (high - low), x))
        return self.add(ops["add"](), scaled, self.filled((low + high) / 2, x))
