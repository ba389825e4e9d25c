"""Any text as part of a C comment."""

from __future__ import annotations


def harmless(text: str) -> str:
    """`text` for a comment: it neither ends it nor begins another, and takes one line."""
    shown = "".join(c if c.isprintable() else _escaped(c) for c in text)
    for pair in ("*/", "/*", "??"):  # ??/ is a backslash in C
        shown = shown.replace(pair, f"{pair[0]} {pair[1]}")
    return shown


def _escaped(character: str) -> str:
    return " " if character.isspace() else character.encode("unicode_escape").decode()
