"""Writes the part of a native entry that checks the arguments and collects their data pointers."""

from __future__ import annotations

from llvmlite import ir

from graphc.backends.cpu.llvm import I8, I32, I64, PTR, i64
from graphc.ir.dims import Dim, as_symbol
from graphc.runtime.entry_code import NULL, EntryCode
from graphc.runtime.layout import ALIGNED, C_CONTIGUOUS, LAYOUT
from graphc.runtime.signature import ArgSpec, Signature, sizes

_USABLE = C_CONTIGUOUS | ALIGNED


def emit_arguments(entry: EntryCode, signature: Signature, buffers: ir.Value) -> None:
    """Misses unless the arguments are exactly those of `signature`; fills the input buffers."""
    entry.guard(
        entry.all(
            (
                entry.same(entry.nargs, i64(len(signature.args))),
                entry.same(entry.kwnames, NULL),
            )
        )
    )
    computed: list[tuple[ir.Value, Dim]] = []
    for i, spec in enumerate(signature.args):
        argument = entry.field(entry.args, 8 * i, PTR)
        data = _emit_argument(entry, spec, argument, computed)
        entry.code.store(data, entry.word(buffers, i))
    # Only now every symbol is bound.
    for value, dim in computed:
        entry.guard(entry.same(value, entry.evaluate(dim)))
    # Sizes that do not fit 64 bits must miss before anything is allocated.
    for dim in sizes(signature):
        entry.evaluate(dim)
    for i in range(len(signature.captured)):
        entry.code.store(entry.address(f"captured {i}"), entry.word(buffers, len(signature.args) + i))


def _emit_argument(
    entry: EntryCode, spec: ArgSpec, argument: ir.Value, computed: list[tuple[ir.Value, Dim]]
) -> ir.Value:
    """The address of the argument's data."""
    if spec.kind == "python bool":
        return _emit_bool(entry, argument)
    expected = {
        "array": "ndarray",
        "numpy scalar": f"scalar {spec.type.dtype.name}",
        "python float": "float",
        "python int": "int",
    }[spec.kind]
    entry.guard(entry.same(entry.field(argument, LAYOUT.type, PTR), entry.address(expected)))
    if spec.kind == "array":
        return _emit_array(entry, spec, argument, computed)
    if spec.kind == "python int":
        return _emit_int(entry, argument)
    return entry.code.at(argument, I8, LAYOUT.scalar_value)


def _emit_bool(entry: EntryCode, argument: ir.Value) -> ir.Value:
    truth = entry.same(argument, entry.address("True"))
    entry.guard(entry.b.or_(truth, entry.same(argument, entry.address("False"))))
    cell = entry.space(I64, 1)
    entry.code.store(entry.b.zext(truth, I8), cell)
    return cell


def _emit_int(entry: EntryCode, argument: ir.Value) -> ir.Value:
    overflow, cell = entry.space(I64, 1), entry.space(I64, 1)
    value = entry.call("PyLong_AsLongLongAndOverflow", argument, overflow)
    entry.guard(entry.same(entry.code.load(overflow, I32), ir.Constant(I32, 0)))
    entry.code.store(value, cell)
    return cell


def _emit_array(
    entry: EntryCode, spec: ArgSpec, argument: ir.Value, computed: list[tuple[ir.Value, Dim]]
) -> ir.Value:
    usable = entry.b.and_(entry.field(argument, LAYOUT.array_flags, I32), ir.Constant(I32, _USABLE))
    rank = entry.field(argument, LAYOUT.array_rank, I32)
    entry.guard(
        entry.all(
            (
                entry.same(
                    entry.field(argument, LAYOUT.array_descr, PTR),
                    entry.address(f"descr {spec.type.dtype.name}"),
                ),
                entry.same(rank, ir.Constant(I32, len(spec.type.shape))),
                entry.same(usable, ir.Constant(I32, _USABLE)),
            )
        )
    )
    conditions = []
    dims = entry.field(argument, LAYOUT.array_dims, PTR) if spec.type.shape else NULL
    for axis, dim in enumerate(spec.type.shape):
        value = entry.code.load(entry.word(dims, axis), I64)
        symbol = as_symbol(dim)
        if symbol is not None and not entry.is_bound(symbol):
            entry.bind(symbol, value)
        elif symbol is not None or isinstance(dim, int):
            conditions.append(entry.same(value, entry.evaluate(dim)))
        else:
            computed.append((value, dim))
    if conditions:
        entry.guard(entry.all(conditions))
    return entry.field(argument, LAYOUT.array_data, PTR)
