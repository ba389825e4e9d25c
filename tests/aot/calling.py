"""Calls functions of exported libraries through their C interface, with memory that is watched."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from graphc.aot.build import Build
from graphc.aot.interface import Function, Leaf, Library, Struct
from graphc.aot.manifest import read_interface
from graphc.ir.dims import evaluate
from tests.native import Guarded, aligned


class Exported:
    """A library that was just built, called as a C program would."""

    def __init__(self, build: Build) -> None:
        import json

        self.library: Library = read_interface(json.loads(build[".json"].read_text())["interface"])
        self.code = ctypes.CDLL(str(build[".so"].resolve()))
        self.functions = {f.symbol: f for f in self.library.functions}
        weights = [f for f in build.files if f.suffix == ".safetensors"]
        self.weights = _mapped(weights[0]) if weights else None

    def call(self, symbol: str, leaves: Mapping[str, Any], **sizes: int) -> tuple[int, dict[str, np.ndarray]]:
        """The status, and the arrays that were written, by name (`struct.field` in structures)."""
        function = self.functions[symbol]
        memory: dict[str, Guarded] = {}
        arguments: list[Any] = [ctypes.c_int64(sizes[s]) for s in function.sizes]
        for parameter in function.parameters:
            if isinstance(parameter, Leaf):
                arguments.append(self._value(parameter, parameter.name, leaves, sizes, memory))
            else:
                arguments.append(ctypes.byref(self._struct(parameter, leaves, sizes, memory)))
        if self.weights is not None:
            arguments += [ctypes.c_void_p(self.weights.ctypes.data), ctypes.c_int64(self.weights.nbytes)]
        needed = evaluate(function.workspace, sizes)
        _, origin = aligned(needed)
        arguments += [ctypes.c_void_p(origin), ctypes.c_int64(needed)]
        native = getattr(self.code, symbol)
        native.restype = ctypes.c_int
        status = native(*arguments)
        for guarded in memory.values():
            guarded.check()
        return status, {name: guarded.array for name, guarded in memory.items()}

    def _struct(
        self, struct: Struct, leaves: Mapping[str, Any], sizes: Mapping[str, int], memory: dict[str, Guarded]
    ) -> ctypes.Structure:
        fields = [(f.name, _c_type(f)) for f in struct.fields]
        made = type(struct.tag, (ctypes.Structure,), {"_fields_": fields})()
        for field in struct.fields:
            name = f"{struct.name}.{field.name}"
            setattr(made, field.name, self._value(field, name, leaves, sizes, memory))
        return made

    def _value(
        self,
        leaf: Leaf,
        name: str,
        leaves: Mapping[str, Any],
        sizes: Mapping[str, int],
        memory: dict[str, Guarded],
    ) -> Any:
        if leaf.by_value:
            return _c_type(leaf)(leaves[name])
        shape = tuple(evaluate(d, sizes) for d in leaf.type.shape)
        given = leaves[name] if leaf.role != "output" else np.zeros(shape)
        array = np.array(given, leaf.type.dtype, order="C")
        assert array.shape == shape
        memory[name] = Guarded(array.reshape(shape))
        return ctypes.c_void_p(memory[name].address)


def _c_type(leaf: Leaf) -> Any:
    return np.ctypeslib.as_ctypes_type(leaf.type.dtype) if leaf.by_value else ctypes.c_void_p


def _mapped(path: Path) -> np.ndarray:
    data = np.fromfile(path, np.uint8)
    room = np.empty(data.nbytes + 64, np.uint8)
    start = -room.ctypes.data % 64
    room[start : start + data.nbytes] = data
    return room[start : start + data.nbytes]


def function_of(build: Build, symbol: str) -> Function:
    """The interface of one function of a build."""
    return Exported(build).functions[symbol]


def undefined_symbols(file: Path) -> Sequence[str]:
    """What an object file or library takes from others, by `nm`."""
    import subprocess

    flags = ["-D"] if file.suffix == ".so" else []
    text = subprocess.run(["nm", "-u", *flags, str(file)], capture_output=True, text=True, check=True).stdout
    lines = [line.split() for line in text.splitlines()]
    return sorted({words[-1].partition("@")[0] for words in lines if words and words[0] in ("U", "w")})
