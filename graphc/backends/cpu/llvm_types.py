"""LLVM types of array elements and register values, and constants of them."""

from __future__ import annotations

from typing import Final

import numpy as np
from llvmlite import ir

I1: Final = ir.IntType(1)
I8: Final = ir.IntType(8)
I32: Final = ir.IntType(32)
I64: Final = ir.IntType(64)
F32: Final = ir.FloatType()
F64: Final = ir.DoubleType()
PTR: Final = ir.PointerType()
VOID: Final = ir.VoidType()


def scalar_type(dtype: np.dtype) -> ir.Type:
    """The LLVM type that one element of `dtype` has in memory (bool is a byte)."""
    if dtype == np.bool_:
        return I8
    if dtype.kind == "f":
        return F32 if dtype.itemsize == 4 else F64
    return ir.IntType(8 * dtype.itemsize)


def value_type(dtype: np.dtype, lanes: int = 1) -> ir.Type:
    """The LLVM type of a value of `dtype` in a register (bool is one bit)."""
    element = I1 if dtype == np.bool_ else scalar_type(dtype)
    return element if lanes == 1 else ir.VectorType(element, lanes)


def element_of(type_: ir.Type) -> ir.Type:
    return type_.element if isinstance(type_, ir.VectorType) else type_


def lanes_of(type_: ir.Type) -> int:
    return type_.count if isinstance(type_, ir.VectorType) else 1


def is_float(type_: ir.Type) -> bool:
    return isinstance(element_of(type_), ir.FloatType | ir.DoubleType)


def with_element(type_: ir.Type, element: ir.Type) -> ir.Type:
    """The type of the same number of lanes with another element."""
    return ir.VectorType(element, type_.count) if isinstance(type_, ir.VectorType) else element


def suffix(type_: ir.Type) -> str:
    """The mangled name that LLVM's overloaded intrinsics carry for `type_`."""
    if isinstance(type_, ir.VectorType):
        return f"v{type_.count}{suffix(type_.element)}"
    if isinstance(type_, ir.FloatType):
        return "f32"
    if isinstance(type_, ir.DoubleType):
        return "f64"
    if isinstance(type_, ir.PointerType):
        return "p0"
    return f"i{type_.width}"


def i64(value: int | ir.Value) -> ir.Value:
    return ir.Constant(I64, int(value)) if isinstance(value, int | np.integer) else value


class Splat(ir.Constant):  # type: ignore[misc]
    """A vector constant with one value in all lanes, written in LLVM's short form."""

    def __init__(self, element: ir.Constant, lanes: int) -> None:
        self.type = ir.VectorType(element.type, lanes)
        self.constant = [element] * lanes

    def _get_reference(self) -> str:
        return f"splat ({self.constant[0]})"


class Bytes(ir.Constant):  # type: ignore[misc]
    """A constant array of bytes, written as one string: llvmlite would go through them one by one."""

    def __init__(self, data: bytes) -> None:
        self.type = ir.ArrayType(I8, len(data))
        self.constant = data

    def _get_reference(self) -> str:
        escaped = self.constant.hex("\\")
        return f'c"\\{escaped}"' if escaped else 'c""'


_TYPES: Final = {"f32": F32, "f64": F64, "p0": PTR}
_constants: dict[tuple[str, str], ir.Constant] = {}


def constant(type_name: str, number: float | int) -> ir.Constant:
    """The constant of a type given by its mangled name; one object for each, as formulas repeat them."""
    key = (type_name, repr(number))
    found = _constants.get(key)
    if found is None:
        lanes, element = _parsed(type_name)
        if element is F32:
            with np.errstate(over="ignore"):
                number = float(np.float32(number))
        scalar = ir.Constant(element, number)
        found = _constants[key] = Splat(scalar, lanes) if lanes else scalar
    return found


def _parsed(type_name: str) -> tuple[int, ir.Type]:
    """(lanes, element) of `v16f32`; no lanes for a scalar."""
    lanes = 0
    if type_name.startswith("v"):
        digits = len(type_name[1:]) - len(type_name[1:].lstrip("0123456789"))
        lanes, type_name = int(type_name[1 : 1 + digits]), type_name[1 + digits :]
    return lanes, _TYPES.get(type_name) or ir.IntType(int(type_name[1:]))


def size_of(element: ir.Type) -> int:
    """Bytes of one element in memory."""
    if isinstance(element, ir.FloatType):
        return 4
    if isinstance(element, ir.DoubleType | ir.PointerType):
        return 8
    return max(1, int(element.width) // 8)
