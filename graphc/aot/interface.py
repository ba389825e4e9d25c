"""What an exported library offers, as plain data: the header, the entries and the manifest all say this."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from graphc.dataclass import dataclass
from graphc.ir.dims import Dim
from graphc.ir.types import ArrayType

Role = Literal["input", "output", "updated"]  # updated: read, then overwritten with a result
Kind = Literal["array", "numpy scalar", "python float", "python int", "python bool"]

# What every function returns; its own checks are numbered from FIRST_CHECK on.
STATUSES = (
    ("OK", "done"),
    ("NULL_POINTER", "a pointer is null"),
    ("BAD_SIZE", "a size is negative, or too large to count bytes with"),
    ("BAD_WORKSPACE", "the workspace is too small, null, or not aligned to 64 bytes"),
    ("MISALIGNED", "an array is not aligned to the size of its elements"),
    ("BAD_WEIGHTS", "the weights are not those that belong to this library"),
    ("UNSUPPORTED_CPU", "this processor lacks instructions that the library was built for"),
)
OK, NULL_POINTER, BAD_SIZE, BAD_WORKSPACE, MISALIGNED, BAD_WEIGHTS, UNSUPPORTED_CPU = range(len(STATUSES))
FIRST_CHECK = 16
ALIGNMENT = 64  # of the workspace, in bytes


@dataclass(frozen=True)
class Leaf:
    """One array or number that a C function takes: `name` in C, `path` in Python.

    `becomes` is the result that an updated array holds afterwards.
    """

    name: str
    path: str
    kind: Kind
    type: ArrayType
    role: Role
    becomes: str = ""

    @property
    def by_value(self) -> bool:
        """Numbers that are only read are passed themselves, everything else by its address."""
        return self.role == "input" and self.type.shape == ()

    @property
    def is_copied(self) -> bool:
        """Numbers that are updated are read before the program starts: it writes where they were."""
        return self.role == "updated" and self.kind != "array"


@dataclass(frozen=True)
class Struct:
    """A tree of arrays and numbers, passed as the address of a structure."""

    name: str
    tag: str
    fields: tuple[Leaf, ...]


@dataclass(frozen=True)
class Fixed:
    """A place in a tree that holds the same value in every call."""

    value: bool | int | float | str | None


@dataclass(frozen=True)
class Group:
    """A node of a tree. Objects of classes (modules, dataclasses) are dicts of their leaves in Python."""

    kind: Literal["tuple", "list", "namedtuple", "dict", "object"]
    items: tuple[Tree, ...]
    keys: tuple[str, ...] = ()


# An int is the position of a leaf among those of the function.
Tree = int | Fixed | Group


@dataclass(frozen=True)
class Argument:
    """One argument as Python passes it."""

    name: str
    tree: Tree


@dataclass(frozen=True)
class Function:
    """One function of a library.

    Its C parameters are the values of `sizes`, then `parameters` (what is read first, then what is written),
    then the weights if they are a file, then the workspace and its size in bytes.
    """

    symbol: str
    documentation: str
    sizes: tuple[str, ...]  # symbols of dimensions
    size_names: tuple[str, ...]  # what they are called in C
    parameters: tuple[Leaf | Struct, ...]
    arguments: tuple[Argument, ...]
    results: Tree
    workspace: Dim
    errors: tuple[tuple[str, str], ...]  # (exception, message) of each check, from FIRST_CHECK on

    @property
    def leaves(self) -> tuple[Leaf, ...]:
        """All arrays and numbers, in the order of the parameters."""
        return tuple(leaf for _, leaf in self.placed_leaves())

    def placed_leaves(self) -> Iterator[tuple[Struct | None, Leaf]]:
        """Every leaf with the structure that it is a field of."""
        for parameter in self.parameters:
            if isinstance(parameter, Leaf):
                yield None, parameter
            else:
                for field in parameter.fields:
                    yield parameter, field


@dataclass(frozen=True)
class Weight:
    """A constant array of the library: its name, type, and place in the weights in bytes."""

    name: str
    type: ArrayType
    offset: int


@dataclass(frozen=True)
class Library:
    """Everything a caller must know: functions, weights, and the processors the code is for.

    `weights_bytes` is the length of the file of weights that functions take; None if they take none.
    """

    name: str
    functions: tuple[Function, ...]
    triple: str
    levels: tuple[str, ...]
    threads: int
    weights: tuple[Weight, ...] = ()
    weights_bytes: int | None = None


def exported_symbols(library: Library) -> list[str]:
    """The symbols that a library defines for callers."""
    return exported_names(library.name, [f.symbol for f in library.functions], threads=library.threads > 1)


def exported_names(library: str, functions: Sequence[str], *, threads: bool) -> list[str]:
    """The symbols of a library of this name with these functions."""
    named = [f"{symbol}{ending}" for symbol in functions for ending in ("", "_workspace_bytes", "_message")]
    setter = [f"{library}_set_threads"] if threads else []
    return [*named, *setter, f"{library}_target", f"{library}_interface"]


def defined_names(library: str, functions: Sequence[str]) -> list[str]:
    """All names that the header of a library may define, but for those of structures."""
    prefix = library.upper()
    constants = [f"{prefix}_{status}" for status, _ in STATUSES]
    constants += [f"{prefix}_FIRST_CHECK", f"{prefix}_WEIGHTS_BYTES"]
    sizes = [f"{symbol.upper()}_WORKSPACE_BYTES" for symbol in functions]
    return [*exported_names(library, functions, threads=True), *constants, *sizes]


def tree_leaves(tree: Tree) -> Iterator[int]:
    """The positions of leaves in a tree, from left to right."""
    if isinstance(tree, int):
        yield tree
    elif isinstance(tree, Group):
        for item in tree.items:
            yield from tree_leaves(item)


def fixed_value(value: Any) -> Fixed | None:
    """`value` as part of an interface; None if only Python could say it."""
    return Fixed(value) if value is None or type(value) in (bool, int, float, str) else None
