"""Symbolic sizes of arguments: as the user declares them, or as they turn out to vary."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any, TypeAlias

from graphc.api.arguments import Leaf, leaf_of
from graphc.api.call import Form
from graphc.dataclass import dataclass
from graphc.errors import ArgumentError, DTypeError, ShapeError
from graphc.ir.dims import Dim, as_symbol, evaluate, parse_dim, symbol, symbols_of
from graphc.ir.types import ArrayType, parse_type

# For an argument's name: its type, or its sizes (None leaves a size fixed).
Specs: TypeAlias = Mapping[str, "str | tuple[str | int | None, ...]"]


def declared(specs: Specs, function_name: str, names: Sequence[str], form: Form) -> Form:
    """`form` with the declared types; an error naming both where the arguments do not fit them."""
    sizes: dict[str, tuple[int, str]] = {}
    replaced: list[Leaf] = []
    for name, leaf in zip(names, form.leaves, strict=True):
        spec = specs.get(name)
        if spec is None:
            replaced.append(leaf)
            continue
        if leaf.parts and isinstance(spec, tuple):
            spec = (*spec, None)
        expected = _expected(spec, name, leaf.type)
        _check(name, function_name, leaf.type, expected, sizes)
        replaced.append(leaf_of(leaf.kind, expected, leaf.parts))
    return with_leaves(form, replaced)


def with_leaves(form: Form, leaves: Sequence[Leaf]) -> Form:
    """`form` with other types of its traced leaves."""
    supply = iter(leaves)
    described = tuple(next(supply) if isinstance(d, Leaf) else d for d in form.described)
    return dataclasses.replace(form, described=described)


def _expected(spec: str | tuple[str | int | None, ...], name: str, actual: ArrayType) -> ArrayType:
    if isinstance(spec, str):
        return parse_type(spec)
    if not isinstance(spec, tuple):
        raise ArgumentError(
            f"dynamic[{name!r}] is {spec!r}; write a type like 'f32[N, 784]' or a tuple like ('N', None)"
        )
    if len(spec) != actual.ndim:
        raise ShapeError(f"argument {name} is {actual}, but dynamic says {len(spec)} axes: {spec}")
    return actual.with_shape(tuple(_dim(s, n) for s, n in zip(spec, actual.shape, strict=True)))


def _dim(spec: str | int | None, actual: Dim) -> Dim:
    if spec is None:
        return actual
    return parse_dim(spec) if isinstance(spec, str) else spec


def _check(
    name: str, function_name: str, actual: ArrayType, expected: ArrayType, sizes: dict[str, tuple[int, str]]
) -> None:
    """Binds the symbols of `expected` in `sizes` to what `actual` has."""
    mismatch = f"argument {name} of {function_name} is {actual}, but dynamic says {expected}"
    if actual.dtype != expected.dtype:
        raise DTypeError(mismatch)
    if actual.ndim != expected.ndim:
        raise ShapeError(mismatch)
    for dim, n in zip(expected.shape, actual.shape, strict=True):
        assert isinstance(n, int)
        bare = as_symbol(dim)
        if bare is not None:
            sizes.setdefault(bare, (n, name))
        unbound = [s for s in symbols_of(dim) if s not in sizes]
        if unbound:
            raise ShapeError(
                f"{mismatch}, where {unbound[0]} is the size of no axis of this or an earlier argument"
            )
        if evaluate(dim, {s: value for s, (value, _) in sizes.items()}) != n:
            origins = ", ".join(
                f"{s} = {sizes[s][0]} by argument {sizes[s][1]}" for s in symbols_of(dim) if s in sizes
            )
            raise ShapeError(f"{mismatch}" + (f" with {origins}" if origins else ""))


@dataclass(eq=False)
class LeadingSizes:
    """What `dynamic=True` has seen: per family of calls, the leading sizes that turned out to vary.

    Calls of one family differ in the leading sizes of their arrays only. The first is compiled for its
    sizes; the second makes the sizes that changed symbolic, those that changed together by one symbol.
    Sizes 0 and 1 stay fixed, because they broadcast and vanish differently.
    """

    first: dict[Form, tuple[int, ...]] = field(default_factory=dict)
    patterns: dict[Form, list[tuple[Dim, ...]]] = field(default_factory=dict)
    fixed: set[Form] = field(default_factory=set)  # families that do not trace with symbols

    def generalise(self, form: Form) -> Form:
        """`form` itself, or the symbolic form that serves it."""
        places = [i for i, leaf in enumerate(form.leaves) if leaf.type.shape]
        sizes = tuple(_leading(form.leaves[i]) for i in places)
        family = _family(form)
        if family in self.fixed or min(sizes, default=0) < 2:
            return form
        first = self.first.setdefault(family, sizes)
        if sizes == first:
            return form
        patterns = self.patterns.setdefault(family, [])
        pattern = next((p for p in patterns if _fits(p, sizes)), None)
        if pattern is None:
            pattern = _pattern(first, sizes)
            patterns.append(pattern)
        leaves = list(form.leaves)
        for i, dim in zip(places, pattern, strict=True):
            leaves[i] = _with_leading(leaves[i], dim)
        return with_leaves(form, leaves)

    def keep_fixed(self, form: Form) -> None:
        """From now on, calls of this family get one program per size."""
        self.fixed.add(_family(form))

    def clear(self) -> None:
        """Forgets everything."""
        self.first.clear()
        self.patterns.clear()
        self.fixed.clear()


def _leading(leaf: Leaf) -> int:
    size = leaf.type.shape[0]
    assert isinstance(size, int)
    return size


def _with_leading(leaf: Leaf, dim: Dim) -> Leaf:
    return leaf_of(leaf.kind, leaf.type.with_shape((dim, *leaf.type.shape[1:])), leaf.parts)


def _family(form: Form) -> Form:
    """The form with its leading sizes blanked out."""
    return with_leaves(
        form, [_with_leading(leaf, symbol("_")) if leaf.type.shape else leaf for leaf in form.leaves]
    )


def _pattern(first: tuple[int, ...], second: tuple[int, ...]) -> tuple[Dim, ...]:
    """Sizes that stayed, and a symbol for each way in which sizes changed."""
    names: dict[tuple[int, int], Any] = {}
    dims: list[Dim] = []
    for pair in zip(first, second, strict=True):
        if pair[0] != pair[1] and pair not in names:
            names[pair] = symbol(f"N{len(names)}" if names else "N")
        dims.append(names.get(pair, pair[1]))
    return tuple(dims)


def _fits(pattern: tuple[Dim, ...], sizes: tuple[int, ...]) -> bool:
    bound: dict[str, int] = {}
    for dim, n in zip(pattern, sizes, strict=True):
        name = as_symbol(dim)
        if (dim if name is None else bound.setdefault(name, n)) != n:
            return False
    return True
