"""A lowered program as one Python text: its kernels, and a driver that runs them in order."""

from __future__ import annotations

import builtins
import inspect
from collections.abc import Sequence

from graphc import errors
from graphc.backends.numba_source.kernel import KernelText, kernel_text, let_text
from graphc.backends.numba_source.names import Names
from graphc.backends.numba_source.scalars import FUNCTIONS, called_functions
from graphc.lower import kernel_ir as k
from graphc.lower.program import LoweredProgram
from graphc.lower.writer import RuntimeCheck

JIT = '@numba.njit(error_model="numpy")'


def program_text(program: LoweredProgram, name: str, arguments: Sequence[str], header: str = "") -> str:
    """Runnable Python: one function per kernel, and `name(inputs, outputs, temporaries, sizes)`.

    All buffers are flat arrays. `arguments` are what the first inputs are called; `header` goes on top as
    a comment. The text needs Numba, or anything called `numba` whose `njit(…)` returns a decorator.
    """
    functions = _functions(program)
    names = _reserved(program, functions)
    driver = names.fresh(name)
    buffers = _buffer_names(program, arguments, names)
    kernels = [kernel_text(kernel, buffers, names.taken) for kernel in program.kernels]
    main = _driver(driver, program, buffers, kernels)
    parts = [f"{JIT}\n{inspect.getsource(FUNCTIONS[f]).rstrip()}" for f in functions]
    parts += [f"{JIT}\n{kernel}" for kernel in kernels]
    imports = _imports(program.checks, uses_math=any("math." in part for part in parts))
    comment = "".join(f"# {line}\n" for line in header.splitlines())
    return comment + "\n\n\n".join([imports, *parts, main]) + "\n"


def driver_name(program: LoweredProgram, name: str) -> str:
    """What the text calls the driver of a program called `name`."""
    return _reserved(program, _functions(program)).fresh(name)


def driver_buffers(program: LoweredProgram) -> tuple[k.Buffer, ...]:
    """The buffers that the driver takes, in order; an output that updates an input is that input."""
    every = (*program.inputs, *program.outputs, *program.arena.offsets)
    return tuple(dict.fromkeys(every))


def _functions(program: LoweredProgram) -> list[str]:
    """The functions that the kernels call, whose text the program's text contains."""
    found = [s for kernel in program.kernels for s in k.statements(kernel.body) if isinstance(s, k.Let)]
    return called_functions("\n".join(let_text(s) for s in found))


def _reserved(program: LoweredProgram, functions: Sequence[str]) -> Names:
    """The names that parameters and loop variables must not take."""
    return Names([*program.symbols, *functions, *(kernel.name for kernel in program.kernels)])


def _buffer_names(program: LoweredProgram, arguments: Sequence[str], names: Names) -> dict[k.Buffer, str]:
    found: dict[k.Buffer, str] = {}
    for i, buffer in enumerate(program.inputs):
        found[buffer] = names.fresh(arguments[i] if i < len(arguments) else f"constant{i - len(arguments)}")
    for buffer in driver_buffers(program):
        if buffer not in found:
            found[buffer] = names.fresh(buffer.name)
    return found


def _driver(
    name: str, program: LoweredProgram, buffers: dict[k.Buffer, str], kernels: Sequence[KernelText]
) -> str:
    parameters = [*(buffers[b] for b in driver_buffers(program)), *program.symbols]
    lines = [f"def {name}({', '.join(parameters)}):"]
    for dim, number in program.guards:
        lines += [f"    if {dim} < 0:", f"        {_raise(program.checks[number - 1])}"]
    if any("status" in kernel.parameters for kernel in kernels):
        lines.append("    status = np.zeros(1, np.int64)")
    lines += [f"    {kernel.name}({', '.join(kernel.parameters)})" for kernel in kernels]
    guards = {number for _, number in program.guards}
    for number, check in enumerate(program.checks, 1):
        if number not in guards:
            lines += [f"    if status[0] == {number}:", f"        {_raise(check)}"]
    return "\n".join(lines if len(lines) > 1 else [*lines, "    pass"])


def _raise(check: RuntimeCheck) -> str:
    return f"raise {check.exception}({check.message!r})"


def _imports(checks: Sequence[RuntimeCheck], *, uses_math: bool) -> str:
    """The imports of a text that raises the exceptions of `checks`."""
    modules = {check.exception.rpartition(".")[0] for check in checks} - {""}
    lines = [f"import {module}" for module in sorted({*modules, *(["math"] if uses_math else [])})]
    own = {c.exception for c in checks if c.exception in vars(errors) and c.exception not in vars(builtins)}
    groups = [lines, ["import numba", "import numpy as np"]]
    groups.append([f"from graphc.errors import {', '.join(sorted(own))}"] if own else [])
    return "\n\n".join("\n".join(group) for group in groups if group)
