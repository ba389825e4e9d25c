"""Small hand-written programs and the executables around them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from llvmlite import ir

from graphc.backends.cpu.jit import object_code
from graphc.backends.cpu.llvm import F32, F64, I8, I64, PTR, Code, i64
from graphc.backends.cpu.loaded import Loaded
from graphc.backends.signature import ArgSpec, ResultSpec, Signature
from graphc.ir.types import ArrayType, parse_type
from graphc.runtime.entry.stub import emit_stub
from graphc.runtime.executable import Executable

Body = Callable[[Code], object]


def executable(
    signature: Signature, body: Body, *, native: bool = True, captured=(), unflatten=None
) -> Executable:
    """`body` compiled with or without a native entry."""
    module = ir.Module("program")
    code = Code(module, "main_test", [PTR, PTR, PTR], result=I64)
    status = body(code)
    code.ret(status if status is not None else i64(0))
    emit_stub(module, signature, "main_test", "entry_test")
    loaded = Loaded(object_code(str(module)))
    entry = "entry_test" if native else None
    return Executable(
        signature, loaded, program="main_test", entry=entry, captured=captured, unflatten=unflatten
    )


def array(name: str, type_: str, *, donated: bool = False) -> ArgSpec:
    return ArgSpec(name, "array", parse_type(type_), donated)


def number(name: str, kind: str) -> ArgSpec:
    return ArgSpec(name, f"python {kind}", cell_type(kind))


def result(kind: str, type_: str | None = None, argument: int | None = None) -> ResultSpec:
    if kind.startswith("python"):
        return ResultSpec(kind, cell_type(kind.split()[1]))
    return ResultSpec(kind, parse_type(type_) if type_ else None, argument)


def cell_type(kind: str) -> ArrayType:
    return ArrayType(np.dtype(kind))


def buffer(code: Code, i: int) -> ir.Value:
    return code.load(code.at(code.args[0], PTR, i), PTR)


def dim(code: Code, i: int) -> ir.Value:
    return code.load(code.at(code.args[1], I64, i), I64)


def copy_cell(code: Code, source: int, target: int, element: ir.Type) -> None:
    code.store(code.load(buffer(code, source), element), buffer(code, target))


def scale(factor: float, count: int | None, source: int = 0, target: int = 1) -> Body:
    """target[i] = factor · source[i] for f32; a count of None reads the first symbol."""

    def body(code: Code) -> None:
        x, y = buffer(code, source), buffer(code, target)
        n = dim(code, 0) if count is None else count

        def step(i: ir.Value) -> None:
            value = code.load(code.at(x, F32, i), F32)
            code.store(code.mul(value, code.like(F32, factor)), code.at(y, F32, i))

        code.loop(n, step)

    return body


def add_pairs(element: ir.Type = F64) -> Body:
    """buffer 2 = buffer 0 + buffer 1, one element."""

    def body(code: Code) -> None:
        x, y = (code.load(buffer(code, i), element) for i in (0, 1))
        code.store(code.add(x, y), buffer(code, 2))

    return body


def through_arena(size: int) -> Body:
    """Fills the arena with the byte of the first input and copies its first and last byte to the output."""

    def body(code: Code) -> None:
        value = code.load(buffer(code, 0), I8)
        arena = code.args[2]
        misaligned = code.b.and_(code.b.ptrtoint(arena, I64), i64(63))
        code.loop(size, lambda i: code.store(value, code.at(arena, I8, i)))
        target = buffer(code, 1)
        for position, offset in enumerate((0, size - 1)):
            code.store(code.load(code.at(arena, I8, offset), I8), code.at(target, I8, position))
        code.store(code.b.trunc(misaligned, I8), code.at(target, I8, 2))

    return body


MISSED = "missed"


def doubling(native, type_="f32[16]", **options):
    signature = Signature("double", (array("x", type_),), (result("array", type_),), **options)
    return executable(signature, scale(2.0, 16), native=native)


def missing(compiled):
    """The entry of `compiled` with a fallback that returns what it was given."""
    return compiled.bound(lambda *args, **named: (MISSED, args, named))
