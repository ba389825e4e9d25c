"""`total += x` where `total` is a concrete array of the user's function: the name gets a traced array.

NumPy asks the traced operand for the result, with `out=total`; Python then binds the name to what it gets.
Nobody can see that `total` was not written, as long as nothing else refers to it. That is so where the
instruction is an update of a local variable and the array has no more references than this takes. (A debugger
that has looked at the variables of a frame refers to them too: then the update is refused.)
"""

from __future__ import annotations

import sys
from functools import cache
from typing import Any

import numpy as np

from graphc.trace.context import Trace, current, next_instruction, user_frame
from graphc.trace.tracer import Tracer, as_tracer


def rebound(args: tuple[Any, ...], out: tuple[Any, ...]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Operands and `out` of an update in place, traced where a concrete array may be replaced."""
    if not _is_own_array(out) or _references(out) - _captures(out) > _references_of_a_local():
        return args, out
    frame = user_frame()
    if frame is None or not next_instruction(frame).startswith("STORE_FAST"):
        return args, out
    start: Tracer = as_tracer(out[0])
    return (start, *args[1:]), (start,)


def _is_own_array(out: tuple[Any, ...]) -> bool:
    return len(out) == 1 and type(out[0]) is np.ndarray and out[0].base is None and out[0].dtype != object


def _references(out: tuple[Any, ...]) -> int:
    return sys.getrefcount(out[0])


def _captures(out: tuple[Any, ...]) -> int:
    """How many traces have taken the array for an input: they do not mind where the name goes."""
    count, trace = 0, current()
    while trace is not None:
        count += _holds(trace, out)
        trace = trace.parent
    return count


def _holds(trace: Trace, out: tuple[Any, ...]) -> bool:
    return id(out[0]) in trace.captured


class _Counter:
    """An operand that counts the references to the array it updates."""

    count = 0

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *args: Any, **kwargs: Any) -> Any:
        self.count = _counted(args, kwargs)
        return 0


def _counted(args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    """The count from as many calls within as `rebound` has: the arguments are passed on as they are."""
    return _references(kwargs["out"])


@cache
def _references_of_a_local() -> int:
    """How many references an array has, while it is updated, that only a local variable holds."""
    counter = _Counter()
    total: Any = np.zeros(1)
    total += counter
    return counter.count
