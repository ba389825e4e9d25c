"""Keys: made from a seed, split, and folded with data."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from graphc.errors import DTypeError, located
from graphc.ops.base import AbstractTraced
from graphc.random.blocks import block, places
from graphc.random.checks import as_array, checked_key, checked_shape, out_of_domain
from graphc.trace.context import user_line_with_text


def key(seed: Any) -> Any:
    """The key of an integer seed: a uint32 array of shape (2,), the seed's high and low 32 bits.

    `seed`: an integer from -2⁶³ to 2⁶⁴ - 1, negative ones modulo 2⁶⁴; it may be traced. ValueError outside.
    """
    return _halves(_integer(seed, "a seed"))


def split(key: Any, num: Any = 2) -> Any:
    """`num` new keys from one, which should not be used again: uint32 of shape (num, 2).

    `num` may be a shape, which gives (*num, 2). New key i is Threefry-2x32 of `key` and the counter i, as in
    JAX.
    """
    key = checked_key(key)
    return _halves(block(key, places(key, checked_shape(num))))


def fold_in(key: Any, data: Any) -> Any:
    """A new key from a key and an integer, such as the number of a step or a worker: uint32 of shape (2,).

    `data`: as a seed; it may be traced. `fold_in(key, i)` is `split(key, n)[i]`: use one way with one key.
    """
    return _halves(block(checked_key(key), _integer(data, "data to fold in")))


def _halves(words: Any) -> Any:
    """The high and low words along a new last axis."""
    return np.stack([(words >> np.uint64(32)).astype(np.uint32), words.astype(np.uint32)], axis=-1)


def _integer(value: Any, what: str) -> Any:
    """A scalar integer modulo 2⁶⁴, as u64."""
    if isinstance(value, AbstractTraced | np.ndarray | np.generic):
        array: Any = as_array(value)
        if array.dtype.kind not in "iu" or array.shape != ():
            text = f"{what} is one integer, not {array.dtype} of shape ({', '.join(map(str, array.shape))})"
            raise DTypeError(located(text, user_line_with_text()))
        return array.astype(np.uint64)
    try:
        number = operator.index(value)
    except TypeError:
        text = f"{what} is one integer, not a {type(value).__name__}"
        raise DTypeError(located(text, user_line_with_text())) from None
    if not -(2**63) <= number < 2**64:
        raise out_of_domain(f"{what} fits 64 bits; {number} does not")
    return np.uint64(number % 2**64)
