"""`graphc doctor`: whether this installation works, and what this machine can do."""

from __future__ import annotations

import importlib.metadata
import platform
import warnings
from collections.abc import Iterator

import graphc
from graphc.runtime import limits
from graphc.runtime.cache import DiskCache
from graphc.runtime.fingerprint import processor
from graphc.runtime.layout import native_problem
from graphc.runtime.pool import get_num_threads, is_parallel

REQUIRED = ("numpy", "llvmlite", "numba", "sympy", "optree", "rich", "safetensors")
OPTIONAL = ("scipy", "scikit-learn", "torch", "jax")
FEATURES = ("sse4_2", "avx", "avx2", "fma", "avx512f", "avx512vl", "avx512_bf16", "amx_tile", "asimd", "sve")


def examine() -> int:
    """Prints what it finds; returns 1 if something does not work, else 0."""
    problems: list[str] = []
    print(f"graphc {graphc.__version__}, Python {platform.python_version()}, {platform.platform()}")
    print("packages:   " + _versions(REQUIRED))
    print("optional:   " + _versions(OPTIONAL))
    print("processor:  " + _processor())
    print(
        f"threads:    {get_num_threads()}"
        + ("" if is_parallel() else " (parallel regions: not on this system)")
    )
    print("limits:     " + _limits(problems))
    print("cache:      " + _cache(problems))
    print("entries:    " + _entries(problems))
    print("self-test:  " + _self_test(problems))
    print("everything works" if not problems else "problems: " + "; ".join(problems))
    return 1 if problems else 0


def _versions(names: tuple[str, ...]) -> str:
    return ", ".join(f"{name} {_version(name)}" for name in names)


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    lines = [line.partition(":") for line in processor().splitlines()]
    facts = {key.strip(): value.strip() for key, _, value in lines}
    name = facts.get("model name") or platform.processor() or platform.machine()
    words = set(processor().split())
    return f"{name}; {' '.join(feature for feature in FEATURES if feature in words)}"


def _limits(problems: list[str]) -> str:
    """Measures the machine, which also tries the cache."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = limits.measured()
    problems.extend(str(warning.message) for warning in caught)
    return (
        f"{found.gflops_f32:.0f} GFLOP/s f32, {found.gflops_f64:.0f} f64 on one core; GB/s read: "
        f"{found.l1_bandwidth:.0f} first cache, {found.l2_bandwidth:.0f} second, "
        f"{found.l3_bandwidth:.0f} third, {found.memory_bandwidth:.0f} memory"
    )


def _cache(problems: list[str]) -> str:
    cache = DiskCache()
    if cache.directory is None:
        return "switched off by GRAPHC_CACHE"
    if not limits.known(cache).measured:
        problems.append(f"nothing can be stored in {cache.directory}")
    size = f"{cache.total_size() / 2**20:.1f} of {cache.limit / 2**20:.0f} MiB"
    return f"{cache.directory}, {len(cache.entries())} entries, {size}"


def _entries(problems: list[str]) -> str:
    problem = native_problem()
    if problem is None:
        return "native"
    problems.append("calls go through Python")
    return f"Python: {problem}"


def _self_test(problems: list[str]) -> str:
    failed = [name for name, holds in _results() if not holds]
    problems.extend(f"wrong {name}" for name in failed)
    return "failed" if failed else "y (x² + x) at (2, 1) is 6, its gradients are 5 and 6"


def _results() -> Iterator[tuple[str, bool]]:
    function = graphc.compile(lambda x, y: y * (x**2 + x))
    yield "value", function(2.0, 1.0) == 6.0
    yield "gradients", graphc.grad(function, argnums=(0, 1))(2.0, 1.0) == (5.0, 6.0)
