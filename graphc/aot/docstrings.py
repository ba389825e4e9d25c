"""What Python's help says about a library: parameters, results, shapes and dtypes."""

from __future__ import annotations

import keyword
from collections.abc import Callable, Iterator

from graphc.aot.interface import Fixed, Function, Group, Leaf, Library, Tree
from graphc.aot.names import Names, identifier
from graphc.version import VERSION

LOADED = "LIBRARY"  # what generated modules call the library that they load


def library_docstring(library: Library) -> str:
    """One line about a library."""
    architecture = library.triple.partition("-")[0]
    return f"{library.name}: made by graphc {VERSION} for {architecture} ({', '.join(library.levels)})."


def parameter_names(function: Function) -> list[str]:
    """The parameters of a function as Python names: `args[0]` becomes args_0."""
    names = Names([LOADED])
    return [names.new_key(_python_name(argument.name)) for argument in function.arguments]


def function_docstring(function: Function) -> str:
    """What a function takes and returns, a line for each array and number."""
    lines = [function.documentation or f"Calls the C function {function.symbol}.", ""]
    for name, argument in zip(parameter_names(function), function.arguments, strict=True):
        lines += _described(name, argument.tree, function)
    lines += _described("Returns", function.results, function, returned=True)
    raised = dict.fromkeys(name for name, _ in function.errors)
    return "\n".join([*lines, *([f"Raises {', '.join(raised)}."] if raised else [])])


def _python_name(name: str) -> str:
    return name if name.isidentifier() and not keyword.iskeyword(name) else identifier(name)


def _described(name: str, tree: Tree, function: Function, *, returned: bool = False) -> Iterator[str]:
    """The lines about one argument, or about the result."""

    def leaf(tree: int | Fixed) -> str:
        return _leaf(tree, function, returned=returned)

    if isinstance(tree, Group):
        yield f"{name}: {_KINDS[tree.kind]}"
        yield from _inside(tree, leaf, "    ", "")
    else:
        yield f"{name}: {leaf(tree)}"


_KINDS = {
    "tuple": "a tuple",
    "list": "a list",
    "namedtuple": "a named tuple",
    "dict": "a dict",
    "object": "a dict as of state_dict()",
}


def _inside(group: Group, leaf: Callable[[int | Fixed], str], indent: str, prefix: str) -> Iterator[str]:
    """The lines about the items of a node; those of objects go by all their keys at once."""
    keys = group.keys or tuple(map(str, range(len(group.items))))
    flat = bool(prefix) or group.kind == "object"
    for key, item in zip(keys, group.items, strict=True):
        if isinstance(item, Group) and flat:
            yield from _inside(item, leaf, indent, f"{prefix}{key}.")
        elif isinstance(item, Group):
            yield f"{indent}{key}: {_KINDS[item.kind]}"
            yield from _inside(item, leaf, f"{indent}    ", "")
        else:
            yield f"{indent}{prefix}{key}: {leaf(item)}"


def _leaf(tree: int | Fixed, function: Function, *, returned: bool) -> str:
    if isinstance(tree, Fixed):
        return f"always {tree.value!r}"
    found = function.leaves[tree]
    if returned and (found.role == "input" or (found.role == "updated" and found.kind == "array")):
        return f"{found.path}{', updated' if found.role == 'updated' else ''}"
    overwritten = found.role == "updated" and found.kind == "array" and not returned
    return _type(found) + (", overwritten" if overwritten else "")


def _type(leaf: Leaf) -> str:
    if not leaf.type.shape:
        return (
            leaf.kind.removeprefix("python ")
            if leaf.kind.startswith("python")
            else f"{leaf.type.dtype} number"
        )
    shape = ", ".join(map(str, leaf.type.shape))
    return f"({shape}{',' * (leaf.type.ndim == 1)}) {leaf.type.dtype}"
