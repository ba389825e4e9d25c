"""The manifest of a library: its interface and its files as JSON, written and read back with every doubt."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from graphc.aot.consistency import check_library
from graphc.aot.expressions import check_expression
from graphc.aot.interface import (
    Argument,
    Fixed,
    Function,
    Group,
    Leaf,
    Library,
    Struct,
    Tree,
    Weight,
    fixed_value,
)
from graphc.aot.loaded.files import canonical, digest_of
from graphc.errors import GraphcError, ParseError
from graphc.ir.dims import Dim, parse_dim
from graphc.ir.types import ArrayType, parse_type

FORMAT = 1
_T = TypeVar("_T")
_KINDS = ("array", "numpy scalar", "python float", "python int", "python bool")
_ROLES = ("input", "output", "updated")
_GROUPS = ("tuple", "list", "namedtuple", "dict", "object")
_DEPTH = 100  # of trees
_LARGEST = 1 << 63


def interface_json(library: Library) -> dict[str, Any]:
    """The interface as JSON values; `read_interface` gives the library back."""
    return {
        "name": library.name,
        "triple": library.triple,
        "levels": list(library.levels),
        "threads": library.threads,
        "functions": [function_row(f) for f in library.functions],
        "weights": [_weight(w) for w in library.weights],
        "weights_bytes": library.weights_bytes,
    }


def manifest_text(library: Library, contents: Mapping[str, bytes], versions: Mapping[str, str]) -> str:
    """The manifest of a library with these files, made by these versions."""
    files = {name: file_facts(data) for name, data in contents.items()}
    interface = interface_json(library)
    manifest = {
        "format": FORMAT,
        "versions": dict(versions),
        "interface": interface,
        "interface_sha256": digest_of(interface),
        "files": files,
    }
    return json.dumps(manifest, indent=1) + "\n"


def file_facts(data: bytes) -> dict[str, Any]:
    """By what a file is known again."""
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def function_row(function: Function) -> dict[str, Any]:
    """One function as JSON values."""
    return {
        "symbol": function.symbol,
        "documentation": function.documentation,
        "sizes": list(function.sizes),
        "size_names": list(function.size_names),
        "parameters": [_parameter(p) for p in function.parameters],
        "arguments": [{"name": a.name, "tree": _tree(a.tree)} for a in function.arguments],
        "results": _tree(function.results),
        "workspace_bytes": str(function.workspace),
        "errors": [list(error) for error in function.errors],
    }


def _parameter(parameter: Leaf | Struct) -> dict[str, Any]:
    if isinstance(parameter, Struct):
        return {
            "name": parameter.name,
            "struct": parameter.tag,
            "fields": [_parameter(field) for field in parameter.fields],
        }
    return {
        "name": parameter.name,
        "path": parameter.path,
        "kind": parameter.kind,
        **_typed(parameter.type),
        "role": parameter.role,
        "becomes": parameter.becomes,
    }


def _weight(weight: Weight) -> dict[str, Any]:
    return {"name": weight.name, **_typed(weight.type), "offset": weight.offset}


def _typed(type_: ArrayType) -> dict[str, Any]:
    """A type as graphc writes it, and its parts as NumPy takes them."""
    shape = [dim if isinstance(dim, int) else str(dim) for dim in type_.shape]
    return {"type": str(type_), "dtype": type_.dtype.name, "shape": shape}


def _tree(tree: Tree) -> Any:
    if isinstance(tree, int):
        return tree
    if isinstance(tree, Fixed):
        return {"fixed": tree.value}
    items = [_tree(item) for item in tree.items]
    return {tree.kind: dict(zip(tree.keys, items, strict=True)) if tree.keys else items}


# ---- reading


def read_interface(value: Any) -> Library:
    """The library that an interface describes; ParseError where it is not one."""
    row = _Row(value, "the interface")
    library = Library(
        row.text("name"),
        row.list("functions", _read_function),
        row.text("triple"),
        row.list("levels", _string),
        row.number("threads"),
        row.list("weights", _read_weight),
        None if row.get("weights_bytes") is None else row.number("weights_bytes"),
    )
    check_library(library)
    if canonical(interface_json(library)) != canonical(value):
        raise ParseError("the interface says things twice, and not the same, or more than an interface says")
    return library


class _Row:
    """A JSON object whose fields must have the types they should have."""

    def __init__(self, value: Any, what: str) -> None:
        if not isinstance(value, dict):
            raise ParseError(f"{what} is {_shown(value)}, not a JSON object")
        self.value, self.what = value, what

    def get(self, key: str) -> Any:
        if key not in self.value:
            raise ParseError(f"{self.what} has no {key!r}")
        return self.value[key]

    def text(self, key: str) -> str:
        return self._of(key, str, "a string")

    def number(self, key: str) -> int:
        found = self._of(key, int, "a number")
        if not 0 <= found < _LARGEST:
            raise ParseError(f"{key!r} of {self.what} is {found}")
        return found

    def choice(self, key: str, options: Sequence[str]) -> Any:
        found = self.text(key)
        if found not in options:
            raise ParseError(f"{key!r} of {self.what} is {found!r}, not one of {', '.join(options)}")
        return found

    def list(self, key: str, read: Callable[[Any], _T]) -> tuple[_T, ...]:
        return tuple(read(item) for item in self._of(key, list, "a list"))

    def _of(self, key: str, cls: type[_T], name: str) -> _T:
        found = self.get(key)
        if type(found) is not cls:
            raise ParseError(f"{key!r} of {self.what} is {_shown(found)}, not {name}")
        return found


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _string(value: Any) -> str:
    if type(value) is not str:
        raise ParseError(f"{_shown(value)} is not a string")
    return value


def _read_weight(value: Any) -> Weight:
    row = _Row(value, "a weight")
    return Weight(row.text("name"), _type(row.text("type")), row.number("offset"))


def _read_function(value: Any) -> Function:
    row = _Row(value, "a function")
    return Function(
        row.text("symbol"),
        row.text("documentation"),
        row.list("sizes", _string),
        row.list("size_names", _string),
        row.list("parameters", _read_parameter),
        row.list("arguments", _read_argument),
        _read_tree(row.get("results")),
        _dim(row.text("workspace_bytes")),
        row.list("errors", _read_error),
    )


def _read_parameter(value: Any) -> Leaf | Struct:
    row = _Row(value, "a parameter")
    if "struct" in row.value:
        return Struct(row.text("name"), row.text("struct"), row.list("fields", _read_leaf))
    return _read_leaf(value)


def _read_leaf(value: Any) -> Leaf:
    row = _Row(value, "a parameter")
    kind, role = row.choice("kind", _KINDS), row.choice("role", _ROLES)
    type_ = _type(row.text("type"))
    if kind != "array" and type_.shape:
        raise ParseError(f"parameter {row.text('name')!r} is a {kind} of type {type_}")
    return Leaf(row.text("name"), row.text("path"), kind, type_, role, row.text("becomes"))


def _read_argument(value: Any) -> Argument:
    row = _Row(value, "an argument")
    return Argument(row.text("name"), _read_tree(row.get("tree")))


def _read_tree(value: Any, depth: int = 0) -> Tree:
    if depth > _DEPTH:
        raise ParseError(f"a tree is nested more than {_DEPTH} times")
    if type(value) is int:
        return value
    row = _Row(value, "a tree")
    if len(row.value) == 1:
        kind, inside = next(iter(row.value.items()))
        if kind == "fixed" and fixed_value(inside) is not None:
            return Fixed(inside)
        if kind in ("namedtuple", "dict", "object") and isinstance(inside, dict):
            return Group(kind, _read_trees(inside.values(), depth), tuple(inside))
        if (kind in _GROUPS and inside == []) or (kind in ("tuple", "list") and isinstance(inside, list)):
            return Group(kind, _read_trees(inside, depth))
    raise ParseError(f"{_shown(value)} is no tree of arguments or results")


def _read_trees(values: Iterable[Any], depth: int) -> tuple[Tree, ...]:
    return tuple(_read_tree(value, depth + 1) for value in values)


def _read_error(value: Any) -> tuple[str, str]:
    if not isinstance(value, list) or len(value) != 2:
        raise ParseError(f"{_shown(value)} is not an exception and its message")
    return _string(value[0]), _string(value[1])


def _type(text: str) -> ArrayType:
    try:
        for dim in text.partition("[")[2].rpartition("]")[0].split(","):
            check_expression(dim or "0")
        return parse_type(text)
    except GraphcError as error:
        raise ParseError(f"{text!r} is not a type ({error}); one is like f32[N, 3]") from None


def _dim(text: str) -> Dim:
    try:
        check_expression(text)
        return parse_dim(text)
    except GraphcError as error:
        raise ParseError(f"{text!r} is not a size ({error})") from None
