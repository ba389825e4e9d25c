"""The CPU backend: a program becomes object code, from the disk cache where it was compiled before."""

from __future__ import annotations

import base64
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakValueDictionary

import numpy as np

from graphc.backends.base import AbstractBackend, AbstractExecutable, Entry, Program
from graphc.backends.cpu.loaded import Loaded
from graphc.backends.lowering import lowered, source_text
from graphc.backends.signature import ArgSpec, ResultSpec, Signature
from graphc.dataclass import dataclass
from graphc.errors import UnsupportedError
from graphc.hashing import hashed
from graphc.ir.dims import Dim, parse_dim
from graphc.ir.graph import every_node
from graphc.ir.interpret import bind_sizes
from graphc.ir.printer import graph_key
from graphc.ir.types import DTYPE_NAMES, dtype_name, type_of
from graphc.runtime.cache import Entry as CacheEntry
from graphc.runtime.cache import cache_key, shared_cache
from graphc.runtime.executable import Executable
from graphc.runtime.layout import layout_key
from graphc.runtime.pool import get_num_threads, install
from graphc.runtime.variants import Variants

if TYPE_CHECKING:
    from graphc.backends.cpu.share import Call
    from graphc.backends.cpu.target import Target
    from graphc.lower.program import LoweredProgram
    from graphc.runtime.profile import Profile
    from graphc.runtime.roofline import Cost

PROGRAM, ENTRY = "graphc_program", "graphc_entry"
_AT = "\n  at "  # before the user's line in the text of an error
LONG_RUNNING = 20_000  # scalar operations from which on the interpreter lock is released


class CpuBackend(AbstractBackend):
    """Explicit-vector LLVM code for this processor."""

    name: ClassVar[str] = "cpu"

    def __init__(self) -> None:
        self._cache = shared_cache()
        self._variants = Variants()
        self._loaded: WeakValueDictionary[bytes, Loaded] = WeakValueDictionary()

    def build(self, program: Program) -> AbstractExecutable:
        key = cache_key("cpu", layout_key(), _describe(program), graph_key(program.traced))
        entry = self._cache.get(key)
        if entry is None:
            entry = compile_program(program, self._variants)
            self._cache.put(key, entry)
        return CpuExecutable(program, entry, self._code(entry.code))

    def _code(self, code: bytes) -> Loaded:
        """The code in memory, once for all programs that share it."""
        digest = hashed(code).digest()
        loaded = self._loaded.get(digest)
        if loaded is None:
            install()
            loaded = self._loaded[digest] = Loaded(code)
        return loaded


@dataclass(frozen=True)
class NativeProgram:
    """A program for callers that are native themselves: `i64 program(ptr buffers, ptr dims, ptr arena)`.

    The address is valid, and the captured arrays are alive, while the executable is.
    """

    address: int
    signature: Signature
    captured: tuple[np.ndarray, ...]


class CpuExecutable(AbstractExecutable):
    """Machine code of one program."""

    def __init__(self, program: Program, entry: CacheEntry, code: Loaded) -> None:
        self.program = program
        constants = _constants(entry.manifest)
        self._captured = (*program.captured, *constants)
        self._signature = signature_of(program, entry.manifest)
        self._code = code
        flat = replace(self._signature, nesting=None, structure=None, unflatten=False)
        self._flat = Executable(flat, self._code, program=PROGRAM, entry=None, captured=self._captured)

    def run(self, arguments: Sequence[Any]) -> tuple[Any, ...]:
        return self._flat.run(*arguments)

    def entry(self, fallback: Entry, unflatten: Callable[[tuple[Any, ...]], Any]) -> Entry | None:
        native = Executable(
            self._signature,
            self._code,
            program=PROGRAM,
            entry=ENTRY,
            captured=self._captured,
            unflatten=unflatten if self._signature.unflatten else None,
        )
        return native.bound(fallback)

    def native(self) -> NativeProgram:
        """What a native caller needs to know."""
        return NativeProgram(self._code.address(PROGRAM), self._signature, self._captured)

    def artifact(self, name: str) -> Any:
        if name == "kernels":
            return self._lowered
        if name == "cost":
            return self._cost()
        if name == "source":
            return source_text(self.program, self._lowered)
        if name == "llvm":
            return _emitted(self.program, self._lowered)
        if name == "asm":
            from graphc.backends.cpu.jit import assembly

            return assembly(_emitted(self.program, self._lowered))
        raise UnsupportedError(f"the CPU backend has no {name}")

    def profile(self, arguments: Sequence[Any], rounds: int) -> Profile:
        from graphc.runtime.profile import measure

        program, plan = self.program, self._lowered
        types = [a.type for a in program.arguments]
        arrays = [np.asarray(v, t.dtype) for v, t in zip(arguments, types, strict=True)]
        arrays += self._captured[: len(plan.inputs) - len(types)]  # without numbers of variants
        sizes = bind_sizes(tuple(types), tuple(a.shape for a in arrays[: len(types)]))
        return measure(plan, _target(program), arrays, sizes, self._cost().at(**sizes), rounds)

    def _cost(self) -> Cost:
        from graphc.lower.cost import buffer_bytes, kernel_cost
        from graphc.runtime import limits
        from graphc.runtime.roofline import Cost

        plan = self._lowered
        results = tuple(b for b in plan.outputs if b not in plan.inputs)
        return Cost(
            tuple(kernel_cost(kernel) for kernel in plan.kernels),
            buffer_bytes(plan.inputs),
            buffer_bytes(results),
            self._signature.arena,
            limits.known(),
        )

    @functools.cached_property
    def _lowered(self) -> LoweredProgram:
        return lowered(self.program)


def compile_program(program: Program, variants: Variants) -> CacheEntry:
    """The object code of a program with its native entry, and what loading it needs to know.

    It is that of another program where one of `variants` differs in numbers only.
    """
    from graphc.backends.cpu.share import form, in_memory, shared

    plan, target = lowered(program), _target(program)
    calls = shared(plan.kernels, target)
    general, general_calls = in_memory(plan, calls)
    manifest = _manifest(program, general)
    entry = replace(signature_of(program, manifest), name="", errors=())
    key = cache_key(form(general, general_calls), repr(entry), repr(target))
    found = variants.get(key)
    if found is not None:
        return CacheEntry(found.code, {**manifest, "arena": found.manifest["arena"]})
    if not variants.met(key) and general is not plan:
        return _compiled(program, plan, calls, target)
    made = _compiled(program, general, general_calls, target)
    variants.keep(key, made)
    return made


def _compiled(program: Program, plan: LoweredProgram, calls: Sequence[Call], target: Target) -> CacheEntry:
    from llvmlite import ir

    from graphc.backends.cpu.jit import object_code
    from graphc.backends.cpu.program import emit_program
    from graphc.runtime.entry.stub import emit_stub

    module = ir.Module(name=program.name)
    arena = emit_program(module, plan, PROGRAM, target, calls)
    manifest = {**_manifest(program, plan), "arena": str(arena)}
    emit_stub(module, signature_of(program, manifest), PROGRAM, ENTRY)
    return CacheEntry(object_code(str(module)), manifest)


def _manifest(program: Program, plan: LoweredProgram) -> dict[str, Any]:
    """What loading a program needs to know; how large its arena is, emitting tells."""
    return {
        "arena": "0",
        "errors": [_error_row(c.exception, c.message, program) for c in plan.checks],
        "constants": [_constant_text(c.value) for c in plan.constants],
        "long_running": _is_long(plan),
    }


def _emitted(program: Program, plan: LoweredProgram) -> str:
    from llvmlite import ir

    from graphc.backends.cpu.program import emit_program

    module = ir.Module(name=program.name)
    emit_program(module, plan, PROGRAM, _target(program))
    return str(module)


def _target(program: Program) -> Target:
    """The vector registers of this processor, and the threads the program may use."""
    return _native(program.options.threads or get_num_threads())


@functools.cache
def _native(threads: int) -> Target:
    from graphc.backends.cpu.target import native_target

    return native_target(threads)


def signature_of(program: Program, manifest: Mapping[str, Any]) -> Signature:
    """What the entry of a program checks and builds."""
    constants = _constants(manifest)
    return Signature(
        name=program.name,
        args=tuple(ArgSpec(a.name, a.kind, a.type, a.donated) for a in program.arguments),
        results=tuple(
            ResultSpec(r.kind, None if r.kind == "argument" else r.type, r.argument) for r in program.results
        ),
        captured=tuple(type_of(a) for a in (*program.captured, *constants)),
        symbols=program.traced.symbols,
        nesting=program.nesting,
        structure=program.structure,
        unflatten=program.structure is None,
        arena=parse_dim(manifest["arena"]),
        errors=tuple(_error(row, program) for row in manifest["errors"]),
        long_running=bool(manifest["long_running"]),
    )


def _is_long(plan: LoweredProgram) -> bool:
    """Whether a call takes some microseconds: then other Python threads may run meanwhile."""
    from graphc.lower.kernel_ir import work

    buffers = (*plan.inputs, *plan.outputs, *plan.arena.offsets)
    sizes: list[Dim | None] = [b.size for b in buffers]
    sizes += [work(kernel.body) for kernel in plan.kernels]
    return any(not isinstance(n, int) or n > LONG_RUNNING for n in sizes)


def _describe(program: Program) -> str:
    """Everything but the graph that the machine code depends on."""
    arguments = [(a.name, a.kind, str(a.type), a.donated) for a in program.arguments]
    results = [(r.kind, str(r.type), r.argument) for r in program.results]
    threads = program.options.threads or get_num_threads()
    nesting = (program.nesting, program.structure)
    return repr((program.name, arguments, results, nesting, program.options, threads))


def _error_row(exception: str, message: str, program: Program) -> list[Any]:
    """[class, text, node whose line it shows]: programs of other files may load the same code."""
    places = {i: node.source for i, node in enumerate(every_node(program.traced)) if node.source}
    shown = [i for i, source in places.items() if _AT + source in message]
    if not shown:
        return [exception, message, None]
    index = max(shown, key=lambda i: len(places[i]))  # "a.py:12" rather than "a.py:1"
    return [exception, message.replace(_AT + places[index], _AT), index]


def _error(row: Sequence[Any], program: Program) -> tuple[str, str]:
    exception, message, index = row
    if index is None:
        return exception, message
    source = list(every_node(program.traced))[index].source
    return exception, message.replace(_AT, _AT + source if source else "")


def _constant_text(array: np.ndarray) -> list[Any]:
    return [dtype_name(array.dtype), list(array.shape), base64.b64encode(array.tobytes()).decode("ascii")]


def _constants(manifest: Mapping[str, Any]) -> list[np.ndarray]:
    return [_constant(text) for text in manifest["constants"]]


def _constant(text: Sequence[Any]) -> np.ndarray:
    name, shape, data = text
    return np.frombuffer(base64.b64decode(data), DTYPE_NAMES[name]).reshape(shape).copy()
