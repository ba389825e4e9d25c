"""Scratch memory for calls: one block a thread, aligned, grown where a call needs more."""

from __future__ import annotations

import threading

import numpy as np

ALIGNMENT = 4096  # a page: stores do not hold up loads of arrays that begin near the same place in theirs


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
        block = np.empty(capacity + ALIGNMENT, np.uint8)
        address = -(-block.ctypes.data // ALIGNMENT) * ALIGNMENT
        BLOCKS.block = (block, address, capacity)
    return block, address
