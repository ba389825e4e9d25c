"""A lowered program as one Python text: its kernels, and a driver that runs them in order."""

from __future__ import annotations

import builtins
import inspect
from collections.abc import Iterator, Mapping, Sequence

from graphc import errors
from graphc.backends.numba_source.kernel import KernelText, kernel_text, let_text
from graphc.backends.numba_source.names import Names
from graphc.backends.numba_source.scalars import FUNCTIONS, called_functions
from graphc.dataclass import dataclass
from graphc.lower import kernel_ir as k
from graphc.lower.program import LoweredProgram
from graphc.lower.writer import RuntimeCheck

JIT = '@numba.njit(error_model="numpy")'


@dataclass(frozen=True)
class ProgramText:
    """The pieces of a program's text. `calls` runs its kernels in order, on buffers of these names."""

    support: tuple[str, ...]  # functions that kernels call, and that other programs may share
    kernels: tuple[str, ...]
    buffers: Mapping[k.Buffer, str]
    guards: tuple[str, ...]  # raise for sizes that are impossible
    calls: tuple[str, ...]


def program_text(program: LoweredProgram, name: str, arguments: Sequence[str], header: str = "") -> str:
    """Runnable Python: one function per kernel, and `name(inputs, outputs, temporaries, sizes)`.

    All buffers are flat arrays. `arguments` are what the first inputs are called; `header` goes on top as
    a comment. The text needs Numba, or anything called `numba` whose `njit(…)` returns a decorator.
    """
    names = reserved_names(program)
    driver = names.fresh(name)
    text = pieces(program, arguments, names)
    parameters = [*(text.buffers[b] for b in driver_buffers(program)), *program.symbols]
    body = [*text.guards, *text.calls] or ["pass"]
    main = "\n    ".join((f"def {driver}({', '.join(parameters)}):", *body))
    parts = [*text.support, *text.kernels]
    own = own_exceptions(program.checks)
    imports = imports_text(program.checks, uses_math=any("math." in part for part in parts))
    imports += f"\n\nfrom graphc.errors import {', '.join(own)}" if own else ""
    comment = "".join(f"# {line}\n" for line in header.splitlines())
    return comment + "\n\n\n".join([imports, *parts, main]) + "\n"


def pieces(program: LoweredProgram, arguments: Sequence[str], names: Names) -> ProgramText:
    """The text of a program; its buffers avoid the names in use, and take `arguments` if they can."""
    buffers = _buffer_names(program, arguments, names)
    kernels = [kernel_text(kernel, buffers, names.taken) for kernel in program.kernels]
    return ProgramText(
        tuple(f"{JIT}\n{inspect.getsource(FUNCTIONS[f]).rstrip()}" for f in _functions(program)),
        tuple(f"{JIT}\n{kernel}" for kernel in kernels),
        buffers,
        tuple(_guards(program)),
        tuple(_calls(program, kernels)),
    )


def driver_name(program: LoweredProgram, name: str) -> str:
    """What the text calls the driver of a program called `name`."""
    return reserved_names(program).fresh(name)


def driver_buffers(program: LoweredProgram) -> tuple[k.Buffer, ...]:
    """The buffers that the driver takes, in order; an output that updates an input is that input."""
    every = (*program.inputs, *program.outputs, *program.arena.offsets)
    return tuple(dict.fromkeys(every))


def _functions(program: LoweredProgram) -> list[str]:
    """The functions that the kernels call, whose text the program's text contains."""
    found = [s for kernel in program.kernels for s in k.statements(kernel.body) if isinstance(s, k.Let)]
    return called_functions("\n".join(let_text(s) for s in found))


def reserved_names(program: LoweredProgram) -> Names:
    """The names that parameters and loop variables must not take."""
    return Names([*program.symbols, *_functions(program), *(kernel.name for kernel in program.kernels)])


def _buffer_names(program: LoweredProgram, arguments: Sequence[str], names: Names) -> dict[k.Buffer, str]:
    found: dict[k.Buffer, str] = {}
    for i, buffer in enumerate(program.inputs):
        found[buffer] = names.fresh(arguments[i] if i < len(arguments) else f"constant{i - len(arguments)}")
    for buffer in driver_buffers(program):
        if buffer not in found:
            found[buffer] = names.fresh(buffer.name)
    return found


def _guards(program: LoweredProgram) -> Iterator[str]:
    for dim, number in program.guards:
        yield from (f"if {dim} < 0:", f"    {_raise(program.checks[number - 1])}")


def _calls(program: LoweredProgram, kernels: Sequence[KernelText]) -> Iterator[str]:
    """The calls of all kernels, then an exception if they found a reason for one."""
    if any("status" in kernel.parameters for kernel in kernels):
        yield "status = np.zeros(1, np.int64)"
    for kernel in kernels:
        yield f"{kernel.name}({', '.join(kernel.parameters)})"
    guards = {number for _, number in program.guards}
    for number, check in enumerate(program.checks, 1):
        if number not in guards:
            yield from (f"if status[0] == {number}:", f"    {_raise(check)}")


def _raise(check: RuntimeCheck) -> str:
    return f"raise {check.exception}({check.message!r})"


def imports_text(checks: Sequence[RuntimeCheck], *, uses_math: bool) -> str:
    """The imports of a text that raises the exceptions of `checks`, except those of graphc."""
    modules = {check.exception.rpartition(".")[0] for check in checks} - {""}
    lines = [f"import {module}" for module in sorted({*modules, *(["math"] if uses_math else [])})]
    groups = [lines, ["import numba", "import numpy as np"]]
    return "\n\n".join("\n".join(group) for group in groups if group)


def own_exceptions(checks: Sequence[RuntimeCheck]) -> list[str]:
    """The exceptions of `checks` that graphc defines."""
    names = {check.exception for check in checks}
    return sorted(name for name in names if name in vars(errors) and name not in vars(builtins))
