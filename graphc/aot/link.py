"""From an object file to a shared library, by the C compiler of the system."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from graphc.aot.loaded.files import shared_name
from graphc.errors import CompilationError

# Nothing of the system starts or stops with the library, and its bytes depend on nothing but its input.
_ELF = (
    "-shared",
    "-nostartfiles",
    "-nostdlib",
    "-s",
    "-Wl,--build-id=none",
    "-Wl,-z,noexecstack",
    "-Wl,-z,relro",
    "-Wl,-z,defs",
    "-Wl,--as-needed",
)


def linker_for(architecture: str) -> tuple[str, ...] | None:
    """The command that links for an architecture; None where there is none.

    For programs that run on this machine the environment's CC, if set, comes first.
    """
    return next((command for command in _candidates(architecture) if shutil.which(command[0])), None)


def _candidates(architecture: str) -> list[tuple[str, ...]]:
    if architecture == "wasm32":
        return [("wasm-ld",), *((f"wasm-ld-{version}",) for version in range(22, 13, -1))]
    triple = f"{architecture}-linux-gnu"
    cross = [(f"{triple}-gcc",), ("clang", f"--target={triple}", "-fuse-ld=lld")]
    if architecture != platform.machine():
        return cross
    own = os.environ.get("CC", "").split()
    return [*([tuple(own)] if own else []), ("cc",), ("gcc",), ("clang",), *cross]


def shared_library(
    name: str, code: bytes, architecture: str, exports: Sequence[str], *, threads: bool
) -> bytes:
    """The shared library, or the WebAssembly module, made of an object file.

    With `threads` it is never unloaded: they run its code until the process ends.
    """
    command = linker_for(architecture)
    if command is None:
        wanted = " or ".join(dict.fromkeys(c[0] for c in _candidates(architecture)))
        raise CompilationError(
            f"no linker for {architecture} was found, which a shared library needs\n"
            f"  Install {wanted}, or make the static library only: shared=False."
        )
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, f"{name}.o"), Path(folder, f"{name}.so")
        source.write_bytes(code)
        if architecture == "wasm32":
            options = ["--no-entry", "--strip-all", *(f"--export={symbol}" for symbol in exports)]
        else:
            soname = shared_name(name)
            options = [*_ELF, f"-Wl,-soname,{soname}", *(["-Wl,-z,nodelete"] if threads else [])]
        libraries = [] if architecture == "wasm32" else ["-lc", "-lm", *(["-lpthread"] if threads else [])]
        arguments = [*command, *options, "-o", target.name, source.name, *libraries]
        done = subprocess.run(arguments, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CompilationError(f"{' '.join(arguments)} failed:\n{done.stderr.strip()}")
        return target.read_bytes()
