"""Special functions: NumPy's i0, and those of scipy.special that follow from others.

Those of SciPy get their operands in the dtype of the loop that SciPy's ufunc has for them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ops.base import AbstractElementwise, apply
from graphc.ops.elementwise.special import I0, Gamma, Gammaln
from graphc.trace.functions import implements
from graphc.trace.numpy_functions.arguments import strong
from graphc.trace.ufuncs import SPECIAL_COMPOSED, cast


def _of_floats(op: AbstractElementwise, x: Any) -> Any:
    x = strong(x)
    return apply(op, x if x.dtype.kind == "f" else cast(x, np.float64))


@implements(np.i0)
def i0(x: Any) -> Any:
    """The modified Bessel function of order 0."""
    return _of_floats(I0(), x)


def exp10(x: Any) -> Any:
    """10ˣ."""
    return np.power(10.0, x)


def huber(delta: Any, r: Any) -> Any:
    """r²/2 for |r| ≤ δ, else δ(|r| - δ/2); ∞ for δ < 0."""
    size = np.abs(r)
    inside: Any = np.where(size <= delta, 0.5 * np.square(r), delta * (size - 0.5 * delta))
    return np.where(delta < 0, np.inf, inside)


def pseudo_huber(delta: Any, r: Any) -> Any:
    """δ² (√(1 + (r/δ)²) - 1), in the form that does not cancel; ∞ for δ < 0."""
    scaled = r / delta
    value: Any = np.square(r) / (np.sqrt(1.0 + np.square(scaled)) + 1.0)
    return np.where(delta < 0, np.inf, np.where(delta == 0, 0.0, value))


def cosm1(x: Any) -> Any:
    """cos(x) - 1 = -2 sin²(x/2)."""
    return -2 * np.square(np.sin(x / 2))


def exprel(x: Any) -> Any:
    """(eˣ - 1)/x, 1 at 0."""
    usual = np.where(x == 0, np.ones_like(x), x)
    return np.where(x == 0, 1 + x / 2, np.where(np.isposinf(x), x, np.expm1(usual) / usual))


def powm1(x: Any, y: Any) -> Any:
    """xʸ - 1 = expm1(y log x) without cancellation where x > 0."""
    positive = x > 0
    return np.where(positive, np.expm1(y * np.log(np.where(positive, x, 1))), np.power(x, y) - 1)


def _power_transform(logarithm: Any, lmbda: Any) -> Any:
    """(eˡˣ - 1)/λ of a logarithm l; l itself for λ = 0 (Box & Cox 1964)."""
    none = lmbda == 0
    usual = np.where(none, np.ones_like(lmbda), lmbda)
    return np.where(none, logarithm, np.expm1(usual * logarithm) / usual)


def boxcox(x: Any, lmbda: Any) -> Any:
    """(xˡ - 1)/λ with l = λ, log x for λ = 0."""
    return _power_transform(np.log(x), lmbda)


def boxcox1p(x: Any, lmbda: Any) -> Any:
    """The same of 1 + x."""
    return _power_transform(np.log1p(x), lmbda)


def _inverse_transform(y: Any, lmbda: Any) -> Any:
    """log(1 + λy)/λ; y itself for λ = 0."""
    none = lmbda == 0
    usual = np.where(none, np.ones_like(lmbda), lmbda)
    return np.where(none, y, np.log1p(usual * y) / usual)


def inv_boxcox(y: Any, lmbda: Any) -> Any:
    """x with boxcox(x, λ) = y."""
    return np.exp(_inverse_transform(y, lmbda))


def inv_boxcox1p(y: Any, lmbda: Any) -> Any:
    """x with boxcox1p(x, λ) = y."""
    return np.expm1(_inverse_transform(y, lmbda))


def radian(d: Any, m: Any, s: Any) -> Any:
    """Degrees, minutes and seconds of an angle in radians."""
    return np.deg2rad(d + (m + s / 60) / 60)


def _degrees(x: Any) -> tuple[Any, Any, Any]:
    """(t, n odd, n modulo 4) with x = 90 n + t modulo 360, |t| ≤ 45: all exact."""
    rest = np.fmod(x, 360.0)
    quarters = np.rint(rest / 90.0)
    return rest - 90.0 * quarters, np.remainder(quarters, 2) == 1, np.remainder(quarters, 4)


def sindg(x: Any) -> Any:
    """The sine of an angle in degrees."""
    t, odd, quarter = _degrees(x)
    angle = np.deg2rad(t)
    value = np.where(odd, np.cos(angle), np.sin(angle))
    return np.where(quarter >= 2, -value, value)


def cosdg(x: Any) -> Any:
    """The cosine of an angle in degrees."""
    t, odd, quarter = _degrees(x)
    angle = np.deg2rad(t)
    value = np.where(odd, np.sin(angle), np.cos(angle))
    return np.where((quarter == 1) | (quarter == 2), -value, value)


def tandg(x: Any) -> Any:
    """The tangent of an angle in degrees: exactly ±1 at odd multiples of 45, ∞ at those of 90."""
    t, odd, _ = _degrees(x)
    value = _tangent(t)
    pole = np.where(t == 0, np.inf, -1 / np.where(t == 0, np.ones_like(x), value))
    return np.where(odd, pole, value)


def cotdg(x: Any) -> Any:
    """The cotangent of an angle in degrees."""
    t, odd, _ = _degrees(x)
    value = _tangent(t)
    pole = np.where(t == 0, np.inf, 1 / np.where(t == 0, np.ones_like(x), value))
    return np.where(odd, -value, pole)


def _tangent(t: Any) -> Any:
    """tan of t degrees, |t| ≤ 45."""
    return np.where(np.abs(t) == 45, np.copysign(np.ones_like(t), t), np.tan(np.deg2rad(t)))


def gammasgn(x: Any) -> Any:
    """The sign of Γ(x); NaN at its poles, the sign of the zero at zeros."""
    down = np.floor(x)
    sign = np.where(down % 2 == 0, np.ones_like(x), -1)
    negative = np.where(x == down, np.full_like(x, np.nan), sign)
    return np.where(x > 0, np.ones_like(x), np.where(x == 0, np.copysign(1, x), np.where(x < 0, negative, x)))


def loggamma(x: Any) -> Any:
    """log Γ(x) of positive numbers, NaN of negative ones, where it would be complex."""
    return np.where(x < 0, np.full_like(x, np.nan), apply(Gammaln(), x))


def betaln(a: Any, b: Any) -> Any:
    """log |B(a, b)| = log |Γ(a) Γ(b) / Γ(a + b)|."""
    a, b = np.broadcast_arrays(a, b)
    return apply(Gammaln(), a) + apply(Gammaln(), b) - apply(Gammaln(), a + b)


def rgamma(x: Any) -> Any:
    """1/Γ(x), 0 at the poles of Γ."""
    pole = (x <= 0) & (x == np.floor(x))
    return np.where(pole, 0, np.reciprocal(apply(Gamma(), np.where(pole, 1, x))))


SPECIAL_COMPOSED.update(
    {
        f.__name__: f
        for f in (
            *(exp10, huber, pseudo_huber, cosm1, exprel, powm1, radian, gammasgn, loggamma, betaln, rgamma),
            *(sindg, cosdg, tandg, cotdg),
            *(boxcox, boxcox1p, inv_boxcox, inv_boxcox1p),
        )
    },
    round=np.rint,
)
