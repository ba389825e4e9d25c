"""The process's thread pool: kernels call `graphc_parallel(body, context, tasks, most)`, declared as

    void graphc_parallel(ptr body, ptr context, i64 tasks, i64 most)
    void body(ptr context, i64 task, i64 seat)

which runs `body` once for each task 0 … tasks − 1 on up to min(most, get_num_threads()) threads, the
calling one among them, and returns when all are done. Which thread runs a task changes from call to call,
so what a task computes must depend on its number alone. `seat`, below that number of threads, is never held
by two threads of one region at once: it may index scratch memory, never a result.

Threads start at the first parallel region and sleep when idle. On Linux for x86-64, AArch64, RISC-V 64 and
POWER (little-endian) the pool is as described in `graphc.runtime.pool_ir`; on other systems (macOS, Windows)
there is no futex, and all tasks run in the calling thread.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import platform
import sys
import threading
from typing import Final

from graphc.backends.cpu.loaded import define
from graphc.dataclass import dataclass
from graphc.runtime.pool_machines import MACHINES, STATE_SIZE
from graphc.runtime.processors import MOST_THREADS, default_threads
from graphc.runtime.support import support_code

SYMBOL: Final = "graphc_parallel"
_MADV_WIPEONFORK: Final = 18  # Linux 4.14; Python's mmap does not name it


@dataclass(frozen=True)
class _Native:
    """The pool's machine code in this process and the page that its threads share."""

    address: int
    configure: int
    page: mmap.mmap | None
    page_address: int

    def set_threads(self, threads: int) -> None:
        function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)(self.configure)
        function(self.page_address, threads)


class _Pool:
    """The one pool of this process: how many threads it may use and, once needed, its native part."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.threads: int | None = None
        self.native: _Native | None = None

    def forget_lock(self) -> None:
        # In a forked child the thread that held it no longer exists.
        self.lock = threading.Lock()


_POOL: Final = _Pool()
if sys.platform != "win32":
    os.register_at_fork(after_in_child=_POOL.forget_lock)


def get_num_threads() -> int:
    """How many threads a parallel region may use, the calling one included."""
    if _POOL.threads is None:
        _POOL.threads = default_threads()
    return _POOL.threads


def set_num_threads(threads: int) -> None:
    """Lets regions that begin from now on use `threads` threads; results do not depend on it."""
    if not 1 <= threads <= MOST_THREADS:
        raise ValueError(f"{threads} threads: the number must be from 1 to {MOST_THREADS}")
    with _POOL.lock:
        _POOL.threads = threads
        if _POOL.native is not None:
            _POOL.native.set_threads(threads)


def install() -> int:
    """Makes object code that is loaded from now on find `graphc_parallel`; returns its address."""
    with _POOL.lock:
        if _POOL.native is None:
            native = _loaded()
            native.set_threads(get_num_threads())
            define(SYMBOL, native.address)
            _POOL.native = native
        return _POOL.native.address


def parallel_address() -> int:
    """The address of `graphc_parallel` in this process."""
    return install()


def is_parallel() -> bool:
    """Whether this system has what the pool needs; if not, regions run in the calling thread."""
    return sys.platform == "linux" and sys.maxsize > 1 << 32 and platform.machine() in MACHINES


def _loaded() -> _Native:
    code = support_code(f"thread pool for {platform.machine()}", _pool_ir)
    page = _shared_page() if is_parallel() else None
    # Threads may run this code and read this page until the process ends, longer than Python's
    # objects live: one reference is never given back.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(code))
    if page is None:
        return _Native(code.address(SYMBOL), code.address("graphc_pool_configure"), None, 0)
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(page))
    at = ctypes.addressof(ctypes.c_char.from_buffer(page))
    return _Native(code.address(SYMBOL), code.address("graphc_pool_configure"), page, at)


def _pool_ir() -> str:
    from graphc.runtime.pool_ir import parallel_ir, serial_ir

    return parallel_ir(MACHINES[platform.machine()]) if is_parallel() else serial_ir()


def _shared_page() -> mmap.mmap:
    """A zeroed page that is zero again in a forked child: there the pool begins anew.

    A child has none of its parent's threads, and may be born while another thread is in a region.
    The kernel wipes the page, so forks made by C libraries are covered too.
    """
    page = mmap.mmap(-1, STATE_SIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    try:
        page.madvise(_MADV_WIPEONFORK)
    except OSError:  # older kernels: Python's own forks only

        def wipe() -> None:
            page[:] = bytes(STATE_SIZE)

        os.register_at_fork(after_in_child=wipe)
    return page
