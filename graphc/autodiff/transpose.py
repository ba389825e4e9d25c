"""The transpose of a linear program: what turns vjp rules into jvp rules and back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field
from typing import Any, ClassVar

from graphc.autodiff.reverse import arriving
from graphc.dataclass import dataclass
from graphc.errors import DifferentiationError, located
from graphc.ir.graph import AbstractOp, Node, topological
from graphc.ir.types import ArrayType
from graphc.trace.context import Trace
from graphc.trace.tracer import Tracer, lift

# A linear function: values of the types given to `transposed`, or None for exact zeros, on both sides.
Linear = Callable[[list[Any]], Sequence[Any]]


@dataclass(frozen=True)
class Variable(AbstractOp):
    """What a linear program is a function of. Finished graphs do not contain it."""

    type: ArrayType
    identity: object = field(default_factory=object)  # two variables are never the same

    name: ClassVar[str] = "variable"

    def infer(self, *args: ArrayType) -> ArrayType:
        return self.type

    def evaluate(self, *args: Any) -> Any:
        raise TypeError("a variable of a linear program has no value")

    def vjp(self, g: Any, y: Any, *args: Any) -> tuple[Any, ...]:
        return ()


def transposed(
    trace: Trace,
    linear: Linear,
    types: Sequence[ArrayType],
    values: Sequence[Any],
    known: Sequence[Node],
    name: str,
) -> list[Any]:
    """Mᵀ v for the linear function u ↦ M u that `linear` computes: one value per u.

    `types` are those of the u, `values` are v, one per result of `linear`; None is an exact zero everywhere.
    The program of M is made of the u and of the nodes `known`. `name` is what M is the derivative of.
    """
    variables = [trace.builder.add(Variable(t)) for t in types]
    results = linear([Tracer(trace, v) for v in variables])
    seeds = [
        (lift(trace, result), v)
        for result, v in zip(results, values, strict=True)
        if result is not None and v is not None
    ]
    found = arriving(trace, seeds, variables, (*known, *variables))
    given = tuple(lift(trace, v) for v in values if v is not None)
    _check_linear(trace, [v for v in found if v is not None], {*variables}, (*known, *given), name)
    return found


def depends_on_variable(node: Node) -> bool:
    """Whether a value is part of a linear program that is being transposed."""
    return any(isinstance(n.op, Variable) for n in topological([node]))


def _check_linear(
    trace: Trace, values: Sequence[Any], variables: set[Node], known: Sequence[Node], name: str
) -> None:
    """Raises where a transposed program depends on the variables: the program was not linear in them."""
    nodes = topological([lift(trace, v) for v in values], known)
    if any(node in variables for node in nodes):
        raise DifferentiationError(
            located(
                f"the derivative rule of {name} is not linear: the other mode cannot be derived",
                trace.source,
                "Write a rule linear in the cotangents (or tangents), or use the mode it is written for.",
            )
        )
