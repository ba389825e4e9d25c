"""Where CPython and NumPy keep the fields that native entries read, verified on sample objects.

A native entry reads objects at fixed byte offsets instead of calling accessors. The offsets are part of
the stable binary layout of CPython 3.11+ and NumPy 2.x; still, nothing is trusted: `native_problem`
checks every offset against what Python itself reports, once per process, before the first native entry
is bound.
"""

from __future__ import annotations

import ctypes
import functools
import sys
from collections.abc import Iterator

import numpy as np

from graphc.dataclass import dataclass

C_CONTIGUOUS = 0x0001
ALIGNED = 0x0100
WRITEABLE = 0x0400


@dataclass(frozen=True)
class Layout:
    """Byte offsets inside Python objects."""

    type: int = object.__basicsize__ - ctypes.sizeof(ctypes.c_void_p)
    array_data: int = 16
    array_rank: int = 24
    array_dims: int = 32
    array_descr: int = 56
    array_flags: int = 64
    scalar_value: int = 16  # of Python's float and of NumPy's fixed-size scalars
    sequence_size: int = 16  # of tuples and lists
    list_items: int = 24
    tuple_items: int = tuple.__basicsize__
    bytes_data: int = bytes.__basicsize__ - 1


LAYOUT = Layout()


def layout_key() -> str:
    """A text that differs where stubs are not exchangeable; part of the key of cached object code."""
    return f"{sys.implementation.cache_tag}-numpy{np.__version__.split('.')[0]}-{LAYOUT}"


@functools.cache
def native_problem() -> str | None:
    """Why native entries cannot be used in this process, or None where they can."""
    if sys.implementation.name != "cpython" or sys.platform not in ("linux", "darwin"):
        return "native entries know CPython on Linux and macOS only"
    if ctypes.sizeof(ctypes.c_void_p) != 8 or sys.byteorder != "little":
        return "native entries need 64-bit little-endian pointers"
    if "t" in getattr(sys, "abiflags", ""):  # a free-threaded build
        return "native entries rely on the global interpreter lock"
    return next((f"unexpected layout of {what}" for what, holds in _facts() if not holds), None)


def _facts() -> Iterator[tuple[str, bool]]:
    for array in _sample_arrays():
        yield from _array_facts(array)
    number = 1.25e-7
    yield "float", _read(ctypes.c_double, id(number) + LAYOUT.scalar_value) == number
    yield "float's type", _pointer(id(number) + LAYOUT.type) == id(float)
    for scalar in (np.float32(1.5), np.float64(-2.5), np.int8(-3), np.int64(1 << 40), np.uint16(9), np.True_):
        raw = ctypes.string_at(id(scalar) + LAYOUT.scalar_value, scalar.itemsize)
        yield type(scalar).__name__, raw == scalar.tobytes()
    items = (number, "a")
    yield (
        "tuple",
        [_pointer(id(items) + LAYOUT.tuple_items + 8 * i) for i in (0, 1)] == [id(i) for i in items],
    )
    listed = list(items)
    first = _pointer(id(listed) + LAYOUT.list_items)
    yield "list", [_pointer(first + 8 * i) for i in (0, 1)] == [id(i) for i in items]
    lengths = [_read(ctypes.c_int64, id(sequence) + LAYOUT.sequence_size) for sequence in (items, listed)]
    yield "length", lengths == [2, 2]
    text = bytes(range(40))
    yield "bytes", ctypes.string_at(id(text) + LAYOUT.bytes_data, 40) == text


def _sample_arrays() -> list[np.ndarray]:
    frozen = np.zeros((2, 3), np.int16)
    frozen.flags.writeable = False
    return [
        np.zeros((), np.float64),
        np.zeros((4, 5, 6), np.float32),
        np.zeros((4, 5), np.int64).T,
        np.zeros(9, np.uint8)[1:].view(np.int64),
        frozen,
    ]


def _array_facts(array: np.ndarray) -> Iterator[tuple[str, bool]]:
    flags = array.flags
    expected = flags.c_contiguous * C_CONTIGUOUS | flags.aligned * ALIGNED | flags.writeable * WRITEABLE
    base = id(array)
    yield "array type", _pointer(base + LAYOUT.type) == id(np.ndarray)
    yield "array data", _pointer(base + LAYOUT.array_data) == array.ctypes.data
    yield "array rank", _read(ctypes.c_int, base + LAYOUT.array_rank) == array.ndim
    dims = _pointer(base + LAYOUT.array_dims) if array.ndim else 0
    shape = tuple(_read(ctypes.c_int64, dims + 8 * axis) for axis in range(array.ndim))
    yield "array shape", shape == array.shape
    yield "array dtype", _pointer(base + LAYOUT.array_descr) == id(array.dtype)
    mask = C_CONTIGUOUS | ALIGNED | WRITEABLE
    yield "array flags", int(_read(ctypes.c_int, base + LAYOUT.array_flags)) & mask == expected


def _read(kind: type[ctypes._SimpleCData[float]] | type[ctypes._SimpleCData[int]], address: int) -> float:
    return kind.from_address(address).value


def _pointer(address: int) -> int:
    return ctypes.c_void_p.from_address(address).value or 0
