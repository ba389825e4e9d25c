"""From local gradients to cotangents: products in which an exact 0 wins over an infinite factor."""

from __future__ import annotations

from typing import Any

from graphc.ops.base import AbstractTraced, apply
from graphc.ops.elementwise.selection import MulOrZero


def contributions(name: str, g: Any, y: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """g ∂y/∂arg for each operand of the op `name`; None, an exact zero, for operands that are no floats."""
    from graphc.ops.derivatives import local_gradients

    if y.dtype.kind != "f":
        return (None,) * len(args)
    gradients = local_gradients(name, y, *args)
    return tuple(scaled(g, d) if x.dtype.kind == "f" else None for x, d in zip(args, gradients, strict=True))


def scaled(g: Any, d: Any) -> Any:
    """g d, and 0 where g is 0 if d can be infinite or NaN there; None, an exact zero, if d is none.

    `d` is a Python number where the local gradient is constant.
    """
    if d is None:
        return None
    if isinstance(d, int | float):
        return g if d == 1 else -g if d == -1 else g * d
    if isinstance(d, AbstractTraced) and d.finite:
        return g * d
    return apply(MulOrZero(), g, d)
