"""Writes the part of a native entry that makes the results: arrays before the program, numbers after.

Every new reference is kept in `entry.owned` at the result's position.
"""

from __future__ import annotations

from collections.abc import Callable

from llvmlite import ir

from graphc.backends.cpu.llvm import F64, I8, I32, I64, PTR, i64
from graphc.backends.signature import ResultSpec, Signature, leaves
from graphc.ir.dims import Dim, as_symbol, product
from graphc.ir.types import ArrayType
from graphc.runtime.entry.code import LARGEST_UNROLLED, NULL, EntryCode
from graphc.runtime.layout import LAYOUT
from graphc.runtime.recycle import LARGE


def emit_outputs(entry: EntryCode, signature: Signature, buffers: ir.Value) -> None:
    """Makes the objects of all results but numbers, and fills the output buffers."""
    looped, positions = _static_arrays(signature), _buffers(signature)
    _emit_static_arrays(entry, signature, looped, buffers)
    _emit_inputs(entry, signature, buffers)
    for i, spec in enumerate(signature.results):
        if spec.kind == "none":
            none = entry.address("None")
            entry.call("Py_IncRef", none)
            entry.own(i, none)
        elif spec.kind == "array" and i not in looped:
            array = entry.own(i, _new_array(entry, i, spec))
            _set_buffer(entry, buffers, positions[i], array)
        elif spec.is_written and spec.argument is None and i not in looped:
            entry.code.store(entry.space(I64, 1), entry.word(buffers, positions[i]))


def emit_boxes(entry: EntryCode, signature: Signature, buffers: ir.Value) -> None:
    """Makes the objects of numbers from what the program wrote."""
    positions = _buffers(signature)
    for i, spec in enumerate(signature.results):
        if spec.kind in ("numpy scalar", "python float", "python int", "python bool"):
            memory = entry.code.load(entry.word(buffers, positions[i]), PTR)
            entry.own(i, _boxed(entry, spec, memory))


def _buffers(signature: Signature) -> dict[int, int]:
    """The position among the buffers of the output of every result that is written."""
    written = [i for i, result in enumerate(signature.results) if result.is_written]
    first = len(signature.args) + len(signature.captured)
    return {i: first + k for k, i in enumerate(written)}


def _set_buffer(entry: EntryCode, buffers: ir.Value, position: int | ir.Value, array: ir.Value) -> None:
    entry.code.store(entry.field(array, LAYOUT.array_data, PTR), entry.word(buffers, position))


def _emit_inputs(entry: EntryCode, signature: Signature, buffers: ir.Value) -> None:
    """Results that are inputs: their buffers, and a reference to each that is returned."""
    returned, positions = set(leaves(signature.tree)), _buffers(signature)
    aliases, arguments, captured = [], [], []
    for i, spec in enumerate(signature.results):
        if spec.argument is None:
            continue
        if spec.is_written:
            aliases.append((spec.argument, positions[i]))
        if i in returned and spec.argument < len(signature.args):
            arguments.append((i, spec.argument))
        elif i in returned:
            captured.append((i, entry.slot(f"captured object {spec.argument - len(signature.args)}")))

    def alias(source: ir.Value, target: ir.Value) -> None:
        entry.code.store(entry.code.load(entry.word(buffers, source), PTR), entry.word(buffers, target))

    def refer(i: ir.Value, object_: ir.Value) -> None:
        entry.call("Py_IncRef", object_)
        entry.own(i, object_)

    entry.for_each(aliases, alias)
    entry.for_each(arguments, lambda i, n: refer(i, entry.code.load(entry.word(entry.args, n), PTR)))
    entry.for_each(captured, lambda i, slot: refer(i, entry.address_at(slot)))


def _static_arrays(signature: Signature) -> list[int]:
    """The results that are allocated in a loop: arrays of fixed, small sizes, if there are many of them."""
    found = [
        i
        for i, spec in enumerate(signature.results)
        if spec.kind == "array" and spec.type is not None and _is_small(spec.type)
    ]
    return found if len(found) > LARGEST_UNROLLED else []


def _is_small(type_: ArrayType) -> bool:
    size = product((type_.dtype.itemsize, *type_.shape))
    return isinstance(size, int) and size < LARGE


def _emit_static_arrays(
    entry: EntryCode, signature: Signature, results: list[int], buffers: ir.Value
) -> None:
    positions = _buffers(signature)
    rows: list[tuple[int, ...]] = []
    words: list[int] = []
    for i in results:
        type_ = signature.results[i].type
        assert type_ is not None
        descr = entry.slot(f"descr {type_.dtype.name}")
        rows.append((i, positions[i], descr, type_.ndim, len(words)))
        words += [int(dim) for dim in type_.shape]
    if not results:
        return
    shapes = entry.constant_words(words or [0])

    def make(i: ir.Value, position: ir.Value, descr: ir.Value, rank: ir.Value, first: ir.Value) -> None:
        rank32, dims = entry.b.trunc(rank, I32), entry.word(shapes, first)
        array = entry.own(i, _allocated(entry, entry.address_at(descr), rank32, dims))
        _set_buffer(entry, buffers, position, array)

    entry.for_each(rows, make)


def _new_array(entry: EntryCode, i: int, spec: ResultSpec) -> ir.Value:
    assert spec.type is not None
    shape = spec.type.shape
    if not spec.type.symbols:
        dims = entry.constant_words([int(dim) for dim in shape] or [0])
    else:
        dims = entry.space(I64, len(shape))
        for axis, dim in enumerate(shape):
            entry.code.store(_not_negative(entry, dim), entry.word(dims, axis))
    size = product((spec.type.dtype.itemsize, *shape))
    rank, descr = ir.Constant(I32, len(shape)), entry.address(f"descr {spec.type.dtype.name}")
    if isinstance(size, int):
        return _large(entry, i, dims) if size >= LARGE else _allocated(entry, descr, rank, dims)
    return _either(
        entry,
        entry.b.icmp_signed(">=", entry.evaluate(size), i64(LARGE)),
        lambda: _large(entry, i, dims),
        lambda: _allocated(entry, descr, rank, dims),
    )


def _not_negative(entry: EntryCode, dim: Dim) -> ir.Value:
    """The size, or 0: sizes below zero are refused by the program itself, with the user's line."""
    size = entry.evaluate(dim)
    if isinstance(dim, int) or as_symbol(dim) is not None:
        return size
    return entry.b.select(entry.b.icmp_signed("<", size, i64(0)), i64(0), size)


def _either(
    entry: EntryCode, condition: ir.Value, rare: Callable[[], ir.Value], usual: Callable[[], ir.Value]
) -> ir.Value:
    b, blocks, values = entry.b, [entry.block("large"), entry.block("small")], []
    b.cbranch(condition, *blocks).set_weights((1, 1000))
    done = entry.block("made")
    for block, make in zip(blocks, (rare, usual), strict=True):
        b.position_at_end(block)
        value = make()
        values.append((value, b.block))
        b.branch(done)
    b.position_at_end(done)
    result = b.phi(PTR)
    for value, block in values:
        result.add_incoming(value, block)
    return result


def _large(entry: EntryCode, i: int, dims: ir.Value) -> ir.Value:
    """An array in recycled memory: the hook gets the address of the result's position and sizes."""
    request = entry.space(I64, 2)
    entry.code.store(i64(i), request)
    entry.code.store(dims, entry.word(request, 1))
    return entry.call_hook("allocate", entry.b.ptrtoint(request, I64))


def _allocated(entry: EntryCode, descr: ir.Value, rank: ir.Value, dims: ir.Value) -> ir.Value:
    entry.call("Py_IncRef", descr)  # the new array takes this reference, even where it fails
    flags = ir.Constant(I32, 0)
    arguments = (entry.address("ndarray"), descr, rank, dims, NULL, NULL, flags, NULL)
    return entry.call("PyArray_NewFromDescr", *arguments)


def _boxed(entry: EntryCode, spec: ResultSpec, memory: ir.Value) -> ir.Value:
    code = entry.code
    match spec.kind:
        case "python float":
            return entry.call("PyFloat_FromDouble", code.load(memory, F64))
        case "python int":
            return entry.call("PyLong_FromLongLong", code.load(memory, I64))
        case "python bool":
            return entry.call("PyBool_FromLong", entry.b.zext(code.load(memory, I8), I64))
        case _:
            assert spec.type is not None
            return entry.call("PyArray_Scalar", memory, entry.address(f"descr {spec.type.dtype.name}"), NULL)
