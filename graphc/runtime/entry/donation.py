"""Writes the part of a native entry that refuses inputs which the program must not overwrite."""

from __future__ import annotations

from collections.abc import Sequence

from llvmlite import ir

from graphc.backends.cpu.llvm import I1, I32, I64, PTR, i64
from graphc.backends.signature import Signature
from graphc.ir.dims import Dim, product
from graphc.runtime.entry.code import NULL, EntryCode
from graphc.runtime.layout import LAYOUT, WRITEABLE

_LANES = 8


def emit_donation_checks(entry: EntryCode, signature: Signature, buffers: ir.Value) -> None:
    """Calls the hook `refuse` with the arguments where an overwritten input is read-only or shared.

    Captured arrays were compared with each other when the entry was bound.
    """
    overwritten = signature.overwritten
    if not overwritten:
        return
    refused = entry.block("refused")
    donated = [i for i in overwritten if i < len(signature.args)]
    entry.for_each([(i,) for i in donated], lambda i: entry.guard(_writeable(entry, i), refused))
    others = [i for i, spec in enumerate(signature.args) if spec.kind == "array" and not spec.donated]
    updated = [i for i in overwritten if i >= len(signature.args)]
    captured = range(len(signature.args), len(signature.args) + len(signature.captured))
    constant = [i for i in captured if i not in updated]
    ranges = _emit_ranges(entry, signature, buffers, [*donated, *others, *updated, *constant])
    arguments = len(donated) + len(others)
    everything = arguments + len(captured)
    overlaps = [
        _emit_overlap(entry, ranges, range(len(donated)), range(1, everything)),
        _emit_overlap(
            entry, ranges, range(len(donated), arguments), range(arguments, arguments + len(updated))
        ),
    ]
    entry.guard(entry.b.not_(entry.b.or_(*overlaps)), refused)
    going_on = entry.b.block
    entry.b.position_at_end(refused)
    count = i64(len(signature.args))
    entry.b.ret(entry.call("PyObject_Vectorcall", entry.address("refuse"), entry.args, count, NULL))
    entry.b.position_at_end(going_on)


def _writeable(entry: EntryCode, i: ir.Value) -> ir.Value:
    argument = entry.code.load(entry.word(entry.args, i), PTR)
    flag = entry.b.and_(entry.field(argument, LAYOUT.array_flags, I32), ir.Constant(I32, WRITEABLE))
    return entry.b.icmp_unsigned("!=", flag, ir.Constant(I32, 0))


def _emit_ranges(
    entry: EntryCode, signature: Signature, buffers: ir.Value, positions: Sequence[int]
) -> tuple[ir.Value, ir.Value]:
    """First and past-the-end addresses of the arrays; an empty array has the empty range at null.

    Both are filled up with empty ranges to whole vectors.
    """
    types = [*(spec.type for spec in signature.args), *signature.captured]
    padded = -(-len(positions) // _LANES) * _LANES
    starts, ends = entry.space(I64, padded), entry.space(I64, padded)

    def write(k: ir.Value, position: ir.Value, count: ir.Value) -> None:
        first = entry.code.load(entry.word(buffers, position), I64)
        start = entry.b.select(entry.b.icmp_signed(">", count, i64(0)), first, i64(0))
        entry.code.store(start, entry.word(starts, k))
        entry.code.store(entry.b.add(start, count), entry.word(ends, k))

    static = []
    for k, position in enumerate(positions):
        size: Dim = product((types[position].dtype.itemsize, *types[position].shape))
        if isinstance(size, int):
            static.append((k, position, size))
        else:
            write(i64(k), i64(position), entry.evaluate(size))
    entry.for_each(static, write)
    for k in range(len(positions), padded):
        write(i64(k), i64(0), i64(0))
    return starts, ends


def _emit_overlap(
    entry: EntryCode, ranges: tuple[ir.Value, ir.Value], rows: range, columns: range
) -> ir.Value:
    """Whether any range i of `rows` meets a range j > i of `columns`; all columns of a vector at once."""
    if not rows or not columns:
        return ir.Constant(I1, 0)
    code, (starts, ends) = entry.code, ranges
    numbers = code.lane_numbers(I64, _LANES)

    def compare(i: ir.Value, found: ir.Value) -> list[ir.Value]:
        start = code.splat(code.load(entry.word(starts, i), I64), _LANES)
        end = code.splat(code.load(entry.word(ends, i), I64), _LANES)
        after = code.splat(entry.b.add(i, i64(1)), _LANES)
        return code.loop(
            columns.stop,
            lambda j, found: [entry.b.or_(found, meets(start, end, after, j))],
            [found],
            start=columns.start // _LANES * _LANES,
            step=_LANES,
        )

    def meets(start: ir.Value, end: ir.Value, after: ir.Value, j: ir.Value) -> ir.Value:
        lanes = entry.b.add(numbers, code.splat(j, _LANES))
        conditions = (
            entry.b.icmp_signed(">=", lanes, after),
            entry.b.icmp_signed(">=", lanes, code.like(lanes, columns.start)),
            entry.b.icmp_signed("<", lanes, code.like(lanes, columns.stop)),
            entry.b.icmp_unsigned("<", start, code.load(entry.word(ends, j), I64, _LANES)),
            entry.b.icmp_unsigned("<", code.load(entry.word(starts, j), I64, _LANES), end),
        )
        result = conditions[0]
        for condition in conditions[1:]:
            result = entry.b.and_(result, condition)
        return result

    nothing = code.mask_first(0, _LANES)
    (found,) = code.loop(rows.stop, compare, [nothing], start=rows.start)
    return code.reduce("or", found)
