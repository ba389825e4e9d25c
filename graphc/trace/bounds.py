"""Slices of axes whose length may be symbolic: what Python's slice.indices computes.

A symbolic size is taken to be as large as the slice needs; the program checks it when it is called.
"""

from __future__ import annotations

import itertools
import operator
from typing import Any

from graphc.errors import ShapeError, located
from graphc.ir.dims import Dim, SymbolicDim, evaluate, symbols_of
from graphc.trace.context import user_line_with_text

_LARGE = (1024, 1025, 65536, 262147)  # sizes to try: even and odd, alike and far apart


def is_negative(dim: Dim) -> bool:
    """Whether `dim` is below zero for sizes that are large enough; an error where that is open."""
    if isinstance(dim, int):
        return dim < 0
    names = symbols_of(dim)
    sizes = itertools.product(_LARGE, repeat=min(len(names), 4))
    signs = {evaluate(dim, dict(zip(names, itertools.cycle(row), strict=False))) < 0 for row in sizes}
    if len(signs) == 1:
        return signs.pop()
    raise ShapeError(
        located(
            f"whether {dim} is negative depends on the sizes, and the length of a slice on that",
            user_line_with_text(),
            "Give the axes one common symbol, or trace with fixed sizes.",
        )
    )


def slice_bounds(part: slice, n: Dim) -> tuple[Dim, Dim, int]:
    """(start, length, step) of `part` along an axis of length `n`."""
    start, stop, step = (_bound(b, name) for b, name in zip(_fields(part), _NAMES, strict=True))
    if step is None:
        step = 1
    if not isinstance(step, int):
        raise ShapeError(located(f"a slice with the symbolic step {step}", user_line_with_text()))
    if step == 0:
        raise ValueError("slice step cannot be zero")
    if isinstance(n, int) and not isinstance(start, SymbolicDim) and not isinstance(stop, SymbolicDim):
        chosen = range(n)[slice(start, stop, step)]
        return (chosen.start if len(chosen) else 0), len(chosen), (step if len(chosen) > 1 else 1)
    if step > 0:
        first = _clamped(start, n, 0, 0, n)
        last = _clamped(stop, n, n, 0, n)
        length = last - first
    else:
        first = _clamped(start, n, n - 1, -1, n - 1)
        last = _clamped(stop, n, -1, -1, n - 1)
        length = first - last
    if length == 0 or is_negative(length):
        return 0, 0, 1
    if length == 1:
        return first, 1, 1
    return first, (length if abs(step) == 1 else (length + abs(step) - 1) // abs(step)), step


_NAMES = ("start", "stop", "step")


def _fields(part: slice) -> tuple[Any, Any, Any]:
    return part.start, part.stop, part.step


def _bound(value: Any, name: str) -> Dim | None:
    from graphc.trace.index_parts import traced_bound
    from graphc.trace.tracer import Tracer

    if isinstance(value, Tracer):
        raise traced_bound(name)
    if value is None or isinstance(value, SymbolicDim):
        return value
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError("slice indices must be integers or None or have an __index__ method") from None


def _clamped(value: Dim | None, n: Dim, default: Dim, low: Dim, high: Dim) -> Dim:
    """A bound counted from the end if negative, then limited to [low, high]."""
    if value is None:
        return default
    if is_negative(value):
        value = value + n
        return low if is_negative(value - low) else value
    return high if is_negative(high - value) else value
