"""Names of C: made from Python's, valid, and different from each other."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import chain, count
from typing import Final

from graphc.aot.interface import Leaf, Struct
from graphc.errors import ArgumentError

# Of C99, C++20, and the macros and types of the headers that ours includes.
RESERVED: Final = frozenset(
    [
        "alignas",
        "alignof",
        "and",
        "and_eq",
        "asm",
        "auto",
        "bitand",
        "bitor",
        "bool",
        "break",
        "case",
        "catch",
        "char",
        "char8_t",
        "char16_t",
        "char32_t",
        "class",
        "co_await",
        "co_return",
        "co_yield",
        "compl",
        "concept",
        "const",
        "const_cast",
        "consteval",
        "constexpr",
        "constinit",
        "continue",
        "decltype",
        "default",
        "delete",
        "do",
        "double",
        "dynamic_cast",
        "else",
        "enum",
        "explicit",
        "export",
        "extern",
        "false",
        "float",
        "for",
        "friend",
        "goto",
        "if",
        "inline",
        "int",
        "long",
        "mutable",
        "namespace",
        "new",
        "noexcept",
        "not",
        "not_eq",
        "nullptr",
        "operator",
        "or",
        "or_eq",
        "private",
        "protected",
        "public",
        "register",
        "reinterpret_cast",
        "requires",
        "restrict",
        "return",
        "short",
        "signed",
        "sizeof",
        "static",
        "static_assert",
        "static_cast",
        "struct",
        "switch",
        "template",
        "this",
        "thread_local",
        "throw",
        "true",
        "try",
        "typedef",
        "typeid",
        "typename",
        "typeof",
        "union",
        "unsigned",
        "using",
        "virtual",
        "void",
        "volatile",
        "wchar_t",
        "while",
        "xor",
        "xor_eq",
        "NULL",
        "int8_t",
        "int16_t",
        "int32_t",
        "int64_t",
        "uint8_t",
        "uint16_t",
        "uint32_t",
        "uint64_t",
        "size_t",
        "ptrdiff_t",
        "errno",
        "linux",
        "unix",
    ]
)
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


class Names:
    """The names of one scope."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self.taken = set(taken)

    def new(self, text: str) -> str:
        """An identifier like `text`, which may be any Python expression."""
        return self.new_key(identifier(text))

    def new_key(self, text: str) -> str:
        """`text` itself, or with a number behind it if it is taken."""
        key, number = text, 2
        while key in self.taken:
            key, number = f"{text}_{number}", number + 1
        self.taken.add(key)
        return key


class Tags:
    """The names of C structures of a library, where `symbols` are its functions.

    Structures of the same arrays are one, whatever functions do with them: what a training step updates,
    inference reads.
    """

    def __init__(self, library: str, symbols: Iterable[str]) -> None:
        self.library = library
        self.names = Names(symbols)
        self.made: dict[tuple[str, tuple[object, ...]], str] = {}

    def tagged(self, symbol: str, parameters: Sequence[Leaf | Struct]) -> tuple[Leaf | Struct, ...]:
        """`parameters` with the tags of their structures."""
        return tuple(self._tagged(symbol, p) if isinstance(p, Struct) else p for p in parameters)

    def _tagged(self, symbol: str, struct: Struct) -> Struct:
        key = struct.name, tuple((f.name, f.path, f.type, f.by_value) for f in struct.fields)
        if key not in self.made:
            self.made[key] = self._new(f"{self.library}_{struct.name}", f"{symbol}_{struct.name}")
        return replace(struct, tag=self.made[key])

    def _new(self, *wished: str) -> str:
        """The first of the wished tags that is free, with the names that a header derives from it."""
        numbered = (f"{wished[-1]}_{number}" for number in count(2))
        for tag in chain(wished, numbered):
            names = {tag, *further_names(tag)}
            if not names & self.names.taken:
                self.names.taken |= names
                return tag
        raise AssertionError("there are more numbers than tags")


def further_names(tag: str) -> tuple[str, str]:
    """The structure that holds the arrays that another one points to, and the function that connects them."""
    return f"{tag}_arrays", f"{tag}_of"


def identifier(text: str) -> str:
    """`params['w'][0]` as `params_w_0`; a keyword or a leading digit gets something before or after it."""
    word = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_") or "value"
    if word[0].isdigit():
        word = f"n{word}"
    return f"{word}_" if word in RESERVED else word


def check_name(name: str) -> None:
    """Raises unless `name` can begin the names of a C library."""
    if not _WORD.fullmatch(name) or name in RESERVED:
        raise ArgumentError(
            f"name={name!r} cannot be the name of a C function; use letters, digits and _, such as 'mnist'"
        )
