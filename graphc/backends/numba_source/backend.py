"""The numba backend: runs what `lowered.source` shows. Exact, single-threaded, for reading and comparing."""

from __future__ import annotations

import functools
import linecache
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any, ClassVar

import numpy as np

from graphc.backends.base import AbstractBackend, AbstractExecutable, Program, deliver
from graphc.backends.lowering import lowered, source_text
from graphc.backends.numba_source.program import driver_buffers, driver_name
from graphc.errors import UnsupportedError
from graphc.ir.dims import evaluate
from graphc.ir.interpret import bind_sizes
from graphc.lower.program import LoweredProgram


class NumbaBackend(AbstractBackend):
    """The kernels of a program as Numba functions."""

    name: ClassVar[str] = "numba"

    def build(self, program: Program) -> AbstractExecutable:
        return NumbaExecutable(program)


class NumbaExecutable(AbstractExecutable):
    """The text of one program, compiled by Numba when it first runs."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.lowered = lowered(program)
        self.source = source_text(program, self.lowered)

    def run(self, arguments: Sequence[Any]) -> tuple[Any, ...]:
        program = self.program
        given = [
            np.asarray(a, argument.type.dtype)
            for a, argument in zip(arguments, program.arguments, strict=True)
        ]
        driver = loaded(self.source, driver_name(self.lowered, program.name))
        types = tuple(node.array_type for node in program.graph.inputs)
        inputs = [*given, *program.captured]
        sizes = bind_sizes(types, tuple(a.shape for a in inputs))
        outputs = run_driver(driver, self.lowered, inputs, sizes)
        written = [result.type for result in program.results if result.is_written]
        shapes = [tuple(evaluate(n, sizes) for n in type_.shape) for type_ in written]
        return deliver(
            program, arguments, [o.reshape(shape) for o, shape in zip(outputs, shapes, strict=True)]
        )

    def artifact(self, name: str) -> Any:
        if name == "source":
            return self.source
        if name == "kernels":
            return self.lowered
        raise UnsupportedError(f"this backend has no {name}; compile with backend='cpu' to see it")


def run_driver(
    driver: Callable[..., None],
    program: LoweredProgram,
    inputs: Sequence[np.ndarray],
    sizes: dict[str, int],
) -> list[np.ndarray]:
    """The flat outputs of a driver. Inputs that the program updates are updated in place."""
    given = [*inputs, *(constant.value for constant in program.constants)]
    memory = {buffer: array.reshape(-1) for buffer, array in zip(program.inputs, given, strict=True)}
    for buffer in driver_buffers(program):
        if buffer not in memory:
            # Sizes below zero are refused by the driver, with the user's line.
            memory[buffer] = np.empty(max(0, evaluate(buffer.size, sizes)), buffer.dtype)
    driver(*memory.values(), *(sizes[symbol] for symbol in program.symbols))
    return [memory[buffer] for buffer in program.outputs]


@functools.lru_cache(256)
def loaded(source: str, driver: str) -> Callable[..., None]:
    """The driver of a program's text. Debuggers and tracebacks find the text in `linecache`."""
    digest = blake2b(source.encode(), digest_size=4).hexdigest()
    filename = f"<graphc {driver} {digest}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    namespace: dict[str, Any] = {"__name__": f"graphc.generated.{driver}"}
    exec(compile(source, filename, "exec"), namespace)
    function: Callable[..., None] = namespace[driver]
    return function
