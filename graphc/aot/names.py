"""Names of C: made from Python's, valid, and different from each other."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import chain, count

from graphc.aot.c_words import is_of_the_library, is_reserved
from graphc.aot.interface import Leaf, Struct
from graphc.errors import ArgumentError

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
    """`params['w'][0]` as `params_w_0`, `σ` as `sigma`, `int` as `int_`, `0` as `n0`."""
    spelled = "".join(map(_spelled, unicodedata.normalize("NFKD", text)))
    word = re.sub(r"[^A-Za-z0-9]+", "_", spelled).strip("_") or "value"
    if word[0].isdigit():
        word = f"n{word}"
    return f"{word}_" if is_reserved(word) else word


def _spelled(character: str) -> str:
    """A Greek letter as a word, and what was an accent as nothing."""
    if character.isascii():
        return character
    if unicodedata.combining(character):
        return ""
    _, letter, word = unicodedata.name(character, "").partition(" LETTER ")
    if not letter or not unicodedata.name(character).startswith("GREEK"):
        return "_"
    word = word.split()[-1].replace("LAMDA", "LAMBDA")
    return word.capitalize() if character.isupper() else word.lower()


def check_name(name: str) -> None:
    """Raises unless `name` can begin the names of a C library."""
    if not _WORD.fullmatch(name) or is_reserved(name):
        raise ArgumentError(
            f"name={name!r} cannot be the name of a C function; use letters, digits and _, such as 'mnist'"
        )


def check_ending(ending: str) -> None:
    """Raises unless `ending` can follow the name of a library."""
    if not re.fullmatch(r"[A-Za-z0-9_]+", ending):
        raise ArgumentError(
            f"{ending!r} cannot be part of the name of a C function; use letters, digits and _"
        )


def check_defined(functions: Sequence[str], names: Sequence[str]) -> None:
    """Raises if two of the names of a library are the same, or one of its functions is the C library's."""
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise ArgumentError(
            f"two things in the library would be called {twice[0]}\n"
            "  Give its functions names that differ in more than case, and not by what is added to them."
        )
    known = [name for name in functions if is_of_the_library(name)]
    if known:
        raise ArgumentError(
            f"{known[0]} is a name of the C library, which the exported function would take the place of\n"
            f"  Choose another one: name='my_{known[0]}'."
        )
