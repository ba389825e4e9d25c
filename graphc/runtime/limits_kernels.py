"""Small generated kernels that run into one limit of the machine each, and their timing."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Sequence
from typing import Final

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir

from graphc.backends.cpu.jit import object_code
from graphc.backends.cpu.llvm import F32, F64, I64, PTR, Code, i64
from graphc.backends.cpu.loaded import Loaded

# Two pipes of four cycles' latency need eight sums in flight; AVX2 has sixteen registers.
CHAINS: Final = 12
STREAMS: Final = 8
SECONDS_EACH: Final = 0.04
BYTES_EACH: Final = 16 << 20


def vector_bytes() -> int:
    """The width of the widest vector registers of this processor."""
    features = llvm.get_host_cpu_features()
    return 64 if features.get("avx512f", False) else 32 if features.get("avx2", False) else 16


class Kernels:
    """The kernels loaded into this process."""

    def __init__(self) -> None:
        self._width = vector_bytes()
        module = ir.Module("limits")
        for name, element, size in (("multiply_f32", F32, 4), ("multiply_f64", F64, 8)):
            _multiply_add(module, name, element, self._width // size)
        _read(module, self._width // 8)
        self._code = Loaded(object_code(str(module)))

    def gflops(self, dtype: str) -> float:
        """10⁹ operations per second of independent fused multiply-adds; dtype: f32 or f64."""
        function = self._function(f"multiply_{dtype}")
        seeds = np.linspace(0.1, 0.9, CHAINS * self._width // 4).astype(
            np.float32 if dtype == "f32" else float
        )
        rounds = 20_000
        lanes = self._width // seeds.itemsize
        best = _least_seconds(lambda: function(seeds.ctypes.data, rounds, 0))
        return 2 * CHAINS * lanes * rounds / best * 1e-9

    def read_bandwidth(self, size: int) -> float:
        """10⁹ bytes per second when the same `size` bytes are read again and again."""
        function = self._function("read")
        step = STREAMS * self._width
        size = max(step, size // step * step)
        memory = np.ones(size + 64, np.uint8)  # written, or all pages were one page of zeros
        start = -(-memory.ctypes.data // 64) * 64
        repeats = max(1, BYTES_EACH // size)
        best = _least_seconds(lambda: function(start, size // step, repeats))
        return size * repeats / best * 1e-9

    def _function(self, name: str) -> Callable[[int, int, int], int]:
        signature = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
        return signature(self._code.address(name))


def _least_seconds(run: Callable[[], object]) -> float:
    """The least time of one run in `SECONDS_EACH`: what is above it is other processes' work."""
    run()
    best, end = float("inf"), time.perf_counter() + SECONDS_EACH
    while (start := time.perf_counter()) < end:
        run()
        best = min(best, time.perf_counter() - start)
    return best


def _multiply_add(module: ir.Module, name: str, element: ir.Type, lanes: int) -> None:
    """x ← 0.875 x + 0.0625 in CHAINS vectors, `rounds` times: it tends to ½, far from denormals."""
    code = Code(module, name, [PTR, I64, I64], result=I64)
    memory, rounds, _ = code.args
    places = [code.at(memory, element, lanes * k) for k in range(CHAINS)]
    values = [code.load(place, element, lanes) for place in places]
    scale, shift = code.like(values[0], 0.875), code.like(values[0], 0.0625)

    def body(_: ir.Value, *carried: ir.Value) -> Sequence[ir.Value]:
        return [code.fma(x, scale, shift) for x in carried]

    for value, place in zip(code.loop(rounds, body, values), places, strict=True):
        code.store(value, place)
    code.ret(i64(0))


def _read(module: ir.Module, lanes: int) -> None:
    """The exclusive or of STREAMS · steps vectors, read `repeats` times."""
    code = Code(module, "read", [PTR, I64, I64], result=I64)
    memory, steps, repeats = code.args
    zero = code.like(ir.VectorType(I64, lanes), 0)

    def step(i: ir.Value, *sums: ir.Value) -> Sequence[ir.Value]:
        place = code.at(memory, I64, code.b.mul(i, i64(STREAMS * lanes)))
        loads = [code.load(code.at(place, I64, k * lanes), I64, lanes) for k in range(STREAMS)]
        return [code.b.xor(total, loaded) for total, loaded in zip(sums, loads, strict=True)]

    def repeat(i: ir.Value, *sums: ir.Value) -> Sequence[ir.Value]:
        # Adding the round's number keeps two rounds from cancelling each other to nothing.
        mixed = [code.add(total, code.splat(i, lanes)) for total in sums]
        return code.loop(steps, step, mixed)

    totals = code.loop(repeats, repeat, [zero] * STREAMS)
    while len(totals) > 1:
        totals = [code.b.xor(totals[0], totals[1]), *totals[2:]]
    code.ret(code.reduce("add", totals[0]))
