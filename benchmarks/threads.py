"""Times large kernels on one and on two threads, and compares the bits of their results.

    python -m benchmarks.threads [--threads 2] [--rounds 15]

Each row: least time on one thread and on several, each right after a call of the same; their ratio; for
products, the share of the measured peak of fused multiply-adds that one thread reaches. Differing bits end
the program.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import graphc
from benchmarks.workloads import chain, softmax
from graphc.runtime import limits


def rows() -> dict[str, tuple[Callable[..., Any], list[np.ndarray], float]]:
    """Name -> (function, arguments, multiply-adds counted as two; 0 where memory or other work counts)."""
    rng = np.random.default_rng(0)
    found: dict[str, tuple[Callable[..., Any], list[np.ndarray], float]] = {}
    for n in (128, 256, 512, 1024, 2048):
        pair = [rng.standard_normal((n, n), dtype=np.float32) for _ in range(2)]
        found[f"matmul f32 {n}"] = (np.matmul, pair, 2.0 * n**3)
    x = rng.standard_normal((4096, 1024), dtype=np.float32)
    found["softmax 4096x1024"] = (softmax, [x], 0.0)
    found["softmax 256x1024, in cache"] = (softmax, [x[:256].copy()], 0.0)
    for size in (10**5, 10**7):
        found[f"chain of 10 operations, {size}"] = (chain, [rng.random(size, dtype=np.float32)], 0.0)
    return found


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
    for name, (function, arguments, flops) in rows().items():
        one = graphc.compile(function, threads=1)
        many = graphc.compile(function, threads=options.threads)
        if one(*arguments).tobytes() != many(*arguments).tobytes():
            raise SystemExit(f"{name}: the bits depend on the number of threads")
        calls = [lambda f=f, a=arguments: f(*a) for f in (one, many)]
        a, b = least(calls, options.rounds)
        share = f"{flops / a / 1e9 / peak:8.0%}" if flops else f"{'–':>8}"
        print(f"{name:32} {a * 1e3:7.3f} ms {b * 1e3:7.3f} ms {a / b:6.2f} {share}", flush=True)


if __name__ == "__main__":
    main()
