"""LLVM IR text to machine code; and LLVM's loader of machine code, where ours does not know a format."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping

import llvmlite.binding as llvm

from graphc.backends.cpu.target import Machine


def host_has(feature: str) -> bool:
    """Whether the processor that runs this process has a feature, by LLVM's name for it."""
    return bool(llvm.get_host_cpu_features().get(feature, False))


@functools.cache
def host_target() -> llvm.TargetMachine:
    """A target machine for the processor that runs this process."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
        opt=1,
        jit=True,
    )


def optimised(text: str, machine: llvm.TargetMachine | None = None) -> llvm.ModuleRef:
    """Parses, verifies and lightly optimises a module: vectors are explicit, so little is left to do."""
    machine = machine or host_target()
    module = llvm.parse_assembly(text)
    module.triple = machine.triple
    module.data_layout = str(machine.target_data)
    module.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=1)
    options.loop_vectorization = False
    options.slp_vectorization = False
    options.loop_unrolling = False
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    return module


def object_code(text: str, machine: llvm.TargetMachine | None = None) -> bytes:
    """The relocatable object file of a module."""
    machine = machine or host_target()
    return bytes(machine.emit_object(optimised(text, machine)))


def assembly(text: str, machine: llvm.TargetMachine | None = None) -> str:
    machine = machine or host_target()
    return str(machine.emit_assembly(optimised(text, machine)))


class Engine:
    """Object code that LLVM maps into this process. Addresses are valid while this object lives."""

    def __init__(self, code: bytes, symbols: Mapping[str, int]) -> None:
        """`symbols` are addresses that the code may refer to, beside those of the process."""
        for name, address in symbols.items():
            llvm.add_symbol(name, address)
        self._engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _fresh_target())
        self._engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        self._engine.finalize_object()

    def address(self, symbol: str) -> int:
        """Where a symbol is; 0 if the code defines no such symbol."""
        return int(self._engine.get_function_address(symbol))


def _fresh_target() -> llvm.TargetMachine:
    # An execution engine takes ownership of its target machine.
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
        opt=1,
        jit=True,
    )


@functools.cache
def target_machine(machine: Machine) -> llvm.TargetMachine:
    """A target machine that makes position-independent object files for `machine`."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    return llvm.Target.from_triple(machine.triple).create_target_machine(
        cpu=machine.cpu,
        features=machine.features,
        opt=1,
        reloc="static" if machine.architecture == "wasm32" else "pic",
        codemodel="small",
        abiname=machine.abi,
    )


def for_machine(text: str, machine: Machine) -> str:
    """A module optimised for a machine, as text whose functions say which instructions they may use."""
    says = f'"target-cpu"="{machine.cpu}" "target-features"="{machine.features}" {machine.attributes}'
    return with_attributes(str(optimised(text, target_machine(machine))), says)


def machine_code(text: str, machine: Machine) -> bytes:
    """The position-independent object file of a module for `machine`."""
    return bytes(target_machine(machine).emit_object(llvm.parse_assembly(for_machine(text, machine))))


def machine_assembly(text: str, machine: Machine) -> str:
    return str(target_machine(machine).emit_assembly(llvm.parse_assembly(for_machine(text, machine))))


def with_attributes(text: str, attributes: str) -> str:
    """The printed module with more attributes on each of its functions."""
    return re.sub(r"^(attributes #\d+ = \{)", rf"\1 {attributes}", text, flags=re.M)
