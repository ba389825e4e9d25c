"""Addresses of NumPy's C functions in this process."""

from __future__ import annotations

import ctypes
import functools
from typing import Final

from numpy._core import _multiarray_umath  # type: ignore[attr-defined]

# Positions in NumPy's table of C functions, fixed by its binary interface.
_POSITIONS: Final = {
    "PyArray_Scalar": 60,
    "PyArray_NewFromDescr": 94,
    "PyDataMem_SetHandler": 304,
}


@functools.cache
def numpy_function(name: str) -> int:
    """The address of NumPy's C function `name`."""
    open_capsule = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
        ("PyCapsule_GetPointer", ctypes.pythonapi)
    )
    # NumPy publishes this capsule for extension modules; it has no other name.
    base = open_capsule(_multiarray_umath._ARRAY_API, None)
    position = _POSITIONS[name]
    return int(ctypes.c_void_p.from_address(base + 8 * position).value or 0)
