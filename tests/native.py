"""Runs graphs as machine code, without the compiler's front end: lowered, emitted, loaded and called."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from llvmlite import ir

from graphc.backends.cpu.jit import object_code
from graphc.backends.cpu.loaded import Loaded
from graphc.backends.cpu.program import emit_program
from graphc.backends.cpu.share import Call
from graphc.backends.cpu.target import Target
from graphc.ir.dims import Dim, evaluate
from graphc.ir.graph import Graph
from graphc.ir.interpret import bind_sizes
from graphc.lower.program import LoweredProgram, lower
from graphc.runtime.python_entry import resolve_exception

GUARD = 64  # bytes around every buffer that must stay as they were


class Native:
    """The machine code of a graph."""

    def __init__(
        self, graph: Graph, vector_bytes: int = 64, target: Target | None = None, *, share: bool = True
    ) -> None:
        """`share`: equal kernels with other numbers may be one function."""
        self.graph = graph
        self.lowered: LoweredProgram = lower(graph)
        module = ir.Module()
        calls = None if share else [Call(kernel) for kernel in self.lowered.kernels]
        target = target or Target(vector_bytes)
        self.arena: Dim = emit_program(module, self.lowered, "program", target, calls)
        self.code = Loaded(object_code(str(module)))
        signature = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_void_p] * 3)
        self.function = signature(self.code.address("program"))

    def __call__(self, *arrays: Any) -> tuple[np.ndarray, ...]:
        """The outputs for these inputs, or the exception that the program reports."""
        given = [
            np.ascontiguousarray(a, n.array_type.dtype).reshape(np.shape(a)) for a, n in self._paired(arrays)
        ]
        sizes = bind_sizes(tuple(n.array_type for n in self.graph.inputs), tuple(a.shape for a in given))
        inputs = [Guarded(a) for a in [*given, *(c.value for c in self.lowered.constants)]]
        outputs = [Guarded(_empty(n.array_type, sizes)) for n in self.graph.outputs]
        arena, origin = aligned(int(evaluate(self.arena, sizes)))
        buffers = (ctypes.c_void_p * (len(inputs) + len(outputs)))(*(b.address for b in (*inputs, *outputs)))
        dims = (ctypes.c_int64 * len(self.graph.symbols))(*(sizes[s] for s in self.graph.symbols))
        status = self.function(ctypes.addressof(buffers), ctypes.addressof(dims), origin)
        for buffer in (*inputs, *outputs):
            buffer.check()
        assert (arena[-GUARD:] == 0x5A).all(), "written behind the arena"
        for buffer, array in zip(inputs, given, strict=False):
            np.testing.assert_array_equal(buffer.array, array, err_msg="an input was overwritten")
        if status:
            check = self.lowered.checks[status - 1]
            raise resolve_exception(check.exception)(check.message)
        return tuple(b.array for b in outputs)

    def _paired(self, arrays: tuple[Any, ...]) -> Any:
        return zip(map(np.asarray, arrays), self.graph.inputs, strict=True)


def run_native(graph: Graph, *arrays: Any) -> tuple[np.ndarray, ...]:
    """The outputs of `graph` for these inputs, computed by machine code."""
    return Native(graph)(*arrays)


class Guarded:
    """A copy of an array between two stretches of known bytes."""

    def __init__(self, array: np.ndarray) -> None:
        self.memory = np.full(array.nbytes + 2 * GUARD, 0x5A, np.uint8)
        inside = self.memory[GUARD : GUARD + array.nbytes]
        self.array = inside.view(array.dtype).reshape(array.shape) if array.nbytes else np.array(array)
        self.array[...] = array
        self.address = self.memory.ctypes.data + GUARD

    def check(self) -> None:
        assert (self.memory[:GUARD] == 0x5A).all(), "written before a buffer"
        assert (self.memory[len(self.memory) - GUARD :] == 0x5A).all(), "written behind a buffer"


def aligned(size: int) -> tuple[np.ndarray, int]:
    """(memory that keeps the arena alive, address of `size` bytes on a 64-byte line)."""
    memory = np.full(size + 2 * GUARD, 0x5A, np.uint8)
    origin = -(-memory.ctypes.data // 64) * 64
    return memory[: origin - memory.ctypes.data + size + GUARD], origin


def _empty(type_: Any, sizes: dict[str, int]) -> np.ndarray:
    shape = tuple(evaluate(n, sizes) for n in type_.shape)
    return np.full(shape, 0x5A, type_.dtype) if type_.dtype != np.bool_ else np.zeros(shape, np.bool_)
