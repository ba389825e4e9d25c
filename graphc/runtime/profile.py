"""Measured time per kernel beside its roofline time: where a program is far from its machine's limits."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from graphc.backends.cpu.jit import object_code
from graphc.backends.cpu.loaded import Loaded
from graphc.dataclass import dataclass
from graphc.ir.dims import Dim, evaluate
from graphc.lower.cost import KernelCost
from graphc.runtime.pool import install
from graphc.runtime.roofline import Cost, aligned, seconds_text

if TYPE_CHECKING:
    from graphc.backends.cpu.target import Target
    from graphc.lower.program import LoweredProgram

PAGE = 4096  # where large buffers begin in calls, too


@dataclass(frozen=True)
class Profile:
    """Seconds of each kernel of one program, the least over the rounds, and what the limits allow.

    The roofline is that of one core; kernels that use threads can be below it.
    """

    cost: Cost
    seconds: tuple[float, ...]
    rounds: int

    @property
    def total(self) -> float:
        """Seconds of all kernels together."""
        return sum(self.seconds)

    def __str__(self) -> str:
        rows = [("kernel", "measured", "roofline", "of the limit", "operations")]
        for kernel, measured in zip(self.cost.kernels, self.seconds, strict=True):
            bound = self.cost.seconds_of(kernel)
            rows.append(
                (
                    kernel.name,
                    seconds_text(measured),
                    seconds_text(bound),
                    _share(bound, measured, kernel),
                    " ".join(kernel.operations),
                )
            )
        rows.append(("total", seconds_text(self.total), seconds_text(self.cost.seconds), "", ""))
        return "\n".join([*aligned(rows), f"least of {self.rounds} rounds"])


def _share(bound: float | None, measured: float, kernel: KernelCost) -> str:
    """How much of the limit a kernel reaches; nothing where flops or times say little."""
    if bound is None or not kernel.known or measured < 1e-7:
        return ""
    return f"{100 * bound / measured:.0f} %"


def measure(
    program: LoweredProgram,
    target: Target,
    arrays: Sequence[np.ndarray],
    sizes: Mapping[str, int],
    cost: Cost,
    rounds: int,
) -> Profile:
    """Runs the kernels of `program` in order, `rounds` times, on copies of its inputs; nothing is returned.

    `arrays` are the inputs and the constants. A run-time error of the program is not reported here.
    """
    from llvmlite import ir

    from graphc.backends.cpu.program import emit_kernels

    module = ir.Module(name="profile")
    names, scratch = emit_kernels(module, program, "profiled", target)
    install()
    code = Loaded(object_code(str(module)))
    memory = _Memory(program, arrays, sizes, scratch)
    calls = [memory.call(code.address(n), k.buffers) for n, k in zip(names, program.kernels, strict=True)]
    empty = _timed([memory.call(code.address(EMPTY), k.buffers) for k in program.kernels], rounds)
    best = _timed(calls, rounds)
    return Profile(cost, tuple(max(t - e, 0.0) for t, e in zip(best, empty, strict=True)), rounds)


EMPTY = "profiled.empty"


def _timed(calls: Sequence[Any], rounds: int) -> list[float]:
    """The least seconds of each call over rounds in which all run in order."""
    best = [float("inf")] * len(calls)
    for _ in range(rounds):
        for i, call in enumerate(calls):
            start = time.perf_counter_ns()
            call()
            best[i] = min(best[i], 1e-9 * (time.perf_counter_ns() - start))
    return best


class _Memory:
    """The buffers of one run: copies of the inputs, results, and the arena."""

    def __init__(
        self, program: LoweredProgram, arrays: Sequence[np.ndarray], sizes: Mapping[str, int], scratch: Dim
    ) -> None:
        self.sizes = [sizes[name] for name in program.symbols]
        self.kept: list[np.ndarray] = []
        self.addresses: dict[Any, int] = {}
        for buffer, array in zip(program.inputs, arrays, strict=True):
            self.addresses[buffer] = self._room(array.nbytes, array)
        for buffer in program.outputs:
            if buffer not in self.addresses:
                self.addresses[buffer] = self._room(evaluate(buffer.size, sizes) * buffer.dtype.itemsize)
        arena = evaluate(program.arena.size, sizes)
        start = self._room(arena + evaluate(scratch, sizes))
        for buffer, offset in program.arena.offsets.items():
            self.addresses[buffer] = start + evaluate(offset, sizes)
        self.status = self._room(8)
        self.packed = start + arena

    def _room(self, size: int, content: np.ndarray | None = None) -> int:
        """The address of so many bytes at the beginning of a page."""
        block = np.zeros(size + 2 * PAGE, np.uint8)
        self.kept.append(block)
        address = -(-block.ctypes.data // PAGE) * PAGE
        if content is not None:
            ctypes.memmove(address, np.ascontiguousarray(content).ctypes.data, size)
        return address

    def call(self, address: int, buffers: Sequence[Any]) -> Any:
        """A call without arguments of the kernel at `address`."""
        pointers = [self.addresses[b] for b in buffers]
        values = [*pointers, *self.sizes, self.status, self.packed]
        prototype = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * len(values))
        function, arguments = prototype(address), [ctypes.c_int64(v) for v in values]
        return lambda: function(*arguments)
