"""The machine's limits: measured by kernels that do what they claim, kept, and used as a roofline."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

from graphc.runtime import limits
from graphc.runtime.cache import DiskCache
from graphc.runtime.limits_kernels import CHAINS, STREAMS, Kernels, vector_bytes


@pytest.fixture(scope="module")
def kernels() -> Kernels:
    return Kernels()


@pytest.mark.parametrize("name, dtype", [("f32", np.float32), ("f64", np.float64)])
def test_the_arithmetic_kernel_computes_every_multiply_add(kernels, name, dtype):
    values = np.linspace(0, 1, CHAINS * vector_bytes() // np.dtype(dtype).itemsize).astype(dtype)
    expected = values.astype(float)
    kernels._function(f"multiply_{name}")(values.ctypes.data, 5, 0)
    for _ in range(5):
        expected = 0.875 * expected + 0.0625
    np.testing.assert_allclose(values, expected, rtol=5 * np.finfo(dtype).eps)


def test_the_reading_kernel_reads_every_byte(kernels):
    lanes = vector_bytes() // 8
    values = np.random.default_rng(0).integers(0, 1 << 62, (3, STREAMS, lanes))
    memory = np.empty(values.size + 8, np.int64)
    start = -memory.ctypes.data % 64 // 8
    memory[start : start + values.size] = values.ravel()
    sums = np.zeros((STREAMS, lanes), np.int64)
    for repeat in range(2):
        sums += repeat
        for step in values:
            sums ^= step
    expected = np.bitwise_xor.reduce(sums).sum()
    assert kernels._function("read")(memory.ctypes.data + 8 * start, 3, 2) == expected


def test_measured_limits_are_those_of_a_processor():
    start = time.perf_counter()
    found = limits.measure()
    assert time.perf_counter() - start < 5  # 0.3 s on an idle machine
    assert found.measured
    assert 1 < found.gflops_f64 < found.gflops_f32 < 1000
    assert 0.5 < found.memory_bandwidth < found.l1_bandwidth < 2000


def test_limits_are_measured_once_and_kept(tmp_path, monkeypatch):
    cache = DiskCache(tmp_path / "c")
    assert limits.known(cache) == limits.default()
    stored = replace(limits.default(), gflops_f32=123.25, measured=True)
    monkeypatch.setattr(limits, "measure", lambda: stored)
    assert limits.measured(cache) == stored
    monkeypatch.setattr(limits, "measure", lambda: pytest.fail("measured again"))
    assert limits.measured(cache) == limits.known(cache) == stored


def test_limits_of_another_machine_are_not_used(tmp_path, monkeypatch):
    cache = DiskCache(tmp_path / "c")
    monkeypatch.setattr(limits, "measure", lambda: replace(limits.default(), measured=True))
    limits.measured(cache)
    monkeypatch.setattr(limits, "processor", lambda: "another")
    assert not limits.known(cache).measured


@pytest.mark.parametrize(
    "processor, gflops", [("flags : avx2 avx512f", 116), ("flags : avx2", 100), ("Features : asimd", 50)]
)
def test_the_default_follows_the_vector_width(monkeypatch, processor, gflops):
    monkeypatch.setattr(limits, "processor", lambda: processor)
    assert limits.default().gflops_f32 == gflops
    assert not limits.default().measured


def test_cache_sizes_are_read_from_the_system(tmp_path):
    for i, (kind, level, size) in enumerate(
        [("Data", 1, "48K"), ("Instruction", 1, "32K"), ("Unified", 2, "1024K")]
    ):
        index = tmp_path / f"index{i}"
        index.mkdir()
        (index / "type").write_text(kind + "\n")
        (index / "level").write_text(f"{level}\n")
        (index / "size").write_text(size + "\n")
    (tmp_path / "index3").mkdir()
    assert limits.cache_sizes(tmp_path) == {1: 48 << 10, 2: 1 << 20}
    assert limits.cache_sizes(tmp_path / "missing") == {}


def test_the_roofline_is_the_greater_of_arithmetic_and_memory():
    machine = limits.Limits(100, 50, 400, 200, 100, 20, 32 << 10, 1 << 20, 16 << 20, False)
    assert [machine.bandwidth(n << 10) for n in (32, 33, 1025, 16385)] == [400, 200, 100, 20]
    assert machine.seconds(1e9, 1e6, working_set=1, double=False) == pytest.approx(0.01)
    assert machine.seconds(1e9, 1e6, working_set=1, double=True) == pytest.approx(0.02)
    assert machine.seconds(1e6, 1e9, working_set=1 << 30, double=True) == pytest.approx(0.05)


def test_reading_limits_imports_no_compiler(tmp_path):
    code = """
import sys
from graphc.runtime import limits
limits.known()
print([m for m in ("numba", "llvmlite", "sympy") if m in sys.modules])
"""
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == "[]"
