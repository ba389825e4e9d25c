"""Large results reuse the memory of earlier ones.

The C library returns large blocks to the system at once, so every new result pays for its first touch
of fresh pages: as long as writing it twice. Arrays made by `empty` get their memory from an allocator of
their own, through NumPy's interface for this (NEP 49, Picus, 2021): they own their memory like any other
array, but what they free is kept for the next. The system may take the pages of kept blocks whenever it
needs them (MADV_FREE). Arrays begin at a page: kernels can stream into them, and
stores do not hold up loads (decision 167).

The allocator is machine code that lives until the process ends, since arrays can outlive everything
else. NumPy calls it under the global interpreter lock.
"""

from __future__ import annotations

import ctypes
import functools
import math
import os
import sys
from collections.abc import Callable
from typing import Final

import numpy as np

from graphc.runtime.numpy_api import numpy_function
from graphc.runtime.recycle_layout import BLOCKS, KEPT, LIMIT, SLOTS
from graphc.runtime.support import support_code

LARGE: Final = 4 << 20


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
    return int(_state()[KEPT])


def release() -> None:
    """Gives all kept memory back to the system."""
    state = _state()
    free = ctypes.CDLL(None).free
    free.argtypes, free.restype = [ctypes.c_void_p], None
    for slot in range(BLOCKS, BLOCKS + SLOTS):
        free(state[slot] or None)
        state[slot] = 0
    state[KEPT] = 0


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
    state = (ctypes.c_int64 * (BLOCKS + SLOTS))()
    state[LIMIT] = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 8
    _keep_for_ever(state)
    return state


@functools.cache
def _handler() -> object:
    """The allocator as the capsule that NumPy expects."""
    code = support_code("recycling allocator", _allocator_ir)
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


def _allocator_ir() -> str:
    from graphc.runtime.recycle_ir import allocator_ir

    return allocator_ir()


def _keep_for_ever(value: object) -> None:
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(value))
