"""What the shapes of a call's arguments decide: sizes, the results to allocate, the workspace."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

import numpy as np

from graphc.aot.loaded.leaves import INT64, Leaf, origin_of, type_text
from graphc.errors import ArgumentError, ShapeError

REMEMBERED = 64  # plans of a function
LARGEST = 1 << 47  # bytes; no processor that runs this addresses more


class Plan(NamedTuple):
    """The sizes of a call, shape and dtype of each result, and the bytes of workspace."""

    sizes: tuple[int, ...]
    results: tuple[tuple[tuple[int, ...], np.dtype], ...]
    workspace: int


class Plans:
    """The plans of a function; `workspace_bytes` of its sizes is negative where they cannot be."""

    def __init__(
        self, name: str, leaves: Sequence[Leaf], symbols: Sequence[str], workspace_bytes: Callable[..., int]
    ) -> None:
        self.name, self.workspace_bytes = name, workspace_bytes
        self.read = [leaf for leaf in leaves if leaf.role != "output"]
        self.written = leaves[len(self.read) :]
        self.arrays = [i for i, leaf in enumerate(self.read) if not leaf.is_number]
        self.origins = {symbol: origin_of(symbol, leaves) for symbol in symbols}
        self.known: dict[Any, Plan] = {}

    def plan(self, given: Sequence[Any], by_name: Mapping[str, Any]) -> Plan:
        """The plan for these arrays and numbers; ShapeError where they do not fit."""
        key = (*[given[i].shape for i in self.arrays], *by_name.values())
        plan = self.known.get(key)
        if plan is None:
            plan = self._made(given, by_name)
            if len(self.known) >= REMEMBERED:
                self.known.clear()
            self.known[key] = plan
        return plan

    def _made(self, given: Sequence[Any], by_name: Mapping[str, Any]) -> Plan:
        sizes = {
            symbol: by_name[symbol] if origin is None else given[origin[0]].shape[origin[1]]
            for symbol, origin in self.origins.items()
        }
        for i in self.arrays:
            if given[i].shape != self.read[i].shape_for(sizes):
                self._refuse(i, given)
        results = tuple((self._result_shape(leaf, sizes), leaf.dtype) for leaf in self.written)
        needed = self.workspace_bytes(*sizes.values())
        if needed < 0:
            raise MemoryError(f"{self.name} needs more memory than can be counted with {sizes_text(sizes)}")
        return Plan(tuple(sizes.values()), results, needed)

    def _result_shape(self, leaf: Leaf, sizes: Mapping[str, int]) -> tuple[int, ...]:
        shape = leaf.shape_for(sizes)
        if shape is None or min(shape, default=0) < 0:
            raise ShapeError(f"{leaf.name} is {leaf.type}, which is impossible with {sizes_text(sizes)}")
        if int(np.prod(shape, dtype=object)) * leaf.dtype.itemsize >= LARGEST:
            raise MemoryError(
                f"{leaf.name} is {leaf.type}, too large for any memory with {sizes_text(sizes)}"
            )
        return shape

    def _refuse(self, i: int, given: Sequence[Any]) -> NoReturn:
        """Raises for the shape of one argument, and tells where the sizes come from."""
        sizes = []
        for symbol, origin in self.origins.items():
            if origin is not None:
                by = self.read[origin[0]].name.removesuffix(f" of {self.name}")
                sizes.append(f"{symbol} = {given[origin[0]].shape[origin[1]]} by {by}")
        leaf, with_sizes = self.read[i], f" with {', '.join(sizes)}" if sizes else ""
        raise ShapeError(
            f"{leaf.name} is {type_text(given[i])}, but the library takes {leaf.type}{with_sizes}"
        )


def checked_size(symbol: str, value: Any, name: str) -> int:
    """A size that was given by name."""
    if not isinstance(value, int | np.integer) or value not in INT64 or value < 0:
        raise ArgumentError(f"the size {symbol} of {name} is {value!r}, not a number of elements")
    return int(value)


def sizes_text(sizes: Mapping[str, int]) -> str:
    """Sizes with their names."""
    return ", ".join(f"{name} = {value}" for name, value in sizes.items()) or "these sizes"
