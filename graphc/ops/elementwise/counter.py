"""Random bits as a function of a key and a counter."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.errors import DTypeError
from graphc.ops.base import AbstractElementwise, register

# How far word 1 is rotated in the eight kinds of rounds, and the constant that makes the third key word
# (Salmon et al. 2011, table 2 and section 3.3).
ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)
PARITY = 0x1BD11BDA
ROUNDS = 20
_BLOCK = 1 << 14  # elements whose words stay in the nearest cache through all rounds


@register
class Threefry2x32(AbstractElementwise):
    """Both words of Threefry-2x32 with 20 rounds (Salmon et al. 2011) as one number: word 0 is the high half.

    Operands: the key's words, u32, and the counter, u64, whose high half is its word 0.
    """

    name = "threefry2x32"
    arity = 3
    expression = "threefry2x32(x, y, z)"
    numba = "special.threefry2x32({0}, {1}, {2})"
    domain = ((0.0, 4e9), (0.0, 4e9), (0.0, 1e6))
    differentiable = False

    def result_dtype(self, *dtypes: np.dtype) -> np.dtype:
        if [str(t) for t in dtypes] != ["uint32", "uint32", "uint64"]:
            raise DTypeError(f"{self.name} takes u32, u32 and u64, got {', '.join(map(str, dtypes))}")
        return np.dtype(np.uint64)

    def evaluate(self, *args: Any) -> Any:
        first, second, counter = (np.reshape(x, -1) for x in args)
        words = np.empty(counter.size, np.uint64)
        for start in range(0, counter.size, _BLOCK):
            part = slice(start, start + _BLOCK)
            words[part] = _block(first[part], second[part], counter[part])
        return words.reshape(np.shape(args[2]))[()]


def _block(first: np.ndarray, second: np.ndarray, counter: np.ndarray) -> np.ndarray:
    """The words for as many counters as fit in the cache, computed in place."""
    keys = (first, second, first ^ second ^ np.uint32(PARITY))
    x = (counter >> np.uint64(32)).astype(np.uint32) + first
    y = counter.astype(np.uint32) + second
    low, high = np.empty_like(x), np.empty_like(x)
    for i in range(ROUNDS):
        turn = ROTATIONS[i % 8]
        np.add(x, y, out=x)
        np.left_shift(y, turn, out=high)
        np.right_shift(y, 32 - turn, out=low)
        np.bitwise_or(low, high, out=y)
        np.bitwise_xor(y, x, out=y)
        if i % 4 == 3:
            step = i // 4 + 1
            np.add(x, keys[step % 3], out=x)
            np.add(y, keys[(step + 1) % 3], out=y)
            np.add(y, np.uint32(step), out=y)
    words: np.ndarray = x.astype(np.uint64) << np.uint64(32) | y
    return words
