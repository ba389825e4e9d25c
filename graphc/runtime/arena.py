"""Scratch memory of each thread: it begins at a page, is grown on demand, freed when the thread ends.

A block belongs to the thread it was made in (a POSIX thread-specific value) and starts with a header
of one page whose first word is the number of usable bytes after it. Native entries look the
block up themselves and call `grow` only where it is missing or too small.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import mmap
import sys
from typing import Final

HEADER: Final = 4096  # a page, so that large buffers begin at one (decision 167)
_HUGE_PAGE: Final = 2 << 20
_ADVISE_FROM: Final = 4 << 20


@functools.cache
def key() -> int:
    """The process-wide key of the blocks; a thread's end frees its block."""
    library = _library()
    made = ctypes.c_uint32()
    if library.pthread_key_create(ctypes.byref(made), library.free):
        raise MemoryError("no thread-specific key is left for graphc's arenas")
    return made.value


def capacity() -> int:
    """Usable bytes of this thread's block; 0 where it has none."""
    block = _library().pthread_getspecific(key())
    return ctypes.c_int64.from_address(block).value if block else 0


def grow(size: int) -> None:
    """Replaces this thread's block by one of at least `size` bytes; raises MemoryError."""
    library = _library()
    # A size that creeps up with every call must not allocate every time.
    size = max(size, capacity() * 5 // 4)
    huge = size >= _ADVISE_FROM
    unit = _HUGE_PAGE if huge else 4096
    total = -(-(size + HEADER) // unit) * unit
    # The old block goes first: both together may not fit.
    release()
    block = ctypes.c_void_p()
    if total >= 1 << 47 or library.posix_memalign(ctypes.byref(block), unit, total):
        raise MemoryError(f"graphc cannot allocate {size} bytes of scratch memory")
    if huge and sys.platform == "linux":
        library.madvise(block, total, mmap.MADV_HUGEPAGE)  # only a hint: its failure changes nothing
    ctypes.c_int64.from_address(block.value or 0).value = total - HEADER
    library.pthread_setspecific(key(), block)


def release() -> None:
    """Frees this thread's block."""
    library = _library()
    block = library.pthread_getspecific(key())
    if block:
        library.pthread_setspecific(key(), None)
        library.free(block)


@functools.cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(None)
    library.pthread_key_create.argtypes = [ctypes.POINTER(ctypes.c_uint32), ctypes.c_void_p]
    library.pthread_getspecific.argtypes = [ctypes.c_uint32]
    library.pthread_getspecific.restype = ctypes.c_void_p
    library.pthread_setspecific.argtypes = [ctypes.c_uint32, ctypes.c_void_p]
    library.posix_memalign.argtypes = [ctypes.POINTER(ctypes.c_void_p), ctypes.c_size_t, ctypes.c_size_t]
    library.free.argtypes = [ctypes.c_void_p]
    library.free.restype = None
    with contextlib.suppress(AttributeError):  # not every system advises about memory
        library.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    return library
