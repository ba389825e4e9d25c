"""From local gradients to cotangents and tangents: products in which an exact 0 wins over an infinity."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from graphc.ops.base import UNKNOWN, AbstractTraced, apply
from graphc.ops.elementwise.selection import MulOrZero, MulZerosWin, select


def contributions(name: str, g: Any, y: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """g ∂y/∂arg for each operand of the op `name`; None, an exact zero, for operands that are no floats."""
    from graphc.ops.derivatives import local_gradients

    if y.dtype.kind != "f":
        return (None,) * len(args)
    gradients = local_gradients(name, y, *args)
    return tuple(scaled(g, d) if x.dtype.kind == "f" else None for x, d in zip(args, gradients, strict=True))


def scaled(g: Any, d: Any) -> Any:
    """g d, and 0 where g is 0 if d can be infinite or NaN there; None, an exact zero, if d is none.

    Where a choice made d zero, 0 also wins over an infinite g: d is then a slope along what was not chosen.
    `d` is a Python number where the local gradient is constant, UNKNOWN (and so is the product) where it is.
    """
    if d is None or d is UNKNOWN:
        return d
    if isinstance(d, int | float):
        return g if d == 1 else -g if d == -1 else g * d
    if not needs_guard(g, d):
        return g * d
    return apply(MulZerosWin() if _stops(d, g) else MulOrZero(), g, d)


def needs_guard(g: Any, d: Any) -> bool:
    """Whether in g d a factor that is 0 can meet one that is infinite or NaN and should win."""
    return not _is_finite(d) or _stops(d, g)


def _stops(d: Any, g: Any) -> bool:
    """Whether zeros of d are those of a choice, while g may be infinite."""
    return not _is_finite(g) and isinstance(d, AbstractTraced) and d.gated


def tangent(name: str, tangents: tuple[Any, ...], y: Any, args: tuple[Any, ...]) -> Any:
    """Σ t ∂y/∂arg over the operands of the op `name`; None, an exact zero, where no operand has a tangent."""
    from graphc.ops.derivatives import local_gradients

    gradients = local_gradients(name, y, *args)
    return total(pushed(t, d) for t, d in zip(tangents, gradients, strict=True))


def pushed(t: Any, d: Any) -> Any:
    """t d, and 0 where either is 0 while the other is infinite or NaN; None if one of them is an exact zero.

    That a local gradient 0 stops an infinite tangent is what makes forward mode agree with reverse mode,
    where a cotangent that it has made 0 stops. A tangent 0 means that nothing moves.
    """
    if t is None or d is None:
        return None
    if d is UNKNOWN or isinstance(d, int | float):
        return scaled(t, d)
    product = scaled(t, d)
    if _is_finite(t):
        return product
    return apply(MulOrZero(), d, t) if _is_finite(d) else select(d == 0, 0.0, product)


def total(terms: Iterable[Any]) -> Any:
    """The sum of the terms that are no exact zeros; None if all are, UNKNOWN if one is."""
    result = None
    for term in terms:
        if term is UNKNOWN:
            return UNKNOWN
        if term is not None:
            result = term if result is None else result + term
    return result


def _is_finite(x: Any) -> bool:
    """Whether a traced value is finite whenever the program's inputs are."""
    return isinstance(x, AbstractTraced) and x.finite
