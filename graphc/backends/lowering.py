"""Programs as backends take them, lowered to kernels: the same kernels for every backend."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.backends.base import Program

if TYPE_CHECKING:
    from graphc.lower.program import LoweredProgram


def lowered(program: Program) -> LoweredProgram:
    """The kernels of a program."""
    from graphc.lower.program import lower

    written = [r for r in program.results if r.is_written]
    donated = {i: r.argument for i, r in enumerate(written) if r.argument is not None}
    return lower(program.graph, donated)


def source_text(program: Program, plan: LoweredProgram) -> str:
    """The kernels of a program as runnable Numba Python."""
    from graphc.backends.numba_source.program import program_text

    arguments = [a.name for a in program.arguments]
    captured = [f"captured{i}" for i in range(len(program.captured))]
    return program_text(plan, program.name, [*arguments, *captured], _header(program))


def _header(program: Program) -> str:
    """The signature with types, and how the driver wants its buffers."""
    arguments = ", ".join(f"{a.name}: {a.type}" for a in program.arguments)
    results = ", ".join(str(r.type) for r in program.results)
    note = "Buffers are flat arrays in C order; a scalar has one element."
    return f"{program.name}({arguments}) -> {results}\n{note}"
