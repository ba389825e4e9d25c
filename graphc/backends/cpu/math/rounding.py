"""Rounding, remainders, order and representation: functions that are exact."""

from __future__ import annotations

from collections.abc import Callable

from graphc.backends.cpu.math.number import Number


def intrinsic(name: str) -> Callable[..., Number]:
    """The formula that is LLVM's `llvm.<name>`."""

    def formula(*operands: Number) -> Number:
        return operands[0].call(name, *operands[1:])

    formula.__name__ = name
    return formula
