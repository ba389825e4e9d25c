"""Runs the Python blocks of a Markdown document and compares what they print with the text blocks after them.

A ```python block is run as lines of the document itself, so that what it prints can name them; all blocks
of a document share their names. The ```text block right after it is what it prints; `...` stands for
anything, and times need not agree. A ```c or ```js block that begins with its name and a command in a comment
is a program: the command is run beside it. Blocks in other languages are left alone.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import linecache
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^```python\n(?P<code>.*?)^```\n(?:\n*^```text\n(?P<output>.*?)^```\n)?", re.M | re.S)
_PROGRAM = re.compile(
    r"^```(?:c|js)\n(?P<code>/\* (?P<file>\w+\.\w+): (?P<command>.*?) \*/\n.*?)^```\n\n*"
    r"^```text\n(?P<output>.*?)^```\n",
    re.M | re.S,
)


@dataclass(frozen=True)
class Block:
    """One block of code, the line it starts at, and what the document says that it prints."""

    code: str
    line: int
    output: str | None
    span: tuple[int, int]  # of the output in the document's text


def blocks(text: str) -> Iterator[Block]:
    """The Python blocks of a document, in order."""
    for match in _BLOCK.finditer(text):
        line = text.count("\n", 0, match.start("code")) + 1
        yield Block(match["code"], line, match["output"], match.span("output"))


def runs(text: str, name: str) -> Iterator[tuple[Block, str]]:
    """The blocks of a document, each with what it prints."""
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)  # for lines in errors
    names: dict[str, Any] = {"__name__": "__main__"}
    for block in blocks(text):
        yield block, _run(block, name, names)


def _run(block: Block, name: str, names: dict[str, Any]) -> str:
    printed = io.StringIO()
    code = compile("\n" * (block.line - 1) + block.code, name, "exec")
    with contextlib.redirect_stdout(printed):
        exec(code, names)
    return "".join(f"{line.rstrip()}\n" for line in printed.getvalue().splitlines())


def has_programs(text: str) -> bool:
    """Whether a document has programs in other languages."""
    return _PROGRAM.search(text) is not None


def programs(text: str, folder: Path) -> Iterator[tuple[Block, str]]:
    """Those programs, each with what it prints, run in `folder`; without those that lack a tool or a file."""
    for match in _PROGRAM.finditer(text):
        files = re.findall(r"\bbuild/[\w.]+", match["code"])
        if shutil.which(match["command"].split()[0]) and all((folder / file).exists() for file in files):
            (folder / match["file"]).write_text(match["code"])
            done = subprocess.run(match["command"], shell=True, cwd=folder, capture_output=True, text=True)
            line = text.count("\n", 0, match.start("code")) + 1
            block = Block(match["code"], line, match["output"], match.span("output"))
            yield block, done.stdout + done.stderr


def same(expected: str, printed: str) -> bool:
    """Whether the output is as expected, on whatever machine."""
    return doctest.OutputChecker().check_output(_portable(expected), _portable(printed), doctest.ELLIPSIS)


def _portable(text: str) -> str:
    """The output without times and limits, which differ between machines."""
    text = re.sub(r" +\d[\d.]* (ns|µs|ms|s)\b", " TIME", text)
    return re.sub(r"^one core: .*$", "one core: LIMITS", text, flags=re.M)


def renewed(text: str, printed: Iterable[tuple[Block, str]]) -> str:
    """The document with the output that its blocks print now."""
    pieces, end = [], 0
    for block, output in printed:
        if block.output is not None and not same(block.output, output):
            pieces += [text[end : block.span[0]], output]
            end = block.span[1]
    return "".join([*pieces, text[end:]])
