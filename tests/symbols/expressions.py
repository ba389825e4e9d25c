"""SymPy expressions for tests, with the domains to draw points from, and their values to many digits."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp
from sympy.codegen import cfunctions as cf

x, y, z = sp.symbols("x y z", real=True)
POSITIVE = (0.2, 3.0)
UNIT = (-0.9, 0.9)
ANY = (-3.0, 3.0)
ABOVE_ONE = (1.1, 3.0)

# One variable, smooth on the interval.
SMOOTH: dict[Any, tuple[float, float]] = {
    x**5 - 2 * x**3 / 7 + sp.Rational(1, 3): ANY,
    1 / x**2 - 3 / x + x**-5: POSITIVE,
    x ** sp.Rational(2, 3) + x ** sp.Rational(-5, 2): POSITIVE,
    sp.sqrt(x) / sp.sqrt(2 * sp.pi) + 1 / sp.sqrt(x): POSITIVE,
    sp.cbrt(x) + sp.cbrt(sp.Abs(x)): POSITIVE,
    2**x + 10**x + sp.pi**x + x**x: POSITIVE,
    sp.exp(x) - sp.exp(-(x**2)): ANY,
    sp.log(x) + sp.log(x, 2): POSITIVE,
    **{
        f(x): ANY
        for f in (sp.sin, sp.cos, sp.sinh, sp.cosh, sp.tanh, sp.sech, sp.atan, sp.asinh, sp.erf, sp.erfc)
    },
    **{f(x): UNIT for f in (sp.tan, sp.sec, sp.asin, sp.acos, sp.atanh, sp.erfinv)},
    **{
        f(x): POSITIVE for f in (sp.cot, sp.csc, sp.coth, sp.csch, sp.gamma, sp.loggamma, sp.digamma, sp.acot)
    },
    **{f(x): ABOVE_ONE for f in (sp.asec, sp.acsc, sp.acosh, sp.acoth)},
    sp.asech(x) + sp.acsch(x) + sp.erfcinv(x): (0.2, 0.8),
    sp.sinc(x) + sp.trigamma(x): POSITIVE,
    sp.besseli(0, x) + sp.besseli(1, x): POSITIVE,
    sp.besselk(0, x) + sp.besselk(1, x): POSITIVE,
    sp.factorial(x) + sp.binomial(5, x) + sp.beta(x, 2): (0.2, 3.0),
    sp.erf2(x, 2 * x): ANY,
    cf.expm1(x) + cf.exp2(x) + cf.fma(x, x, x): ANY,
    cf.log1p(x) + cf.log2(x) + cf.log10(x) + cf.Sqrt(x) + cf.Cbrt(x) + cf.hypot(x, 2): POSITIVE,
    sp.Derivative(sp.sin(x**2), x) + sp.Sum(x ** sp.Symbol("k"), (sp.Symbol("k"), 1, 3)): ANY,
}

# With kinks or jumps, or of several variables.
OTHERS: tuple[Any, ...] = (
    sp.Abs(x) * y,
    sp.sign(x) + sp.floor(x) + sp.ceiling(2 * y) + sp.frac(x),
    sp.Mod(x, 2) + sp.Mod(y, -sp.pi),
    sp.Min(x, y, 1) - sp.Max(x, y, z, 0),
    sp.atan2(x, y) + sp.atan2(y, z),
    sp.Heaviside(x) + sp.Heaviside(y, 0),
    sp.Piecewise((x**2, x < 0), (sp.sqrt(x), x < 1), (y, True)),
    sp.Piecewise((x, (x > 0) & (y > 0)), (y, (x > y) | ~(z > 0)), (z, sp.Xor(x > 0, z > 1)), (1, True)),
    sp.Piecewise((x, sp.ITE(x > y, x < z, y < z)), (y, True)),
    sp.Piecewise((x, sp.Eq(x, y)), (y, sp.Ne(x, z) & (x >= -1) & (y <= 2)), (z, True)),
    x * y**2 / (z**2 + 1) - (x + y) ** 3 * sp.exp(-x * y) / (5 * sp.sqrt(z**2 + 2)),
    -x - y + z - sp.Rational(3, 7),
    (x + y) * (x + y + z) - sp.sin(x + y) / (x + y),
    sp.re(x) + sp.im(y) + sp.conjugate(z),
)


# Functions that SymPy does not evaluate itself, by others.
UNEVALUATED: dict[Any, Any] = {
    sp.erf2: lambda a, b: sp.erf(b) - sp.erf(a),
    sp.erfcinv: lambda a: sp.erfinv(1 - a),
    **{
        f: lambda *args, f=f: f(*args).expand(func=True)
        for f in (cf.expm1, cf.exp2, cf.fma, cf.log1p, cf.log2, cf.log10, cf.Sqrt, cf.Cbrt, cf.hypot)
    },
}


def values(expression: Any, **points: np.ndarray) -> np.ndarray:
    """The expression at points, each to thirty digits and then rounded."""
    symbols = [sp.Symbol(name, real=True) for name in points]
    rows = zip(*points.values(), strict=True)
    return np.array([value(expression, dict(zip(symbols, row, strict=True))) for row in rows])


def value(expression: Any, point: dict[Any, float]) -> float:
    """The expression at a point of doubles, NaN where it is not real."""
    for function, meaning in UNEVALUATED.items():
        expression = expression.replace(function, meaning)
    exact = expression.subs({s: sp.Float(float(v), 40) for s, v in point.items()})
    number = sp.sympify(exact).evalf(30)
    return float(number) if number.is_extended_real else float("nan")
