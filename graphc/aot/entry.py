"""The C functions of a library, in LLVM IR: checks, then the program made for this processor.

They hold no state and allocate nothing. What they are given is checked before any of it is used:
pointers, sizes and the bytes that follow from them, alignment, workspace, weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from llvmlite import ir

from graphc.aot.interface import (
    ALIGNMENT,
    BAD_SIZE,
    BAD_WORKSPACE,
    FIRST_CHECK,
    MISALIGNED,
    NULL_POINTER,
    OK,
    Function,
    Leaf,
    Struct,
)
from graphc.backends.cpu.checked_sizes import CheckedSizes
from graphc.backends.cpu.llvm import I8, I32, I64, PTR, Code, i64, scalar_type
from graphc.backends.cpu.llvm_types import Bytes
from graphc.dataclass import dataclass
from graphc.ir.dims import Dim, product

_PROGRAM = ir.FunctionType(I64, [PTR, PTR, PTR])


@dataclass(frozen=True)
class Held:
    """An array in the weights of the library, `offset` bytes from their start."""

    offset: int


# Where a buffer of the program is: a leaf by its position, a weight, or a constant of the program.
Source = int | Held | np.ndarray


@dataclass(frozen=True)
class Place:
    """The addresses at which a leaf is read and written."""

    read: ir.Value
    written: ir.Value


class Entry:
    """One C function under construction.

    `choose` writes the code that gives the address of the program for this processor, or leaves through
    `leave`; `weights` gives the address of the weights in the same way.
    """

    def __init__(self, module: ir.Module, function: Function, *, file_of_weights: bool, wide: bool) -> None:
        self.function = function
        parameters = [I64] * len(function.sizes)
        parameters += [_parameter_type(p) for p in function.parameters]
        parameters += [PTR, I64] * file_of_weights + [PTR, I64]
        self.code = Code(module, function.symbol, parameters, result=I32)
        self.b = self.code.b
        names = [*function.size_names, *(p.name for p in function.parameters)]
        self.arguments = dict(zip(names, self.code.args, strict=False))
        self.workspace, self.workspace_bytes = self.code.args[-2:]
        self.weights_file = tuple(self.code.args[-4:-2]) if file_of_weights else None
        self.sizes = CheckedSizes(self.b, lambda fine: self.leave_unless(fine, BAD_SIZE), wide=wide)
        self._exits: dict[int, ir.Block] = {}

    # ---- control

    def leave_unless(self, condition: ir.Value, status: int) -> None:
        """Returns `status` where the condition does not hold."""
        if status not in self._exits:
            self._exits[status] = self.code.function.append_basic_block(f"status{status}")
        going_on = self.code.function.append_basic_block("ok")
        self.b.cbranch(condition, going_on, self._exits[status]).set_weights((1000, 1))
        self.b.position_at_end(going_on)

    def finish(self, status: ir.Value) -> None:
        """Returns what the program said: 0, or the number of a check that failed."""
        failed = self.b.icmp_signed("!=", status, i64(0))
        number = self.b.add(status, i64(FIRST_CHECK - 1))
        self.b.ret(self.b.trunc(self.b.select(failed, number, i64(OK)), I32))
        for number_, block in self._exits.items():
            self.b.position_at_end(block)
            self.b.ret(ir.Constant(I32, number_))

    # ---- checks

    def check_sizes(self) -> None:
        """Binds the symbols; leaves where one is negative or no 64 bits count the bytes of an array."""
        for symbol, name in zip(self.function.sizes, self.function.size_names, strict=True):
            self._not_negative(self.arguments[name])
            self.sizes.bound[symbol] = self.arguments[name]
        for leaf in self.function.leaves:
            for dim in leaf.type.shape:
                self._dimension(dim)
            self.sizes.evaluate(_bytes(leaf))
        self._dimension(self.function.workspace)

    def _dimension(self, dim: Dim) -> None:
        if not isinstance(dim, int):
            self._not_negative(self.sizes.evaluate(dim))

    def _not_negative(self, value: ir.Value) -> None:
        self.leave_unless(self.b.icmp_signed(">=", value, i64(0)), BAD_SIZE)

    def leaf_addresses(self) -> list[Place]:
        """Where each leaf is read, valid even if it has no elements, and where it is written."""
        values: list[Place] = []
        misaligned: dict[int, ir.Value] = {}
        for parameter in self.function.parameters:
            for leaf, value in self._given(parameter):
                if leaf.by_value:
                    cell = self._cell(value, leaf)
                    values.append(Place(cell, cell))
                else:
                    address = self._address(value, leaf, misaligned)
                    values.append(Place(address, address))
        for size, bits in misaligned.items():
            wrong = self.b.and_(bits, i64(size - 1))
            self.leave_unless(self.b.icmp_unsigned("==", wrong, i64(0)), MISALIGNED)
        leaves = zip(self.function.leaves, values, strict=True)
        return [self._copied(leaf, place) if leaf.is_copied else place for leaf, place in leaves]

    def _copied(self, leaf: Leaf, place: Place) -> Place:
        value = self.code.load(place.read, scalar_type(leaf.type.dtype))
        return Place(self._cell(value, leaf), place.written)

    def _given(self, parameter: Leaf | Struct) -> Iterator[tuple[Leaf, ir.Value]]:
        value = self.arguments[parameter.name]
        if isinstance(parameter, Leaf):
            yield parameter, value
            return
        self._not_null(value)
        layout = ir.LiteralStructType([_leaf_type(field) for field in parameter.fields])
        for i, field in enumerate(parameter.fields):
            at = self.b.gep(value, [ir.Constant(I32, 0), ir.Constant(I32, i)], source_etype=layout)
            yield field, self.b.load(at, typ=_leaf_type(field))

    def _cell(self, value: ir.Value, leaf: Leaf) -> ir.Value:
        cell = self.code.scratch(scalar_type(leaf.type.dtype), 1, align=8)
        if leaf.type.dtype == np.bool_:
            # Any byte but 0 is true; kernels count on 1.
            value = self.b.zext(self.code.compare("!=", value, ir.Constant(I8, 0)), I8)
        self.code.store(value, cell)
        return cell

    def _address(self, value: ir.Value, leaf: Leaf, misaligned: dict[int, ir.Value]) -> ir.Value:
        size = leaf.type.dtype.itemsize
        bits = self.b.ptrtoint(value, I64)
        misaligned[size] = self.b.or_(misaligned[size], bits) if size in misaligned else bits
        bytes_ = _bytes(leaf)
        if bytes_ != 0 and isinstance(bytes_, int):
            self._not_null(value)
            return value
        # An array without elements may be null; code that looks at its start reads zeros instead.
        empty = self.b.icmp_signed("==", self.sizes.evaluate(bytes_), i64(0))
        there = self.b.icmp_unsigned("!=", value, ir.Constant(PTR, None))
        self.leave_unless(self.b.or_(empty, there), NULL_POINTER)
        return self.b.select(empty, nothing(self.code.module), value)

    def _not_null(self, value: ir.Value) -> None:
        self.leave_unless(self.b.icmp_unsigned("!=", value, ir.Constant(PTR, None)), NULL_POINTER)

    def check_workspace(self) -> None:
        """Leaves unless the workspace is large enough and aligned; none is needed where its size is 0."""
        needed = self.sizes.evaluate(self.function.workspace)
        enough = self.b.icmp_signed(">=", self.workspace_bytes, needed)
        bits = self.b.and_(self.b.ptrtoint(self.workspace, I64), i64(ALIGNMENT - 1))
        aligned = self.b.icmp_unsigned("==", bits, i64(0))
        there = self.b.icmp_unsigned("!=", self.workspace, ir.Constant(PTR, None))
        unused = self.b.icmp_signed("==", needed, i64(0))
        usable = self.b.or_(unused, self.b.and_(aligned, there))
        self.leave_unless(self.b.and_(enough, usable), BAD_WORKSPACE)

    # ---- the call

    def call(self, program: ir.Value, addresses: Sequence[ir.Value], *, fence: bool = False) -> ir.Value:
        """The status of the program, run on these buffers; with a `fence`, all its stores are done then."""
        buffers = self.code.scratch(PTR, max(1, len(addresses)), align=8)
        for i, address in enumerate(addresses):
            self.b.store(address, self.code.at(buffers, PTR, i))
        sizes = self.code.scratch(I64, max(1, len(self.function.sizes)), align=8)
        for i, symbol in enumerate(self.function.sizes):
            self.b.store(self.sizes.bound[symbol], self.code.at(sizes, I64, i))
        status = self.b.call(program, [buffers, sizes, self.workspace])
        if fence:
            self.b.fence("seq_cst")
        return status


def emit_workspace_bytes(module: ir.Module, function: Function, *, wide: bool) -> None:
    """Defines `i64 SYMBOL_workspace_bytes(i64 sizes…)`: the bytes needed, or -1 for impossible sizes."""
    code = Code(module, f"{function.symbol}_workspace_bytes", [I64] * len(function.sizes), result=I64)
    impossible = code.function.append_basic_block("impossible")

    def guard(condition: ir.Value) -> None:
        going_on = code.function.append_basic_block("ok")
        code.b.cbranch(condition, going_on, impossible)
        code.b.position_at_end(going_on)

    sizes = CheckedSizes(code.b, guard, wide=wide)
    for symbol, value in zip(function.sizes, code.args, strict=True):
        guard(code.b.icmp_signed(">=", value, i64(0)))
        sizes.bound[symbol] = value
    needed = sizes.evaluate(function.workspace)
    guard(code.b.icmp_signed(">=", needed, i64(0)))
    code.b.ret(needed)
    code.b.position_at_end(impossible)
    code.b.ret(i64(-1))


def program_type() -> ir.FunctionType:
    """`i64 program(ptr buffers, ptr sizes, ptr arena)`."""
    return _PROGRAM


def constant_bytes(module: ir.Module, name: str, data: bytes, *, align: int = ALIGNMENT) -> ir.Value:
    """The address of read-only data inside the library."""
    initial = Bytes(data)
    variable = ir.GlobalVariable(module, initial.type, name)
    variable.initializer = initial
    variable.global_constant = True
    variable.linkage = "internal"
    variable.align = align
    variable.type = PTR
    return variable


def nothing(module: ir.Module) -> ir.Value:
    """The address of zeros that stand for arrays without elements. Nothing is ever written there."""
    found = module.globals.get("graphc.nothing")
    return found if found is not None else constant_bytes(module, "graphc.nothing", bytes(ALIGNMENT))


def _parameter_type(parameter: Leaf | Struct) -> ir.Type:
    return PTR if isinstance(parameter, Struct) else _leaf_type(parameter)


def _leaf_type(leaf: Leaf) -> ir.Type:
    return scalar_type(leaf.type.dtype) if leaf.by_value else PTR


def _bytes(leaf: Leaf) -> Dim:
    return product((leaf.type.dtype.itemsize, *leaf.type.shape))
