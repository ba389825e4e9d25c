"""Short transforms of numbers in registers: y[l] = Σ x[k] exp(-2πi kl/r)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from graphc.lower.opaque.fourier.complex import Pair


def butterfly(x: Sequence[Pair]) -> list[Pair]:
    """The transform of length 1, 2, 4, 8, or an odd prime."""
    match len(x):
        case 1:
            return list(x)
        case 2:
            return [x[0] + x[1], x[0] - x[1]]
        case 4:
            return _four(x)
        case 8:
            return _eight(x)
    return _odd(x)


def _four(x: Sequence[Pair]) -> list[Pair]:
    even, odd = x[0] + x[2], x[1] + x[3]
    left, right = x[0] - x[2], (x[1] - x[3]).turned
    return [even + odd, left + right, even - odd, left - right]


def _eight(x: Sequence[Pair]) -> list[Pair]:
    """Two transforms of length 4, those of odd places turned by eighths."""
    even, odd = _four(x[0::2]), _four(x[1::2])
    half = math.sqrt(0.5)
    first, third = odd[1], odd[3]
    turned = [
        odd[0],
        Pair(first.re + first.im, first.im - first.re).scaled(half),
        odd[2].turned,
        Pair(third.im - third.re, -(third.re + third.im)).scaled(half),
    ]
    return [*(e + o for e, o in zip(even, turned, strict=True)), *map(_minus, even, turned)]


def _minus(a: Pair, b: Pair) -> Pair:
    return a - b


def _odd(x: Sequence[Pair]) -> list[Pair]:
    """y[±l] = x[0] + Σ cos · (x[k] + x[-k]) ∓ i Σ sin · (x[k] - x[-k]) over 0 < k < r/2."""
    r = len(x)
    half = range(1, r // 2 + 1)
    sums = [x[k] + x[r - k] for k in half]
    differences = [x[k] - x[r - k] for k in half]
    total = x[0]
    for s in sums:
        total = total + s
    forward, backward = [], []
    for number in half:
        even, odd = x[0], None
        for k, s, d in zip(half, sums, differences, strict=True):
            angle = 2 * math.pi * (k * number % r) / r
            even = even + s.scaled(math.cos(angle))
            part = d.scaled(math.sin(angle))
            odd = part if odd is None else odd + part
        assert odd is not None
        forward.append(even + odd.turned)
        backward.append(even - odd.turned)
    return [total, *forward, *reversed(backward)]
