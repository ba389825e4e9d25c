"""Writes the part of a native entry that checks the arguments and collects their data pointers."""

from __future__ import annotations

from llvmlite import ir

from graphc.backends.cpu.llvm import I8, I32, I64, PTR
from graphc.backends.signature import ArgSpec, Signature, sizes
from graphc.ir.dims import Dim, as_symbol
from graphc.runtime.entry.code import LARGEST_UNROLLED, NULL, EntryCode
from graphc.runtime.layout import ALIGNED, C_CONTIGUOUS, LAYOUT

_USABLE = C_CONTIGUOUS | ALIGNED


def emit_arguments(entry: EntryCode, signature: Signature, buffers: ir.Value) -> None:
    """Misses unless the arguments are exactly those of `signature`; fills the input buffers."""
    looped = _static_arrays(signature)
    _emit_static_arrays(entry, signature, looped, buffers)
    computed: list[tuple[ir.Value, Dim]] = []
    for i, spec in enumerate(signature.args):
        if i not in looped:
            argument = entry.field(entry.args, 8 * i, PTR)
            data = _emit_argument(entry, spec, argument, computed)
            entry.code.store(data, entry.word(buffers, i))
    # Only now every symbol is bound.
    for value, dim in computed:
        entry.guard(entry.same(value, entry.evaluate(dim)))
    # Sizes that do not fit 64 bits must miss before anything is allocated.
    for dim in sizes(signature):
        entry.evaluate(dim)
    captured = [
        (entry.slot(f"captured {i}"), len(signature.args) + i) for i in range(len(signature.captured))
    ]
    entry.for_each(captured, lambda slot, i: entry.code.store(entry.address_at(slot), entry.word(buffers, i)))


def _static_arrays(signature: Signature) -> list[int]:
    """The arguments that are checked in a loop: arrays of fixed sizes, if there are many of them."""
    found = [i for i, spec in enumerate(signature.args) if spec.kind == "array" and not spec.type.symbols]
    return found if len(found) > LARGEST_UNROLLED else []


def _emit_static_arrays(
    entry: EntryCode, signature: Signature, positions: list[int], buffers: ir.Value
) -> None:
    rows: list[tuple[int, ...]] = []
    words: list[int] = []
    for i in positions:
        type_ = signature.args[i].type
        rows.append((i, entry.slot(f"descr {type_.dtype.name}"), type_.ndim, len(words)))
        words += [int(dim) for dim in type_.shape]
    if not positions:
        return
    expected = entry.constant_words(words or [0])

    def check(i: ir.Value, descr: ir.Value, rank: ir.Value, first: ir.Value) -> None:
        argument = entry.code.load(entry.word(entry.args, i), PTR)
        entry.guard(entry.same(entry.field(argument, LAYOUT.type, PTR), entry.address("ndarray")))
        entry.guard(_has_form(entry, argument, entry.address_at(descr), entry.b.trunc(rank, I32)))
        dims = entry.field(argument, LAYOUT.array_dims, PTR)

        def check_size(axis: ir.Value) -> None:
            size = entry.code.load(entry.word(dims, axis), I64)
            entry.guard(entry.same(size, entry.code.load(entry.code.at(expected, I64, first, axis), I64)))

        entry.code.loop(rank, check_size)
        entry.code.store(entry.field(argument, LAYOUT.array_data, PTR), entry.word(buffers, i))

    entry.for_each(rows, check)


def _has_form(entry: EntryCode, argument: ir.Value, descr: ir.Value, rank: ir.Value) -> ir.Value:
    """Whether an array has this dtype and rank, and its elements lie in order."""
    usable = entry.b.and_(entry.field(argument, LAYOUT.array_flags, I32), ir.Constant(I32, _USABLE))
    return entry.all(
        (
            entry.same(entry.field(argument, LAYOUT.array_descr, PTR), descr),
            entry.same(entry.field(argument, LAYOUT.array_rank, I32), rank),
            entry.same(usable, ir.Constant(I32, _USABLE)),
        )
    )


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
    descr, rank = entry.address(f"descr {spec.type.dtype.name}"), ir.Constant(I32, spec.type.ndim)
    entry.guard(_has_form(entry, argument, descr, rank))
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
