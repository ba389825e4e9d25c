"""Trees of real values as one vector, and back; traced or not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.dataclass import dataclass
from graphc.errors import ArgumentError, DTypeError, located
from graphc.ir.dims import Dim
from graphc.trace import tree
from graphc.trace.context import current, user_line_with_text
from graphc.trace.tracer import Tracer, as_tracer
from graphc.trace.tree import Structure

FLOAT64 = np.dtype(np.float64)


@dataclass(frozen=True)
class Vectors:
    """How vectors of n numbers stand for trees: the structure, and the type of each leaf."""

    structure: Structure
    shapes: tuple[tuple[Dim, ...], ...]
    dtypes: tuple[np.dtype, ...]
    dtype: np.dtype  # of the vectors

    def vector(self, value: Any) -> Any:
        """The leaves of a tree like this one after another: (n,)."""
        return joined(tree.flatten(value)[0], self.dtype)

    def tree(self, vector: Any) -> Any:
        """The tree that a vector stands for; axes before its last one stand before those of each leaf."""
        lead = vector.shape[:-1]
        leaves, at = [], 0
        for shape, dtype in zip(self.shapes, self.dtypes, strict=True):
            end: Any = at + _size(shape)
            part = vector[..., at] if shape == () else np.reshape(vector[..., at:end], (*lead, *shape))
            leaves.append(part.astype(dtype))
            at = end
        return tree.unflatten(self.structure, leaves)


def vectors_like(value: Any, name: str, default: np.dtype = FLOAT64) -> Vectors:
    """Vectors for trees like `value`, an argument called `name`.

    Python's numbers take the dtype of the arrays among the leaves, `default` if there is none.

    Raises ArgumentError where a leaf is no number, or there is none; DTypeError for integer arrays.
    """
    leaves, structure = tree.flatten(value)
    names = tree.leaf_names(structure, name)
    for leaf, called in zip(leaves, names, strict=True):
        if not is_number(leaf) and not isinstance(leaf, np.ndarray | np.generic | Tracer):
            text = f"{called} is a {type(leaf).__name__}"
            raise ArgumentError(located(text, user_line_with_text(), "Write arrays and numbers only."))
        if not is_number(leaf) and leaf.dtype.kind != "f":
            remedy = f"Start from floats: {called}.astype(np.float64)."
            raise DTypeError(located(f"{called} is an array of {leaf.dtype}", user_line_with_text(), remedy))
    if not leaves:
        raise ArgumentError(located(f"{name} has no number", user_line_with_text(), "Write at least one."))
    strong = [leaf.dtype for leaf in leaves if not is_number(leaf)]
    dtype = np.result_type(*strong) if strong else default
    dtypes = tuple(dtype if is_number(leaf) else leaf.dtype for leaf in leaves)
    return Vectors(structure, tuple(np.shape(leaf) for leaf in leaves), dtypes, dtype)


def joined(leaves: Sequence[Any], dtype: np.dtype) -> Any:
    """The elements of all values one after another, as a vector."""
    flat = [np.reshape(_whole(leaf), (-1,)).astype(dtype) for leaf in leaves]
    return flat[0] if len(flat) == 1 else np.concatenate(flat)


def _whole(leaf: Any) -> Any:
    """What np.array([...]) of traced values stands for, as one traced value."""
    is_objects = isinstance(leaf, np.ndarray) and leaf.dtype == object and current() is not None
    return as_tracer(leaf) if is_objects else leaf


def is_number(leaf: Any) -> bool:
    """Whether a leaf is a Python number, traced or not."""
    return type(leaf) in (float, int, bool) or (isinstance(leaf, Tracer) and leaf.weak is not None)


def _size(shape: tuple[Dim, ...]) -> Any:
    size: Any = 1
    for n in shape:
        size = size * n
    return size
