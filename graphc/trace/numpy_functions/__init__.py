"""NumPy functions written in terms of graph ops, one family a module; importing a family fills the tables."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Final, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")

# What most programs use comes first.
FAMILIES: Final = (
    "reductions",
    "shapes",
    "products",
    "core_axes",
    "selection",
    "creation",
    "numbers",
    "joining",
    "statistics",
    "gathering",
    "special",
    "distributions",
    "linalg",
    "norms",
    "counting",
    "decompositions",
    "diagonals",
    "differences",
    "einsum",
    "fourier",
    "nan_statistics",
    "ordering",
    "orthogonal",
    "padding",
    "polynomials",
    "positions",
    "quantiles",
    "refusals",
    "ufunc_methods",
    "windows",
)


def find(table: Mapping[Key, Value], key: Key) -> Value | None:
    """The entry of a table: families are imported one after another until one of them has it."""
    for family in FAMILIES:
        if key in table:
            break
        import_module(f"{__name__}.{family}")
    return table.get(key)


def import_all() -> None:
    """Fills the tables."""
    for family in FAMILIES:
        import_module(f"{__name__}.{family}")
