"""One elementary function as a compiled loop over arrays, for tests, benchmarks and the accuracy table."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable

import numpy as np
from llvmlite import ir

from graphc.backends.cpu.features import declare
from graphc.backends.cpu.jit import object_code
from graphc.backends.cpu.llvm import I1, I8, I64, PTR, Code, element_of, scalar_type
from graphc.backends.cpu.loaded import Loaded
from graphc.backends.cpu.math.table import MATH
from graphc.backends.cpu.target import Target, native_target


def loop_module(name: str, dtype: np.dtype, lanes: int, operands: int, target: Target) -> ir.Module:
    """`void apply(n, result, operands…)` over whole vectors of `lanes`, n a multiple of it."""
    module = ir.Module(name)
    declare(module, target)
    code = Code(module, "apply", [I64] + [PTR] * (1 + operands))
    count, result, *sources = code.args
    for pointer in code.args[1:]:
        pointer.add_attribute("noalias")
    element = scalar_type(dtype)

    def body(i: ir.Value) -> None:
        values = [code.load(code.at(source, element, i), element, lanes) for source in sources]
        y = MATH[name](code, *values)
        if element_of(y.type) == I1:
            y = code.b.zext(y, I8 if lanes == 1 else ir.VectorType(I8, lanes))
        code.store(y, code.at(result, element_of(y.type), i))

    code.loop(count, body, step=lanes)
    code.ret()
    return module


class ArrayFunction:
    """MATH[name] applied to contiguous arrays of one dtype, `lanes` elements at a time."""

    def __init__(self, name: str, dtype: np.dtype, lanes: int, operands: int, target: Target | None = None):
        """`target`: one that this processor fulfils, by default its own."""
        module = loop_module(name, dtype, lanes, operands, target or native_target())
        self.object = object_code(str(module))
        self.dtype, self.lanes, self.truth = dtype, lanes, name in ("isnan", "isinf", "isfinite", "signbit")
        self._loaded = Loaded(self.object)
        signature = ctypes.CFUNCTYPE(None, ctypes.c_int64, *[ctypes.c_void_p] * (1 + operands))
        self._apply = signature(self._loaded.address("apply"))

    def __call__(self, *operands: np.ndarray) -> np.ndarray:
        shape = operands[0].shape
        flat = [np.ascontiguousarray(x, self.dtype).ravel() for x in operands]
        size = flat[0].size
        padded = -(-size // self.lanes) * self.lanes
        flat = [np.pad(x, (0, padded - size), mode="edge") for x in flat]
        result = np.empty(padded, np.bool_ if self.truth else self.dtype)
        self.into(result, *flat)
        return result[:size].reshape(shape)

    def into(self, result: np.ndarray, *operands: np.ndarray) -> None:
        """Without copies: the size must be a multiple of the lanes."""
        self.bound(result, *operands)()

    def bound(self, result: np.ndarray, *operands: np.ndarray) -> Callable[[], None]:
        """The call on these arrays, its addresses looked up already; it keeps code and arrays alive."""
        arrays = (result, *operands)
        addresses = [x.ctypes.data for x in arrays]

        def call(kept: tuple[np.ndarray, ...] = arrays) -> None:
            self._apply(kept[0].size, *addresses)

        return call


@functools.cache
def array_function(
    name: str, dtype: np.dtype, lanes: int, operands: int = 1, target: Target | None = None
) -> ArrayFunction:
    return ArrayFunction(name, dtype, lanes, operands, target)
