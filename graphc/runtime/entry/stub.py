"""The native entry of one specialisation: checks, allocates, calls the program, builds the result.

`emit_stub` adds to the module that holds the program a function of CPython's fast calling convention
(METH_FASTCALL | METH_KEYWORDS). Its code holds no address of this process, so it can be kept on disk
with the program; `graphc.runtime.binding` gives it its table of addresses and makes a built-in function.
"""

from __future__ import annotations

from collections.abc import Callable

from llvmlite import ir

from graphc.backends.cpu.llvm import I8, I32, I64, PTR, i64
from graphc.backends.signature import Group, Signature, Structure
from graphc.runtime import arena, table
from graphc.runtime.entry.arguments import emit_arguments
from graphc.runtime.entry.code import NULL, EntryCode
from graphc.runtime.entry.donation import emit_donation_checks
from graphc.runtime.entry.nesting import emit_holding, emit_letting_go, emit_nesting
from graphc.runtime.entry.results import emit_boxes, emit_outputs
from graphc.runtime.layout import LAYOUT

LARGEST_STACK_ARENA = 8192
_PROGRAM = ir.FunctionType(I64, [PTR, PTR, PTR])


def emit_stub(module: ir.Module, signature: Signature, program: str, name: str) -> None:
    """Adds the entry `name`, which calls the function `program` of the same object file."""
    groups = _groups(signature.tree)
    entry = EntryCode(module, name, table.slots(signature), len(signature.results) + len(groups))
    buffers = entry.space(PTR, max(1, len(signature.args) + len(signature.captured) + len(signature.written)))
    emit_nesting(entry, signature)
    emit_arguments(entry, signature, buffers)
    emit_donation_checks(entry, signature, buffers)
    emit_holding(entry, signature)
    emit_outputs(entry, signature, buffers)
    dims = _emit_dims(entry, signature)
    scratch = _emit_arena(entry, signature)
    _emit_program_call(entry, signature, program, (buffers, dims, scratch))
    emit_boxes(entry, signature, buffers)
    result = _emit_structure(entry, signature, groups)
    emit_letting_go(entry)
    entry.b.ret(result)
    emit_exits(entry)


def stub_ir(signature: Signature, program: str, name: str) -> str:
    """The entry alone as a module, for a program defined elsewhere."""
    module = ir.Module(name)
    emit_stub(module, signature, program, name)
    return str(module)


def emit_exits(entry: EntryCode) -> None:
    """The exit to the fallback, with what the caller gave, and the exit with an exception."""
    b = entry.b
    b.position_at_end(entry.missed)
    arguments = (entry.address("fallback"), entry.given, entry.nargs, entry.kwnames)
    b.ret(entry.call("PyObject_Vectorcall", *arguments))
    b.position_at_end(entry.failed)
    entry.give_back()
    emit_letting_go(entry)
    b.ret(NULL)


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
    entry.call("Py_DecRef", entry.checked(entry.call_hook("grow arena", size)))
    b.branch(find)
    b.position_at_end(ready)
    return entry.code.at(block, I8, arena.HEADER)


def _emit_program_call(
    entry: EntryCode, signature: Signature, program: str, arguments: tuple[ir.Value, ...]
) -> None:
    module = entry.code.module
    function = module.globals.get(program) or ir.Function(module, _PROGRAM, program)
    thread = entry.call("PyEval_SaveThread") if signature.long_running else None
    status = entry.b.call(function, list(arguments))
    if thread is not None:
        entry.call("PyEval_RestoreThread", thread)
    wrong, fine = entry.block("wrong"), entry.block("fine")
    entry.b.cbranch(entry.b.icmp_signed("==", status, i64(0)), fine, wrong).set_weights((1000, 1))
    entry.b.position_at_end(wrong)
    # The hook raises, so there is no answer to give back.
    entry.call_hook("raise error", status)
    entry.b.branch(entry.failed)
    entry.b.position_at_end(fine)


# ---- results


def _groups(structure: Structure) -> list[Group]:
    """All groups of a structure, the outermost first."""
    if isinstance(structure, int):
        return []
    return [structure] + [group for item in structure.items for group in _groups(item)]


def _emit_structure(entry: EntryCode, signature: Signature, groups: list[Group]) -> ir.Value:
    """The result. All containers are made before any is filled: filling cannot fail."""
    containers = []
    for i, group in enumerate(groups):
        make = "PyTuple_New" if group.kind == "tuple" else "PyList_New"
        container = entry.call(make, i64(len(group.items)))
        containers.append(entry.own(len(signature.results) + i, container))
    taken: set[int] = set()
    remaining = iter(zip(groups, containers, strict=True))
    result = _fill(entry, signature.tree, taken, remaining.__next__)
    if not signature.unflatten:
        return result
    answer = entry.call("PyObject_CallOneArg", entry.address("unflatten"), result)
    entry.call("Py_DecRef", result)
    return answer


def _fill(
    entry: EntryCode,
    structure: Structure,
    taken: set[int],
    following: Callable[[], tuple[Group, ir.Value]],
) -> ir.Value:
    """A reference to the object of `structure`; a leaf that occurs again needs one more reference."""
    if isinstance(structure, int):
        leaf = entry.owned_at(structure)
        if structure in taken:
            entry.call("Py_IncRef", leaf)
        taken.add(structure)
        return leaf
    group, container = following()
    items = entry.code.at(container, I8, LAYOUT.tuple_items)
    if group.kind == "list":
        items = entry.field(container, LAYOUT.list_items, PTR)
    for i, item in enumerate(group.items):
        entry.code.store(_fill(entry, item, taken, following), entry.word(items, i))
    return container
