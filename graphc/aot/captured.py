"""Names for the arrays that a function closes over: those by which its code reaches them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from graphc.api.compile import Compiled
from graphc.trace import tree

_DEPTH = 4  # functions inside functions


def names_of(arrays: Sequence[np.ndarray], function: Callable[..., Any]) -> tuple[str, ...]:
    """The names of `arrays`, such as "model.linear_1.weight"; "array0" where none is found."""
    known: dict[int, str] = {}
    for name, value in _reachable(function, _DEPTH):
        known.setdefault(id(value), name)
    return tuple(_name(array, known) or f"array{i}" for i, array in enumerate(arrays))


def _name(array: np.ndarray, known: Mapping[int, str]) -> str | None:
    """The name of an array, or of the one that it is a view of."""
    if id(array) in known or array.base is None:
        return known.get(id(array))
    name = known.get(id(array.base))
    if name is None:
        return None
    transposed = array.shape == array.base.shape[::-1] and array.strides == array.base.strides[::-1]
    return f"{name}.T" if transposed else f"{name}.view"


def _reachable(function: Callable[..., Any], depth: int) -> Iterator[tuple[str, Any]]:
    """Every leaf of every object that the function's code names, closures first."""
    if not inspect.isfunction(function) or depth == 0:
        return
    variables = inspect.getclosurevars(function)
    for name, value in {**variables.globals, **variables.nonlocals}.items():
        inner = value.function if isinstance(value, Compiled) else value
        if isinstance(value, Compiled):
            yield from _leaves("model", value.bound[0]) if len(value.bound) == 1 else ()
        if inspect.isfunction(inner):
            yield from _reachable(inner, depth - 1)
        elif not inspect.ismodule(inner) and not isinstance(inner, type):
            yield from _leaves(name, inner)


def _leaves(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    leaves, structure = tree.flatten(value)
    if len(leaves) == 1 and leaves[0] is value and not isinstance(value, np.ndarray):
        return
    for accessor, leaf in zip(structure.accessors(), leaves, strict=True):
        yield ".".join([name, *(str(entry) for entry in accessor.path)]), leaf
