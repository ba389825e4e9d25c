"""Times graphc beside its peers, one thread, interleaved in one process.

    python -m benchmarks.run [--peers NAMES] [--rows TEXT] [--seconds S] [--out FILE]

Every result is compared with the first peer's before it is timed. A row reports the least time of each
peer over interleaved rounds, and graphc's ratio to the fastest other peer (below 1 is faster), without
CasADi's bare code, which takes no arguments.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import numpy as np  # noqa: E402  (thread counts are read when NumPy is imported)

from benchmarks.derivatives import derivative_workloads  # noqa: E402
from benchmarks.objectives import objective_workloads  # noqa: E402
from benchmarks.training import training_workloads  # noqa: E402
from benchmarks.workloads import (  # noqa: E402
    Workload,
    chain_workloads,
    matmul_workloads,
    row_workloads,
    scalar_workloads,
)

PEERS = ("numpy", "jax", "torch", "casadi", "autograd")
BARE = "casadi bare"  # CasADi's C on buffers that are filled already: shown, but no call with arguments


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peers", default=",".join(PEERS), help="peers beside graphc, if installed")
    parser.add_argument("--rows", default="", help="only rows whose name contains this text")
    parser.add_argument("--seconds", type=float, default=2.0, help="time spent on each row")
    parser.add_argument("--out", help="also write the table to this file")
    options = parser.parse_args(arguments)
    peers = ["graphc", *(p for p in options.peers.split(",") if p and _installed(p))]
    peers += [BARE] if "casadi" in peers else []
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    _single_thread(peers)
    lines = [_header(peers)]
    print(lines[0], flush=True)
    for workload in _workloads():
        if options.rows in workload.name:
            lines.append(_row(workload, peers, options.seconds))
            print(lines[-1], flush=True)
    if options.out:
        Path(options.out).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


def _workloads() -> list[Workload]:
    return [
        *scalar_workloads(),
        *training_workloads(),
        *matmul_workloads(),
        *row_workloads(),
        *chain_workloads(),
        *derivative_workloads(),
        *objective_workloads(),
    ]


def _installed(peer: str) -> bool:
    found = importlib.util.find_spec(peer) is not None
    if not found:
        print(f"{peer} is not installed: its column is left out", file=sys.stderr)
    return found


def _single_thread(peers: Sequence[str]) -> None:
    if "torch" in peers:
        import torch

        torch.set_num_threads(1)


def _header(peers: Sequence[str]) -> str:
    return f"| {'workload':42s} | " + " | ".join(f"{p:>11s}" for p in peers) + " | graphc / fastest peer |"


def _row(workload: Workload, peers: Sequence[str], seconds: float) -> str:
    calls = {p: workload.make[p]() for p in peers if p in workload.make}
    expected: np.ndarray | None = None
    for peer, call in calls.items():
        result = workload.check(_to_numpy(call()))
        if expected is None:
            expected = result
        elif not np.allclose(result, expected, rtol=workload.tolerance, atol=workload.tolerance):
            raise SystemExit(f"{workload.name}: {peer} disagrees with {next(iter(calls))}")
    times = _interleaved(calls, seconds)
    cells = [f"{_time(times[p]):>11s}" if p in times else f"{'–':>11s}" for p in peers]
    others = [t for p, t in times.items() if p not in ("graphc", BARE)]
    ratio = f"{times['graphc'] / min(others):.2f}" if others else "–"
    return f"| {workload.name:42s} | " + " | ".join(cells) + f" | {ratio:>21s} |"


def _to_numpy(result: Any) -> Any:
    if isinstance(result, tuple | list):
        return [_to_numpy(r) for r in result]
    return result.detach().numpy() if hasattr(result, "detach") else np.asarray(result)


def _interleaved(calls: dict[str, Callable[[], Any]], seconds: float) -> dict[str, float]:
    """The least seconds per call of each, over rounds in which all take turns."""
    repeats = {p: _repeats(call) for p, call in calls.items()}
    best = dict.fromkeys(calls, float("inf"))
    end, rounds = time.perf_counter() + seconds, 0
    while rounds < 5 or time.perf_counter() < end:
        for peer, call in calls.items():
            start = time.perf_counter()
            for _ in range(repeats[peer]):
                call()
            best[peer] = min(best[peer], (time.perf_counter() - start) / repeats[peer])
        rounds += 1
    return best


def _repeats(call: Callable[[], Any]) -> int:
    """How many calls take about two milliseconds."""
    call()
    start = time.perf_counter()
    call()
    return max(1, int(2e-3 / max(time.perf_counter() - start, 1e-8)))


def _time(seconds: float) -> str:
    for unit, scale in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if seconds * scale >= 1.0:
            return f"{seconds * scale:.3g} {unit}"
    return f"{seconds * 1e9:.0f} ns"


if __name__ == "__main__":
    raise SystemExit(main())
