"""What must hold between the parts of an interface, whoever wrote it."""

from __future__ import annotations

import keyword
import re
from collections import Counter
from collections.abc import Hashable, Iterable

from graphc.aot.c_words import is_reserved
from graphc.aot.interface import Function, Leaf, Library, Struct, exported_symbols, tree_leaves
from graphc.errors import ParseError
from graphc.ir.dims import symbols_of

_MOST_AXES = 64  # of NumPy
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,999}", re.ASCII)


def check_library(library: Library) -> None:
    """Raises ParseError unless a library could have been exported."""
    if not library.functions or not library.levels or library.threads < 1:
        raise ParseError("the interface has no functions, no processors or no threads")
    _check_words("the library", [library.name])
    _check_words("the library", [f.symbol for f in library.functions])
    _check_unique("the symbols of the library", exported_symbols(library))
    _check_unique("the weights", [w.name for w in library.weights])
    tags: dict[str, tuple[Leaf, ...]] = {}
    for function in library.functions:
        check_function(function)
        for parameter in function.parameters:
            if (
                isinstance(parameter, Struct)
                and tags.setdefault(parameter.tag, parameter.fields) != parameter.fields
            ):
                raise ParseError(f"two structures of the interface are called {parameter.tag}")
    if any(
        w.type.ndim > _MOST_AXES or w.type.symbols or w.offset % w.type.dtype.itemsize
        for w in library.weights
    ):
        raise ParseError(
            "a weight has symbolic sizes, too many axes, or an address that does not fit its elements"
        )


def check_function(function: Function) -> None:
    """Raises ParseError unless all parts of a function refer to each other rightly."""
    symbol = function.symbol
    _check_words(symbol, [*function.size_names, *(p.name for p in function.parameters)])
    _check_unique(
        f"the parameters of {symbol}", [*function.size_names, *(p.name for p in function.parameters)]
    )
    _check_unique(f"the sizes of {symbol}", function.sizes)
    _check_unique(f"the arguments of {symbol}", [a.name for a in function.arguments])
    for parameter in function.parameters:
        if isinstance(parameter, Struct):
            _check_words(symbol, [parameter.tag, *(f.name for f in parameter.fields)])
            _check_unique(f"the fields of {parameter.tag}", [f.name for f in parameter.fields])
            if not parameter.fields:
                raise ParseError(f"the structure {parameter.tag} has no fields")
    for leaf in function.leaves:
        if bool(leaf.becomes) != (leaf.role == "updated"):
            raise ParseError(f"{leaf.name} of {symbol} is {leaf.role} and becomes {leaf.becomes!r}")
    _check_sizes(function)
    _check_trees(function)


def _check_sizes(function: Function) -> None:
    used = [symbol for leaf in function.leaves for symbol in leaf.type.symbols]
    unknown = sorted({*used, *symbols_of(function.workspace)} - set(function.sizes))
    if unknown or len(function.sizes) != len(function.size_names):
        raise ParseError(f"{function.symbol} does not name its sizes {', '.join(unknown)}")
    names = {argument.name for argument in function.arguments}
    taken = any(size in names and f"size_{size}" in names for size in function.size_names)
    if taken or not all(map(_is_name, (*function.sizes, *function.size_names))):
        raise ParseError(f"{function.symbol} has a size that is no name, or that of two arguments")
    if isinstance(function.workspace, int) and function.workspace < 0:
        raise ParseError(f"the workspace of {function.symbol} has {function.workspace} bytes")
    if any(leaf.type.ndim > _MOST_AXES for leaf in function.leaves):
        raise ParseError(f"{function.symbol} has an array of more than {_MOST_AXES} axes")
    if any(isinstance(dim, int) and dim < 0 for leaf in function.leaves for dim in leaf.type.shape):
        raise ParseError(f"{function.symbol} has an array of a negative size")


def _check_trees(function: Function) -> None:
    leaves = function.leaves
    given = [i for a in function.arguments for i in tree_leaves(a.tree)]
    read = [i for i, leaf in enumerate(leaves) if leaf.role != "output"]
    if given != read:
        raise ParseError(f"the arguments of {function.symbol} are not the leaves that it reads")
    if read != list(range(len(read))):
        raise ParseError(f"{function.symbol} writes results before it has read its arguments")
    returned = list(tree_leaves(function.results))
    written = [i for i, leaf in enumerate(leaves) if leaf.role == "output"]
    if any(not 0 <= i < len(leaves) for i in returned) or not set(written) <= set(returned):
        raise ParseError(f"the results of {function.symbol} are not the leaves that it writes")


def _is_name(text: str) -> bool:
    return text.isidentifier() and not keyword.iskeyword(text)


def _check_words(where: str, words: Iterable[str]) -> None:
    for word in words:
        if not _WORD.fullmatch(word) or is_reserved(word):
            raise ParseError(f"{word[:40]!r} in {where} is no name of C")


def _check_unique(what: str, names: Iterable[Hashable]) -> None:
    repeated = [name for name, times in Counter(names).items() if times > 1]
    if repeated:
        raise ParseError(f"{what} are not all different: {repeated[0]!r}")
