"""`graphc.export`: functions as a C library, with a header, a manifest and a module that loads it."""

from __future__ import annotations

import inspect
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any, Literal

import llvmlite
import numpy as np

from graphc.aot.archive import archive
from graphc.aot.asked import Asked, asked_for
from graphc.aot.build import Build, write_files
from graphc.aot.captured import names_of
from graphc.aot.derivatives import derivative_of
from graphc.aot.describe import Call, Described, describe
from graphc.aot.entry import Held, Source
from graphc.aot.header import header_text
from graphc.aot.interface import Function, Library, defined_names, exported_symbols
from graphc.aot.link import linker_for, shared_library
from graphc.aot.loaded.files import shared_name
from graphc.aot.manifest import manifest_text
from graphc.aot.module_text import module_text, package_text
from graphc.aot.names import Names, Tags, check_defined, check_name, identifier
from graphc.aot.numba_module import numba_files
from graphc.aot.objects import Unit, emit_library
from graphc.aot.weights import Weights, place_weights
from graphc.api.call import Form, flatten_call, leaf_names
from graphc.api.compile import Compiled
from graphc.backends.cpu.target import Machine, machines_named
from graphc.backends.lowering import lowered
from graphc.dataclass import dataclass
from graphc.errors import ArgumentError, located
from graphc.lower.program import LoweredProgram
from graphc.runtime.processors import MOST_THREADS
from graphc.version import VERSION

WeightsMode = Literal["embed", "file", "arguments"]
_VERSIONS = {"graphc": VERSION, "numpy": np.__version__, "llvmlite": llvmlite.__version__}


def export(
    function: Any,
    *types: Any,
    path: str | Path,
    name: str | None = None,
    grad: bool = False,
    argnums: int | Sequence[int] | None = None,
    targets: str | Sequence[str] = "native",
    weights: WeightsMode = "embed",
    donate: str | Sequence[str] = (),
    static_argnames: str | Sequence[str] = (),
    threads: int = 1,
    shared: bool | None = None,
    format: Literal["c", "numba"] = "c",
) -> Build:
    """Writes a C library that computes `function`: NAME.so, NAME.h, NAME.py and others into `path`.

    function: a function, a compiled or transformed one, or a module; or a dict from the ends of names to
        tuples (function, *types), for several functions in one library, of which `donate` and
        `static_argnames` concern those that have such parameters.
    types: the types of its arguments, as text such as "f32[N, 784]", or arguments like those of a call;
        trees of them for arguments that are trees. Sizes written as names are parameters of the C function.
    name: what the C functions are called and how their names begin; the function's own name by default.
    grad: adds NAME_grad, value and gradient of a function with one real scalar result, or else NAME_vjp,
        the gradient of Σ cotangent · result; with respect to the arguments at `argnums`, by default all
        real ones.
    targets: levels of one architecture, of which the library takes the last that the processor has:
        "native" (this processor), "x86-64", "x86-64-v3", "x86-64-v4"; "aarch64", "aarch64-sve"; "riscv64",
        "riscv64-v"; "wasm32"; or all of a system: "x86-64-linux", "aarch64-linux", "riscv64-linux".
    weights: where the arrays are that the function closes over, and those of a module: "embed" in the
        library, in a "file" NAME.safetensors that callers map and pass, or "arguments" of the C function.
    donate: parameters that the C function overwrites with results of the same type, as in `compile`. The
        keys of a dict and the fields of a named tuple name the parameters for the other results.
    threads: how many threads large kernels may use; the library then needs Linux and pthreads.
    shared: whether to link the shared library, which takes a C compiler; by default where one is found.
    format: "c", or "numba" for the kernels as one readable Python file NAME.py that needs NumPy and Numba
        only, with large weights beside it in NAME.npz; targets, threads and shared do not apply to it.

    The library needs libc only, allocates nothing and holds no state that calls could share. The same input
    gives the same bytes. Raises ArgumentError for options or arguments that do not fit, CompilationError
    where linking fails, and whatever tracing raises.
    """
    entries = asked_for(function, types, name, donate, static_argnames)
    name = name or identifier(entries[0].compiled.__name__)
    check_name(name)
    machines = _machines(targets)
    if weights not in ("embed", "file", "arguments"):
        raise ArgumentError(f"weights={weights!r}; choose 'embed', 'file' or 'arguments'")
    if type(threads) is not int or not 1 <= threads <= MOST_THREADS:
        raise ArgumentError(f"threads={threads!r}; choose a number from 1 to {MOST_THREADS}")
    if threads > 1 and machines[0].architecture == "wasm32":
        raise ArgumentError("a WebAssembly module has one thread: leave threads out")
    _check_format(format, targets, threads, shared)
    pieces = _pieces(name, entries, weights, grad, argnums)
    if format == "numba":
        placed, units = _assembled(name, pieces, in_file=False)
        files = numba_files(name, units, placed, in_file=weights == "file")
        return Build(name, Path(path), write_files(Path(path), files))
    symbols = [piece.symbol for piece in pieces]
    check_defined(symbols, defined_names(name, symbols))
    placed, units = _assembled(name, pieces, in_file=weights == "file")
    library = Library(
        name,
        tuple(unit.function for unit in units),
        machines[0].triple,
        tuple(machine.name for machine in machines),
        threads,
        placed.places,
        len(placed.file) if placed.in_file else None,
    )
    code, library = emit_library(library, units, machines, placed)
    return _written(Path(path), library, code, placed, shared)


@dataclass(frozen=True)
class _Piece:
    """One function of the library: recorded and described, and the arrays that are its weights.

    `sources` are the user's own arrays, of which `weights` may be contiguous copies.
    """

    symbol: str
    documentation: str
    call: Call
    described: Described
    weights: tuple[Any, ...]
    sources: tuple[Any, ...]


def _machines(targets: str | Sequence[str]) -> list[Machine]:
    names = [targets] if isinstance(targets, str) else list(targets)
    machines = [machine for name in names for machine in machines_named(name)]
    if not machines:
        raise ArgumentError("targets=[] names no processor; choose from native, x86-64-v3, …")
    if len({machine.triple for machine in machines}) > 1:
        raise ArgumentError(
            f"targets={names} are of different architectures; a library is for one: export once for each"
        )
    if len({machine.name for machine in machines}) < len(machines):
        raise ArgumentError(f"targets={names} names a processor twice")
    # The weakest first: at run time the last that fits is taken.
    return sorted(machines, key=lambda machine: (len(machine.needs), machine.name == "native"))


def _check_format(format: str, targets: str | Sequence[str], threads: int, shared: bool | None) -> None:
    if format not in ("c", "numba"):
        raise ArgumentError(f"format={format!r}; choose 'c' or 'numba'")
    given = {"targets": targets != "native", "threads": threads != 1, "shared": shared is not None}
    refused = [option for option, is_given in given.items() if is_given]
    if format == "numba" and refused:
        raise ArgumentError(f"format='numba' makes Python text, to which {', '.join(refused)} cannot apply")


# ---- functions


def _pieces(
    name: str, entries: Sequence[Asked], mode: WeightsMode, grad: bool, argnums: int | Sequence[int] | None
) -> list[_Piece]:
    """The functions asked for, each followed by its derivative if `grad`."""
    pieces = []
    for entry in entries:
        piece = _piece(f"{name}{entry.ending}", entry, mode)
        pieces.append(piece)
        if grad:
            derived = derivative_of(entry.compiled, piece.call.form, piece.call.recorded, argnums)
            further = Asked(entry.ending, derived.function, (*entry.types, *derived.further), derived.results)
            pieces.append(_piece(f"{name}{entry.ending}{derived.suffix}", further, mode))
    return pieces


def _piece(symbol: str, entry: Asked, mode: WeightsMode) -> _Piece:
    compiled = entry.compiled
    form = compiled.described(*entry.types)
    _refuse_complex(compiled, form)
    recorded, program = compiled.record(form)
    captured = names_of(recorded.traced.captured, compiled.function)
    call = Call(
        program,
        recorded,
        form,
        compiled.parameters,
        len(compiled.bound),
        captured,
        mode == "arguments",
        entry.results,
    )
    bound, _ = flatten_call(compiled.parameters, compiled.__name__, compiled.bound, {})
    held = mode != "arguments"
    weights = (*bound, *program.captured) if held else ()
    sources = (*bound, *recorded.traced.captured) if held else ()
    return _Piece(symbol, inspect.getdoc(compiled) or "", call, describe(call), weights, sources)


def _refuse_complex(compiled: Compiled, form: Form) -> None:
    for name, leaf in zip(leaf_names(compiled.parameters, form), form.leaves, strict=True):
        if leaf.parts:
            raise ArgumentError(
                located(
                    f"argument {name} of {compiled.__name__} is complex, and functions of a library take "
                    "real arrays",
                    None,
                    "Export a function of its parts: f(x, y) of z = x + 1j * y.",
                )
            )


def _memory(value: Any) -> Hashable:
    """What two values share that are the same array, or the same view of one."""
    if not isinstance(value, np.ndarray):
        return id(value)
    return value.ctypes.data, value.shape, value.strides, value.dtype.str


def _assembled(library: str, pieces: Sequence[_Piece], *, in_file: bool) -> tuple[Weights, list[Unit]]:
    """The weights of all functions, each array once, and the functions with their kernels."""
    names = Names()
    keys: dict[Hashable, str] = {}
    arrays: dict[str, np.ndarray] = {}
    for piece in pieces:
        rows = zip(piece.described.weights, piece.weights, map(_memory, piece.sources), strict=True)
        for name, value, memory in rows:
            if memory not in keys:
                keys[memory] = names.new_key(name)
                arrays[keys[memory]] = np.asarray(value)
    placed = place_weights(arrays, in_file=in_file)
    offsets = {place.name: place.offset for place in placed.places}
    tags = Tags(library, defined_names(library, [piece.symbol for piece in pieces]))
    units = []
    for piece in pieces:
        held = iter(Held(offsets[keys[_memory(source)]]) for source in piece.sources)
        plan = lowered(piece.call.program)
        inputs: list[Source] = [next(held) if n is None else n for n in piece.described.inputs]
        inputs += [constant.value for constant in plan.constants]
        units.append(Unit(_function(piece, plan, tags), plan, tuple(inputs), piece.described.outputs))
    return placed, units


def _function(piece: _Piece, plan: LoweredProgram, tags: Tags) -> Function:
    described, program = piece.described, piece.call.program
    return Function(
        piece.symbol,
        piece.documentation.partition("\n")[0],
        program.traced.symbols,
        described.size_names,
        tags.tagged(piece.symbol, described.parameters),
        described.arguments,
        described.results,
        plan.arena.size,
        tuple((check.exception, check.message) for check in plan.checks),
    )


# ---- files


def _written(folder: Path, library: Library, code: bytes, weights: Weights, shared: bool | None) -> Build:
    """Writes the files of a library."""
    name, architecture = library.name, library.triple.partition("-")[0]
    exports = exported_symbols(library)
    contents = {
        f"{name}.h": header_text(library).encode(),
        f"{name}.o": code,
        f"{name}.a": archive(name, code, exports),
    }
    notes: tuple[str, ...] = ()
    linked = f"{name}.wasm" if architecture == "wasm32" else shared_name(name)
    if shared or (shared is None and linker_for(architecture) is not None):
        data = shared_library(name, code, architecture, exports, threads=library.threads > 1)
        contents[linked] = data
    elif shared is None:
        notes = (f"no linker for {architecture} was found here: {linked} was not made",)
    if weights.in_file:
        contents[f"{name}.safetensors"] = weights.file
    if shared_name(name) in contents:
        contents[f"{name}.py"] = module_text(library, contents).encode()
    contents[f"{name}.json"] = manifest_text(library, contents, _VERSIONS).encode()
    if f"{name}.py" in contents:
        contents[f"{name}/__init__.py"] = package_text(name).encode()
    return Build(name, folder, write_files(folder, contents), notes)
