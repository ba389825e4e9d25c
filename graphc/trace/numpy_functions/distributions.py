"""Distribution functions of scipy.special that follow from the incomplete gamma functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ops.base import AbstractElementwise, apply
from graphc.ops.elementwise.incomplete_gamma import Gammainc, Gammaincc
from graphc.trace.ufuncs import SPECIAL_COMPOSED


def _of(op: AbstractElementwise, *operands: Any) -> Any:
    return apply(op, *np.broadcast_arrays(*operands))


def chdtr(v: Any, x: Any) -> Any:
    """The χ² distribution function with v degrees of freedom."""
    return _of(Gammainc(), v / 2, x / 2)


def chdtrc(v: Any, x: Any) -> Any:
    """Its complement."""
    return _of(Gammaincc(), v / 2, x / 2)


def gdtr(a: Any, b: Any, x: Any) -> Any:
    """The gamma distribution function of rate a and shape b; NaN for x < 0."""
    return np.where(x < 0, np.nan, _of(Gammainc(), b, a * x))


def gdtrc(a: Any, b: Any, x: Any) -> Any:
    """Its complement."""
    return np.where(x < 0, np.nan, _of(Gammaincc(), b, a * x))


def pdtr(k: Any, m: Any) -> Any:
    """The Poisson distribution function of mean m: the probability of at most ⌊k⌋ events."""
    return _of_poisson(Gammaincc(), k, m, 1.0)


def pdtrc(k: Any, m: Any) -> Any:
    """Its complement: the probability of more than ⌊k⌋ events."""
    return _of_poisson(Gammainc(), k, m, 0.0)


def _of_poisson(op: AbstractElementwise, k: Any, m: Any, of_no_mean: float) -> Any:
    usual = _of(op, np.where(k < 0, np.nan, np.floor(k) + 1), m)
    return np.where((m == 0) & ~(k < 0), of_no_mean, usual)


SPECIAL_COMPOSED.update({f.__name__: f for f in (chdtr, chdtrc, gdtr, gdtrc, pdtr, pdtrc)})
