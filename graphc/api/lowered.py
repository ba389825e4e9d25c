"""`f.lower(...)`: the program for given arguments, at every stage."""

from __future__ import annotations

from typing import Any

from graphc.api.specialise import Specialisation
from graphc.ir.graph import Graph


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
