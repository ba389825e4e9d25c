"""Libraries built for several threads: the same bits for any number, in forked children, and unloaded."""

from __future__ import annotations

import ctypes
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc
from graphc.aot.link import linker_for
from tests.aot.calling import Exported, undefined_symbols

pytestmark = pytest.mark.skipif(linker_for("x86_64") is None, reason="no C compiler to link with")

RNG = np.random.default_rng(1)
A, B = (RNG.normal(size=(512, 512)).astype(np.float32) for _ in range(2))


def product(a: Any, b: Any) -> Any:
    return np.tanh(a @ b)


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Any:
    types = ("f32[512, 512]", "f32[512, 512]")
    return graphc.export(product, *types, path=tmp_path_factory.mktemp("threads"), threads=4)


def threads_of_process() -> int:
    return sum(1 for _ in Path("/proc/self/task").iterdir())


def test_results_do_not_depend_on_the_number_of_threads(build: Any) -> None:
    library = Exported(build)
    expected = graphc.compile(product, threads=1)(A, B)
    set_threads = library.code.product_set_threads
    before = threads_of_process()
    started = []
    for threads in (1, 2, 4, 1000, -3):
        set_threads(ctypes.c_int64(threads))
        status, got = library.call("product", {"a": A, "b": B})
        assert status == 0
        np.testing.assert_array_equal(got["out"], expected)
        started.append(threads_of_process() - before)
    # Threads start when they are first needed, never more than the library was built for.
    assert started == [0, 1, 3, 3, 3]


def attention(q: Any, k: Any, v: Any, w: Any) -> Any:
    scores = np.einsum("bqhd,bkhd->bhqk", q, k)
    e = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
    y = np.einsum("bhqk,bkhd->bqhd", e / np.sum(e, axis=-1, keepdims=True), v)
    return np.tanh(y) @ w, np.sum(y * y, axis=(0, 1))


@pytest.fixture(scope="module")
def symbolic(tmp_path_factory: pytest.TempPathFactory) -> Any:
    types = [*["f32[B, T, 3, 16]"] * 3, "f32[16, 8]"]
    return graphc.export(attention, *types, path=tmp_path_factory.mktemp("symbolic"), threads=4)


@pytest.mark.parametrize(("b", "t"), [(0, 5), (1, 1), (2, 67), (1, 400), (13, 97)])
def test_symbolic_sizes_and_batches_of_products(symbolic: Any, b: int, t: int) -> None:
    arrays = {name: RNG.normal(size=(b, t, 3, 16)).astype(np.float32) for name in "qkv"}
    arrays["w"] = RNG.normal(size=(16, 8)).astype(np.float32)
    library = Exported(symbolic)
    results = []
    for threads in (1, 2, 4):
        library.code.attention_set_threads(ctypes.c_int64(threads))
        status, got = library.call("attention", arrays, B=b, T=t)
        assert status == 0
        results.append([array for name, array in got.items() if name not in arrays])
    for one, two, four in zip(*results, strict=True):
        np.testing.assert_array_equal(two, one)
        np.testing.assert_array_equal(four, one)
    expected = attention(*(a.astype(np.float64) for a in arrays.values()))
    for got, want in zip(results[0], expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=2e-5, atol=2e-5 * float(np.max(np.abs(want), initial=1)))


def test_a_forked_child_starts_threads_of_its_own(build: Any) -> None:
    library = Exported(build)
    library.code.product_set_threads(ctypes.c_int64(2))
    _, expected = library.call("product", {"a": A, "b": B})
    child = os.fork()
    if child == 0:
        ok = False
        try:
            status, got = library.call("product", {"a": A, "b": B})
            ok = status == 0 and np.array_equal(got["out"], expected["out"]) and threads_of_process() == 2
        finally:
            os._exit(0 if ok else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_it_needs_pthreads_and_nothing_else(build: Any) -> None:
    allowed = {"memcpy", "memset", "memmove", "madvise", "syscall", "sched_getcpu"}
    for suffix in (".o", ".so"):
        others = set(undefined_symbols(build[suffix])) - allowed
        assert others and all(name.startswith("pthread_") for name in others)


def test_unloading_leaves_the_code_that_threads_run(build: Any) -> None:
    flags = subprocess.run(["readelf", "-d", str(build[".so"])], capture_output=True, text=True, check=True)
    assert "NODELETE" in flags.stdout


@pytest.mark.parametrize("threads", [0, -1, 2000, 1.5, True])
def test_impossible_numbers_of_threads_are_refused(tmp_path: Path, threads: Any) -> None:
    with pytest.raises(graphc.ArgumentError, match=r"threads=.*; choose a number from 1 to"):
        graphc.export(product, "f32[4, 4]", "f32[4, 4]", path=tmp_path, threads=threads)


def test_a_webassembly_module_has_one_thread(tmp_path: Path) -> None:
    with pytest.raises(graphc.ArgumentError, match="one thread"):
        types = ("f32[4, 4]", "f32[4, 4]")
        graphc.export(product, *types, path=tmp_path, threads=2, targets="wasm32")
