"""What ops with regions share: their abstract kind, and the agreement of operands with a region's inputs."""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from graphc.errors import ShapeError
from graphc.ir.graph import AbstractOp, Graph
from graphc.ir.interpret import interpret
from graphc.ir.types import ArrayType


@dataclass(frozen=True, eq=False)
class AbstractControl(AbstractOp):
    """An op that runs graphs, once or many times. Values from outside are among its operands."""

    captures_from: ClassVar[int] = 0  # the operand before which captured ones stand

    @abc.abstractmethod
    def capturing(self, count: int, change: Callable[[Graph], Graph]) -> AbstractControl:
        """The op with regions changed by `change`, which gives each `count` more first inputs.

        The op takes as many more captured operands, before all others of that kind.
        """


def input_types(region: Graph) -> tuple[ArrayType, ...]:
    """The types of the region's inputs."""
    return tuple(node.array_type for node in region.inputs)


def output_types(region: Graph) -> tuple[ArrayType, ...]:
    """The types of the region's outputs."""
    return tuple(node.array_type for node in region.outputs)


def check_operands(what: str, expected: Sequence[ArrayType], given: Sequence[ArrayType]) -> None:
    """Raises a `ShapeError` unless the operands have the types that a region takes."""
    if tuple(expected) != tuple(given):
        raise ShapeError(f"{what} takes ({_list(expected)}), got ({_list(given)})")


def run(region: Graph, *values: Any) -> tuple[Any, ...]:
    """The region's outputs for arrays: NumPy's definition of every op in it."""
    return interpret(region, *(np.asarray(v) for v in values))


def _list(types: Sequence[ArrayType]) -> str:
    return ", ".join(map(str, types))
