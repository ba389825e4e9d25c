"""A lowered program as one LLVM module with one entry: buffers, sizes and arena in, status out."""

from __future__ import annotations

from llvmlite import ir

from graphc.backends.cpu.emit import KernelEmitter, kernel_function
from graphc.backends.cpu.features import declare
from graphc.backends.cpu.frame import Frame
from graphc.backends.cpu.llvm import I8, I64, PTR, Code, i64
from graphc.backends.cpu.target import Target
from graphc.ir.dims import Dim
from graphc.lower import kernel_ir as k
from graphc.lower.printer import format_kernel
from graphc.lower.program import LoweredProgram


def emit_program(module: ir.Module, program: LoweredProgram, entry: str, target: Target) -> Dim:
    """Defines `i64 entry(ptr buffers, ptr sizes, ptr arena)`, which runs all kernels in order.

    Returns the bytes of arena it needs.
    """
    declare(module, target)
    functions, scratch = _kernel_functions(module, program, entry, target)
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
    for kernel, function in zip(program.kernels, functions, strict=True):
        arguments = [pointers[b] for b in kernel.buffers]
        code.b.call(function, [*arguments, *frame.sizes.values(), status, packed])
    code.ret(code.load(status, I64))
    return program.arena.size + scratch


def emit_kernels(
    module: ir.Module, program: LoweredProgram, prefix: str, target: Target
) -> tuple[list[str], Dim]:
    """Defines the kernels as functions to be called one by one, and `prefix.empty`, which does nothing.

    Returns the function of each kernel, and the bytes of packing space they need behind the arena.
    """
    declare(module, target)
    functions, scratch = _kernel_functions(module, program, prefix, target)
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


def _kernel_functions(
    module: ir.Module, program: LoweredProgram, entry: str, target: Target
) -> tuple[list[ir.Function], int]:
    """One function for each kernel, shared by equal ones, and the packing space the largest needs."""
    made: dict[str, tuple[ir.Function, int]] = {}
    chosen = []
    for kernel in program.kernels:
        text = format_kernel(kernel, canonical=True)
        if text not in made:
            made[text] = kernel_function(module, kernel, f"{entry}.{kernel.name}", target)
        chosen.append(made[text])
    return [function for function, _ in chosen], max((needed for _, needed in chosen), default=0)
