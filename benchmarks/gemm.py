"""Generated matrix products against NumPy on one thread and against the measured peak of fused multiply-adds.

    python benchmarks/gemm.py [--quick] [filter ...]

Every figure is the fastest of many short runs, taken in turn with NumPy's and the peak's, so that other
load on the machine disturbs all alike. Columns: GFLOP/s here, of NumPy, their ratio, share of the peak,
milliseconds to compile, all in processor time.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from llvmlite import ir
from threadpoolctl import threadpool_info, threadpool_limits

from graphc.backends.cpu.gemm import MatmulShape, Tile, emit_matmul, scratch_bytes
from graphc.backends.cpu.jit import object_code
from graphc.backends.cpu.llvm import I64, PTR, Code, i64, scalar_type
from graphc.backends.cpu.loaded import Loaded

CHAINS = 24
STEPS = 100_000
ROUNDS = 15


@dataclass(frozen=True)
class Case:
    """One product; `static` names the sizes known at compile time."""

    m: int
    n: int
    k: int
    dtype: type = np.float32
    layout: str = "nn"
    static: str = "mnk"

    def __str__(self) -> str:
        name = np.dtype(self.dtype).name.replace("float", "f")
        return f"{name} {self.m}x{self.k}x{self.n} {self.layout} {self.static or 'dynamic'}"


def cases() -> list[Case]:
    """The products that are measured."""
    sizes = (32, 48, 64, 100, 128, 192, 256, 384, 512, 768, 1024, 2048)
    squares = [Case(s, s, s, t) for t in (np.float32, np.float64) for s in sizes]
    layers = [(1, 3072, 768), (32, 3072, 768), (128, 512, 784), (512, 10, 128), (3, 5, 2), (10, 10, 8)]
    transposed = [Case(s, s, s, np.float32, kind) for kind in ("nt", "tn", "tt") for s in (128, 512, 1024)]
    vectors = [Case(1, 3072, 768, np.float32, "nt"), Case(3072, 1, 768), Case(3072, 1, 768, np.float32, "tn")]
    run_time = [Case(s, 512, 784, np.float32, "nn", "nk") for s in (1, 8, 32, 128, 1024)]
    run_time += [Case(s, s, s, np.float32, "nn", "") for s in (64, 256, 1024)]
    return squares + [Case(*s) for s in layers] + transposed + vectors + run_time


def matrix(rows: int, columns: int, dtype: type, transposed: bool) -> np.ndarray:
    values = np.random.default_rng(0).standard_normal((columns, rows) if transposed else (rows, columns))
    array = values.astype(dtype)
    return array.T if transposed else array


def emit_repeated(case: Case, a: np.ndarray, b: np.ndarray) -> tuple[ir.Module, MatmulShape]:
    """A module with `gemm` and `repeat(count, <arguments of gemm>)`."""
    size = a.itemsize
    element = scalar_type(a.dtype)

    def store(code: Code, tile: Tile) -> None:
        target = code.at(tile.context, element, code.b.mul(tile.row, i64(case.n)), tile.column)
        code.store(tile.value, target, tile.mask)

    def visible(array: np.ndarray, known: bool) -> tuple[int | None, int | None]:
        first, second = (s // size for s in array.strides)
        return (first if known or first == 1 else None, second if known or second == 1 else None)

    sizes = {axis: getattr(case, axis) if axis in case.static else None for axis in "mnk"}
    a_strides, b_strides = visible(a, "k" in case.static), visible(b, "n" in case.static)
    shape = MatmulShape(a.dtype, **sizes, a_strides=a_strides, b_strides=b_strides)
    module = ir.Module("benchmark")
    function = emit_matmul(module, "gemm", shape, store)
    function.linkage = "internal"
    function.attributes.add("noinline")
    code = Code(module, "repeat", [I64, *(argument.type for argument in function.args)])

    def once(_: ir.Value) -> None:
        code.b.call(function, code.args[1:])

    code.loop(code.args[0], once)
    code.ret()
    return module, shape


def compiled(case: Case) -> tuple[Callable[[int], None], Callable[[], object], float]:
    """(run the product `count` times, NumPy's product, milliseconds to compile)."""
    a = matrix(case.m, case.k, case.dtype, case.layout[0] == "t")
    b = matrix(case.k, case.n, case.dtype, case.layout[1] == "t")
    start = time.thread_time()
    module, shape = emit_repeated(case, a, b)
    loaded = Loaded(object_code(str(module)))
    compile_time = (time.thread_time() - start) * 1e3
    types = [ctypes.c_int64, *[ctypes.c_void_p] * 3, *[ctypes.c_int64] * 9, ctypes.c_void_p]
    function = ctypes.CFUNCTYPE(None, *types)(loaded.address("repeat"))
    out = np.empty((case.m, case.n), case.dtype)
    raw = np.empty(scratch_bytes(shape) + 64, np.uint8)
    scratch = raw.ctypes.data + -raw.ctypes.data % 64
    strides = [s // a.itemsize for s in (*a.strides, *b.strides)]
    integers = [0, case.m, case.m, case.n, case.k, *strides]

    def run(count: int, _keep: object = (loaded, raw)) -> None:
        function(count, a.ctypes.data, b.ctypes.data, out.ctypes.data, *integers, scratch)

    run(1)
    np.testing.assert_allclose(out, a @ b, rtol=0, atol=1e-4 * case.k)
    expected = np.empty_like(out)
    return run, lambda: np.matmul(a, b, out=expected), compile_time


def peak(dtype: type) -> Callable[[], float]:
    """A function that measures GFLOP/s of independent chains of vector multiply-adds."""
    element = scalar_type(np.dtype(dtype))
    lanes = 64 // np.dtype(dtype).itemsize
    module = ir.Module("peak")
    code = Code(module, "peak", [PTR, I64])
    pointer, count = code.args
    x = [code.load(code.at(pointer, element, i * lanes), element, lanes) for i in range(CHAINS + 2)]
    sums = code.loop(count, lambda _, *acc: [code.fma(x[-1], x[-2], y) for y in acc], x[:CHAINS])
    for i, value in enumerate(sums):
        code.store(value, code.at(pointer, element, i * lanes))
    code.ret()
    loaded = Loaded(object_code(str(module)))
    function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)(loaded.address("peak"))
    values = np.zeros(lanes * (CHAINS + 2), dtype)

    def measure(_keep: object = loaded) -> float:
        start = time.thread_time()
        function(values.ctypes.data, STEPS)
        return STEPS * CHAINS * lanes * 2 / (time.thread_time() - start) / 1e9

    return measure


def fastest(run: Callable[[], object], count: int) -> float:
    """Seconds of this thread for one of `count` repetitions; time lost to other processes does not count."""
    start = time.thread_time()
    run()
    return (time.thread_time() - start) / count


def measured(case: Case, peak_of: Callable[[], float], rounds: int) -> str:
    run, numpy_run, compile_time = compiled(case)
    flops = 2.0 * case.m * case.n * case.k
    count = max(1, int(4e-3 / (flops / 1e11 + 5e-8)))

    def numpy_many() -> None:
        for _ in range(count):
            numpy_run()

    own = numpy_time = 1e9
    best_peak = 0.0
    for _ in range(rounds):
        best_peak = max(best_peak, peak_of())
        own = min(own, fastest(lambda: run(count), count))
        numpy_time = min(numpy_time, fastest(numpy_many, count))
    here, there = flops / own / 1e9, flops / numpy_time / 1e9
    share = here / best_peak
    return f"{case!s:32} {here:8.1f} {there:8.1f} {here / there:7.2f} {share:7.1%} {compile_time:8.1f}"


def main(arguments: list[str]) -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    rounds = 7 if "--quick" in arguments else ROUNDS
    words = [word for word in arguments if not word.startswith("--")]
    peaks = {dtype: peak(dtype) for dtype in (np.float32, np.float64)}
    print("NumPy's BLAS:", [(x["internal_api"], x["architecture"]) for x in threadpool_info()])
    print(f"{'case: mxkxn':32} {'GFLOP/s':>8} {'NumPy':>8} {'ratio':>7} {'peak':>7} {'compile':>8}")
    with threadpool_limits(1):
        for case in cases():
            if all(word in str(case) for word in words):
                print(measured(case, peaks[case.dtype], rounds), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
