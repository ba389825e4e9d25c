"""The Numba implementation of one call: sizes, results, the native call, errors."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.errors import TypingError
from numba.extending import intrinsic

from graphc.api.numba_interop.forms import Path
from graphc.backends.signature import ResultSpec, Signature, Structure
from graphc.errors import ShapeError
from graphc.ir.dims import Dim, as_symbol
from graphc.runtime.cpu_backend import NativeProgram
from graphc.runtime.python_entry import resolve_exception

_ALIGNMENT = 64
_INT64, _POINTER = ir.IntType(64), cgutils.voidptr_t


def implementation(
    program: NativeProgram, structure: Structure | None, paths: Sequence[Path]
) -> Callable[..., Any]:
    """`impl(*args)`: what Numba compiles for a call of this program."""
    signature = program.signature
    if structure is None:
        raise TypingError(f"{signature.name} returns more than arrays, numbers, tuples and lists of them")
    namespace: dict[str, Any] = {
        "np": np,
        "call": _native_call(program),
        "ShapeError": ShapeError,
        **{f"Error{i}": resolve_exception(name) for i, (name, _) in enumerate(signature.errors)},
    }
    exec("\n".join(_lines(signature, structure, paths)), namespace)
    made: Callable[..., Any] = namespace["impl"]
    return made


def _lines(signature: Signature, structure: Structure, paths: Sequence[Path]) -> list[str]:
    body = [*_inputs(signature, paths), *_sizes(signature), *_outputs(signature)]
    written = [i for i, spec in enumerate(signature.results) if spec.is_written]
    inputs = "".join(f"x{i}, " for i in range(len(signature.args)))
    outputs = "".join(f"{_memory(i, signature.results[i])}, " for i in written)
    sizes = "".join(f"{s}, " for s in signature.symbols)
    scratch = f"np.empty(max(0, {signature.arena}) + {_ALIGNMENT}, np.uint8)" if signature.arena != 0 else "0"
    body.append(f"answer = call(({inputs}), ({outputs}), ({sizes}), {scratch})")
    for status, (_, message) in enumerate(signature.errors, 1):
        body += [f"if answer[0] == {status}:", f"    raise Error{status - 1}({message!r})"]
    scalars = [i for i in written if signature.results[i].kind not in ("array", "updated argument")]
    body += [f"y{i} = answer[{place}]" for place, i in enumerate(scalars, 1)]
    body.append(f"return {_nested(structure, signature.results)}")
    return ["def impl(*args):", *(f"    {line}" for line in body)]


def _inputs(signature: Signature, paths: Sequence[Path]) -> list[str]:
    """The flat arguments x0, x1, … as the program reads them."""
    lines = []
    for i, (spec, path) in enumerate(zip(signature.args, paths, strict=True)):
        text = path.text
        if isinstance(path.type, types.Array) and path.type.layout != "C":
            if spec.donated:
                raise TypingError(
                    f"argument {spec.name} of {signature.name} is donated: it must be C-contiguous"
                )
            text = f"np.ascontiguousarray({text})"
        elif spec.kind != "array":
            text = f"{_scalar(spec.type.dtype)}({text})"
        if spec.donated and not path.type.mutable:
            raise TypingError(f"argument {spec.name} of {signature.name} is donated, but read-only")
        lines.append(f"x{i} = {text}")
    return lines


def _scalar(dtype: np.dtype) -> str:
    return "np.bool_" if dtype.kind == "b" else f"np.{dtype.name}"


def _sizes(signature: Signature) -> list[str]:
    """The symbols from the axes that are just them, then a check of all other axes."""
    axes = [(i, a, dim) for i, spec in enumerate(signature.args) for a, dim in enumerate(spec.type.shape)]
    bound: dict[str, tuple[int, int]] = {}
    for i, a, dim in axes:
        name = as_symbol(dim)
        if name is not None:
            bound.setdefault(name, (i, a))
    lines = [f"{name} = x{i}.shape[{a}]" for name, (i, a) in bound.items()]
    for i, a, dim in axes:
        name = as_symbol(dim)
        if name is not None and bound[name] == (i, a):
            continue
        lines += [
            f"if x{i}.shape[{a}] != {dim}:",
            f"    raise ShapeError({_mismatch(signature, bound, i, a, dim)!r})",
        ]
    return lines


def _mismatch(signature: Signature, bound: dict[str, tuple[int, int]], i: int, a: int, dim: Dim) -> str:
    where = f"axis {a} of argument {signature.args[i].name} of {signature.name}"
    name = as_symbol(dim)
    if name is not None:
        j, b = bound[name]
        return f"{where} differs from axis {b} of argument {signature.args[j].name}"
    used = [s for s in bound if re.search(rf"\b{s}\b", str(dim))]
    origins = [f"{s} = axis {bound[s][1]} of {signature.args[bound[s][0]].name}" for s in used]
    return f"{where} is not {dim}" + (f", {', '.join(origins)}" if origins else "")


def _outputs(signature: Signature) -> list[str]:
    lines = []
    for i, spec in enumerate(signature.results):
        if spec.kind == "array" and spec.type is not None:
            # Sizes below zero are refused by the program, with the user's line.
            shape = "".join(
                f"{dim}, " if isinstance(dim, int) else f"max(0, {dim}), " for dim in spec.type.shape
            )
            lines.append(f"y{i} = np.empty(({shape}), {_scalar(spec.type.dtype)})")
    return lines


def _memory(i: int, spec: ResultSpec) -> str:
    """What holds result number i: an array, or a number to tell the type of a cell."""
    if spec.kind == "array":
        return f"y{i}"
    if spec.kind == "updated argument":
        return f"x{spec.argument}"
    assert spec.type is not None
    return f"{_scalar(spec.type.dtype)}(0)"


def _nested(structure: Structure, results: Sequence[ResultSpec]) -> str:
    if isinstance(structure, int):
        spec = results[structure]
        return f"y{structure}" if spec.argument is None else f"x{spec.argument}"
    items = [_nested(item, results) for item in structure.items]
    return f"[{', '.join(items)}]" if structure.kind == "list" else f"({''.join(f'{x}, ' for x in items)})"


def _native_call(program: NativeProgram) -> Any:
    """`call(inputs, outputs, sizes, scratch) -> (status, numbers written…)`, by the program's address."""

    def call(
        context: Any, inputs: types.Type, outputs: types.Type, sizes: types.Type, scratch: types.Type
    ) -> tuple[Any, Any]:
        cells = [t for t in outputs if not isinstance(t, types.Array)]
        result = types.Tuple([types.int64, *cells])

        def generate(
            context: Any, builder: ir.IRBuilder, signature: Any, args: Sequence[ir.Value]
        ) -> ir.Value:
            code = _Caller(context, builder)
            given = code.pointers(inputs, args[0])
            captured = [code.known(array.ctypes.data) for array in program.captured]
            written = code.pointers(outputs, args[1])
            table = code.block(_POINTER, [*given, *captured, *written])
            dims = code.block(_INT64, cgutils.unpack_tuple(builder, args[2]))
            arena = code.aligned(scratch, args[3])
            status = code.call(program.address, [table, dims, arena])
            memory = zip(outputs, written, strict=True)
            values = [code.read(t, p) for t, p in memory if not isinstance(t, types.Array)]
            return context.make_tuple(builder, result, [status, *values])

        return result(inputs, outputs, sizes, scratch), generate

    return intrinsic(call)


class _Caller:
    """Writes the native call in the LLVM IR of Numba."""

    def __init__(self, context: Any, builder: ir.IRBuilder) -> None:
        self.context = context
        self.builder = builder

    def pointers(self, types_: types.Type, value: ir.Value) -> list[ir.Value]:
        """The data of arrays; cells on the stack for numbers."""
        items = cgutils.unpack_tuple(self.builder, value)
        return [self._pointer(t, item) for t, item in zip(types_, items, strict=True)]

    def _pointer(self, type_: types.Type, value: ir.Value) -> ir.Value:
        if isinstance(type_, types.Array):
            data = self.context.make_array(type_)(self.context, self.builder, value).data
        else:
            stored = self.context.get_value_as_data(self.builder, type_, value)
            data = cgutils.alloca_once_value(self.builder, stored)
        return self.builder.bitcast(data, _POINTER)

    def read(self, type_: types.Type, pointer: ir.Value) -> ir.Value:
        """The number in a cell."""
        stored = self.builder.bitcast(pointer, self.context.get_data_type(type_).as_pointer())
        return self.context.get_data_as_value(self.builder, type_, self.builder.load(stored))

    def block(self, type_: ir.Type, values: Sequence[ir.Value]) -> ir.Value:
        """Values one after another in memory."""
        memory = cgutils.alloca_once(self.builder, type_, size=max(1, len(values)))
        for i, value in enumerate(values):
            self.builder.store(value, cgutils.gep_inbounds(self.builder, memory, i))
        return self.builder.bitcast(memory, _POINTER)

    def aligned(self, type_: types.Type, scratch: ir.Value) -> ir.Value:
        """The first line boundary in an array of bytes; null where there is none."""
        if not isinstance(type_, types.Array):
            return ir.Constant(_POINTER, None)
        address = self.builder.ptrtoint(self._pointer(type_, scratch), _INT64)
        up = self.builder.add(address, ir.Constant(_INT64, _ALIGNMENT - 1))
        return self.builder.inttoptr(self.builder.and_(up, ir.Constant(_INT64, -_ALIGNMENT)), _POINTER)

    def known(self, address: int) -> ir.Value:
        """An address of this process. It keeps Numba from writing the caller's code to disk."""
        return self.context.add_dynamic_addr(self.builder, address, info="graphc")

    def call(self, address: int, args: Sequence[ir.Value]) -> ir.Value:
        type_ = ir.FunctionType(_INT64, [_POINTER] * 3)
        return self.builder.call(self.builder.bitcast(self.known(address), type_.as_pointer()), args)
