"""Arguments and results as trees: what holds values, in which order, and what each value is called.

Dicts, lists, tuples, named tuples, dataclasses, `None` and registered classes are nodes; everything
else is a leaf. A dataclass field with `metadata={"static": True}` belongs to the structure.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import optree

from graphc.ir.dims import SymbolicDim

Structure: TypeAlias = optree.PyTreeSpec  # hashable: equal for trees of the same shape

_NAMESPACE = "graphc"
_COMPLEX = "CustomTreeNode(ComplexTracer[None], [*, *])"
_lock = threading.Lock()
_registered: set[type] = set()
_leaf_types: set[type] = {SymbolicDim}  # met as leaves and no dataclasses of the user's; a size is a number

# An instance -> (children, hashable rest, attribute names of the children), and back from (rest, children).
Flatten: TypeAlias = Callable[[Any], tuple[Iterable[Any], Any, Sequence[str]]]
Unflatten: TypeAlias = Callable[[Any, Iterable[Any]], Any]


def register(cls: type, flatten: Flatten, unflatten: Unflatten) -> None:
    """Makes instances of `cls` (not of its subclasses) nodes of trees."""
    with _lock:
        if cls not in _registered:
            _leaf_types.discard(cls)
            optree.register_pytree_node(
                cls, flatten, unflatten, path_entry_type=optree.GetAttrEntry, namespace=_NAMESPACE
            )
            _registered.add(cls)


def flatten(tree: Any) -> tuple[list[Any], Structure]:
    """The leaves of `tree` from left to right (dicts by sorted key), and its structure."""
    leaves, structure = optree.tree_flatten(tree, namespace=_NAMESPACE)
    if _register_dataclasses(leaves):
        return flatten(tree)
    return leaves, structure


def is_named_tuple(structure: Structure) -> bool:
    """Whether a structure is that of a named tuple."""
    return structure.type is not None and optree.is_namedtuple_class(structure.type)


def entry_names(structure: Structure) -> tuple[str, ...]:
    """What the children of a structure are called: keys, attributes, or positions."""
    if structure.type is not None and optree.is_namedtuple_class(structure.type):
        return optree.namedtuple_fields(structure.type)
    return tuple(str(entry) for entry in structure.entries())


def unflatten(structure: Structure, leaves: Iterable[Any]) -> Any:
    """The tree of this structure with these leaves."""
    return optree.tree_unflatten(structure, leaves)


def is_leaf(value: Any) -> bool:
    """Whether `value` is a tree of one leaf: itself."""
    leaves, _ = flatten(value)
    return len(leaves) == 1 and leaves[0] is value


def tree_map(function: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """The tree of `function(leaf, …)` over the leaves of trees of equal structure."""
    leaves, structure = flatten(tree)
    columns = [leaves, *(_leaves_like(structure, other) for other in others)]
    return unflatten(structure, [function(*row) for row in zip(*columns, strict=True)])


def map_nodes(function: Callable[[Any], Any], tree: Any, chosen: Callable[[Any], bool]) -> Any:
    """`tree` with `function(node)` in place of the nodes, and of the leaves, that are `chosen`."""
    flatten(tree)  # knows its dataclasses afterwards
    return optree.tree_map(
        lambda x: function(x) if chosen(x) else x, tree, is_leaf=chosen, namespace=_NAMESPACE
    )


def broadcast_prefix(prefix: Any, whole: Any) -> list[Any]:
    """For each leaf of `whole`, the leaf of `prefix` above it; ValueError where `prefix` is no prefix of it.

    None is a leaf of `prefix`, and still no leaf of `whole`.
    """
    for tree in (prefix, whole):
        flatten(tree)  # knows its dataclasses afterwards
    above = optree.broadcast_prefix(prefix, whole, none_is_leaf=True, namespace=_NAMESPACE)
    below = optree.tree_leaves(whole, none_is_leaf=True, namespace=_NAMESPACE)
    return [leaf for leaf, value in zip(above, below, strict=True) if value is not None]


def flatten_with_none(tree: Any) -> tuple[tuple[Any, ...], Structure]:
    """The leaves of `tree`, None being one, and its structure."""
    flatten(tree)
    leaves, structure = optree.tree_flatten(tree, none_is_leaf=True, namespace=_NAMESPACE)
    return tuple(leaves), structure


def leaf_names(structure: Structure, root: str) -> list[str]:
    """What each leaf is called in Python: `x`, `x['w'][0]`, `x.weight`."""
    return [accessor.codify(root) for accessor in structure.accessors()]


def show(structure: Structure) -> str:
    """The structure as text, `*` for a leaf: `(*, {'a': *})`; a complex value, a node, is `complex`."""
    text = str(structure).removeprefix("PyTreeSpec(").replace(_COMPLEX, "complex")
    return text.partition(", namespace=")[0] if ", namespace=" in text else text.removesuffix(")")


def root_of(name: str) -> str:
    """The parameter that a leaf called `params['w']` or `model.weight` belongs to."""
    while name.startswith("getattr("):  # the form of attributes that are no identifiers
        name = name.removeprefix("getattr(").partition(",")[0]
    return name.partition("[")[0].partition(".")[0]


def _leaves_like(structure: Structure, tree: Any) -> list[Any]:
    leaves, other = flatten(tree)
    if other != structure:
        raise ValueError(f"trees differ in structure: {structure} and {other}")
    return leaves


def _register_dataclasses(leaves: list[Any]) -> bool:
    """Registers the dataclasses that were met for the first time; whether there were any."""
    found = {type(leaf) for leaf in leaves} - _leaf_types
    if not found:
        return False
    nodes = {cls for cls in found if dataclasses.is_dataclass(cls)}
    _leaf_types.update(found - nodes)
    for cls in nodes:
        _register_dataclass(cls)
    return bool(nodes)


def _register_dataclass(cls: type) -> None:
    fields = dataclasses.fields(cls)
    dynamic = tuple(f.name for f in fields if not f.metadata.get("static", False))
    static = tuple(f.name for f in fields if f.metadata.get("static", False))

    def take_apart(instance: Any) -> tuple[Iterable[Any], Any, Sequence[str]]:
        children = [getattr(instance, name) for name in dynamic]
        return children, tuple(getattr(instance, name) for name in static), dynamic

    def put_together(rest: Any, children: Iterable[Any]) -> Any:
        # Not through __init__: it may convert or check its arguments, which traced values do not survive.
        instance: Any = object.__new__(cls)
        for name, value in zip((*dynamic, *static), (*children, *rest), strict=True):
            object.__setattr__(instance, name, value)
        return instance

    register(cls, take_apart, put_together)
