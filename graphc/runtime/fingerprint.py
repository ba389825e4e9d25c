"""What besides the program decides its object code: the compiler's source, LLVM, the processor."""

from __future__ import annotations

import functools
import importlib.util
import os
import sys
from collections.abc import Iterator

from graphc.hashing import hashed

# The layers whose source decides the machine code of a program.
COMPILER_LAYERS = (
    *("ir", "ops", "trace", "autodiff", "batching", "control", "passes", "lower", "backends", "runtime"),
)

_PROCESSOR_FIELDS = frozenset(
    {"vendor_id", "cpu family", "model", "model name", "stepping", "flags"}
    | {"CPU implementer", "CPU architecture", "CPU variant", "CPU part", "Features", "isa", "uarch"}
)


@functools.cache
def environment() -> str:
    """One hexadecimal digest of compiler source, LLVM version, platform and processor."""
    parts = (compiler_source(), llvm_version(), sys.platform, os.name, processor())
    return hashed("\0".join(parts).encode()).hexdigest()


@functools.cache
def compiler_source() -> str:
    """The digest of every Python file of the compiler's layers: names, sizes and times of change.

    A changed pass must not find code that its predecessor made; the version number does not change
    between two edits, the time does (Python's own byte code goes by it too, and reading 200 files
    would take a fifth of a warm start).
    """
    package = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    digest = hashed()
    for layer in COMPILER_LAYERS:
        for name, status in _python_files(os.path.join(package, layer)):
            digest.update(f"{layer}/{name}\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
    return digest.hexdigest()


def _python_files(folder: str, prefix: str = "") -> Iterator[tuple[str, os.stat_result]]:
    """(name below `folder`, status) of every Python file, sorted; by `scandir`, which is fast."""
    if not os.path.isdir(folder):
        return
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda e: e.name):
            if entry.is_dir():
                yield from _python_files(entry.path, f"{prefix}{entry.name}/")
            elif entry.name.endswith(".py"):
                yield prefix + entry.name, entry.stat()


@functools.cache
def llvm_version() -> str:
    """The text of llvmlite's version file, read without importing llvmlite (40 ms)."""
    specification = importlib.util.find_spec("llvmlite")
    if specification is None or specification.origin is None:
        return "no llvmlite"
    with open(os.path.join(os.path.dirname(specification.origin), "_version.py"), encoding="utf-8") as file:
        return file.read()


@functools.cache
def processor() -> str:
    """Model and instruction sets of the processor; the machine's name where they cannot be read."""
    try:
        lines = _first_processor()
    except OSError:
        lines = []
    if lines:
        return "\n".join(lines)
    # Without /proc a cache in a shared home directory must not cross machines.
    import platform

    return "\n".join((platform.machine(), platform.processor(), platform.node()))


def _first_processor() -> list[str]:
    """The describing lines of the first processor; one is enough, and a file of hundreds is slow."""
    described: list[str] = []
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        for line in file:
            if not line.strip() and described:
                break
            name = line.partition(":")[0].strip()
            if name in _PROCESSOR_FIELDS:
                described.append(line.strip())
    return described
