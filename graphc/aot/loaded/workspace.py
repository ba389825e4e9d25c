"""Scratch memory for calls: one block a thread, aligned, grown where a call needs more."""

from __future__ import annotations

import threading

import numpy as np

ALIGNMENT = 64
LARGEST = 1 << 47  # bytes; no processor that runs this addresses more


class Blocks(threading.local):
    """This thread's block, the address in it that is aligned, and the usable bytes from there."""

    block: tuple[np.ndarray, int, int] = (np.empty(0, np.uint8), 0, 0)


BLOCKS = Blocks()


def workspace(size: int) -> tuple[np.ndarray, int]:
    """Memory of at least `size` bytes and its address, good as long as the caller holds the array.

    A signal handler or a finalizer may call a library in the middle of another call: it gets the same
    block, which no call minds between its own, or replaces it, and then both arrays live on.
    """
    block, address, capacity = BLOCKS.block
    if capacity < size:
        # A size that creeps up with every call must not allocate every time.
        capacity = max(size, capacity * 5 // 4)
        block = empty((capacity + ALIGNMENT,), np.dtype(np.uint8), "workspace")
        address = -(-block.ctypes.data // ALIGNMENT) * ALIGNMENT
        BLOCKS.block = (block, address, capacity)
    return block, address


def empty(shape: tuple[int, ...], dtype: np.dtype, what: str) -> np.ndarray:
    """A new array; MemoryError where there cannot be one."""
    size = dtype.itemsize
    for n in shape:
        size *= n
    try:
        if size < LARGEST:
            return np.empty(shape, dtype)
    except (MemoryError, ValueError):
        pass
    raise MemoryError(f"{size} bytes for {what} cannot be allocated")
