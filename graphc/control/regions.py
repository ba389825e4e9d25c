"""What ops with regions share: the agreement between operands and the inputs of a region."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.errors import ShapeError
from graphc.ir.graph import Graph
from graphc.ir.interpret import interpret
from graphc.ir.types import ArrayType


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
