"""Writes the part of a native entry that takes nested arguments apart."""

from __future__ import annotations

from llvmlite import ir

from graphc.backends.cpu.llvm import I8, I64, PTR, i64
from graphc.backends.signature import ArgGroup, ArgTree, Signature, argument_leaves
from graphc.runtime.entry.code import NULL, EntryCode
from graphc.runtime.layout import LAYOUT


def emit_nesting(entry: EntryCode, signature: Signature) -> None:
    """Misses unless the arguments are nested as `signature` says; lets `entry.args` hold the leaves.

    Leaves are borrowed from their containers: no Python code runs until `emit_holding`.
    """
    given = signature.given
    counts = (entry.same(entry.nargs, i64(len(given))), entry.same(entry.kwnames, NULL))
    entry.guard(entry.all(counts))
    if signature.nesting is None:
        return
    flat = entry.space(PTR, max(1, len(signature.args)))
    for i, tree in enumerate(given):
        _emit_tree(entry, tree, entry.field(entry.args, 8 * i, PTR), flat)
    entry.args = flat


def emit_holding(entry: EntryCode, signature: Signature) -> None:
    """Keeps the leaves of lists and dicts alive, which other threads may change during the call."""
    entry.held = [leaf for tree in signature.given for leaf in _changeable(tree, False)]
    entry.for_each([(i,) for i in entry.held], lambda i: entry.call("Py_IncRef", _leaf(entry, i)))


def emit_letting_go(entry: EntryCode) -> None:
    entry.for_each([(i,) for i in entry.held], lambda i: entry.call("Py_DecRef", _leaf(entry, i)))


def _leaf(entry: EntryCode, i: ir.Value) -> ir.Value:
    return entry.code.load(entry.word(entry.args, i), PTR)


def _changeable(tree: ArgTree, inside: bool) -> list[int]:
    """The leaves below a list or dict."""
    if isinstance(tree, int):
        return [tree] if inside else []
    if inside or tree.kind != "tuple":
        return list(argument_leaves(tree))
    return [leaf for item in tree.items for leaf in _changeable(item, False)]


def _emit_tree(entry: EntryCode, tree: ArgTree, object_: ir.Value, flat: ir.Value) -> None:
    if isinstance(tree, int):
        entry.code.store(object_, entry.word(flat, tree))
        return
    entry.guard(entry.same(entry.field(object_, LAYOUT.type, PTR), entry.address(tree.kind)))
    if tree.kind == "dict":
        _emit_dict(entry, tree, object_, flat)
        return
    count = entry.field(object_, LAYOUT.sequence_size, I64)
    entry.guard(entry.same(count, i64(len(tree.items))))
    items = entry.code.at(object_, I8, LAYOUT.tuple_items)
    if tree.kind == "list":
        items = entry.field(object_, LAYOUT.list_items, PTR)
    for i, item in enumerate(tree.items):
        _emit_tree(entry, item, entry.code.load(entry.word(items, i), PTR), flat)


def _emit_dict(entry: EntryCode, tree: ArgGroup, object_: ir.Value, flat: ir.Value) -> None:
    entry.guard(entry.same(entry.call("PyDict_Size", object_), i64(len(tree.items))))
    for key, item in zip(tree.keys, tree.items, strict=True):
        value = entry.call("PyDict_GetItem", object_, entry.address(f"key {key}"))
        entry.guard(entry.b.icmp_unsigned("!=", value, NULL))
        _emit_tree(entry, item, value, flat)
