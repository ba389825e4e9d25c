"""Random orders, and choices from an array."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphc.errors import ShapeError, located
from graphc.ops.base import AbstractTraced
from graphc.random.blocks import words64
from graphc.random.categories import gumbel
from graphc.random.checks import as_array, checked_axis, checked_shape
from graphc.random.integers import randint
from graphc.random.interval import check_probability, uniform
from graphc.trace.context import user_line_with_text


def permutation(key: Any, x: Any, axis: int = 0, independent: bool = False) -> Any:
    """x with its slices along `axis` in random order, or the numbers 0 … x - 1 where x is an integer.

    key: (2,) uint32. `independent` permutes every line along `axis` on its own. The order is that of n random
    64-bit numbers; equal ones keep their order, which n = 10⁶ meets with probability 3e-8.
    """
    values = _values(x)
    axis = checked_axis(axis, values.ndim, "permutation")
    if independent:
        order = np.argsort(words64(key, values.shape), axis=axis, kind="stable")
        return np.take_along_axis(values, order, axis=axis)
    order = np.argsort(words64(key, (values.shape[axis],)), kind="stable")
    return np.take(values, order, axis=axis)


def choice(key: Any, a: Any, shape: Any = (), replace: bool = True, p: Any = None, axis: int = 0) -> Any:
    """Slices of `a` along `axis` (or numbers below the integer a), with probabilities p, by default equal.

    key: (2,) uint32; p: (n,) float, divided by its sum; returns `shape` in the place of `axis`. Without
    replacement the first of a random order are taken: with p, by ln p + Gumbel noise (Efraimidis and
    Spirakis 2006). ShapeError where more than n are asked for.
    """
    values, sizes = _values(a), checked_shape(shape)
    axis = checked_axis(axis, values.ndim, "choice")
    n, count = values.shape[axis], math.prod(sizes)
    if not replace and isinstance(n, int) and isinstance(count, int) and count > n:
        text = f"choice of {count} from {n} without replacement"
        raise ShapeError(located(text, user_line_with_text()))
    if p is not None:
        check_probability(p)
    if replace:
        places = randint(key, sizes, 0, n) if p is None else _weighted(key, p, sizes)
    else:
        places = permutation(key, n) if p is None else _weighted_order(key, p)
        places = places[:count].reshape(sizes)
    return np.take(values, places, axis=axis)


def _values(x: Any) -> Any:
    """An array as it is; a size as the numbers below it."""
    if isinstance(x, AbstractTraced | np.ndarray | list | tuple):
        return as_array(x)
    (n,) = checked_shape(x)
    return np.arange(n, like=as_array(0))


def _weighted(key: Any, p: Any, shape: tuple[Any, ...]) -> Any:
    """Places with probabilities p, by inverting their running sum."""
    total = np.cumsum(as_array(p))
    drawn = uniform(key, shape, total.dtype) * total[-1]
    return np.minimum(np.searchsorted(total, drawn, side="right"), total.shape[0] - 1)


def _weighted_order(key: Any, p: Any) -> Any:
    weights = as_array(p)
    with np.errstate(divide="ignore"):
        scores = np.log(weights) + gumbel(key, weights.shape, weights.dtype)
    return np.argsort(-scores, kind="stable")
