"""What besides the program decides its object code: the compiler's source, LLVM, the processor."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import sys
from pathlib import Path

# The layers whose source decides the machine code of a program.
COMPILER_LAYERS = ("ir", "ops", "trace", "autodiff", "batching", "passes", "lower", "backends", "runtime")

_PROCESSOR_FIELDS = frozenset(
    {"vendor_id", "cpu family", "model", "model name", "stepping", "flags"}
    | {"CPU implementer", "CPU architecture", "CPU variant", "CPU part", "Features", "isa", "uarch"}
)


@functools.cache
def environment() -> str:
    """One hexadecimal digest of compiler source, LLVM version, platform and processor."""
    parts = (compiler_source(), llvm_version(), sys.platform, os.name, processor())
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@functools.cache
def compiler_source() -> str:
    """The digest of every Python file of the compiler's layers, names and contents.

    A changed pass must not find code that its predecessor made; the version number does not
    change between two edits, the contents do.
    """
    package = Path(__file__).resolve().parent.parent
    digest = hashlib.sha256()
    for layer in COMPILER_LAYERS:
        for file in sorted((package / layer).rglob("*.py")):
            content = file.read_bytes()
            digest.update(f"{file.relative_to(package).as_posix()}\0{len(content)}\0".encode())
            digest.update(content)
    return digest.hexdigest()


@functools.cache
def llvm_version() -> str:
    """The text of llvmlite's version file, read without importing llvmlite (40 ms)."""
    specification = importlib.util.find_spec("llvmlite")
    if specification is None or specification.origin is None:
        return "no llvmlite"
    return (Path(specification.origin).parent / "_version.py").read_text()


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
    with Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as file:
        for line in file:
            if not line.strip() and described:
                break
            name = line.partition(":")[0].strip()
            if name in _PROCESSOR_FIELDS:
                described.append(line.strip())
    return described
