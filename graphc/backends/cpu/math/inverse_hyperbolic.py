"""arcsinh, arccosh, arctanh by way of log1p."""

from __future__ import annotations

from graphc.backends.cpu.math.constants import constant
from graphc.backends.cpu.math.logarithm import log1p
from graphc.backends.cpu.math.number import Number, fma, sqrt, with_sign_of


def _log_of_double(x: Number, large: Number, otherwise: Number) -> Number:
    """log(2x) where `large` holds, log(1 + otherwise) elsewhere."""
    shift = large.where(x.like(constant("ln2", x)), 0.0)
    return log1p(large.where(x - 1.0, otherwise)) + shift


def _threshold(x: Number) -> float:
    """Beyond it 1/x² does not count."""
    return 2.0**13 if x.single else 2.0**28


def arcsinh(x: Number) -> Number:
    """log(x + √(x² + 1))."""
    a = abs(x)
    square = a * a
    argument = a + square / (1.0 + sqrt(square + 1.0))
    return with_sign_of(_log_of_double(a, a > _threshold(x), argument), x)


def arccosh(x: Number) -> Number:
    """log(x + √(x² − 1)); NaN below 1."""
    t = x - 1.0
    result = _log_of_double(x, x > _threshold(x), t + sqrt(fma(t, t, t + t)))
    return (x < 1.0).where(x.like(float("nan")), result)


def arctanh(x: Number) -> Number:
    """½·log((1 + x)/(1 − x)); infinite at ±1, NaN beyond."""
    a = abs(x)
    return with_sign_of(0.5 * log1p((a + a) / (1.0 - a)), x)
