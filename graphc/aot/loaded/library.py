"""A loaded library: its functions and its weights."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from graphc.aot.loaded.files import check_machine, digest_of, mapped, opened, shared_name
from graphc.aot.loaded.function import Function, symbol_of
from graphc.errors import ArgumentError, LoadError


class Library:
    """The library that `interface` describes, in `folder`; `files` gives the bytes and sha256 of each file.

    Its functions are attributes, and in `functions` by name. `weights` are the arrays of the file of
    weights, read-only; none if the weights are inside the library or arguments. `target` is the level of
    the processor whose code runs. Calling the library calls its main function: the only one, or that of the
    library's name.
    """

    def __init__(self, folder: Path, interface: Mapping[str, Any], files: Mapping[str, Any]) -> None:
        name = interface["name"]
        self.name, self.interface = name, interface
        self.path = folder / shared_name(name)
        check_machine(name, interface["triple"])
        if self.path.name not in files:
            raise LoadError(
                f"{name} was exported without a shared library\n"
                "  Export it where a C compiler is installed, with shared=True."
            )
        code = opened(self.path, files[self.path.name], interface["triple"])
        check_digest(code, interface, self.path)
        self.code, self.target = code, target_of(code, interface, self.path)
        self.weights: dict[str, np.ndarray] = {}
        data = None
        if interface["weights_bytes"] is not None:
            self.weights, data = self._weights(folder / f"{name}.safetensors", files)
        self.functions = {row["symbol"]: Function(row, code, data) for row in interface["functions"]}
        self.main = (
            self.functions.get(name) if len(self.functions) > 1 else next(iter(self.functions.values()))
        )

    def __call__(self, /, *args: Any, **named: Any) -> Any:
        if self.main is None:
            raise ArgumentError(
                f"{self.name} has several functions; call {self.name}.{next(iter(self.functions))}"
            )
        return self.main(*args, **named)

    def set_threads(self, threads: int) -> None:
        """Lets calls from now on use this many threads, at most those that the library was exported for."""
        most = self.interface["threads"]
        if not 1 <= threads <= most:
            raise ArgumentError(f"threads={threads}, but {self.name} was exported for 1 to {most} threads")
        if most > 1:
            symbol_of(self.code, f"{self.name}_set_threads", None, [ctypes.c_int64])(threads)

    def __getattr__(self, name: str) -> Function:
        functions = self.__dict__.get("functions", {})
        if name not in functions:
            raise AttributeError(f"the library has no function {name!r}; it has {', '.join(functions)}")
        found: Function = functions[name]
        return found

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self.functions})

    def __repr__(self) -> str:
        return f"<library {self.name}: {', '.join(repr(f)[1:-1] for f in self.functions.values())}>"

    def _weights(self, path: Path, files: Mapping[str, Any]) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """The arrays in the file of weights, and all its bytes."""
        size = self.interface["weights_bytes"]
        if files.get(path.name, {}).get("bytes") != size:
            raise LoadError(
                f"{path.name} is not the file of weights of {self.name}: it must have {size} bytes"
            )
        data = mapped(path, files[path.name])
        start = 8 + int.from_bytes(data[:8].tobytes(), "little")
        arrays = {}
        for row in self.interface["weights"]:
            dtype, shape = np.dtype(row["dtype"]), tuple(row["shape"])
            begin = start + row["offset"]
            end = begin + dtype.itemsize * int(np.prod(shape, dtype=object))
            if not 8 <= begin <= end <= size:
                raise LoadError(f"{path} does not hold {row['name']!r} where the library looks for it")
            arrays[row["name"]] = data[begin:end].view(dtype).reshape(shape)
        return arrays, data


def target_of(code: ctypes.CDLL, interface: Mapping[str, Any], path: Path) -> str:
    """The level of this processor that a library has code for; LoadError if it has none."""
    found = symbol_of(code, f"{interface['name']}_target", ctypes.c_char_p, [])()
    if found is None:
        raise LoadError(
            f"{path} needs a processor of the level {' or '.join(interface['levels'])}, and this one is not\n"
            "  Export it for this machine: targets='native'."
        )
    return str(found.decode(errors="replace"))


def check_digest(code: ctypes.CDLL, interface: Mapping[str, Any], path: Path) -> None:
    """Raises unless a library was built with this interface: it holds the digest of its own."""
    wanted = digest_of(interface)
    try:
        held = (ctypes.c_char * (len(wanted) + 1)).in_dll(code, f"{interface['name']}_interface").value
    except ValueError:
        raise LoadError(
            f"{path} is not a library made by graphc: it holds no digest of its interface"
        ) from None
    if held != wanted.encode():
        raise LoadError(f"{path} was built with another interface\n  Export the library again.")
