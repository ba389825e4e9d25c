"""Exponential and Gumbel numbers, and categories drawn with the latter."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.errors import ShapeError, located
from graphc.random.checks import as_array, checked_axis, checked_float, checked_shape
from graphc.random.interval import open_unit
from graphc.trace.context import user_line_with_text


def exponential(key: Any, shape: Any = (), dtype: Any = np.float64) -> Any:
    """Exponential numbers of rate 1, -ln u: from 1.1e-16 (f32: 6e-8) to 45.1 (22.9).

    key: (2,) uint32; returns `shape`.
    """
    dtype = checked_float(dtype)
    return -np.log(open_unit(key, checked_shape(shape), dtype))


def gumbel(key: Any, shape: Any = (), dtype: Any = np.float64) -> Any:
    """Standard Gumbel numbers, -ln(-ln(1 - u)): from -3.6 (f32: -2.8) to 45.1 (22.9).

    key: (2,) uint32; returns `shape`. The long tail is the upper one: small u, which have all their digits.
    """
    dtype = checked_float(dtype)
    return -np.log(-np.log1p(-open_unit(key, checked_shape(shape), dtype)))


def categorical(key: Any, logits: Any, axis: int = -1, shape: Any = None) -> Any:
    """Categories drawn with probabilities proportional to e^logits along `axis`, i64.

    The argmax of logits + Gumbel noise. key: (2,) uint32; logits: float, -∞ for what must not be drawn;
    returns the shape of logits without `axis`, or `shape`, which ends with it: leading sizes are independent
    draws. ShapeError where `shape` does not fit.
    """
    scores: Any = as_array(logits)
    dtype = checked_float(scores.dtype)
    place = checked_axis(axis, scores.ndim, "categorical")
    batch = (*scores.shape[:place], *scores.shape[place + 1 :])
    wanted = batch if shape is None else checked_shape(shape)
    lead = len(wanted) - len(batch)
    if lead < 0 or wanted[lead:] != batch:
        asked, rest = (f"({', '.join(map(str, s))})" for s in (wanted, batch))
        text = f"categorical: shape {asked} does not end with {rest}, the shape of logits without axis {axis}"
        raise ShapeError(located(text, user_line_with_text()))
    noise = gumbel(key, (*wanted[:lead], *scores.shape), dtype)
    return np.argmax(scores + noise, axis=lead + place)
