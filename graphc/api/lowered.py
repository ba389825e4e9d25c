"""`f.lower(...)`: the program for given arguments, at every stage."""

from __future__ import annotations

import dataclasses
import functools
import re
from typing import Any

from graphc.api.arguments import Described, Static, leaf_of
from graphc.api.call import Form
from graphc.api.specialise import Specialisation
from graphc.errors import ParseError
from graphc.ir.graph import Graph
from graphc.ir.types import ArrayType, parse_type

# Text that is meant as a type, well-formed or not.
_LIKE_A_TYPE = re.compile(r"\s*(bool|[iuf]\d+|float\d+|u?int\d+)\s*\[")


class Lowered:
    """One program of a function, to look at."""

    def __init__(self, specialisation: Specialisation) -> None:
        self.specialisation = specialisation

    @property
    def graph(self) -> Graph:
        """The computation as the backend gets it; prints as SSA text."""
        return self.specialisation.program.graph

    @property
    def source(self) -> str:
        """The fused kernels as runnable Numba Python."""
        return str(self.specialisation.executable.artifact("source"))

    @property
    def llvm(self) -> str:
        """LLVM IR."""
        return str(self.specialisation.executable.artifact("llvm"))

    @property
    def asm(self) -> str:
        """Assembly for this machine."""
        return str(self.specialisation.executable.artifact("asm"))

    @property
    def kernels(self) -> Any:
        """The kernel IR."""
        return self.specialisation.executable.artifact("kernels")

    def cost(self) -> Any:
        """Flops, bytes, intensity and roofline time per kernel, and the peak memory."""
        return self.specialisation.executable.artifact("cost")

    def __repr__(self) -> str:
        return f"<lowered {self.specialisation.program.name}>"


def with_types(form: Form) -> Form:
    """`form` with traced arrays in place of the texts that are types."""
    return dataclasses.replace(form, described=tuple(_from_text(d) for d in form.described))


def _from_text(described: Described) -> Described:
    """The traced array that a type's text stands for; other static values stay."""
    if isinstance(described, Static) and isinstance(described.value, str):
        type_ = _parsed(described.value)
        if type_ is None and _LIKE_A_TYPE.match(described.value):
            parse_type(described.value)  # raises an error that says what is wrong
        if type_ is not None:
            return leaf_of("array" if type_.shape else "numpy scalar", type_)
    return described


@functools.lru_cache(256)
def _parsed(text: str) -> ArrayType | None:
    try:
        return parse_type(text)
    except ParseError:
        return None
