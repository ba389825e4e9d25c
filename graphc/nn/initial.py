"""Initial values of parameters."""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np


def uniform(
    bound: float, shape: tuple[int, ...], dtype: Any, generator: np.random.Generator | None
) -> np.ndarray:
    """An array of `dtype`, uniform in ±bound; without a generator from bits that the system seeds.

    Those are made here (SplitMix64; Steele, Lea and Flood 2014): to import NumPy's generators takes as long
    as making a million numbers, and most programs that train need them for nothing else.
    """
    if generator is not None:
        return generator.uniform(-bound, bound, shape).astype(dtype)
    # 53 and 24 bits are what these formats hold.
    double = np.dtype(dtype).itemsize > 4
    real: Any = np.float64 if double else np.float32
    word: Any = np.uint64 if double else np.uint32
    used = 53 if double else 24
    count, width = math.prod(shape), np.dtype(word).itemsize
    words = split_mix(int.from_bytes(os.urandom(8), "little"), -(-count * width // 8)).view(word)[:count]
    values: np.ndarray = (words >> word(8 * width - used)).astype(real)
    values *= real(bound * 2.0 ** (1 - used))
    values -= real(bound)
    return values.reshape(shape).astype(dtype, copy=False)


def split_mix(seed: int, count: int) -> np.ndarray:
    """The first `count` numbers of SplitMix64 from a 64-bit seed, uint64."""
    z = np.arange(1, count + 1, dtype=np.uint64)
    z *= np.uint64(0x9E3779B97F4A7C15)
    z += np.uint64(seed)
    z ^= z >> np.uint64(30)
    z *= np.uint64(0xBF58476D1CE4E5B9)
    z ^= z >> np.uint64(27)
    z *= np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return z
