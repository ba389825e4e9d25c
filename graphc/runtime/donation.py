"""Donated arguments are overwritten: they must be writeable and share memory with no other array."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from llvmlite import ir

from graphc.backends.cpu.llvm import I1, I8, I32, I64, PTR, i64
from graphc.errors import DonationError
from graphc.ir.dims import Dim, product
from graphc.runtime.entry_code import NULL, EntryCode
from graphc.runtime.layout import LAYOUT, WRITEABLE
from graphc.runtime.signature import Signature


def emit_donation_checks(entry: EntryCode, signature: Signature, buffers: ir.Value) -> None:
    """Calls the hook `refuse` with the arguments where a donated one cannot be overwritten."""
    donated = [i for i, spec in enumerate(signature.args) if spec.donated]
    if not donated:
        return
    refused = entry.block("refused")
    entry.guard(entry.all([_writeable(entry, i) for i in donated]), refused)
    others = [i for i, spec in enumerate(signature.args) if spec.kind == "array" and not spec.donated]
    captured = [len(signature.args) + i for i in range(len(signature.captured))]
    ranges = _emit_ranges(entry, signature, buffers, [*donated, *others, *captured])
    total = len(donated) + len(others) + len(captured)
    entry.guard(entry.b.not_(_emit_overlap(entry, *ranges, len(donated), total)), refused)
    going_on = entry.b.block
    entry.b.position_at_end(refused)
    entry.b.ret(entry.call("PyObject_Vectorcall", entry.address("refuse"), entry.args, entry.nargs, NULL))
    entry.b.position_at_end(going_on)


def _writeable(entry: EntryCode, i: int) -> ir.Value:
    argument = entry.field(entry.args, 8 * i, PTR)
    flag = entry.b.and_(entry.field(argument, LAYOUT.array_flags, I32), ir.Constant(I32, WRITEABLE))
    return entry.b.icmp_unsigned("!=", flag, ir.Constant(I32, 0))


def _emit_ranges(
    entry: EntryCode, signature: Signature, buffers: ir.Value, positions: Sequence[int]
) -> tuple[ir.Value, ir.Value]:
    """First and past-the-end addresses of the arrays; an empty array has the empty range at null."""
    types = [*(spec.type for spec in signature.args), *signature.captured]
    starts, ends = entry.space(PTR, len(positions)), entry.space(PTR, len(positions))
    for i, position in enumerate(positions):
        size: Dim = product((types[position].dtype.itemsize, *types[position].shape))
        count = entry.evaluate(size)
        start = entry.code.load(entry.word(buffers, position), PTR)
        if not isinstance(size, int) or size == 0:
            start = entry.b.select(entry.b.icmp_signed(">", count, i64(0)), start, NULL)
        entry.code.store(start, entry.word(starts, i))
        entry.code.store(entry.code.at(start, I8, count), entry.word(ends, i))
    return starts, ends


def _emit_overlap(entry: EntryCode, starts: ir.Value, ends: ir.Value, donated: int, total: int) -> ir.Value:
    """Whether any of the first `donated` ranges meets a later one."""
    code = entry.code

    def address(base: ir.Value, i: ir.Value) -> ir.Value:
        return code.load(entry.word(base, i), I64)

    def outer(i: ir.Value, found: ir.Value) -> list[ir.Value]:
        start, end = address(starts, i), address(ends, i)

        def inner(j: ir.Value, found: ir.Value) -> list[ir.Value]:
            before = entry.b.icmp_unsigned("<", start, address(ends, j))
            after = entry.b.icmp_unsigned("<", address(starts, j), end)
            return [entry.b.or_(found, entry.b.and_(before, after))]

        return code.loop(total, inner, [found], start=entry.b.add(i, i64(1)))

    return code.loop(donated, outer, [ir.Constant(I1, 0)])[0]


def refuse_donation(signature: Signature, args: Sequence[object], captured: Sequence[np.ndarray]) -> None:
    """Raises DonationError naming the donated argument that cannot be overwritten, if there is one."""
    arrays = [(f"argument {spec.name!r}", arg) for spec, arg in zip(signature.args, args, strict=True)]
    arrays += [("an array that the function refers to", array) for array in captured]
    for i, spec in enumerate(signature.args):
        donated = args[i]
        if not spec.donated or not isinstance(donated, np.ndarray):
            continue
        if not donated.flags.writeable:
            raise DonationError(
                f"argument {spec.name!r} is donated, so its memory is overwritten, but the array is "
                "read-only. Pass a copy, or do not donate it."
            )
        for j, (other_name, other) in enumerate(arrays):
            if i != j and isinstance(other, np.ndarray) and np.may_share_memory(donated, other):
                raise DonationError(
                    f"argument {spec.name!r} is donated, so its memory is overwritten, but it shares "
                    f"memory with {other_name}. Pass a copy of one of them."
                )
