"""Trees taken apart into values and what is not a value, and put together again with other values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphc.dataclass import dataclass
from graphc.trace import tree
from graphc.trace.tree import Structure


@dataclass(frozen=True)
class Leaves:
    """Trees without their values: the structure of each, and its static leaves with their positions."""

    parts: tuple[tuple[Structure, tuple[tuple[int, Any], ...]], ...]

    def rebuild(self, values: Sequence[Any]) -> tuple[Any, ...]:
        """The trees with these values; static leaves stay what they are."""
        supply = iter(values)
        trees = []
        for structure, statics in self.parts:
            kept = dict(statics)
            leaves = [kept[i] if i in kept else next(supply) for i in range(structure.num_leaves)]
            trees.append(tree.unflatten(structure, leaves))
        return tuple(trees)

    @property
    def count(self) -> int:
        """How many values there are."""
        return sum(structure.num_leaves - len(statics) for structure, statics in self.parts)

    def each(self) -> tuple[Leaves, ...]:
        """The trees one by one."""
        return tuple(Leaves((part,)) for part in self.parts)

    def take(self, trees: Sequence[Any]) -> list[Any]:
        """The values in other trees of the same structures."""
        values: list[Any] = []
        for whole, (_, statics) in zip(trees, self.parts, strict=True):
            kept = {i for i, _ in statics}
            values += [leaf for i, leaf in enumerate(tree.flatten(whole)[0]) if i not in kept]
        return values


def take_apart(
    trees: Sequence[Any], roots: Sequence[str], is_value: Callable[[Any, str], bool]
) -> tuple[list[Any], list[str], Leaves]:
    """The values in `trees`, which are called `roots`; what each value is called; and the rest."""
    values: list[Any] = []
    names: list[str] = []
    parts = []
    for whole, root in zip(trees, roots, strict=True):
        leaves, structure = tree.flatten(whole)
        statics = []
        for index, (leaf, name) in enumerate(zip(leaves, tree.leaf_names(structure, root), strict=True)):
            if is_value(leaf, name):
                values.append(leaf)
                names.append(name)
            else:
                statics.append((index, leaf))
        parts.append((structure, tuple(statics)))
    return values, names, Leaves(tuple(parts))
