"""Windows that move over an array, and bits packed into bytes."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from graphc.trace.functions import implements
from graphc.trace.numpy_functions.arguments import coordinates, needing, one_axis, refuse, strong
from graphc.trace.numpy_functions.reductions import reshaped
from graphc.trace.ufuncs import cast


@implements(np.lib.stride_tricks.sliding_window_view)
def sliding_window_view(
    x: Any, window_shape: Any, axis: Any = None, *, subok: bool = False, writeable: bool = False
) -> Any:
    """All windows of a shape, along new last axes; a copy, where NumPy's is a read-only view."""
    refuse("lib.stride_tricks.sliding_window_view", writeable=(writeable, False))
    values = strong(x)
    lengths = _tuple(window_shape)
    if any(operator.index(w) < 0 for w in lengths):
        raise ValueError("`window_shape` cannot contain negative values")
    axes = (
        tuple(range(values.ndim)) if axis is None else tuple(one_axis(a, values.ndim) for a in _tuple(axis))
    )
    if len(axes) != len(lengths):
        raise ValueError(
            "Must provide matching length window_shape and axis; got "
            f"{len(lengths)} window_shape elements and {len(axes)} axes elements."
        )
    for place, length in zip(axes, lengths, strict=True):
        values = _windows(values, place, length)
    return values


def _windows(x: Any, axis: int, length: int) -> Any:
    """x[…, i + j, …] for j < length as a new last axis."""
    n = x.shape[axis]
    if isinstance(n, int) and length > n:
        raise ValueError("window shape cannot be larger than input array shape")
    x = needing(x, n - length)
    shape = (n - length + 1, length)
    found = np.take(x, coordinates(shape, 0) + coordinates(shape, 1), axis=axis)
    return np.moveaxis(found, axis + 1, -1).copy()


def _tuple(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value,)


def _flat_or_along(a: Any, axis: Any) -> tuple[Any, int]:
    x = strong(a)
    return (reshaped(x, (x.size,)), 0) if axis is None else (x, one_axis(axis, x.ndim))


def _places(bitorder: str) -> np.ndarray:
    """How far the bits of a byte are shifted, in the order of the elements."""
    if bitorder not in ("big", "little"):
        raise ValueError("'order' must be either 'little' or 'big'")
    return np.arange(8, dtype=np.uint8)[:: -1 if bitorder == "big" else 1]


@implements(np.packbits)
def packbits(a: Any, /, axis: int | None = None, bitorder: str = "big") -> Any:
    """Eight elements a byte: a bit is set where one is not zero. The last byte is filled with zeros."""
    x, place = _flat_or_along(a, axis)
    if x.dtype.kind not in "iub":
        raise TypeError("Expected an input array of integer or boolean data type")
    bits = cast(np.moveaxis(x != 0, place, -1), np.uint8)
    count = -(-bits.shape[-1] // 8)
    bits = np.pad(bits, [(0, 0)] * (bits.ndim - 1) + [(0, 8 * count - bits.shape[-1])])
    shifted = bits.reshape(*bits.shape[:-1], count, 8) << _places(bitorder)
    packed: Any = np.sum(shifted, axis=-1, dtype=np.uint8)
    return np.moveaxis(packed, -1, place)


@implements(np.unpackbits)
def unpackbits(a: Any, /, axis: int | None = None, count: int | None = None, bitorder: str = "big") -> Any:
    """The bits of bytes, each a byte 0 or 1; the first `count` of them, or without the last -`count`."""
    x, place = _flat_or_along(a, axis)
    if x.dtype != np.uint8:
        raise TypeError("Expected an input array of unsigned byte data type")
    moved = np.moveaxis(x, place, -1)
    bits = (moved[..., None] >> _places(bitorder)) & np.uint8(1)
    bits = bits.reshape(*moved.shape[:-1], 8 * moved.shape[-1])
    if count is not None:
        extra = count - bits.shape[-1]
        bits = np.pad(bits, [(0, 0)] * (bits.ndim - 1) + [(0, extra)]) if extra > 0 else bits[..., :count]
    return np.moveaxis(bits, -1, place)
