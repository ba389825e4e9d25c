"""What a graph with symbolic sizes takes for granted about them: that its slices fit.

Tracing `x[2:]` or `x[-1]` of f64[N] assumes that N is large enough; whoever runs the graph checks it.
"""

from __future__ import annotations

from collections.abc import Mapping

from graphc.dataclass import dataclass
from graphc.errors import ShapeError, located
from graphc.ir.dims import Dim, evaluate
from graphc.ir.graph import Graph, Node, every_node
from graphc.ir.types import ArrayType


@dataclass(frozen=True)
class Requirement:
    """`dim` is at least zero, or the graph means nothing for these sizes."""

    dim: Dim
    node: Node

    def message(self, sizes: Mapping[str, int]) -> str:
        """The error for sizes that break it."""
        listed = ", ".join(f"{name} = {n}" for name, n in sizes.items())
        return self.text(f"the sizes {listed}")

    def text(self, what: str = "the sizes of the arguments") -> str:
        """The error, where the sizes are only called `what`."""
        return located(
            f"{what} are too small: this function takes {self.dim} for at least 0",
            self.node.source,
            "Call it with larger arrays, or compile it for fixed sizes.",
        )


def requirements(graph: Graph) -> tuple[Requirement, ...]:
    """The conditions on symbolic sizes, each once, in the order of the program."""
    found: dict[Dim, Requirement] = {}
    for node in every_node(graph):
        for dim in node.op.conditions(*(a.type for a in node.args if isinstance(a.type, ArrayType))):
            if not isinstance(dim, int):
                found.setdefault(dim, Requirement(dim, node))
    return tuple(found.values())


def check_sizes(graph: Graph, sizes: Mapping[str, int]) -> None:
    """A `ShapeError` for the first condition that `sizes` break."""
    for requirement in requirements(graph):
        if evaluate(requirement.dim, sizes) < 0:
            raise ShapeError(requirement.message(sizes))
