"""Entries raise the program's errors, leak nothing, and may be called from any thread."""

from __future__ import annotations

import contextlib
import gc
import sys
import threading
import time

import numpy as np
import pytest

from graphc.backends.cpu.llvm import I8, I64, i64
from graphc.backends.signature import Group, Signature
from graphc.errors import DonationError
from graphc.ir.dims import parse_dim
from graphc.runtime import arena
from tests.runtime.entry_programs import (
    array,
    buffer,
    doubling,
    executable,
    missing,
    number,
    result,
    scale,
    through_arena,
)

# ---- errors of the program


def failing(native, kind="ZeroDivisionError"):
    signature = Signature(
        "f",
        (number("n", "int"), array("x", "f32[16]")),
        (result("array", "f32[16]"),),
        errors=(("ValueError", "first"), (kind, "second")),
    )
    return executable(signature, lambda c: c.load(buffer(c, 0), I64), native=native)


def test_the_status_of_the_program_selects_the_error(native):
    entry, x = failing(native).entry, np.zeros(16, np.float32)
    assert isinstance(entry(0, x), np.ndarray)
    with pytest.raises(ValueError, match="first"):
        entry(1, x)
    with pytest.raises(ZeroDivisionError, match="second"):
        entry(2, x)


def test_errors_may_be_of_graphc_or_of_a_module(native):
    x = np.zeros(16, np.float32)
    with pytest.raises(DonationError):
        failing(native, "DonationError").entry(2, x)
    with pytest.raises(np.linalg.LinAlgError):
        failing(native, "numpy.linalg.LinAlgError").entry(2, x)


# ---- scratch memory


@pytest.mark.parametrize("size", [1, 64, 8192, 8193, 100_000, 5 << 20])
def test_the_arena_is_aligned_and_as_large_as_asked(native, size):
    signature = Signature("f", (array("x", "u8[1]"),), (result("array", "u8[3]"),), arena=size)
    entry = executable(signature, through_arena(size), native=native).entry
    for value in (7, 9):
        assert entry(np.array([value], np.uint8)).tolist() == [value, value, 0]


def test_a_symbolic_arena_grows_and_is_reused():
    arena.release()
    signature = Signature(
        "f",
        (array("x", "f32[N]"),),
        (result("array", "f32[N]"),),
        symbols=("N",),
        arena=parse_dim("64*N"),
    )
    entry = executable(signature, scale(2.0, None)).entry
    sizes = []
    for n in (10, 100, 1000, 10, 0):
        entry(np.zeros(n, np.float32))
        sizes.append(arena.capacity())
        assert arena.capacity() >= 64 * n
    assert sizes[2] == sizes[3] == sizes[4]


def test_an_arena_that_does_not_fit_raises_memory_error(native):
    signature = Signature(
        "f",
        (array("x", "f32[0, N]"),),
        (result("array", "f32[4]"),),
        symbols=("N",),
        arena=parse_dim("64*N"),
    )
    entry = executable(signature, lambda c: None, native=native).entry
    for _ in range(10):
        with pytest.raises(MemoryError):
            entry(np.empty((0, 2**50), np.float32))


# ---- references and threads


def leak_cases():
    x = np.ones(16, np.float32)
    fits = (2, x)
    return {"returned": fits, "failed": (1, x), "missed": (1.0, x)}


@pytest.mark.parametrize("case", ["returned", "failed", "missed"])
def test_no_reference_leaks(native, case):
    def body(code):
        status = code.sub(code.load(buffer(code, 0), I64), i64(2))
        return code.select(code.compare("==", status, i64(0)), i64(0), i64(1))

    tree = Group("list", (0, Group("tuple", (1, 2)), 0, 3, 4))
    signature = Signature(
        "f",
        (number("n", "int"), array("x", "f32[16]")),
        (
            result("array", "f64[5]"),
            result("argument", argument=1),
            result("numpy scalar", "f32"),
            result("python float"),
            result("none"),
        ),
        structure=tree,
        errors=(("ValueError", "wrong"),),
        arena=10_000,
    )
    entry = missing(executable(signature, body, native=native))
    args = leak_cases()[case]
    watched = [args[1], np.dtype(np.float64), np.dtype(np.float32), None, entry, np.ndarray]

    def calls(count):
        for _ in range(count):
            with contextlib.suppress(ValueError):
                entry(*args)

    calls(50)
    gc.collect()
    before, blocks = [sys.getrefcount(w) for w in watched], sys.getallocatedblocks()
    calls(1000)
    gc.collect()
    after = [sys.getrefcount(w) for w in watched]
    assert all(abs(a - b) < 20 for a, b in zip(after, before, strict=True))
    assert sys.getallocatedblocks() - blocks < 500  # one leaked object per call would be 1000


def test_an_entry_keeps_its_code_alive_and_is_collected_in_cycles():
    import weakref

    compiled = doubling(True)
    entry, alive = compiled.entry, weakref.ref(compiled)
    del compiled
    gc.collect()
    assert entry(np.ones(16, np.float32)).sum() == 32
    del entry
    gc.collect()
    assert alive() is None


def test_threads_call_one_entry_with_their_own_arenas(native):
    size = 300_000
    signature = Signature(
        "f", (array("x", "u8[1]"),), (result("array", "u8[3]"),), arena=size, long_running=True
    )
    entry = executable(signature, through_arena(size), native=native).entry
    wrong = []

    def work(value):
        for _ in range(100):
            if entry(np.array([value], np.uint8)).tolist() != [value, value, 0]:
                wrong.append(value)

    threads = [threading.Thread(target=work, args=(v,)) for v in range(1, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize("long_running", [True, False])
def test_a_long_running_program_lets_other_threads_run(native, long_running):
    def wait_for_flag(code):
        """Spins until the first element is set, or some hundred million rounds have passed."""
        flag, b = buffer(code, 0), code.b
        spin, done = (code.function.append_basic_block(name) for name in ("spin", "done"))
        before = b.block
        b.branch(spin)
        b.position_at_end(spin)
        i = b.phi(I64)
        following = b.add(i, i64(1))
        i.add_incoming(i64(0), before)
        i.add_incoming(following, spin)
        seen = b.load_atomic(flag, "acquire", 8, typ=I64)
        waiting = b.icmp_signed("==", seen, i64(0))
        b.cbranch(b.and_(waiting, b.icmp_signed("<", i, i64(300_000_000))), spin, done)
        b.position_at_end(done)
        code.store(b.zext(b.icmp_signed("!=", seen, i64(0)), I8), buffer(code, 1))

    signature = Signature(
        "f", (array("flag", "i64[1]"),), (result("python bool"),), long_running=long_running
    )
    compiled = executable(signature, wait_for_flag, native=native)
    flag = np.zeros(1, np.int64)

    def release():
        time.sleep(0.02)
        flag[0] = 1

    thread = threading.Thread(target=release)
    thread.start()
    saw_flag = compiled.entry(flag)
    thread.join()
    assert saw_flag is long_running
