"""Nanoseconds that a call of a compiled function costs over an empty Python call.

    python benchmarks/call_overhead.py

Programs of a few instructions: what is measured is the entry, not the work.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from graphc.backends.cpu.llvm import F32, F64
from graphc.backends.signature import ArgSpec, Signature
from graphc.runtime.executable import callable_type
from tests.runtime.entry_programs import (
    add_pairs,
    array,
    buffer,
    copy_cell,
    executable,
    number,
    result,
    scale,
)


def nanoseconds(call: Callable[[], object], rounds: int = 25, calls: int = 40_000) -> float:
    """The least time of one call over many rounds."""
    best = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(calls):
            call()
        best = min(best, time.perf_counter() - start)
    return best / calls * 1e9


def two_floats() -> Callable[..., object]:
    arguments = (number("x", "float"), number("y", "float"))
    return executable(Signature("f", arguments, (result("python float"),)), add_pairs()).entry


def four_arrays(**options: object) -> Callable[..., object]:
    def body(code):
        a, b, c, d = (code.load(buffer(code, i), F32, 16) for i in range(4))
        code.store(code.fma(a, b, code.mul(c, d)), buffer(code, 4))

    arguments = tuple(array(name, "f32[16]") for name in "abcd")
    return executable(Signature("f", arguments, (result("array", "f32[16]"),), **options), body).entry


def one_scalar() -> Callable[..., object]:
    scalar = result("numpy scalar", "f64")
    signature = Signature("f", (ArgSpec("x", "numpy scalar", scalar.type),), (scalar,))
    return executable(signature, lambda code: copy_cell(code, 0, 1, F64)).entry


def donated() -> Callable[..., object]:
    arguments = (array("p", "f32[16]", donated=True), array("x", "f32[16]"))
    signature = Signature("f", arguments, (result("updated argument", argument=0),))
    return executable(signature, scale(1.0, 16, 0, 2)).entry


def symbolic() -> Callable[..., object]:
    signature = Signature("f", (array("x", "f32[N]"),), (result("array", "f32[N]"),), symbols=("N",))
    return executable(signature, scale(2.0, None)).entry


def main() -> None:
    a, b, c, d = (np.full(16, value, np.float32) for value in range(4))
    scalar = np.float64(1.5)
    floats, arrays, sixteen = two_floats(), four_arrays(), symbolic()
    unlocked, scratch = four_arrays(long_running=True), four_arrays(arena=1 << 20)
    in_place, of_scalar = donated(), one_scalar()
    called, called_arrays = callable_type(object, floats)(), callable_type(object, arrays)()
    rows: dict[str, Callable[[], object]] = {
        "2 Python floats -> Python float": lambda: floats(2.0, 1.0),
        "  the two floats through an object": lambda: called(2.0, 1.0),
        "NumPy scalar -> NumPy scalar": lambda: of_scalar(scalar),
        "4 arrays of 16 f32 -> 1 array": lambda: arrays(a, b, c, d),
        "  the four arrays through an object": lambda: called_arrays(a, b, c, d),
        "  and 1 MiB of scratch memory": lambda: scratch(a, b, c, d),
        "  and the lock released": lambda: unlocked(a, b, c, d),
        "1 array with a symbolic size -> 1": lambda: sixteen(a),
        "1 donated array and 1 more": lambda: in_place(a, b),
        "numpy: np.empty(16)": lambda: np.empty(16, np.float32),
        "numpy: a + b": lambda: a + b,
    }
    empty = nanoseconds(lambda: None)
    print(f"{'empty call':38} {empty:6.0f} ns; all others over it:")
    for position, (what, call) in enumerate(rows.items()):
        print(f"{what:38} {nanoseconds(call) - empty:6.0f} ns", flush=position % 4 == 0)


if __name__ == "__main__":
    main()
