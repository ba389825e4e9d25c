"""Makes a built-in function of the native entry of a specialisation."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping

import numpy as np

from graphc.backends.signature import Signature
from graphc.runtime import table

_METH_FASTCALL_KEYWORDS = 0x0080 | 0x0002


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
    alive = (addresses, dict(hooks), captured, definition, table.keys(signature), keep)
    function: Callable[..., object] = make(ctypes.addressof(definition), alive, None)
    return function
