"""Python names for the parameters, loop variables and functions of a printed program."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterable

RESERVED = frozenset(("np", "numba", "math", "numpy", "graphc", "status", *dir(builtins)))
_VALUE = re.compile(r"v\d+")  # what scalar values are called


class Names:
    """Names in use; new ones are made by underscores at the end."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self.taken = {*RESERVED, *taken}

    def fresh(self, wanted: str) -> str:
        """`wanted` as an identifier that means nothing else: `params['w']` becomes `params_w`."""
        name = re.sub(r"\W+", "_", wanted).rstrip("_") or "unnamed"
        if name[0].isdigit():
            name = f"_{name}"
        while name in self.taken or keyword.iskeyword(name) or _VALUE.fullmatch(name):
            name += "_"
        self.taken.add(name)
        return name

    def release(self, name: str) -> None:
        """Makes `name` free for another use."""
        self.taken.discard(name)
