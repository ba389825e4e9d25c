"""Writes native code that works with Python objects: guards, field reads, calls through the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from llvmlite import ir

from graphc.backends.cpu.checked_sizes import CheckedSizes
from graphc.backends.cpu.llvm import F64, I1, I8, I32, I64, PTR, VOID, Code, i64
from graphc.ir.dims import Dim
from graphc.runtime.layout import LAYOUT

# The types of `graphc.runtime.table.FUNCTIONS`.
FUNCTION_TYPES: Final[dict[str, ir.FunctionType]] = {
    "PyObject_Vectorcall": ir.FunctionType(PTR, [PTR, PTR, I64, PTR]),
    "PyObject_CallOneArg": ir.FunctionType(PTR, [PTR, PTR]),
    "PyFloat_FromDouble": ir.FunctionType(PTR, [F64]),
    "PyLong_FromLongLong": ir.FunctionType(PTR, [I64]),
    "PyLong_AsLongLongAndOverflow": ir.FunctionType(I64, [PTR, PTR]),
    "PyBool_FromLong": ir.FunctionType(PTR, [I64]),
    "PyTuple_New": ir.FunctionType(PTR, [I64]),
    "PyDict_Size": ir.FunctionType(I64, [PTR]),
    "PyDict_GetItem": ir.FunctionType(PTR, [PTR, PTR]),
    "PyList_New": ir.FunctionType(PTR, [I64]),
    "Py_IncRef": ir.FunctionType(VOID, [PTR]),
    "Py_DecRef": ir.FunctionType(VOID, [PTR]),
    "PyEval_SaveThread": ir.FunctionType(PTR, []),
    "PyEval_RestoreThread": ir.FunctionType(VOID, [PTR]),
    "PyArray_NewFromDescr": ir.FunctionType(PTR, [PTR, PTR, I32, PTR, PTR, PTR, I32, PTR]),
    "PyArray_Scalar": ir.FunctionType(PTR, [PTR, PTR, PTR]),
    "pthread_getspecific": ir.FunctionType(PTR, [I32]),
}
NULL = ir.Constant(PTR, None)
# Longer sequences are loops over a constant table, so that code size and compile time stay small.
LARGEST_UNROLLED = 8
_LIKELY = (1000, 1)


class EntryCode:
    """A function `object entry(self, args, nargs, kwnames)` under construction.

    `missed` is the exit for arguments of another specialisation, `failed` the exit with a Python
    exception set. `owned` holds the references that the failing exit has to give back.
    """

    def __init__(self, module: ir.Module, name: str, slots: Mapping[str, int], owned: int) -> None:
        self.code = Code(module, name, [PTR, PTR, I64, PTR], result=PTR)
        self.self, self.given, self.nargs, self.kwnames = self.code.args
        self.args = self.given  # the flat arguments
        self.held: list[int] = []
        self.b = self.code.b
        self.missed = self.code.function.append_basic_block("missed")
        self.failed = self.code.function.append_basic_block("failed")
        self.owned = self.space(PTR, max(1, owned))
        self.for_each([(i,) for i in range(owned)], lambda i: self.code.store(NULL, self.word(self.owned, i)))
        self._owned_count = owned
        self._slots = slots
        self._sizes = CheckedSizes(self.b, self.guard)
        first = self.field(self.self, LAYOUT.tuple_items, PTR)
        self._table = self.code.at(first, I8, LAYOUT.bytes_data)

    # ---- memory

    def space(self, element: ir.Type, count: int) -> ir.Value:
        """Uninitialised stack memory for `count` elements of eight bytes."""
        with self.b.goto_entry_block():
            slot = self.b.alloca(ir.ArrayType(element, count))
        slot.align = 8
        slot.type = PTR  # forget the pointee: llvmlite would insist on it in every store
        return slot

    def word(self, base: ir.Value, index: int | ir.Value) -> ir.Value:
        """The address of element `index` of an array of eight-byte words."""
        return self.code.at(base, I64, index)

    def field(self, object_: ir.Value, offset: int, type_: ir.Type) -> ir.Value:
        return self.code.load(self.code.at(object_, I8, offset), type_)

    def constant_words(self, values: Sequence[int]) -> ir.Value:
        """A read-only array of 64-bit integers."""
        type_ = ir.ArrayType(I64, len(values))
        name = self.code.module.get_unique_name("sizes")
        constant = ir.GlobalVariable(self.code.module, type_, name)
        constant.initializer = ir.Constant(type_, list(values))
        constant.global_constant = True
        constant.linkage = "internal"
        constant.type = PTR
        return constant

    def for_each(self, rows: Sequence[Sequence[int]], body: Callable[..., object]) -> None:
        """`body(*row)` for every row of equally many integers, in order, as `i64` values."""
        if len(rows) <= LARGEST_UNROLLED:
            for row in rows:
                body(*map(i64, row))
            return
        width = len(rows[0])
        words = self.constant_words([number for row in rows for number in row])

        def step(i: ir.Value) -> None:
            first = self.b.mul(i, i64(width))
            body(*(self.code.load(self.code.at(words, I64, first, column), I64) for column in range(width)))

        self.code.loop(len(rows), step)

    # ---- the table

    def slot(self, name: str) -> int:
        """The position of `name` in the table."""
        return self._slots[name]

    def address_at(self, slot: int | ir.Value) -> ir.Value:
        return self.code.load(self.word(self._table, slot), PTR, align=8)

    def address(self, name: str, type_: ir.Type = PTR) -> ir.Value:
        """What the table holds under `name`."""
        return self.code.load(self.word(self._table, self._slots[name]), type_, align=8)

    def call(self, name: str, *args: ir.Value) -> ir.Value:
        """Calls a function of the table."""
        # The typed pointer only tells llvmlite the callee's type; the text says `ptr`.
        return self.b.call(self.address(name, ir.PointerType(FUNCTION_TYPES[name])), list(args))

    def call_hook(self, name: str, number: ir.Value) -> ir.Value:
        """What a Python callable of the table returns for an integer; null where it raised."""
        argument = self.checked(self.call("PyLong_FromLongLong", number))
        answer = self.call("PyObject_CallOneArg", self.address(name), argument)
        self.call("Py_DecRef", argument)
        return answer

    # ---- control

    def block(self, name: str) -> ir.Block:
        return self.code.function.append_basic_block(name)

    def guard(self, condition: ir.Value, otherwise: ir.Block | None = None) -> None:
        """Goes on where `condition` holds, to `otherwise` (by default: missed) where not."""
        going_on = self.block("ok")
        self.b.cbranch(condition, going_on, otherwise or self.missed).set_weights(_LIKELY)
        self.b.position_at_end(going_on)

    def checked(self, object_: ir.Value) -> ir.Value:
        """`object_`, or the failing exit where it is null."""
        self.guard(self.b.icmp_unsigned("!=", object_, NULL), self.failed)
        return object_

    def owned_at(self, position: int | ir.Value) -> ir.Value:
        return self.code.load(self.word(self.owned, position), PTR)

    def own(self, position: int | ir.Value, object_: ir.Value) -> ir.Value:
        """Checks a new reference and hands it to the failing exit."""
        self.checked(object_)
        self.code.store(object_, self.word(self.owned, position))
        return object_

    def same(self, a: ir.Value, b: ir.Value) -> ir.Value:
        return self.b.icmp_unsigned("==", a, b)

    def all(self, conditions: Sequence[ir.Value]) -> ir.Value:
        result = ir.Constant(I1, 1)
        for condition in conditions:
            result = self.b.and_(result, condition)
        return result

    def give_back(self) -> None:
        """Drops every reference that the failing exit has."""
        positions = [(i,) for i in range(self._owned_count)]
        self.for_each(positions, lambda i: self.call("Py_DecRef", self.owned_at(i)))

    # ---- sizes

    def bind(self, symbol: str, value: ir.Value) -> None:
        self._sizes.bound[symbol] = value

    def is_bound(self, symbol: str) -> bool:
        return symbol in self._sizes.bound

    def size(self, symbol: str) -> ir.Value:
        return self._sizes.bound[symbol]

    def evaluate(self, dim: Dim) -> ir.Value:
        """`dim` for the bound sizes; a value beyond 64 bits counts as a miss."""
        return self._sizes.evaluate(dim)
