"""How arguments and results are nested: tuples, lists, dicts, and objects as dicts of their arrays."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from graphc.aot.loaded.leaves import shown
from graphc.errors import ArgumentError, LoadError


class At:
    """A leaf, by its position among those of the function."""

    def __init__(self, position: int) -> None:
        self.position = position

    def collect(self, value: Any, flat: list[Any]) -> None:
        """Appends the leaves of `value` to `flat`; ArgumentError where it is not nested like this."""
        flat.append(value)

    def build(self, values: Sequence[Any]) -> Any:
        """The tree with these values of the function's leaves."""
        return values[self.position]


class Fixed:
    """A value that is the same in every call."""

    def __init__(self, value: Any, name: str) -> None:
        self.value, self.name = value, name

    def collect(self, value: Any, flat: list[Any]) -> None:
        if type(value) is not type(self.value) or value != self.value:
            raise ArgumentError(
                f"{self.name} is {shown(value)}, but the library was exported for {shown(self.value)}\n"
                "  Export it again for other values."
            )

    def build(self, values: Sequence[Any]) -> Any:
        return self.value


class Items:
    """A tuple or a list."""

    def __init__(
        self, cls: type[tuple[Any, ...]] | type[list[Any]], items: Sequence[Tree], name: str
    ) -> None:
        self.cls, self.items, self.name = cls, items, name

    def collect(self, value: Any, flat: list[Any]) -> None:
        if type(value) is not self.cls or len(value) != len(self.items):
            wanted = f"a {self.cls.__name__} of {len(self.items)}"
            raise ArgumentError(f"{self.name} is {nesting(value)}, but the library takes {wanted}")
        for item, inside in zip(self.items, value, strict=True):
            item.collect(inside, flat)

    def build(self, values: Sequence[Any]) -> Any:
        return self.cls(item.build(values) for item in self.items)


class Named(Items):
    """A named tuple; any tuple as long is taken for one."""

    def __init__(self, items: Mapping[str, Tree], name: str) -> None:
        try:
            made = namedtuple("Result", tuple(items))  # type: ignore[misc]
        except (TypeError, ValueError) as error:
            raise LoadError(f"{name} has no names of a named tuple: {error}") from None
        super().__init__(tuple, list(items.values()), name)
        self.keys, self.make = tuple(items), made._make

    def collect(self, value: Any, flat: list[Any]) -> None:
        super().collect(tuple(value) if isinstance(value, tuple) else value, flat)

    def build(self, values: Sequence[Any]) -> Any:
        return self.make(item.build(values) for item in self.items)


class Keys:
    """A dict."""

    def __init__(self, items: Mapping[str, Tree], name: str) -> None:
        self.items, self.name = items, name

    def collect(self, value: Any, flat: list[Any]) -> None:
        if not isinstance(value, Mapping):
            raise ArgumentError(f"{self.name} is {nesting(value)}, but the library takes a dict")
        given = {str(key): inside for key, inside in value.items()}
        check_keys(self.name, given, list(self.items))
        for key, item in self.items.items():
            item.collect(given[key], flat)

    def build(self, values: Sequence[Any]) -> Any:
        return {key: item.build(values) for key, item in self.items.items()}


class Object:
    """An object of a class: a dict of its leaves as in `state_dict()`, or anything that has these parts."""

    def __init__(self, items: Mapping[str, Tree], name: str) -> None:
        self.items, self.name = items, name
        self.leaves = {".".join(keys): leaf for keys, leaf in leaves_of(self)}
        self.paths = [keys for keys, _ in leaves_of(self)]
        if len(self.leaves) < len(self.paths):
            raise LoadError(f"{name} has two parts of one name: {', '.join(map('.'.join, self.paths))}")

    def collect(self, value: Any, flat: list[Any]) -> None:
        if not isinstance(value, Mapping) and callable(getattr(value, "state_dict", None)):
            value = value.state_dict()
        if isinstance(value, Mapping):
            check_keys(self.name, value, list(self.leaves))
            parts = [value[key] for key in self.leaves]
        else:
            parts = [self._part(value, keys) for keys in self.paths]
        for leaf, part in zip(self.leaves.values(), parts, strict=True):
            leaf.collect(part, flat)

    def _part(self, value: Any, keys: Sequence[str]) -> Any:
        for key in keys:
            try:
                if isinstance(value, Mapping):
                    value = value[key]
                else:
                    value = value[int(key)] if isinstance(value, tuple | list) else getattr(value, key)
            except (AttributeError, LookupError, ValueError):
                raise ArgumentError(
                    f"{self.name} has no {'.'.join(keys)}; the library takes a dict with the keys "
                    f"{', '.join(self.leaves)}, or an object with these parts"
                ) from None
        return value

    def build(self, values: Sequence[Any]) -> Any:
        return {key: leaf.build(values) for key, leaf in self.leaves.items()}


Tree = At | Fixed | Items | Keys | Object


def tree_of(value: Any, name: str) -> Tree:
    """The tree that an interface describes; `name` says for errors what it belongs to."""
    if isinstance(value, int):
        return At(value)
    ((kind, inside),) = value.items()
    if kind == "fixed":
        return Fixed(inside, name)
    if isinstance(inside, list) and kind in ("tuple", "list"):
        items = [tree_of(item, f"item {i} of {name}") for i, item in enumerate(inside)]
        return Items(tuple if kind == "tuple" else list, items, name)
    named = {key: tree_of(item, f"{key!r} of {name}") for key, item in dict(inside).items()}
    if kind == "namedtuple":
        return Named(named, name)
    return Object(named, name) if kind == "object" else Keys(named, name)


def leaves_of(tree: Tree, keys: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], At]]:
    """Every leaf that varies, with the keys that lead to it."""
    if isinstance(tree, At):
        yield keys, tree
    elif isinstance(tree, Named):
        for key, item in zip(tree.keys, tree.items, strict=True):
            yield from leaves_of(item, (*keys, key))
    elif isinstance(tree, Items):
        for i, item in enumerate(tree.items):
            yield from leaves_of(item, (*keys, str(i)))
    elif isinstance(tree, Keys | Object):
        for key, item in tree.items.items():
            yield from leaves_of(item, (*keys, key))


def check_keys(name: str, given: Mapping[Any, Any], wanted: Sequence[str]) -> None:
    """Raises unless a dict has the keys that it should have."""
    missing = [key for key in wanted if key not in given]
    unknown = [key for key in given if key not in wanted] if len(given) > len(wanted) else []
    if missing or unknown:
        raise ArgumentError(
            f"{name} has the keys {', '.join(map(str, given)) or '(none)'}, "
            f"but the library takes {', '.join(wanted) or '(none)'}"
        )


def nesting(value: Any) -> str:
    """What a value is instead of the tuple, list or dict that it should be."""
    if isinstance(value, tuple | list | Mapping):
        return f"a {type(value).__name__} of {len(value)}"
    return shown(value)
