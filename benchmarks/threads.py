"""Times large kernels on one and on two threads, and compares the bits of their results.

    python -m benchmarks.threads [--threads 2] [--rounds 15]

Each row: least time on one thread and on several, each right after a call of the same; their ratio; for
products, the share of the measured peak of fused multiply-adds that one thread reaches. Differing bits end
the program.
"""

from __future__ import annotations

import argparse
import inspect
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import graphc
from benchmarks.workloads import chain, softmax
from graphc.runtime import limits


@dataclass(frozen=True)
class Row:
    """A function, its arguments, and its multiply-adds counted as two: 0 where memory or other work counts.

    `types` say which sizes the program leaves open; none if it is empty.
    """

    function: Callable[..., Any]
    arguments: list[np.ndarray]
    flops: float = 0.0
    types: tuple[str, ...] = ()

    def compiled(self, threads: int) -> graphc.Compiled:
        names = inspect.signature(self.function).parameters
        dynamic = dict(zip(names, self.types, strict=True)) if self.types else None
        return graphc.compile(self.function, threads=threads, dynamic=dynamic)


def rows() -> dict[str, Row]:
    """What is timed, by name."""
    rng = np.random.default_rng(0)
    found: dict[str, Row] = {}
    for n in (128, 256, 512, 1024, 2048):
        found[f"matmul f32 {n}"] = Row(product, _normal(rng, (n, n), (n, n)), 2.0 * n**3)
    for b, n in ((256, 32), (64, 64), (16, 256)):
        shape = (b, n, n)
        found[f"matmul f32 {b} of {n}"] = Row(product, _normal(rng, shape, shape), 2.0 * b * n**3)
        types = ("f32[B, N, N]", "f32[B, N, N]")
        found[f"the same, symbolic {b} of {n}"] = Row(
            product, _normal(rng, shape, shape), 2.0 * b * n**3, types
        )
    open_rows = _normal(rng, (4096, 784), (784, 128))
    found["matmul N = 4096, 784, 128"] = Row(
        product, open_rows, 2.0 * 4096 * 784 * 128, ("f32[N, 784]", "f32[784, 128]")
    )
    (x,) = _normal(rng, (4096, 1024))
    found["softmax 4096x1024"] = Row(softmax, [x])
    found["softmax 256x1024, in cache"] = Row(softmax, [x[:256].copy()])
    found["softmax N = 256, 1024"] = Row(softmax, [x[:256].copy()], 0.0, ("f32[N, 1024]",))
    for size in (10**5, 10**7):
        array = rng.random(size, dtype=np.float32)
        found[f"chain of 10 operations, {size}"] = Row(chain, [array])
        found[f"chain of 10 operations, N = {size}"] = Row(chain, [array], 0.0, ("f32[N]",))
    return found


def product(a: Any, b: Any) -> Any:
    return a @ b


def _normal(rng: np.random.Generator, *shapes: tuple[int, ...]) -> list[np.ndarray]:
    return [rng.standard_normal(shape, dtype=np.float32) for shape in shapes]


def least(calls: Sequence[Callable[[], Any]], rounds: int) -> list[float]:
    """The least seconds of each call, right after one of the same, as in a program that repeats it."""
    best = [float("inf")] * len(calls)
    for _ in range(rounds):
        for i, call in enumerate(calls):
            call()
            start = time.perf_counter()
            call()
            best[i] = min(best[i], time.perf_counter() - start)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    peak = limits.measured().gflops_f32
    print(f"peak of one thread: {peak:.0f} GFLOP/s f32")
    print(f"{'kernel':32} {'1 thread':>10} {f'{options.threads} threads':>10} {'ratio':>6} {'of peak':>8}")
    for name, row in rows().items():
        one, many, arguments = row.compiled(1), row.compiled(options.threads), row.arguments
        if one(*arguments).tobytes() != many(*arguments).tobytes():
            raise SystemExit(f"{name}: the bits depend on the number of threads")
        calls = [lambda f=f, a=arguments: f(*a) for f in (one, many)]
        a, b = least(calls, options.rounds)
        share = f"{row.flops / a / 1e9 / peak:8.0%}" if row.flops else f"{'–':>8}"
        print(f"{name:32} {a * 1e3:7.3f} ms {b * 1e3:7.3f} ms {a / b:6.2f} {share}", flush=True)


if __name__ == "__main__":
    main()
