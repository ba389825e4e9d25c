"""The files of a library: each is checked before any of it is used."""

from __future__ import annotations

import ctypes
import hashlib
import json
import mmap
import platform
import stat
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from graphc.errors import LoadError

# The numbers of processors in ELF files (System V ABI, chapter 4, e_machine).
MACHINES = {"x86_64": 62, "aarch64": 183, "riscv64": 243}
SAME = {"amd64": "x86_64", "arm64": "aarch64"}  # other names of processors


def shared_name(name: str) -> str:
    """The file of the shared library."""
    return f"{name}.so"


def digest_of(interface: Mapping[str, Any]) -> str:
    """The digest of an interface that its library holds."""
    return hashlib.sha256(canonical(interface).encode()).hexdigest()


def canonical(value: Any) -> str:
    """One text for equal values."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def check_machine(name: str, triple: str) -> None:
    """Raises unless libraries for `triple` run here."""
    wanted, system = triple.partition("-")[0], triple.split("-")
    machine = platform.machine().lower()
    here = SAME.get(machine, machine)
    if wanted != here:
        raise LoadError(
            f"{name} is a library for {wanted}, and this machine is {here}\n"
            "  Export it for this machine: targets='native'."
        )
    if "linux" in system and not sys.platform.startswith("linux"):
        raise LoadError(f"{name} is a library for Linux, and this system is {sys.platform}")
    if ctypes.sizeof(ctypes.c_void_p) != 8:
        raise LoadError(f"{name} is a library for 64-bit programs, and this Python is a 32-bit one")


def checked_file(path: Path, facts: Mapping[str, Any]) -> Path:
    """`path`, a regular file of the size and sha256 in `facts`; LoadError if it is not."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise LoadError(f"{path} is not a regular file")
        digest = None
        if found.st_size == facts["bytes"]:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise LoadError(f"{path} cannot be read: {error.strerror}") from None
    if digest != facts["sha256"]:
        size = f"it has {found.st_size} bytes instead of {facts['bytes']}" if digest is None else "it differs"
        raise LoadError(
            f"{path} is not the file that was exported: {size}\n"
            "  Copy all files of the library, or export it again."
        )
    return path


def opened(path: Path, facts: Mapping[str, Any], triple: str) -> ctypes.CDLL:
    """The shared library at `path`, whose bytes are checked first."""
    checked_file(path, facts)
    with path.open("rb") as file:
        header = file.read(20)
    wanted = MACHINES.get(triple.partition("-")[0])
    # 64 bits, little-endian; then the processor.
    if header[:6] != b"\x7fELF\x02\x01" or int.from_bytes(header[18:], "little") != wanted:
        raise LoadError(f"{path} is not a shared library for {triple}")
    try:
        return ctypes.CDLL(spelled(path.absolute(), facts["sha256"]))
    except OSError as error:
        raise LoadError(f"{path} cannot be loaded: {error}") from None


def spelled(path: Path, digest: str) -> str:
    """`path`, spelled in a way that depends on the file's contents.

    The system takes a path that it has loaded before for the same library, even if the file there was
    replaced since: a library that is exported and loaded again would keep its old code.
    """
    slashes = "".join("/" if bit == "0" else "/./" for bit in f"{int(digest[:12], 16):048b}")
    return f"{path.parent}{slashes}{path.name}"


def mapped(path: Path, facts: Mapping[str, Any]) -> np.ndarray:
    """The bytes of a file, read-only and not copied; they begin at a page, which is aligned enough."""
    checked_file(path, facts)
    try:
        with path.open("rb") as file:
            return np.frombuffer(mmap.mmap(file.fileno(), facts["bytes"], access=mmap.ACCESS_READ), np.uint8)
    except (OSError, ValueError) as error:
        raise LoadError(f"{path} cannot be mapped: {error}") from None
