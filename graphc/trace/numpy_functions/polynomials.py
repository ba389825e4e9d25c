"""Polynomials given by their coefficients, the highest power first."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.trace.functions import implements
from graphc.trace.numpy_functions.arguments import constant, strong
from graphc.trace.ufuncs import unsupported


def _coefficients(p: Any) -> Any:
    return np.atleast_1d(strong(p))


@implements(np.polyadd)
def polyadd(a1: Any, a2: Any) -> Any:
    """The sum of two polynomials."""
    a, b = _coefficients(a1), _coefficients(a2)
    short, long = (a, b) if len(a) < len(b) else (b, a)
    return long + np.pad(short, (len(long) - len(short), 0))


@implements(np.polysub)
def polysub(a1: Any, a2: Any) -> Any:
    """The difference of two polynomials."""
    return polyadd(a1, -strong(a2))


@implements(np.polymul)
def polymul(a1: Any, a2: Any) -> Any:
    """The product of two polynomials; leading zeros, which NumPy leaves out, are kept."""
    return np.convolve(_coefficients(a1), _coefficients(a2))


@implements(np.poly)
def poly(seq_of_zeros: Any) -> Any:
    """The coefficients of Π (x - z) over the zeros z, the first 1."""
    zeros = strong(seq_of_zeros)
    if zeros.ndim != 1:
        raise unsupported("numpy.poly of a matrix, whose eigenvalues may be complex")
    zeros = zeros + 0.0
    result: Any = np.ones(1, zeros.dtype)
    for i in range(len(zeros)):
        result = np.convolve(result, np.stack([np.ones_like(zeros[i]), -zeros[i]]))
    return strong(result)


@implements(np.polyder)
def polyder(p: Any, m: int = 1) -> Any:
    """The m-th derivative."""
    if m < 0:
        raise ValueError("Order of derivative must be positive (see polyint)")
    a = _coefficients(p)
    for _ in range(m):
        a = a[:-1] * constant(np.arange(len(a) - 1, 0, -1))
    return a


@implements(np.polyint)
def polyint(p: Any, m: int = 1, k: Any = None) -> Any:
    """The m-th antiderivative; its constants are k, one for each step or one for all, or zero."""
    if m < 0:
        raise ValueError("Order of integral must be positive (see polyder)")
    a = _coefficients(p)
    constants = np.zeros(1) if k is None else np.atleast_1d(strong(k))
    if 1 < len(constants) < m:
        raise ValueError("k must be a scalar or a rank-1 array of length 1 or >m.")
    for step in range(m):
        last = constants[step if len(constants) > 1 else 0]
        a = np.concatenate([a / constant(np.arange(len(a), 0, -1)), np.reshape(last, (1,))])
    return a


@implements(np.polyfit)
def polyfit(
    x: Any, y: Any, deg: int, rcond: Any = None, full: bool = False, w: Any = None, cov: Any = False
) -> Any:
    """The coefficients of the polynomial that fits best in the sense of least squares."""
    if full or cov is not False:
        raise unsupported("numpy.polyfit with full=True or cov=True")
    at, values = strong(x) + 0.0, strong(y) + 0.0
    limit = at.shape[0] * float(np.finfo(at.dtype).eps) if rcond is None else rcond
    left = np.vander(at, deg + 1)
    if w is not None:
        weights = strong(w)
        left = left * weights[:, None]
        values = values * (weights if values.ndim == 1 else weights[:, None])
    scale = np.sqrt(np.sum(left * left, axis=0))
    found = np.linalg.lstsq(left / scale, values, limit)[0]
    return (found.T / scale).T
