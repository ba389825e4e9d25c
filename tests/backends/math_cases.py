"""What elementary functions are measured against: references, ranges, bounds in units of the last place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import mpmath as mp
import numpy as np

Long = np.longdouble
Range = tuple[float, float]


@dataclass(frozen=True)
class Case:
    """One function: `reference` maps longdouble arrays to longdouble arrays."""

    name: str
    reference: Callable[..., np.ndarray]
    bounds: tuple[float, float]
    ranges: tuple[Range, ...]
    operands: int = 1
    precise: bool = False  # the reference is mpmath's: fewer samples
    absolute: float = 0.0  # near a zero of the function: the error allowed as a multiple of epsilon
    bits: bool = True  # also test numbers of random bits


def precise(function: Callable[..., object]) -> Callable[..., np.ndarray]:
    """An mpmath function over arrays."""

    def value(*x: np.longdouble) -> np.longdouble:
        if not all(np.isfinite(v) for v in x):
            return Long("nan")
        try:
            result = function(*(mp.mpf(float(v)) for v in x))
        except (ValueError, ZeroDivisionError):  # outside the domain, or a pole
            return Long("nan")
        if isinstance(result, mp.mpc):
            return Long("nan")
        return Long(mp.nstr(result, 25))

    def over_arrays(*x: np.ndarray) -> np.ndarray:
        with mp.workdps(40):
            return np.array([value(*row) for row in zip(*x, strict=True)], Long)

    return over_arrays


def samples(case: Case, dtype: np.dtype, count: int, seed: int = 0) -> list[np.ndarray]:
    """One array per operand: uniform and log-uniform in each range, and numbers of random bits."""
    random = np.random.default_rng(seed)
    unsigned = np.uint32 if dtype.itemsize == 4 else np.uint64

    def one(start: float, stop: float) -> np.ndarray:
        parts = [random.uniform(start, stop, count)]
        if stop > 0:
            low = start if start > 0 else stop * 1e-9
            parts.append(np.exp(random.uniform(np.log(low), np.log(stop), count)))
        if start < 0:
            low = -stop if stop < 0 else -start * 1e-9
            parts.append(-np.exp(random.uniform(np.log(low), np.log(-start), count)))
        return random.permutation(np.concatenate(parts)).astype(dtype)

    columns = []
    with np.errstate(over="ignore", under="ignore"):
        for _ in range(case.operands):
            arrays = [one(*r) for r in case.ranges]
            if case.bits:
                top = np.iinfo(unsigned).max
                arrays.append(random.integers(0, top, count, unsigned, endpoint=True).view(dtype))
            columns.append(np.concatenate(arrays))
    return columns


def error_in_ulps(y: np.ndarray, exact: np.ndarray, absolute: float = 0.0) -> np.ndarray:
    """|y − exact| in units of the last place of exact in y's type; infinite where only one is finite."""
    with np.errstate(all="ignore"):
        rounded = exact.astype(y.dtype)
        info = np.finfo(y.dtype)
        unit = np.maximum(np.spacing(np.abs(rounded)), info.smallest_subnormal).astype(Long)
        distance = np.abs(y.astype(Long) - exact)
        error = np.maximum(distance - absolute * float(info.eps), 0) / unit
        agree = (y == rounded) | (np.isnan(y) & np.isnan(rounded))
        # A result beyond the largest float by less than a unit may round either way.
        edge = np.isinf(rounded) ^ np.isinf(y)
        close = edge & (np.abs(exact) > info.max * 0.999999) & (np.abs(exact) < info.max * 1.000001)
        return np.where(
            agree | close, np.where(agree & np.isfinite(y), error, 0), _finite_or(error, y, rounded)
        )


def _finite_or(error: np.ndarray, y: np.ndarray, rounded: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(y) & np.isfinite(rounded), error, np.inf)


def _expit(x: np.ndarray) -> np.ndarray:
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


ANGLES: tuple[Range, ...] = ((-10, 10), (-1e5, 1e5), (1e4, 1e9), (1e8, 1e30))

CASES = (
    Case("exp", np.exp, (1.0, 1.0), ((-80, 80), (-750, 710), (-1, 1))),
    Case("exp2", np.exp2, (1.0, 1.0), ((-100, 100), (-1080, 1025))),
    Case("expm1", np.expm1, (1.8, 2.0), ((-1, 1), (-40, 89), (80, 710))),
    Case("log", np.log, (1.0, 1.0), ((0.5, 2), (1e-44, 1e38))),
    Case("log2", np.log2, (1.0, 1.0), ((0.5, 2), (1e-44, 1e38))),
    Case("log10", np.log10, (1.5, 1.5), ((0.5, 2), (1e-44, 1e38))),
    Case("log1p", np.log1p, (1.0, 1.0), ((-0.99, 3), (1, 1e30))),
    Case("sqrt", np.sqrt, (0.501, 0.501), ((0, 10),)),
    Case("sin", np.sin, (1.6, 1.6), ANGLES),
    Case("cos", np.cos, (1.6, 1.6), ANGLES),
    Case("tan", np.tan, (3.5, 3.8), ANGLES),
    Case("sinh", np.sinh, (2.0, 2.0), ((-5, 5), (80, 720))),
    Case("cosh", np.cosh, (1.7, 1.7), ((-5, 5), (80, 720))),
    Case("tanh", np.tanh, (1.5, 1.5), ((-5, 5), (-1, 1))),
    Case("expit", _expit, (2.3, 2.3), ((-10, 10), (-110, 90), (-750, 20))),
)
