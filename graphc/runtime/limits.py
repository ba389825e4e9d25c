"""The machine's limits for one core: arithmetic and memory, measured once or from a table.

The roofline time of a kernel is max(flops / peak, bytes / bandwidth) over the levels of memory (Williams,
Waterman and Patterson 2009). Measured limits say how far a kernel is from its machine; they are noisy, so
nothing that decides generated code reads them: it reads `default()`, which depends only on the processor.
"""

from __future__ import annotations

import hashlib
import platform
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Final

from graphc.dataclass import dataclass
from graphc.runtime.cache import DiskCache, Entry
from graphc.runtime.fingerprint import processor

LIMITS_VERSION: Final = 1


@dataclass(frozen=True)
class Limits:
    """What one core can do: 10⁹ operations and 10⁹ bytes read per second; cache sizes in bytes."""

    gflops_f32: float
    gflops_f64: float
    l1_bandwidth: float
    l2_bandwidth: float
    l3_bandwidth: float
    memory_bandwidth: float
    l1_size: int
    l2_size: int
    l3_size: int
    measured: bool

    def bandwidth(self, working_set: int) -> float:
        """10⁹ bytes per second from the level of memory that holds `working_set` bytes."""
        if working_set <= self.l1_size:
            return self.l1_bandwidth
        if working_set <= self.l2_size:
            return self.l2_bandwidth
        return self.l3_bandwidth if working_set <= self.l3_size else self.memory_bandwidth

    def seconds(self, flops: float, moved: float, *, working_set: int, double: bool) -> float:
        """max(flops / peak, moved bytes / bandwidth): the roofline time of a kernel on one core."""
        peak = self.gflops_f64 if double else self.gflops_f32
        return max(flops / peak, moved / self.bandwidth(working_set)) * 1e-9


# A server core at 3.6 GHz; the sizes are replaced where the system tells them.
_TABLE: Final = {
    64: Limits(116, 58, 150, 80, 60, 22, 48 << 10, 1 << 20, 16 << 20, False),
    32: Limits(100, 50, 120, 60, 40, 18, 32 << 10, 512 << 10, 8 << 20, False),
    16: Limits(50, 25, 60, 40, 30, 15, 32 << 10, 256 << 10, 4 << 20, False),
}


def default() -> Limits:
    """Limits of a usual processor with this one's vector width and cache sizes; nothing is measured."""
    words = set(processor().split())
    width = 64 if "avx512f" in words else 32 if "avx2" in words else 16
    table, sizes = _TABLE[width], cache_sizes()
    return replace(
        table,
        l1_size=sizes.get(1, table.l1_size),
        l2_size=sizes.get(2, table.l2_size),
        l3_size=sizes.get(3, table.l3_size),
    )


def known(cache: DiskCache | None = None) -> Limits:
    """The limits measured earlier on this machine, else the default ones."""
    return _stored(cache or DiskCache()) or default()


def measured(cache: DiskCache | None = None) -> Limits:
    """The limits measured on this machine: now (0.3 s) if it was not done before."""
    cache = cache or DiskCache()
    found = _stored(cache)
    if found is None:
        found = measure()
        cache.put(_key(), Entry(b"", asdict(found)))
    return found


def measure() -> Limits:
    """Runs the kernels of `limits_kernels`: peak by independent multiply-adds, bandwidth by reading."""
    from graphc.runtime.limits_kernels import Kernels

    kernels, sizes = Kernels(), default()
    return replace(
        sizes,
        gflops_f32=kernels.gflops("f32"),
        gflops_f64=kernels.gflops("f64"),
        l1_bandwidth=kernels.read_bandwidth(sizes.l1_size // 2),
        l2_bandwidth=kernels.read_bandwidth(sizes.l2_size // 2),
        l3_bandwidth=kernels.read_bandwidth(min(sizes.l3_size // 2, 4 * sizes.l2_size)),
        memory_bandwidth=kernels.read_bandwidth(min(max(2 * sizes.l3_size, 64 << 20), 256 << 20)),
        measured=True,
    )


def cache_sizes(directory: Path = Path("/sys/devices/system/cpu/cpu0/cache")) -> dict[int, int]:
    """Level → bytes of the data caches, as Linux tells them; empty elsewhere."""
    sizes: dict[int, int] = {}
    for index in sorted(directory.glob("index*")):
        try:
            kind = (index / "type").read_text().strip()
            level = int((index / "level").read_text())
            text = (index / "size").read_text().strip()
        except OSError:  # a virtual machine may hide some of them
            continue
        if kind != "Instruction" and text.endswith("K"):
            sizes[level] = int(text[:-1]) << 10
    return sizes


def _key() -> str:
    parts = (f"limits {LIMITS_VERSION}", platform.node(), processor())
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _stored(cache: DiskCache) -> Limits | None:
    entry = cache.get(_key())
    if entry is None:
        return None
    values = {field.name: entry.manifest[field.name] for field in fields(Limits)}
    return Limits(**values)  # type: ignore[arg-type]  # written by `measured` under the same version
