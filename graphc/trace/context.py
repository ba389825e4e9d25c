"""One run of a user's function on stand-ins: the program it records, and what it took from outside."""

from __future__ import annotations

import functools
import linecache
import opcode
import os
import sys
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import field
from types import FrameType
from typing import Any

import numpy as np

from graphc.dataclass import dataclass
from graphc.errors import LeakedTracerError, TraceError, UnsupportedError, located
from graphc.ir.graph import Builder, Node
from graphc.ir.types import ArrayType
from graphc.ops.leaf import Const, Input

_PACKAGE = os.path.dirname(os.path.dirname(__file__))
_NUMPY = os.path.dirname(np.__file__)
_SCIPY = os.path.join(os.path.dirname(_NUMPY), "scipy")
_NUMBA = os.path.join(os.path.dirname(_NUMPY), "numba")
LIBRARIES = (_PACKAGE, _NUMPY, _SCIPY, _NUMBA, "<__array_function__")
_IN_PLACE = range(13, 26)  # the arguments of BINARY_OP for += and other updates
_local = threading.local()


@dataclass(eq=False)
class Trace:
    """A program being recorded. `captured` maps values from outside to the inputs that stand for them."""

    builder: Builder = field(default_factory=Builder)
    parent: Trace | None = None
    inputs: list[Node] = field(default_factory=list)
    captured: dict[int, tuple[Any, Node]] = field(default_factory=dict)
    # Captured complex arrays: each with its real and imaginary part, which are what is captured.
    complex_parts: dict[int, tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]] = field(default_factory=dict)
    contents: dict[int, tuple[int, str | None]] = field(default_factory=dict)  # of captured arrays
    open: bool = True
    closed: bool = False  # takes its inputs only: see `capture`
    writes: int = 0  # in-place changes so far: views read their base again after one
    finite: dict[Node, bool] = field(default_factory=dict)  # what ir/finite.py found out so far
    gated: dict[Node, bool] = field(default_factory=dict)  # the same
    source: str | None = None  # set while derived code runs: the line of the operation it derives from

    def new_input(self, type_: ArrayType) -> Node:
        """A fresh parameter, numbered after those made before it."""
        node = self.builder.add(Input(len(self.inputs), type_))
        self.inputs.append(node)
        return node

    def capture(self, key: int, value: Any, type_: ArrayType) -> Node:
        """The parameter that stands for an outside value; `value` is kept alive, so `key` stays unique.

        In a closed trace an array is a constant, and a traced value is an error.
        """
        if self.closed:
            if not isinstance(value, np.ndarray):
                raise leaked(user_line_with_text())
            return self.builder.add(Const.of(value))
        if key not in self.captured:
            self.captured[key] = (value, self.new_input(type_))
            if isinstance(value, np.ndarray):
                self.contents[key] = (content_of(value), user_line_with_text())
        return self.captured[key][1]

    def check_captured(self) -> None:
        """Refuses a captured array that was written after its use: the program would see the new values."""
        for key, (content, source) in self.contents.items():
            if content_of(self.captured[key][0]) != content:
                raise TraceError(
                    located(
                        "a concrete array was changed after it had been used with traced values",
                        source,
                        "Use a copy of it: x + buffer.copy().",
                    )
                )

    def encloses(self, other: Trace) -> bool:
        """Whether `other` runs inside this trace."""
        inner: Trace | None = other
        while inner is not None:
            if inner is self:
                return True
            inner = inner.parent
        return False


def content_of(array: np.ndarray) -> int:
    """A checksum of the elements; of about a million of them, evenly spread, for a large array."""
    flat = array.reshape(-1)
    return zlib.adler32(np.ascontiguousarray(flat[:: max(1, flat.size >> 20)]).tobytes())


def current() -> Trace | None:
    """The innermost trace of this thread."""
    stack: list[Trace] = getattr(_local, "stack", [])
    return stack[-1] if stack else None


@contextmanager
def tracing(closed: bool = False) -> Iterator[Trace]:
    """A new trace inside the current one, ended with the context; `closed` as in `Trace`."""
    if not isinstance(getattr(_local, "stack", None), list):
        _local.stack = []
    trace = Trace(parent=current(), closed=closed)
    _local.stack.append(trace)
    try:
        yield trace
    finally:
        trace.open = False
        _local.stack.pop()


def leaked(source: str | None) -> LeakedTracerError:
    """The error for a traced value that outlived its function."""
    return LeakedTracerError(
        located(
            "a traced value was used after the function it belongs to had returned",
            source,
            "Return it from the compiled function instead of storing it in a global, a closure or an object.",
        )
    )


def user_frame() -> FrameType | None:
    """The innermost frame outside graphc, NumPy and SciPy."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(LIBRARIES):
        frame = frame.f_back
    return frame


def object_array(what: str, source: str | None) -> UnsupportedError:
    """The error for what NumPy cannot do with an array of separate traced values as Python objects."""
    return UnsupportedError(
        located(
            what,
            source,
            "Make arrays with np.stack([...]), which is traced as a whole; see docs/coverage.md.",
        )
    )


def numpy_function() -> str | None:
    """The name of the function of NumPy, written in Python, that the user's code is in, such as `max`."""
    name = None
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith((_PACKAGE, _NUMPY)):
        if frame.f_code.co_filename.startswith(_NUMPY):
            name = frame.f_code.co_name.lstrip("_")
        frame = frame.f_back
    return name


def in_a_call() -> bool:
    """Whether the user's line is calling a function or comparing now, rather than branching itself."""
    frame = user_frame()
    return frame is not None and instruction(frame).startswith(("CALL", "COMPARE", "PRECALL"))


def instruction(frame: FrameType) -> str:
    """The name of the bytecode instruction that `frame` is executing."""
    return opcode.opname[frame.f_code.co_code[frame.f_lasti]] if frame.f_lasti >= 0 else ""


def next_instruction(frame: FrameType) -> str:
    """The name of the instruction after an update in place (`+=`); nothing if `frame` does something else."""
    code = frame.f_code.co_code
    place = frame.f_lasti
    if not instruction(frame).startswith("BINARY_OP") or code[place + 1] not in _IN_PLACE:
        return ""
    place += 2
    while opcode.opname[code[place]] == "CACHE":
        place += 2
    return opcode.opname[code[place]]


def scipy_function() -> str | None:
    """The name of the SciPy function that the user's code is in, such as `softmax`."""
    name = None
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith((_PACKAGE, _NUMPY, _SCIPY)):
        if frame.f_code.co_filename.startswith(_SCIPY):
            name = frame.f_code.co_name
        frame = frame.f_back
    return name


def user_line() -> str | None:
    """`model.py:12` of the user's code that is running now."""
    frame = user_frame()
    return f"{_file_name(frame.f_code.co_filename)}:{frame.f_lineno}" if frame else None


@functools.cache
def _file_name(path: str) -> str:
    return os.path.basename(path)


def user_line_with_text() -> str | None:
    """`model.py:12, h + b`: the user's line and its text, for error messages."""
    frame = user_frame()
    if frame is None:
        return None
    text = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
    place = f"{_file_name(frame.f_code.co_filename)}:{frame.f_lineno}"
    return f"{place}, {text}" if text else place
