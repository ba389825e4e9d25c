"""A lowered program as one LLVM module with one entry: buffers, sizes and arena in, status out."""

from __future__ import annotations

from collections.abc import Sequence

from llvmlite import ir

from graphc.backends.cpu.emit import KernelEmitter, kernel_function
from graphc.backends.cpu.features import declare
from graphc.backends.cpu.frame import Frame
from graphc.backends.cpu.llvm import F64, I8, I64, PTR, Code, i64, value_type
from graphc.backends.cpu.share import Call, shared
from graphc.backends.cpu.target import Target
from graphc.ir.dims import Dim
from graphc.lower import kernel_ir as k
from graphc.lower.program import LoweredProgram

NULL = ir.Constant(PTR, None)


def emit_program(
    module: ir.Module,
    program: LoweredProgram,
    entry: str,
    target: Target,
    calls: Sequence[Call] | None = None,
) -> Dim:
    """Defines `i64 entry(ptr buffers, ptr sizes, ptr arena)`, which runs all kernels in order.

    `calls` are its kernels, by default as few functions as can be; numbers that have a place lie in the last
    input. Returns the bytes of arena it needs.
    """
    declare(module, target)
    calls = shared(program.kernels, target) if calls is None else calls
    functions, scratch = _kernel_functions(module, calls, entry, target)
    code = Code(module, entry, [PTR, PTR, PTR], result=I64)
    buffers, sizes, arena = code.args
    status = code.scratch(I64, 1)
    code.store(i64(0), status)
    frame = Frame(sizes={n: code.load(code.at(sizes, I64, i), I64) for i, n in enumerate(program.symbols)})
    pointers: dict[k.Buffer, ir.Value] = {}
    for i, buffer in enumerate((*program.inputs, *program.outputs)):
        if buffer not in pointers:
            pointers[buffer] = code.load(code.at(buffers, PTR, i), PTR)
    emitter = KernelEmitter(code, frame, entry, target)
    for dim, check in program.guards:
        _return_if_negative(code, emitter.size(dim), check)
    for buffer, offset in program.arena.offsets.items():
        pointers[buffer] = code.at(arena, I8, emitter.size(offset))
    packed = code.at(arena, I8, emitter.size(program.arena.size))
    memory = pointers[program.inputs[-1]] if program.inputs else NULL
    for call, function in zip(calls, functions, strict=True):
        arguments = [pointers[b] for b in call.kernel.buffers]
        sizes = [*frame.sizes.values(), *map(i64, call.sizes)]
        code.b.call(function, [*arguments, *sizes, *_numbers(code, call, memory), status, packed])
    code.ret(code.load(status, I64))
    return program.arena.size + scratch


def emit_kernels(
    module: ir.Module, program: LoweredProgram, prefix: str, target: Target
) -> tuple[list[str], Dim]:
    """Defines the kernels as functions to be called one by one, and `prefix.empty`, which does nothing.

    Returns the function of each kernel, and the bytes of packing space they need behind the arena.
    """
    declare(module, target)
    functions, scratch = _kernel_functions(module, [Call(x) for x in program.kernels], prefix, target)
    for function in functions:
        function.linkage = ""
    Code(module, f"{prefix}.empty", []).ret()
    return [str(function.name) for function in functions], scratch


def _return_if_negative(code: Code, size: ir.Value, check: int) -> None:
    """Ends the program with status `check` before anything is read, where a slice would not fit."""
    fails, holds = code.b.append_basic_block("too_small"), code.b.append_basic_block("fits")
    code.b.cbranch(code.b.icmp_signed("<", size, i64(0)), fails, holds)
    code.b.position_at_end(fails)
    code.b.ret(i64(check))
    code.b.position_at_end(holds)


def _numbers(code: Code, call: Call, memory: ir.Value) -> list[ir.Value]:
    """The numbers that a call passes; `memory` is where those are that have a place."""
    types = [value_type(value.dtype) for value in call.kernel.parameters]
    if call.place is None:
        return [code.like(type_, number) for type_, number in zip(types, call.numbers, strict=True)]
    loaded = [code.load(code.at(memory, F64, call.place + i), F64) for i in range(len(types))]
    return [x if t == F64 else code.b.fptrunc(x, t) for x, t in zip(loaded, types, strict=True)]


def _kernel_functions(
    module: ir.Module, calls: Sequence[Call], entry: str, target: Target
) -> tuple[list[ir.Function], int]:
    """The function of each call, one for equal kernels, and the packing space the largest needs."""
    made: dict[str, tuple[ir.Function, int]] = {}
    chosen = []
    for call in calls:
        if call.text not in made:
            made[call.text] = kernel_function(module, call.kernel, f"{entry}.{call.kernel.name}", target)
        chosen.append(made[call.text])
    return [function for function, _ in chosen], max((needed for _, needed in chosen), default=0)
