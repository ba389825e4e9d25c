"""The allocator of `graphc.runtime.recycle`, as LLVM."""

from __future__ import annotations

import mmap
from typing import Final

from llvmlite import ir

from graphc.backends.cpu.llvm import I8, I32, I64, PTR, VOID, Code, i64
from graphc.runtime.recycle_layout import BLOCKS, LIMIT, SLOTS

_PAGE: Final = 2 << 20
_HEADER: Final = 4096  # a page (decision 167); the first word is the size of the block
_MADV_FREE: Final = 8


def allocator_ir() -> str:
    """NumPy's four functions, `recycle_malloc` and so on; the first argument is the state."""
    module = ir.Module("recycle")
    _external(module, "posix_memalign", I32, (PTR, I64, I64))
    _external(module, "madvise", I32, (PTR, I64, I32))
    _external(module, "free", VOID, (PTR,))
    _emit_malloc(module)
    _emit_calloc(module)
    _emit_free(module)
    _emit_realloc(module)
    return str(module)


def _external(module: ir.Module, name: str, result: ir.Type, arguments: tuple[ir.Type, ...]) -> None:
    ir.Function(module, ir.FunctionType(result, arguments), name)


def _call(code: Code, name: str, *arguments: ir.Value) -> ir.Value:
    return code.b.call(code.module.globals[name], list(arguments))


def _emit_malloc(module: ir.Module) -> None:
    """A kept block of the same size, or a new one."""
    code = Code(module, "recycle_malloc", [PTR, I64], result=PTR)
    (context, size), b = code.args, code.b
    total = b.and_(b.add(size, i64(_HEADER + _PAGE - 1)), i64(-_PAGE))

    def take(slot: ir.Value) -> None:
        place = code.at(context, I64, slot)
        block = code.load(place, PTR)

        def take_it() -> None:
            code.store(i64(0), place)
            code.store(b.sub(code.load(context, I64), total), context)
            code.ret(code.at(block, I8, _HEADER))
            b.position_at_end(code.function.append_basic_block("unreachable"))

        def compare() -> None:
            code.when(b.icmp_signed("==", code.load(block, I64), total), take_it)

        code.when(b.icmp_unsigned("!=", block, ir.Constant(PTR, None)), compare)

    code.loop(BLOCKS + SLOTS, take, start=BLOCKS)
    made = code.scratch(PTR, 1)
    failed = _call(code, "posix_memalign", made, i64(_PAGE), total)
    code.when(b.icmp_signed("!=", failed, ir.Constant(I32, 0)), lambda: _return(code, ir.Constant(PTR, None)))
    block = code.load(made, PTR)
    _call(code, "madvise", block, total, ir.Constant(I32, mmap.MADV_HUGEPAGE))
    code.store(total, block)
    code.ret(code.at(block, I8, _HEADER))


def _return(code: Code, value: ir.Value) -> None:
    code.ret(value)
    code.b.position_at_end(code.function.append_basic_block("unreachable"))


def _emit_calloc(module: ir.Module) -> None:
    code = Code(module, "recycle_calloc", [PTR, I64, I64], result=PTR)
    context, count, size = code.args
    total = code.b.mul(count, size)
    memory = _call(code, "recycle_malloc", context, total)
    zero, volatile = ir.Constant(I8, 0), ir.Constant(ir.IntType(1), 0)
    present = code.b.icmp_unsigned("!=", memory, ir.Constant(PTR, None))
    clear = (memory, zero, total, volatile)
    code.when(present, lambda: code.intrinsic("llvm.memset.p0.i64", VOID, clear))
    code.ret(memory)


def _emit_free(module: ir.Module) -> None:
    """Keeps the block if there is a place for it and the limit allows."""
    code = Code(module, "recycle_free", [PTR, PTR, I64])
    (context, memory, _), b = code.args, code.b
    code.when(b.icmp_unsigned("==", memory, ir.Constant(PTR, None)), lambda: _leave(code))
    block = code.at(memory, I8, -_HEADER)
    total = code.load(block, I64)
    after = b.add(code.load(context, I64), total)

    def keep() -> None:
        code.loop(BLOCKS + SLOTS, try_slot, start=BLOCKS)

    def try_slot(slot: ir.Value) -> None:
        place = code.at(context, I64, slot)

        def put() -> None:
            code.store(block, place)
            code.store(after, context)
            # The page with the header stays.
            rest = b.sub(total, i64(_PAGE))
            _call(code, "madvise", code.at(block, I8, _PAGE), rest, ir.Constant(I32, _MADV_FREE))
            _leave(code)

        code.when(b.icmp_signed("==", code.load(place, I64), i64(0)), put)

    code.when(b.icmp_signed("<=", after, code.load(code.at(context, I64, LIMIT), I64)), keep)
    _call(code, "free", block)
    code.ret()


def _leave(code: Code) -> None:
    code.ret()
    code.b.position_at_end(code.function.append_basic_block("unreachable"))


def _emit_realloc(module: ir.Module) -> None:
    """The same memory where it is large enough, else a copy."""
    code = Code(module, "recycle_realloc", [PTR, PTR, I64], result=PTR)
    (context, memory, size), b = code.args, code.b
    capacity = b.sub(code.load(code.at(memory, I8, -_HEADER), I64), i64(_HEADER))
    code.when(b.icmp_signed("<=", size, capacity), lambda: _return(code, memory))
    made = _call(code, "recycle_malloc", context, size)
    volatile = ir.Constant(ir.IntType(1), 0)

    def move() -> None:
        code.intrinsic("llvm.memcpy.p0.p0.i64", VOID, (made, memory, capacity, volatile))
        _call(code, "recycle_free", context, memory, capacity)

    code.when(b.icmp_unsigned("!=", made, ir.Constant(PTR, None)), move)
    code.ret(made)
