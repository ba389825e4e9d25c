"""The reference backend: every op evaluated by its NumPy definition. Slow, obvious, no code generated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from graphc.backends.base import AbstractBackend, AbstractExecutable, Program, deliver
from graphc.ir.interpret import interpret


class InterpretExecutable(AbstractExecutable):
    """Runs the graph node by node."""

    def __init__(self, program: Program) -> None:
        self.program = program

    def run(self, arguments: Sequence[Any]) -> tuple[Any, ...]:
        program = self.program
        types = [argument.type for argument in program.arguments]
        arrays = [np.asarray(a, t.dtype) for a, t in zip(arguments, types, strict=True)]
        outputs = interpret(program.graph, *arrays, *program.captured)
        # Copies: an output may be a view of an input, of a constant or of another output.
        return deliver(program, arguments, [np.array(output, order="C") for output in outputs])


class InterpretBackend(AbstractBackend):
    """NumPy as the backend."""

    name: ClassVar[str] = "interpret"

    def build(self, program: Program) -> AbstractExecutable:
        return InterpretExecutable(program)
