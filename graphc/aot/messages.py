"""Texts inside a library: what each status means, and the digest of the interface it was built with."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from llvmlite import ir

from graphc.aot.entry import constant_bytes
from graphc.aot.interface import FIRST_CHECK, STATUSES, Function, Library
from graphc.backends.cpu.llvm import I1, I32, PTR, Code
from graphc.backends.cpu.llvm_types import Bytes

_UNKNOWN = "no status of this function"


def emit_message(module: ir.Module, function: Function) -> None:
    """Defines `const char *SYMBOL_message(int status)`."""
    code = Code(module, f"{function.symbol}_message", [I32], result=PTR)
    result = _text(module, _UNKNOWN)
    for status, text in status_texts(function):
        same = code.b.icmp_signed("==", code.args[0], ir.Constant(I32, status))
        result = code.b.select(same, _text(module, text), result)
    code.b.ret(result)


def emit_target(module: ir.Module, library: Library, level: Callable[[Code], ir.Value | None]) -> None:
    """Defines `const char *NAME_target(void)`. `level` gives the position of the target that is used, or -1;
    None if there is only one, which runs everywhere."""
    code = Code(module, f"{library.name}_target", [], result=PTR)
    found = level(code)
    result: ir.Value = ir.Constant(PTR, None)
    for i, name in enumerate(library.levels):
        fits = (
            code.b.icmp_signed("==", found, ir.Constant(I32, i)) if found is not None else ir.Constant(I1, 1)
        )
        result = code.b.select(fits, _text(module, name), result)
    code.b.ret(result)


def status_texts(function: Function) -> list[tuple[int, str]]:
    """Every status with its meaning."""
    own = [f"{exception}: {message}" for exception, message in function.errors]
    return [*enumerate(text for _, text in STATUSES), *enumerate(own, FIRST_CHECK)]


def emit_digest(module: ir.Module, name: str, digest: str) -> None:
    """Defines `const char NAME_interface[]`: by it a loader knows that library and manifest fit."""
    data = digest.encode() + b"\0"
    initial = Bytes(data)
    variable = ir.GlobalVariable(module, initial.type, f"{name}_interface")
    variable.initializer = initial
    variable.global_constant = True


def _text(module: ir.Module, text: str) -> ir.Value:
    data = text.encode(errors="backslashreplace")
    name = f"graphc.text.{hashlib.sha256(data).hexdigest()[:16]}"
    found = module.globals.get(name)
    return found if found is not None else constant_bytes(module, name, data + b"\0", align=1)
