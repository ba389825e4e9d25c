"""Runs graphs as machine code of other processors: many programs in one executable, in an emulator."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from llvmlite import ir

from graphc.backends.cpu.jit import host_has, machine_assembly, machine_code
from graphc.backends.cpu.program import emit_program
from graphc.backends.cpu.target import Machine, machines_named
from graphc.ir.dims import Dim, evaluate
from graphc.ir.graph import Graph
from graphc.ir.interpret import bind_sizes
from graphc.lower.program import LoweredProgram, lower
from tests.native import GUARD

Arrays = tuple[np.ndarray, ...]
HERE = Path(__file__).parent
ONE_MODULE = 24  # programs: they share helpers, and a failure of LLVM names few


@dataclass(frozen=True)
class Place:
    """Where code of a machine runs here: the linker's command, and what starts the executable."""

    machine: str
    link: tuple[str, ...]
    start: tuple[str, ...] = ()
    name: str = ""

    def require(self) -> None:
        """Skips the test where a tool, or an instruction of this processor, is missing."""
        for tool in (self.link[0], *self.start[:1]):
            if shutil.which(tool) is None:
                pytest.skip(f"{tool} is not installed: code for {self.machine} cannot run here")
        (machine,) = machines_named(self.machine)
        if machine.architecture == "x86_64":
            missing = [need for need in machine.needs if not host_has(need)]
            if missing:
                pytest.skip(f"this processor lacks {', '.join(missing)}")


_WASM = ("wasm-ld", "--no-entry", "--export=__heap_base", "--export-dynamic", "-z", "stack-size=1048576")
_ARM, _RISCV = (("aarch64-linux-gnu-gcc", "-static"), ("riscv64-linux-gnu-gcc", "-static"))
PLACES = (
    Place("x86-64", ("cc", "-static")),
    Place("x86-64-v3", ("cc", "-static")),
    Place("x86-64-v4", ("cc", "-static")),
    Place("aarch64", _ARM, ("qemu-aarch64", "-cpu", "cortex-a53")),
    Place("aarch64-sve", _ARM, ("qemu-aarch64", "-cpu", "max,sve256=on")),
    Place("aarch64-sve", _ARM, ("qemu-aarch64", "-cpu", "max,sve512=on"), "aarch64-sve512"),
    Place("riscv64", _RISCV, ("qemu-riscv64", "-cpu", "rv64,v=false")),
    Place("riscv64-v", _RISCV, ("qemu-riscv64", "-cpu", "rv64,v=true,vext_spec=v1.0,vlen=128")),
    Place(
        "riscv64-v", _RISCV, ("qemu-riscv64", "-cpu", "rv64,v=true,vext_spec=v1.0,vlen=256"), "riscv64-v256"
    ),
    Place("wasm32", _WASM, ("node", str(HERE / "foreign_runner.cjs"))),
)


@dataclass
class _Program:
    graph: Graph
    lowered: LoweredProgram
    arena: Dim


@dataclass
class Batch:
    """Programs for one machine and the calls of them, in the order they were added."""

    machine: Machine
    programs: list[_Program] = field(default_factory=list)
    calls: list[tuple[int, Arrays]] = field(default_factory=list)
    objects: list[bytes] = field(default_factory=list)
    _module: ir.Module | None = None

    def add(self, graph: Graph, calls: Sequence[Arrays]) -> None:
        """One more program, called with each of these tuples of arrays."""
        number, lowered = len(self.programs), lower(graph)
        self._module = self._module or ir.Module()
        arena = emit_program(self._module, lowered, f"p{number}", self.machine.target)
        self.programs.append(_Program(graph, lowered, arena))
        for arrays in calls:
            given = (
                np.ascontiguousarray(a, n.array_type.dtype) for a, n in zip(arrays, graph.inputs, strict=True)
            )
            self.calls.append(
                (number, tuple(g.reshape(np.shape(a)) for g, a in zip(given, arrays, strict=True)))
            )
        if len(self.programs) % ONE_MODULE == 0:
            self.compile()

    def compile(self) -> None:
        """Object code of what was added since the last time."""
        if self._module is not None:
            self.objects.append(_object(str(self._module), self.machine))
            self._module = None

    def run(self, place: Place, folder: Path) -> list[Arrays]:
        """The outputs of every call. The executable stays in the folder."""
        self.compile()
        executable = self._linked(place, folder)
        given, results = folder / "given", folder / "results"
        given.write_bytes(b"".join(self._encoded(*call) for call in self.calls))
        subprocess.run([*place.start, executable, given, results], check=True)
        answers = memoryview(results.read_bytes())
        outputs = []
        for number, arrays in self.calls:
            found, answers = self._decoded(number, arrays, answers)
            outputs.append(found)
        return outputs

    def _linked(self, place: Place, folder: Path) -> Path:
        executable = folder / "executable"
        if executable.exists():
            return executable
        files = [folder / f"part{i}.o" for i in range(len(self.objects))]
        for file, code in zip(files, self.objects, strict=True):
            file.write_bytes(code)
        sources = []
        if self.machine.architecture != "wasm32":
            names = [f"p{i}" for i in range(len(self.programs))]
            table = folder / "table.c"
            table.write_text(
                "#include <stdint.h>\ntypedef int64_t program(void **, const int64_t *, void *);\n"
                + f"extern program {', '.join(names)};\nprogram *const programs[] = {{{', '.join(names)}}};\n"
            )
            sources = [HERE / "foreign_runner.c", table]
        subprocess.run([*place.link, *sources, *files, "-o", executable], check=True)
        return executable

    def _buffers(self, number: int, arrays: Arrays) -> tuple[list[np.ndarray], dict[str, int]]:
        """Inputs, constants and outputs yet to be written, and the sizes."""
        program = self.programs[number]
        types = tuple(n.array_type for n in program.graph.inputs)
        sizes = bind_sizes(types, tuple(a.shape for a in arrays))
        outputs = []
        for node in program.graph.outputs:
            shape = tuple(evaluate(n, sizes) for n in node.array_type.shape)
            outputs.append(np.zeros(shape, node.array_type.dtype))
        return [*arrays, *(np.asarray(c.value) for c in program.lowered.constants), *outputs], sizes

    def _encoded(self, number: int, arrays: Arrays) -> bytes:
        buffers, sizes = self._buffers(number, arrays)
        program = self.programs[number]
        dims = [sizes[name] for name in program.graph.symbols]
        arena = int(evaluate(program.arena, sizes))
        cells = [number, len(buffers), len(dims), arena, *dims, *(b.nbytes + 2 * GUARD for b in buffers)]
        guard = bytes([0x5A]) * GUARD
        return np.array(cells, "<i8").tobytes() + b"".join(guard + b.tobytes() + guard for b in buffers)

    def _decoded(self, number: int, arrays: Arrays, answers: memoryview) -> tuple[Arrays, memoryview]:
        """The outputs of a call, after a look at everything that must not have changed."""
        assert np.frombuffer(answers[:8], "<i8")[0] == 0, "a program failed"
        position = 8
        found = []
        for buffer in self._buffers(number, arrays)[0]:
            region = answers[position : position + buffer.nbytes + 2 * GUARD]
            position += len(region)
            assert set(region[:GUARD]) | set(region[len(region) - GUARD :]) == {0x5A}, (
                "written outside a buffer"
            )
            inside = region[GUARD : len(region) - GUARD]
            found.append(np.frombuffer(inside, buffer.dtype).reshape(buffer.shape))
        assert set(answers[position : position + GUARD]) == {0x5A}, "written behind the arena"
        for array, given in zip(found, arrays, strict=False):
            np.testing.assert_array_equal(array, given, err_msg="an input was overwritten")
        outputs = len(self.programs[number].graph.outputs)
        return tuple(found[len(found) - outputs :]), answers[position + GUARD :]


def _object(text: str, machine: Machine) -> bytes:
    if machine.name == "riscv64-v" and _qemu_version() < 8:
        return _assembled(_with_rounding_set(machine_assembly(text, machine)))
    return machine_code(text, machine)


@functools.cache
def _qemu_version() -> int:
    if shutil.which("qemu-riscv64") is None:
        return 0
    answer = subprocess.run(["qemu-riscv64", "--version"], capture_output=True, text=True, check=True).stdout
    return int(re.search(r"version (\d+)", answer)[1])  # type: ignore[index]


def _with_rounding_set(assembly: str) -> str:
    """Before vector conversions that say how they round, an instruction that does not and changes nothing.

    QEMU 7 fails on the former where it starts a block of translated code (its issue 1441).
    """
    assembly = re.sub(r"^\s*\.attribute.*\n", "", assembly, flags=re.M)
    # A vector that is only written, or the operand: the least of two equal floats is the float.
    assembly = re.sub(r"^(\s+vfncvt\.rtz\S+\s+(v\d+),)", r"\tvfmin.vv\t\2, \2, \2\n\1", assembly, flags=re.M)
    return re.sub(
        r"^(\s+vfw?cvt\.rtz\S+\s+v\d+, (v\d+))", r"\tvfmin.vv\t\2, \2, \2\n\1", assembly, flags=re.M
    )


def _assembled(assembly: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        source, file = Path(folder) / "part.s", Path(folder) / "part.o"
        source.write_text(assembly)
        subprocess.run(
            ["riscv64-linux-gnu-gcc", "-march=rv64gcv", "-mabi=lp64d", "-c", source, "-o", file], check=True
        )
        return file.read_bytes()
