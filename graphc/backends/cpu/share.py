"""Kernels that do the same with other numbers become one kernel, which is given the numbers.

Models have many such kernels: the update of every parameter is one formula on another number of elements.
Constants and lengths are made arguments only where no rounding and no decision of the emitter depends on
them, so what a kernel computes stays the same to the bit.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from graphc.backends.cpu.frame import operands_of
from graphc.backends.cpu.lanes import period
from graphc.backends.cpu.target import Target
from graphc.dataclass import dataclass
from graphc.ir.dims import Dim, symbol
from graphc.lower import kernel_ir as k
from graphc.lower.printer import format_kernel
from graphc.lower.program import LoweredProgram
from graphc.ops import leaf

SHARED_FROM: Final = 4  # kernels, from which on one that is given numbers replaces them
MOST_NUMBERS: Final = 8  # that a kernel is given: more would not stay in registers
_ARITHMETIC: Final = frozenset({"add", "subtract", "multiply", "divide"})


@dataclass(frozen=True)
class Call:
    """A kernel, and what it is given beside buffers and the sizes of the program.

    `sizes` are values of its last symbols, `numbers` those of its parameters; from `place` on they lie in
    the program's numbers in memory, unless they are written into the code.
    """

    kernel: k.Kernel
    sizes: tuple[int, ...] = ()
    numbers: tuple[float, ...] = ()
    place: int | None = None

    @functools.cached_property
    def text(self) -> str:
        """Calls with equal texts can call one function."""
        return format_kernel(self.kernel, canonical=True)


def shared(kernels: Sequence[k.Kernel], target: Target) -> list[Call]:
    """A call for each kernel, of one general kernel where at least `SHARED_FROM` different ones have it."""
    special = [Call(kernel) for kernel in kernels]
    if len(kernels) < SHARED_FROM:
        return special
    general = [generalised(kernel, target) for kernel in kernels]
    variants: dict[str, set[str]] = {}
    for one, call in zip(special, general, strict=True):
        variants.setdefault(call.text, set()).add(one.text)
    return [
        call if len(variants[call.text]) >= SHARED_FROM else one
        for one, call in zip(special, general, strict=True)
    ]


def in_memory(plan: LoweredProgram, calls: Sequence[Call]) -> tuple[LoweredProgram, list[Call]]:
    """The program and its calls with their numbers in memory: one more input, the last, and a constant."""
    moved: list[Call] = []
    numbers: list[float] = []
    for call in calls:
        call = call if call.numbers or call.sizes else generalised(call.kernel)
        moved.append(replace(call, place=len(numbers)) if call.numbers else call)
        numbers += call.numbers
    if not numbers:
        return plan, moved
    contents = leaf.Const.of(np.array(numbers, np.float64))
    buffer = k.Buffer("numbers", contents.dtype, len(numbers), "input")
    inputs, constants = (*plan.inputs, buffer), (*plan.constants, contents)
    return replace(plan, inputs=inputs, constants=constants), moved


def form(plan: LoweredProgram, calls: Sequence[Call]) -> str:
    """Text that is equal for programs of equal machine code."""
    names: dict[k.Buffer, str] = {}
    for buffer in (*plan.inputs, *plan.outputs, *plan.arena.offsets):
        names.setdefault(buffer, f"b{len(names)}")
    lines = [f"{plan.symbols} {plan.guards} {[names[b] for b in (*plan.inputs, *plan.outputs)]}"]
    lines += [f"{names[b]} at {offset}" for b, offset in plan.arena.offsets.items()]
    lines.append(f"arena {plan.arena.size}")
    for call in calls:
        numbers = call.numbers if call.place is None else call.place
        lines += [call.text, f"{[names[b] for b in call.kernel.buffers]} {call.sizes} {numbers}"]
    return "\n".join(lines)


def generalised(kernel: k.Kernel, target: Target | None = None) -> Call:
    """The kernel with its numbers as parameters and, for a `target`, its lengths as symbols."""
    if not all(isinstance(s, _Plain) for s in k.statements(kernel.body)):
        return Call(kernel)
    general = _General(kernel, target)
    call = Call(general.kernel, tuple(general.sizes), tuple(float(c.value) for c in general.constants))
    return call if len(call.sizes) + len(call.numbers) <= MOST_NUMBERS else Call(kernel)


_Plain = k.Constant | k.SizeOf | k.Let | k.Coordinate | k.Load | k.Store | k.Flag | k.Loop


class _General:
    """One kernel, rewritten."""

    def __init__(self, kernel: k.Kernel, target: Target | None) -> None:
        self.target = target
        self.sizes: list[int] = []
        self.constants = _arguments(kernel)
        self._axes: dict[k.Axis, k.Axis] = {}
        self._moved = set(self.constants)
        body = self._body(kernel.body, inside_lanes=False)
        symbols = (*kernel.symbols, *(_name(i) for i in range(len(self.sizes))))
        parameters = tuple(constant.result for constant in self.constants)
        self.kernel = k.Kernel(kernel.name, kernel.buffers, symbols, tuple(body), parameters)

    def _body(self, body: Sequence[k.Statement], *, inside_lanes: bool) -> list[k.Statement]:
        return [self._statement(s, inside_lanes) for s in body if s not in self._moved]

    def _statement(self, s: k.Statement, inside_lanes: bool) -> k.Statement:
        match s:
            case k.Load() | k.Store() | k.Coordinate():
                terms = tuple((self._axes.get(a, a), c) for a, c in s.index.terms)
                return s if terms == s.index.terms else replace(s, index=replace(s.index, terms=terms))
            case k.Loop():
                return self._loop(s, inside_lanes)
            case _:
                return s

    def _loop(self, s: k.Loop, inside_lanes: bool) -> k.Loop:
        axis, share, part_of = s.axis, s.share, s.part_of
        if self.target is not None and not inside_lanes and isinstance(axis.extent, int):
            axis = self._axes[s.axis] = self._any_length(s, axis.extent, self.target)
            if isinstance(share, int) and part_of is not None:
                share = self._size(share)
        part_of = self._axes.get(part_of, part_of) if part_of is not None else None
        body = self._body(s.body, inside_lanes=inside_lanes or s.kind == "lanes")
        return replace(s, axis=axis, body=body, part_of=part_of, share=share)

    def _any_length(self, s: k.Loop, extent: int, target: Target) -> k.Axis:
        """The loop's axis, of a length that says what its code and the order of its sums depend on."""
        if extent < 2:
            return s.axis
        if s.kind != "lanes" or s.part_of is not None or s.first is not None or s.end is not None:
            return replace(s.axis, extent=self._size(extent))
        step = period(s, target.vector_bytes)
        if step is None:
            return s.axis
        return replace(s.axis, extent=self._size(extent // step) * step + extent % step, is_long=True)

    def _size(self, value: int) -> Dim:
        self.sizes.append(value)
        return symbol(_name(len(self.sizes) - 1))


def _name(number: int) -> str:
    """A symbol that no user can name."""
    return f"length.{number}"


def _arguments(kernel: k.Kernel) -> list[k.Constant]:
    """The constants for which any other number would do, but for what is computed.

    Arithmetic with 0 and powers of two is simplified by LLVM, all else is left as it is. Constants in
    loops count for how often a loop is unrolled.
    """
    elsewhere = {v for s in k.statements(kernel.body) if not _is_arithmetic(s) for v in operands_of(s)}
    return [
        s for s in kernel.body if isinstance(s, k.Constant) and s.result not in elsewhere and _is_ordinary(s)
    ]


def _is_arithmetic(s: k.Statement) -> bool:
    return isinstance(s, k.Let) and s.op in _ARITHMETIC


def _is_ordinary(s: k.Constant) -> bool:
    return (
        s.result.dtype.kind == "f"
        and math.isfinite(s.value)
        and abs(math.frexp(s.value)[0]) not in (0.0, 0.5)
    )
