"""Large results reuse the memory of earlier ones.

The C library returns large blocks to the system at once, so every new result pays for its first touch
of fresh pages: as long as writing it twice. Arrays made by `empty` get their memory from an allocator of
their own, through NumPy's interface for this (NEP 49, Picus, 2021): they own their memory like any other
array, but what they free is kept for the next. The system may take the pages of kept blocks whenever it
needs them (MADV_FREE). Blocks are aligned to cache lines, so that kernels can stream into them.

The allocator is machine code that lives until the process ends, since arrays can outlive everything
else. NumPy calls it under the global interpreter lock.
"""

from __future__ import annotations

import ctypes
import functools
import math
import mmap
import os
import sys
from collections.abc import Callable
from typing import Final

import numpy as np
from llvmlite import ir

from graphc.backends.cpu.jit import Loaded, object_code
from graphc.backends.cpu.llvm import I8, I32, I64, PTR, VOID, Code, i64
from graphc.runtime.numpy_api import numpy_function

LARGE: Final = 4 << 20
_PAGE: Final = 2 << 20
_HEADER: Final = 64  # the first word is the size of the block
_SLOTS: Final = 8
# The allocator's state in words: bytes kept, their limit, then the kept blocks.
_KEPT, _LIMIT, _BLOCKS = 0, 1, 2


def empty(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An uninitialised array, like `np.empty`; a large one in recycled memory."""
    if math.prod(shape) * dtype.itemsize < LARGE or sys.platform != "linux":
        return np.empty(shape, dtype)
    exchange, handler = _exchange(), _handler()
    before = exchange(handler)
    try:
        return np.empty(shape, dtype)
    finally:
        exchange(before)


def kept() -> int:
    """Bytes that wait for the next large result."""
    return int(_state()[_KEPT])


def release() -> None:
    """Gives all kept memory back to the system."""
    state = _state()
    free = ctypes.CDLL(None).free
    free.argtypes, free.restype = [ctypes.c_void_p], None
    for slot in range(_BLOCKS, _BLOCKS + _SLOTS):
        free(state[slot] or None)
        state[slot] = 0
    state[_KEPT] = 0


class _Handler(ctypes.Structure):
    """PyDataMem_Handler, version 1."""

    _fields_ = (
        ("name", ctypes.c_char * 127),
        ("version", ctypes.c_uint8),
        ("context", ctypes.c_void_p),
        ("malloc", ctypes.c_void_p),
        ("calloc", ctypes.c_void_p),
        ("realloc", ctypes.c_void_p),
        ("free", ctypes.c_void_p),
    )


@functools.cache
def _state() -> ctypes.Array[ctypes.c_int64]:
    state = (ctypes.c_int64 * (_BLOCKS + _SLOTS))()
    state[_LIMIT] = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 8
    _keep_for_ever(state)
    return state


@functools.cache
def _handler() -> object:
    """The allocator as the capsule that NumPy expects."""
    code = Loaded(object_code(_allocator_ir()))
    addresses = [code.address(f"recycle_{name}") for name in ("malloc", "calloc", "realloc", "free")]
    handler = _Handler(b"graphc", 1, ctypes.addressof(_state()), *addresses)
    _keep_for_ever(code)
    _keep_for_ever(handler)
    make = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)(
        ("PyCapsule_New", ctypes.pythonapi)
    )
    name = ctypes.c_char_p(b"mem_handler")
    _keep_for_ever(name)
    return make(ctypes.addressof(handler), name, None)


@functools.cache
def _exchange() -> Callable[[object], object]:
    """Makes a handler the current one and returns the one before."""
    call = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object)(numpy_function("PyDataMem_SetHandler"))
    exchange: Callable[[object], object] = call
    return exchange


def _keep_for_ever(value: object) -> None:
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(value))


# ---- the allocator


def _allocator_ir() -> str:
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

    code.loop(_BLOCKS + _SLOTS, take, start=_BLOCKS)
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
        code.loop(_BLOCKS + _SLOTS, try_slot, start=_BLOCKS)

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

    code.when(b.icmp_signed("<=", after, code.load(code.at(context, I64, _LIMIT), I64)), keep)
    _call(code, "free", block)
    code.ret()


_MADV_FREE: Final = 8


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
