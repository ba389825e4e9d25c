"""The object file of a library: each level optimised for its processors, all linked into one module."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir

from graphc.aot import processor
from graphc.aot.entry import Entry, Held, Place, Source, constant_bytes, emit_workspace_bytes, program_type
from graphc.aot.interface import UNSUPPORTED_CPU, Function, Library, exported_symbols
from graphc.aot.loaded.files import digest_of
from graphc.aot.manifest import interface_json
from graphc.aot.messages import emit_digest, emit_message, emit_target
from graphc.aot.weights import Weights
from graphc.backends.cpu.jit import for_machine, optimised, target_machine
from graphc.backends.cpu.llvm import I32, Code
from graphc.backends.cpu.program import emit_program
from graphc.backends.cpu.target import MACHINES, Machine
from graphc.dataclass import dataclass
from graphc.ir.dims import Dim
from graphc.lower import kernel_ir as k
from graphc.lower.program import LoweredProgram
from graphc.runtime.pool_ir import library_ir
from graphc.runtime.pool_machines import MACHINES as POOLS


@dataclass(frozen=True)
class Unit:
    """One function of a library with its kernels.

    `inputs` says where each input of the program is, `outputs` names the leaf of each result.
    """

    function: Function
    plan: LoweredProgram
    inputs: tuple[Source, ...]
    outputs: tuple[int, ...]


def emit_library(
    library: Library, units: Sequence[Unit], machines: Sequence[Machine], weights: Weights
) -> tuple[bytes, Library]:
    """The object file of a library for `machines`, of which the last that fits is chosen at run time.

    `library` comes back with its functions, which now know their workspaces.
    """
    base = _base(machines[0])
    linked = llvm.parse_assembly("")
    needed: dict[str, Dim] = {unit.function.symbol: unit.plan.arena.size for unit in units}
    for machine in machines:
        module = ir.Module(name=library.name)
        target = replace(machine.target, threads=library.threads)
        for unit in units:
            symbol = unit.function.symbol
            arena = emit_program(module, unit.plan, f"{symbol}.{machine.name}", target)
            needed[symbol] = _larger(needed[symbol], arena, unit.plan.arena.size)
        linked.link_in(llvm.parse_assembly(for_machine(str(module), machine)))
    units = [replace(u, function=replace(u.function, workspace=needed[u.function.symbol])) for u in units]
    library = replace(library, functions=tuple(unit.function for unit in units))
    linked.link_in(optimised(_entries(library, units, machines, weights), target_machine(base)))
    if library.threads > 1:
        pool = library_ir(POOLS[base.architecture], library.threads, f"{library.name}_set_threads")
        linked.link_in(optimised(pool, target_machine(base)))
    exported = exported_symbols(library)
    for function in linked.functions:
        if not function.is_declaration and function.name not in exported:
            function.linkage = llvm.Linkage.internal
    return bytes(target_machine(base).emit_object(linked)), library


def _base(machine: Machine) -> Machine:
    """The weakest processor of an architecture: what runs before anything is known."""
    return next(m for m in MACHINES.values() if m.architecture == machine.architecture)


def _larger(so_far: Dim, arena: Dim, plan: Dim) -> Dim:
    """The larger of two workspaces, which are the plan's and a constant for packing."""
    extra, before = arena - plan, so_far - plan
    assert isinstance(extra, int) and isinstance(before, int)
    return plan + max(extra, before)


def _entries(library: Library, units: Sequence[Unit], machines: Sequence[Machine], weights: Weights) -> str:
    """The C functions, and what they share."""
    module = ir.Module(name=library.name)
    wide = machines[0].architecture != "wasm32"
    for unit in units:
        _emit_function(module, unit, machines, weights, wide=wide)
        emit_workspace_bytes(module, unit.function, wide=wide)
        emit_message(module, unit.function)
    emit_target(module, library, lambda code: _level(code, machines))
    emit_digest(module, library.name, digest_of(interface_json(library)))
    text = str(module)
    if processor.is_needed(machines):
        before, declared, after = text.partition(f'declare i32 @"{processor.FUNCTION}"()\n')
        assert declared
        text = before + after + processor.processor_ir(machines)
    return text


def _emit_function(
    module: ir.Module, unit: Unit, machines: Sequence[Machine], weights: Weights, *, wide: bool
) -> None:
    entry = Entry(module, unit.function, file_of_weights=weights.in_file, wide=wide)
    program = _emit_choice(entry, unit.function.symbol, machines)
    entry.check_sizes()
    leaves = entry.leaf_addresses()
    entry.check_workspace()
    start = weights.emit_start(entry)
    addresses = [_address(entry, source, leaves, start) for source in unit.inputs]
    addresses += [leaves[i].written for i in unit.outputs]
    fence = machines[0].architecture == "x86_64" and _streams(unit.plan)
    entry.finish(entry.call(program, addresses, fence=fence))


def _streams(plan: LoweredProgram) -> bool:
    """Whether results bypass the caches: x86 does not order such stores with those that follow."""
    stores = (s for kernel in plan.kernels for s in k.statements(kernel.body) if isinstance(s, k.Store))
    return any(store.streaming for store in stores)


def _emit_choice(entry: Entry, symbol: str, machines: Sequence[Machine]) -> ir.Value:
    """The address of the program for this processor."""
    module, b = entry.code.module, entry.b
    programs = [ir.Function(module, program_type(), f"{symbol}.{m.name}") for m in machines]
    level = _level(entry.code, machines)
    if level is None:
        return programs[0]
    entry.leave_unless(b.icmp_signed(">=", level, ir.Constant(I32, 0)), UNSUPPORTED_CPU)
    chosen: ir.Value = programs[0]
    for i, program in enumerate(programs[1:], 1):
        chosen = b.select(b.icmp_signed("==", level, ir.Constant(I32, i)), program, chosen)
    return chosen


def _level(code: Code, machines: Sequence[Machine]) -> ir.Value | None:
    """The position of the machine that this processor is, or -1; None if nothing must be found out."""
    if not processor.is_needed(machines):
        return None
    asked = code.module.globals.get(processor.FUNCTION)
    asked = asked or ir.Function(code.module, ir.FunctionType(I32, []), processor.FUNCTION)
    level: ir.Value = code.b.call(asked, [])
    return level


def _address(entry: Entry, source: Source, leaves: Sequence[Place], weights: ir.Value | None) -> ir.Value:
    """Where an input of the program is."""
    if isinstance(source, int):
        return leaves[source].read
    if isinstance(source, Held):
        assert weights is not None
        return entry.code.at(weights, ir.IntType(8), source.offset)
    name = entry.code.module.get_unique_name("graphc.constant")
    return constant_bytes(entry.code.module, name, np.ascontiguousarray(source).tobytes() or bytes(1))
