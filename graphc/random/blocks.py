"""Random bits: Threefry-2x32 of the key and the place of each element."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphc.errors import DTypeError, located
from graphc.ops.base import apply
from graphc.ops.elementwise.counter import Threefry2x32
from graphc.random.checks import as_array, checked_key, checked_shape
from graphc.trace.context import user_line_with_text

_THREEFRY = Threefry2x32()


def bits(key: Any, shape: Any = (), dtype: Any = np.uint32) -> Any:
    """Uniform random unsigned integers of all values of `dtype`: uint8, uint16, uint32 or uint64.

    key: (2,) uint32; returns `shape`. The same numbers as `jax.random.bits`. DTypeError for other dtypes.
    """
    kind = np.dtype(dtype)
    if kind.kind != "u":
        text = f"random bits of dtype {kind}"
        raise DTypeError(located(text, user_line_with_text(), "Use np.uint32 or another unsigned integer."))
    if kind.itemsize == 8:
        return words64(key, shape)
    words = words32(key, shape)
    return words if kind.itemsize == 4 else words.astype(kind)


def words64(key: Any, shape: Any) -> Any:
    """64 random bits an element: both words of block i for the element at flat place i."""
    sizes = checked_shape(shape)
    key = checked_key(key)
    return block(key, places(key, sizes))


def words32(key: Any, shape: Any) -> Any:
    """32 random bits an element: the two words of its block, combined by xor as JAX does."""
    words = words64(key, shape)
    return (words >> np.uint64(32) ^ words).astype(np.uint32)


def places(key: Any, shape: tuple[Any, ...]) -> Any:
    """The flat place of each element, u64; recorded where the key is."""
    return np.arange(math.prod(shape), dtype=np.uint64, like=key).reshape(shape)


def block(key: Any, counter: Any) -> Any:
    """Both Threefry words for each counter, u64: word 0 is the high half."""
    counter = as_array(counter)
    first, second = (np.broadcast_to(key[i], counter.shape) for i in (0, 1))
    return apply(_THREEFRY, first, second, counter)
