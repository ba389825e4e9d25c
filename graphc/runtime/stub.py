"""The native entry of one specialisation: checks, allocates, calls the program, builds the result.

`emit_stub` adds to the module that holds the program a function of CPython's fast calling convention
(METH_FASTCALL | METH_KEYWORDS). Its code holds no address of this process, so it can be kept on disk
with the program; `bind` gives it its table of addresses and makes a built-in function of it.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from llvmlite import ir

from graphc.backends.cpu.llvm import F64, I8, I32, I64, PTR, i64
from graphc.runtime import arena, table
from graphc.runtime.donation import emit_donation_checks
from graphc.runtime.entry_args import emit_arguments
from graphc.runtime.entry_code import NULL, EntryCode
from graphc.runtime.layout import LAYOUT
from graphc.runtime.signature import Group, ResultSpec, Signature, Structure

LARGEST_STACK_ARENA = 8192
_PROGRAM = ir.FunctionType(I64, [PTR, PTR, PTR])
_METH_FASTCALL_KEYWORDS = 0x0080 | 0x0002


@dataclass(frozen=True, slots=True)
class _Output:
    """One result while the entry runs: its object (unless still to be boxed) and its memory."""

    spec: ResultSpec
    object: ir.Value | None
    memory: ir.Value | None


def emit_stub(module: ir.Module, signature: Signature, program: str, name: str) -> None:
    """Adds the entry `name`, which calls the function `program` of the same object file."""
    groups = _groups(signature.tree)
    entry = EntryCode(module, name, table.slots(signature), len(signature.results) + len(groups))
    buffers = entry.space(PTR, max(1, len(signature.args) + len(signature.captured) + len(signature.written)))
    emit_arguments(entry, signature, buffers)
    emit_donation_checks(entry, signature, buffers)
    outputs = _emit_outputs(entry, signature, buffers)
    dims = _emit_dims(entry, signature)
    scratch = _emit_arena(entry, signature)
    _emit_program_call(entry, signature, program, (buffers, dims, scratch))
    objects = [_emit_boxed(entry, i, output) for i, output in enumerate(outputs)]
    entry.b.ret(_emit_structure(entry, signature, objects, groups))
    entry.finish()


def stub_ir(signature: Signature, program: str, name: str) -> str:
    """The entry alone as a module, for a program defined elsewhere."""
    module = ir.Module(name)
    emit_stub(module, signature, program, name)
    return str(module)


# ---- outputs


def _emit_outputs(entry: EntryCode, signature: Signature, buffers: ir.Value) -> list[_Output]:
    outputs: list[_Output] = []
    position = len(signature.args) + len(signature.captured)
    for i, spec in enumerate(signature.results):
        output = _emit_output(entry, i, spec, buffers)
        outputs.append(output)
        if spec.is_written:
            entry.code.store(output.memory, entry.word(buffers, position))
            position += 1
    return outputs


def _emit_output(entry: EntryCode, i: int, spec: ResultSpec, buffers: ir.Value) -> _Output:
    match spec.kind:
        case "none":
            return _Output(spec, _referenced(entry, i, entry.address("None")), None)
        case "argument" | "updated argument":
            assert spec.argument is not None
            object_ = entry.field(entry.args, 8 * spec.argument, PTR)
            memory = entry.code.load(entry.word(buffers, spec.argument), PTR)
            return _Output(spec, _referenced(entry, i, object_), memory)
        case "array":
            object_ = entry.own(i, _new_array(entry, spec))
            return _Output(spec, object_, entry.field(object_, LAYOUT.array_data, PTR))
        case _:
            return _Output(spec, None, entry.space(I64, 1))


def _referenced(entry: EntryCode, i: int, object_: ir.Value) -> ir.Value:
    entry.call("Py_IncRef", object_)
    return entry.own(i, object_)


def _new_array(entry: EntryCode, spec: ResultSpec) -> ir.Value:
    assert spec.type is not None
    shape = spec.type.shape
    if all(isinstance(dim, int) for dim in shape):
        dims = entry.constant_words([int(dim) for dim in shape] or [0])
    else:
        dims = entry.space(I64, len(shape))
        for axis, dim in enumerate(shape):
            entry.code.store(entry.evaluate(dim), entry.word(dims, axis))
    descr = entry.address(f"descr {spec.type.dtype.name}")
    entry.call("Py_IncRef", descr)  # the new array takes this reference, even where it fails
    rank, flags = ir.Constant(I32, len(shape)), ir.Constant(I32, 0)
    arguments = (entry.address("ndarray"), descr, rank, dims, NULL, NULL, flags, NULL)
    return entry.call("PyArray_NewFromDescr", *arguments)


# ---- the call


def _emit_dims(entry: EntryCode, signature: Signature) -> ir.Value:
    if not signature.symbols:
        return NULL
    dims = entry.space(I64, len(signature.symbols))
    for i, symbol in enumerate(signature.symbols):
        entry.code.store(entry.size(symbol), entry.word(dims, i))
    return dims


def _emit_arena(entry: EntryCode, signature: Signature) -> ir.Value:
    if signature.arena == 0:
        return NULL
    if isinstance(signature.arena, int) and signature.arena <= LARGEST_STACK_ARENA:
        return entry.code.scratch(I8, signature.arena)
    return _emit_thread_arena(entry, entry.evaluate(signature.arena))


def _emit_thread_arena(entry: EntryCode, size: ir.Value) -> ir.Value:
    """This thread's block; it is looked up anew after growing, as Python code ran in between."""
    b = entry.b
    find, found, grow, ready = (entry.block(name) for name in ("find", "found", "grow", "ready"))
    b.branch(find)
    b.position_at_end(find)
    block = entry.call("pthread_getspecific", entry.address("arena key", I32))
    b.cbranch(b.icmp_unsigned("!=", block, NULL), found, grow)
    b.position_at_end(found)
    enough = b.icmp_signed("<=", size, entry.code.load(block, I64))
    b.cbranch(enough, ready, grow).set_weights((1000, 1))
    b.position_at_end(grow)
    entry.call("Py_DecRef", entry.checked(_call_hook(entry, "grow arena", size)))
    b.branch(find)
    b.position_at_end(ready)
    return entry.code.at(block, I8, arena.HEADER)


def _call_hook(entry: EntryCode, hook: str, number: ir.Value) -> ir.Value:
    argument = entry.checked(entry.call("PyLong_FromLongLong", number))
    answer = entry.call("PyObject_CallOneArg", entry.address(hook), argument)
    entry.call("Py_DecRef", argument)
    return answer


def _emit_program_call(
    entry: EntryCode, signature: Signature, program: str, arguments: tuple[ir.Value, ...]
) -> None:
    module = entry.code.module
    function = module.globals.get(program) or ir.Function(module, _PROGRAM, program)
    thread = entry.call("PyEval_SaveThread") if signature.long_running else None
    status = entry.b.call(function, list(arguments))
    if thread is not None:
        entry.call("PyEval_RestoreThread", thread)
    if not signature.errors:
        return
    wrong, fine = entry.block("wrong"), entry.block("fine")
    entry.b.cbranch(entry.b.icmp_signed("==", status, i64(0)), fine, wrong).set_weights((1000, 1))
    entry.b.position_at_end(wrong)
    # The hook raises, so there is no answer to give back.
    _call_hook(entry, "raise error", status)
    entry.b.branch(entry.failed)
    entry.b.position_at_end(fine)


# ---- results


def _emit_boxed(entry: EntryCode, i: int, output: _Output) -> ir.Value:
    if output.object is not None:
        return output.object
    code, spec = entry.code, output.spec
    match spec.kind:
        case "python float":
            object_ = entry.call("PyFloat_FromDouble", code.load(output.memory, F64))
        case "python int":
            object_ = entry.call("PyLong_FromLongLong", code.load(output.memory, I64))
        case "python bool":
            object_ = entry.call("PyBool_FromLong", entry.b.zext(code.load(output.memory, I8), I64))
        case _:
            assert spec.type is not None
            descr = entry.address(f"descr {spec.type.dtype.name}")
            object_ = entry.call("PyArray_Scalar", output.memory, descr, NULL)
    return entry.own(i, object_)


def _groups(structure: Structure) -> list[Group]:
    """All groups of a structure, the outermost first."""
    if isinstance(structure, int):
        return []
    return [structure] + [group for item in structure.items for group in _groups(item)]


def _emit_structure(
    entry: EntryCode, signature: Signature, objects: list[ir.Value], groups: list[Group]
) -> ir.Value:
    """The result. All containers are made before any is filled: filling cannot fail."""
    containers = []
    for i, group in enumerate(groups):
        make = "PyTuple_New" if group.kind == "tuple" else "PyList_New"
        container = entry.call(make, i64(len(group.items)))
        containers.append(entry.own(len(objects) + i, container))
    taken: set[int] = set()
    remaining = iter(zip(groups, containers, strict=True))
    result = _fill(entry, signature.tree, objects, taken, remaining.__next__)
    if not signature.unflatten:
        return result
    answer = entry.call("PyObject_CallOneArg", entry.address("unflatten"), result)
    entry.call("Py_DecRef", result)
    return answer


def _fill(
    entry: EntryCode,
    structure: Structure,
    objects: list[ir.Value],
    taken: set[int],
    following: Callable[[], tuple[Group, ir.Value]],
) -> ir.Value:
    """A reference to the object of `structure`; a leaf that occurs again needs one more reference."""
    if isinstance(structure, int):
        if structure in taken:
            entry.call("Py_IncRef", objects[structure])
        taken.add(structure)
        return objects[structure]
    group, container = following()
    items = entry.code.at(container, I8, LAYOUT.tuple_items)
    if group.kind == "list":
        items = entry.field(container, LAYOUT.list_items, PTR)
    for i, item in enumerate(group.items):
        entry.code.store(_fill(entry, item, objects, taken, following), entry.word(items, i))
    return container


# ---- binding


class _MethodDefinition(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


def bind(
    address: int,
    signature: Signature,
    hooks: Mapping[str, object],
    captured: tuple[np.ndarray, ...],
    keep: object,
) -> Callable[..., object]:
    """The entry at `address` as a built-in function that keeps `keep`, the owner of its code, alive."""
    definition = _MethodDefinition(signature.name.encode(), address, _METH_FASTCALL_KEYWORDS, None)
    make = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p)(
        ("PyCFunction_NewEx", ctypes.pythonapi)
    )
    addresses = table.addresses(signature, hooks, captured)
    alive = (addresses, dict(hooks), captured, definition, keep)
    function: Callable[..., object] = make(ctypes.addressof(definition), alive, None)
    return function
