"""Constant arrays of a library: inside it, or in a safetensors file that callers map into memory.

A safetensors file is the length of a JSON header (8 bytes), the header, then the arrays one after the other
without gaps (Hugging Face, safetensors 0.4, "Format"). Here the header is padded so that the arrays begin at
a multiple of 64 bytes, and they are ordered by the size of their elements: each is aligned to them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

import numpy as np
from llvmlite import ir

from graphc.aot.entry import Entry, constant_bytes
from graphc.aot.interface import ALIGNMENT, BAD_WEIGHTS, Weight
from graphc.backends.cpu.llvm import I8, I64, PTR, i64
from graphc.dataclass import dataclass
from graphc.ir.types import dtype_name, type_of


@dataclass(frozen=True)
class Weights:
    """The arrays, where each lies, and the bytes before the first of them if they are a file."""

    places: tuple[Weight, ...]
    arrays: tuple[np.ndarray, ...]
    header: bytes | None

    @property
    def in_file(self) -> bool:
        return self.header is not None

    @property
    def data(self) -> bytes:
        """The arrays as they lie in memory."""
        return b"".join(np.ascontiguousarray(array).tobytes() for array in self.arrays)

    @property
    def file(self) -> bytes:
        """The whole file."""
        assert self.header is not None
        return self.header + self.data

    def emit_start(self, entry: Entry) -> ir.Value | None:
        """The address of the first array in a C function, which leaves if it was given other weights."""
        if self.header is not None:
            return self._checked_file(entry, self.header)
        if not self.data:
            return None
        found = entry.code.module.globals.get("graphc.weights")
        return found if found is not None else constant_bytes(entry.code.module, "graphc.weights", self.data)

    def _checked_file(self, entry: Entry, header: bytes) -> ir.Value:
        """Compares the header, which holds a digest of the arrays, with the one this library belongs to."""
        assert entry.weights_file is not None
        given, length = entry.weights_file
        b, code = entry.b, entry.code
        there = b.icmp_unsigned("!=", given, ir.Constant(PTR, None))
        bits = b.and_(b.ptrtoint(given, I64), i64(ALIGNMENT - 1))
        aligned = b.icmp_unsigned("==", bits, i64(0))
        whole = b.icmp_signed("==", length, i64(len(header) + len(self.data)))
        entry.leave_unless(b.and_(b.and_(there, aligned), whole), BAD_WEIGHTS)
        expected = code.module.globals.get("graphc.weights_header")
        if expected is None:
            expected = constant_bytes(code.module, "graphc.weights_header", header)

        def differences(i: ir.Value, found: ir.Value) -> list[ir.Value]:
            words = (code.load(code.at(pointer, I64, i), I64) for pointer in (given, expected))
            return [b.or_(found, b.xor(*words))]

        found = code.loop(len(header) // 8, differences, [i64(0)])[0]
        entry.leave_unless(b.icmp_unsigned("==", found, i64(0)), BAD_WEIGHTS)
        return code.at(given, I8, len(header))


def place_weights(arrays: Mapping[str, np.ndarray], *, in_file: bool) -> Weights:
    """Weights of these names, the largest elements first."""
    ordered = sorted(arrays.items(), key=lambda item: -item[1].dtype.itemsize)
    places, offset = [], 0
    for name, array in ordered:
        places.append(Weight(name, type_of(array), offset))
        offset += array.nbytes
    weights = Weights(tuple(places), tuple(array for _, array in ordered), None)
    return Weights(weights.places, weights.arrays, _header(weights)) if in_file and arrays else weights


def _header(weights: Weights) -> bytes:
    rows: dict[str, object] = {"__metadata__": {"graphc": hashlib.sha256(weights.data).hexdigest()}}
    for weight, array in zip(weights.places, weights.arrays, strict=True):
        rows[weight.name] = {
            "dtype": dtype_name(array.dtype).upper(),
            "shape": list(array.shape),
            "data_offsets": [weight.offset, weight.offset + array.nbytes],
        }
    text = json.dumps(rows, separators=(",", ":")).encode()
    text += b" " * (-(len(text) + 8) % ALIGNMENT)
    return len(text).to_bytes(8, "little") + text
