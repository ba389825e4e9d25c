"""Scratch memory belongs to its thread and goes with it."""

import os
import resource
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from graphc.backends.signature import Signature
from graphc.ir.dims import parse_dim
from graphc.runtime import arena
from tests.runtime.entry_programs import array, executable, result, scale


def with_arena(size):
    signature = Signature(
        "f", (array("x", "f32[N]"),), (result("array", "f32[N]"),), symbols=("N",), arena=parse_dim(size)
    )
    return executable(signature, scale(2.0, None)).entry


@pytest.fixture(autouse=True)
def no_arena():
    arena.release()
    yield
    arena.release()


def test_a_thread_starts_without_an_arena():
    arena.grow(10_000)
    seen = []
    thread = threading.Thread(target=lambda: seen.append(arena.capacity()))
    thread.start()
    thread.join()
    assert seen == [0] and arena.capacity() >= 10_000


def test_a_size_that_creeps_up_allocates_rarely(monkeypatch):
    entry, grown = with_arena("4096*N"), set()
    for n in range(1, 200):
        entry(np.zeros(n, np.float32))
        grown.add(arena.capacity())
    assert len(grown) < 30


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of resident memory in KiB")
def test_the_arena_of_an_ended_thread_is_freed():
    entry = with_arena("1048576*N")

    def work():
        entry(np.zeros(8, np.float32))
        block = arena.capacity()
        assert block >= 8 << 20

    def threads(count):
        for _ in range(count):
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()

    threads(5)
    before = virtual_kib()
    threads(200)
    assert virtual_kib() - before < 800 << 10  # 1600 MiB if nothing were freed; malloc reserves 128 at once
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > 0


def virtual_kib():
    with Path("/proc/self/status").open() as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmSize"))


def test_a_request_beyond_the_address_space_is_a_memory_error():
    with pytest.raises(MemoryError, match="cannot allocate 140737488355328 bytes of scratch memory"):
        arena.grow(1 << 47)
    assert arena.capacity() == 0


@pytest.mark.skipif(sys.platform == "win32", reason="fork")
def test_a_forked_process_goes_on_with_its_arena():
    entry = with_arena("65536*N")
    entry(np.zeros(3, np.float32))
    child = os.fork()
    if child == 0:
        good = entry(np.ones(30, np.float32)).sum() == 60
        os._exit(0 if good else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
