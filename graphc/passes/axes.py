"""Bookkeeping of axes for rules that move views past other ops."""

from __future__ import annotations

from collections.abc import Sequence

from graphc.ir.dims import Dim
from graphc.ir.graph import Node

Shape = tuple[Dim, ...]


def padded(shape: Shape, ndim: int) -> Shape:
    """`shape` with leading ones, as broadcasting aligns it."""
    return (1,) * (ndim - len(shape)) + shape


def without_leading_ones(shape: Shape) -> Shape:
    first = next((i for i, n in enumerate(shape) if n != 1), len(shape))
    return shape[first:]


def stretched(broadcast: Node) -> tuple[int, ...]:
    """The axes along which a `broadcast_to` node repeats its operand."""
    shape = broadcast.array_type.shape
    source = padded(broadcast.args[0].array_type.shape, len(shape))
    return tuple(i for i, (n, m) in enumerate(zip(source, shape, strict=True)) if n == 1 and m != 1)


def same_but_ones(old: Shape, new: Shape) -> list[int | None] | None:
    """For each axis of `new` the axis of `old` it is, None for an inserted one.

    None altogether unless the shapes differ by axes of length one only.
    """
    if [n for n in old if n != 1] != [n for n in new if n != 1]:
        return None
    remaining = [i for i, n in enumerate(old) if n != 1]
    position = iter(remaining)
    return [None if n == 1 else next(position) for n in new]


def shape_without(shape: Sequence[Dim], axes: Sequence[int]) -> Shape:
    return tuple(n for i, n in enumerate(shape) if i not in axes)
