"""What object files ask of others: the undefined symbols of ELF files, the imports of WebAssembly ones."""

from __future__ import annotations

import struct
from collections.abc import Callable


def undefined(code: bytes) -> set[str]:
    """The names of functions and data that the object file uses and does not define."""
    return _of_elf(code) if code[:4] == b"\x7fELF" else _of_wasm(code)


def _of_elf(code: bytes) -> set[str]:
    """The format is that of 64-bit little-endian files (System V ABI, chapter 4)."""
    (table,) = struct.unpack_from("<Q", code, 40)
    size, count = struct.unpack_from("<HH", code, 58)
    sections = [struct.unpack_from("<IIQQQQII", code, table + size * i) for i in range(count)]
    names = set()
    for _, kind, _, _, start, length, link, _ in sections:
        if kind != 2:  # a table of symbols
            continue
        text = sections[link][4]
        for entry in range(start + 24, start + length, 24):
            name, _, _, section = struct.unpack_from("<IBBH", code, entry)
            if section == 0:
                names.add(code[text + name : code.index(b"\0", text + name)].decode())
    return names


def _of_wasm(code: bytes) -> set[str]:
    """Imported functions (WebAssembly specification, section 5.5.5); memory and stack are the linker's."""
    position, names = 8, set()

    def number() -> int:
        nonlocal position
        value = shift = 0
        while True:
            byte = code[position]
            position += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def name() -> str:
        nonlocal position
        length = number()
        position += length
        return code[position - length : position].decode()

    while position < len(code):
        section = code[position]
        position += 1
        length = number()
        end = position + length
        if section == 2:
            for _ in range(number()):
                _, field, kind = name(), name(), code[position]
                position += 1
                if kind == 0:
                    names.add(field)
                    number()
                elif kind == 1:  # a table: type, limits
                    position += 1
                    _limits(number)
                elif kind == 2:
                    _limits(number)
                else:  # a global: type, mutability
                    position += 2
        position = end
    return names


def _limits(number: Callable[[], int]) -> None:
    if number() & 1:
        number()
    number()
