"""Object code in this process: callable addresses."""

from __future__ import annotations

import ctypes
import functools
from typing import TYPE_CHECKING, Final

from graphc.backends.cpu.image import Image, ObjectFile, is_supported

if TYPE_CHECKING:
    from graphc.backends.cpu.jit import Engine

# Symbols of graphc's own that object code may refer to, beside those of the process.
_DEFINED: Final[dict[str, int]] = {}


def define(symbol: str, address: int) -> None:
    """Lets object code that is loaded from now on find `symbol`."""
    _DEFINED[symbol] = address


class Loaded:
    """Object code mapped into this process. Addresses are valid while this object lives."""

    def __init__(self, code: bytes) -> None:
        file = ObjectFile(code)
        self._code = Image(file, _external) if is_supported() and file.is_simple else _by_llvm(code)

    def address(self, symbol: str) -> int:
        found = self._code.address(symbol)
        if not found:
            raise KeyError(f"the object code defines no symbol {symbol!r}")
        return found


def _by_llvm(code: bytes) -> Engine:
    from graphc.backends.cpu.jit import Engine

    return Engine(code, _DEFINED)


def _external(symbol: str) -> int:
    if symbol in _DEFINED:
        return _DEFINED[symbol]
    return ctypes.cast(_process()[symbol], ctypes.c_void_p).value or 0


@functools.cache
def _process() -> ctypes.CDLL:
    return ctypes.CDLL(None)
