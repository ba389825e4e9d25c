"""Maps relocatable object code of ELF for x86-64 into this process, without LLVM.

Importing LLVM takes longer than everything else a warm start does. The object files that LLVM makes for
just-in-time code (large code model) ask little of a loader: every relocation stores the 64-bit address of a
symbol (System V ABI for AMD64, table 4.9: R_X86_64_64). What asks for more is left to LLVM's own loader.
"""

from __future__ import annotations

import ctypes
import functools
import mmap
import platform
import struct
import sys
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

_MAGIC: Final = b"\x7fELF\x02\x01\x01"  # 64 bits, little-endian, version 1
_RELOCATABLE, _X86_64 = 1, 62
_SYMBOLS, _RELOCATIONS, _ZEROS = 2, 4, 8  # kinds of sections
_WRITE, _ALLOCATE, _EXECUTE = 1, 2, 4  # flags of sections
_UNDEFINED, _ABSOLUTE = 0, 0xFFF1  # in place of a symbol's section
_ADDRESS_64: Final = 1  # R_X86_64_64
_READABLE, _EXECUTABLE = 1, 5  # PROT_READ, PROT_READ | PROT_EXEC
# Frames are for unwinding: no exception passes through kernels.
_FRAMES: Final = ".eh_frame"


class _Section(NamedTuple):
    name: int
    kind: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int
    alignment: int
    entry_size: int


class _Symbol(NamedTuple):
    name: int
    info: int
    other: int
    section: int
    value: int
    size: int


class _Relocation(NamedTuple):
    """Bytes to change in `target`: the address of `symbol` plus `addend`, at `offset`."""

    target: int
    offset: int
    kind: int
    symbol: int
    addend: int


class ObjectFile:
    """The parts of an ELF relocatable file that loading needs."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.machine = struct.unpack_from("<HH", data, 16) if data.startswith(_MAGIC) else (0, 0)
        table, count, names = 0, 0, 0
        if self.machine == (_RELOCATABLE, _X86_64):
            (table,) = struct.unpack_from("<Q", data, 40)
            count, names = struct.unpack_from("<HH", data, 60)
        self.sections = [
            _Section(*struct.unpack_from("<IIQQQQIIQQ", data, table + 64 * i)) for i in range(count)
        ]
        self._names = names
        tables = [s for s in self.sections if s.kind == _SYMBOLS]
        self.symbols = [
            _Symbol(*row) for t in tables for row in struct.iter_unpack("<IBBHQQ", self._bytes(t))
        ]
        self._strings = self.sections[tables[0].link].offset if tables else 0

    @property
    def is_simple(self) -> bool:
        """Whether the code is for this processor and `Image` can load it."""
        known = all(s.section == _ABSOLUTE or s.section < len(self.sections) for s in self.symbols)
        aligned = all(section.alignment <= mmap.PAGESIZE for section in self.sections)
        simple = bool(self.sections) and known and aligned
        return simple and all(r.kind == _ADDRESS_64 for r in self.relocations())

    def relocations(self) -> Iterator[_Relocation]:
        for section in self.sections:
            if section.kind == _RELOCATIONS and self.is_loaded(section.info):
                for offset, info, addend in struct.iter_unpack("<QQq", self._bytes(section)):
                    yield _Relocation(section.info, offset, info & 0xFFFFFFFF, info >> 32, addend)

    def is_loaded(self, section: int) -> bool:
        """Whether a section has a place in memory."""
        described = self.sections[section]
        allocated = bool(described.flags & _ALLOCATE) and described.size > 0
        return allocated and self._text(self.sections[self._names].offset + described.name) != _FRAMES

    def contents(self, section: int) -> bytes:
        described = self.sections[section]
        return bytes(described.size) if described.kind == _ZEROS else self._bytes(described)

    def name(self, symbol: _Symbol) -> str:
        return self._text(self._strings + symbol.name)

    def _bytes(self, section: _Section) -> bytes:
        return self.data[section.offset : section.offset + section.size]

    def _text(self, start: int) -> str:
        return self.data[start : self.data.index(b"\0", start)].decode()


class Image:
    """Object code in memory of its own: code is read-only and executable, constants are read-only."""

    def __init__(self, file: ObjectFile, external: Callable[[str], int]) -> None:
        """`external` finds the address of a symbol that the file does not define."""
        places, size = _places(file)
        self._memory = mmap.mmap(-1, max(size, 1), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        start = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        addresses = [
            _address(file, symbol, {i: start + place for i, place in places.items()}, external)
            for symbol in file.symbols
        ]
        for i, place in places.items():
            self._memory[place : place + file.sections[i].size] = file.contents(i)
        for r in file.relocations():
            struct.pack_into("<Q", self._memory, places[r.target] + r.offset, addresses[r.symbol] + r.addend)
        defined = zip(file.symbols, addresses, strict=True)
        self._addresses = {file.name(s): a for s, a in defined if s.section != _UNDEFINED}
        _protect(file, places, start, size)

    def address(self, symbol: str) -> int:
        """Where a symbol is; 0 if the file defines no such symbol."""
        return self._addresses.get(symbol, 0)


def is_supported() -> bool:
    """Whether this process runs what `Image` loads."""
    return sys.platform == "linux" and platform.machine() == "x86_64" and sys.maxsize > 1 << 32


def _places(file: ObjectFile) -> tuple[dict[int, int], int]:
    """The offset of every section in memory, and the size of all: what is protected alike lies together."""
    places, end, protection = {}, 0, 0
    loaded = [i for i in range(len(file.sections)) if file.is_loaded(i)]
    for i in sorted(loaded, key=lambda i: _protection(file.sections[i])):
        section = file.sections[i]
        if _protection(section) != protection:
            end, protection = -(-end // mmap.PAGESIZE) * mmap.PAGESIZE, _protection(section)
        alignment = max(section.alignment, 1)
        places[i] = -(-end // alignment) * alignment
        end = places[i] + section.size
    return places, end


def _protection(section: _Section) -> int:
    """0 for memory that is written."""
    if section.flags & _WRITE:
        return 0
    return _EXECUTABLE if section.flags & _EXECUTE else _READABLE


def _address(
    file: ObjectFile, symbol: _Symbol, starts: dict[int, int], external: Callable[[str], int]
) -> int:
    if symbol.section == _UNDEFINED:
        return external(file.name(symbol)) if symbol.name else 0
    return symbol.value + starts.get(symbol.section, 0)


def _protect(file: ObjectFile, places: dict[int, int], start: int, size: int) -> None:
    page = mmap.PAGESIZE
    for protection in (_READABLE, _EXECUTABLE):
        inside = [i for i in places if _protection(file.sections[i]) == protection]
        if not inside:
            continue
        first = min(places[i] for i in inside) // page * page
        end = max(places[i] + file.sections[i].size for i in inside)
        if _mprotect()(start + first, -(-end // page) * page - first, protection):
            error = ctypes.get_errno()
            raise OSError(error, "the system does not let this process make code executable")


@functools.cache
def _mprotect() -> Callable[[int, int, int], int]:
    function = ctypes.CDLL(None, use_errno=True).mprotect
    function.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    call: Callable[[int, int, int], int] = function
    return call
