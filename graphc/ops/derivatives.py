"""Local gradients of the elementwise ops. Generated: run `python -m graphc.ops.derive`.

Each function takes the result r of the op and its operands x, y, z, and returns ∂r/∂x, ∂r/∂y, ∂r/∂z:
None where that is 0 everywhere, a Python number where it is constant, UNKNOWN where no op computes it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.ops.base import ALL_OPS, UNKNOWN, apply
from graphc.ops.elementwise.selection import select
from graphc.ops.elementwise.special import trigamma


def local_gradients(name: str, y: Any, *args: Any) -> tuple[Any, ...]:
    """∂y/∂arg for each operand of the op `name`, whose result is y."""
    return RULES[name](y, *args)


def absolute(r: Any, x: Any) -> tuple[Any, ...]:  # r = Abs(x)
    return (np.sign(x),)


def add(r: Any, x: Any, y: Any) -> tuple[Any, ...]:  # r = x + y
    return (1, 1)


def arccos(r: Any, x: Any) -> tuple[Any, ...]:  # r = acos(x)
    return (-1 / np.sqrt((1 - x) * (1 + x)),)


def arccosh(r: Any, x: Any) -> tuple[Any, ...]:  # r = acosh(x)
    return (1 / (np.sqrt(x - 1) * np.sqrt(x + 1)),)


def arcsin(r: Any, x: Any) -> tuple[Any, ...]:  # r = asin(x)
    return (1 / np.sqrt((1 - x) * (1 + x)),)


def arcsinh(r: Any, x: Any) -> tuple[Any, ...]:  # r = asinh(x)
    return (1 / np.hypot(1, x),)


def arctan(r: Any, x: Any) -> tuple[Any, ...]:  # r = atan(x)
    return (1 / (1 + x**2),)


def arctan2(r: Any, x: Any, y: Any) -> tuple[Any, ...]:  # r = atan2(x, y)
    return (y / np.hypot(x, y) / np.hypot(x, y), -x / np.hypot(x, y) / np.hypot(x, y))


def arctanh(r: Any, x: Any) -> tuple[Any, ...]:  # r = atanh(x)
    return (1 / ((1 - x) * (1 + x)),)


def cbrt(r: Any, x: Any) -> tuple[Any, ...]:  # r = sign(x)*Abs(x)**(1/3)
    return (0.3333333333333333 / r**2,)


def copysign(r: Any, x: Any, y: Any) -> tuple[Any, ...]:  # r = Abs(x)*sign(y)
    return (np.sign(x) * np.copysign(1, y), None)


def cos(r: Any, x: Any) -> tuple[Any, ...]:  # r = cos(x)
    return (-np.sin(x),)


def cosh(r: Any, x: Any) -> tuple[Any, ...]:  # r = cosh(x)
    return (np.sinh(x),)


def deg2rad(r: Any, x: Any) -> tuple[Any, ...]:  # r = x*(pi/180)
    return (0.017453292519943295,)


def divide(r: Any, x: Any, y: Any) -> tuple[Any, ...]:  # r = x/y
    return (1 / y, -r * (1 / y))


def entr(r: Any, x: Any) -> tuple[Any, ...]:  # r = -x*log(x)
    return (-np.log(x) - 1,)


def erf(r: Any, x: Any) -> tuple[Any, ...]:  # r = erf(x)
    return (1.1283791670955126 * np.exp(-x * x),)


def erfc(r: Any, x: Any) -> tuple[Any, ...]:  # r = erfc(x)
    return (-1.1283791670955126 * np.exp(-x * x),)


def erfcinv(r: Any, x: Any) -> tuple[Any, ...]:  # r = erfinv(1 - x)
    return (-0.886226925452758 * np.exp(r * r),)


def erfcx(r: Any, x: Any) -> tuple[Any, ...]:  # r = exp(x**2)*erfc(x)
    return (2 * x * r - 1.1283791670955126,)


def erfinv(r: Any, x: Any) -> tuple[Any, ...]:  # r = erfinv(x)
    return (0.886226925452758 * np.exp(r * r),)


def exp(r: Any, x: Any) -> tuple[Any, ...]:  # r = exp(x)
    return (r,)


def exp2(r: Any, x: Any) -> tuple[Any, ...]:  # r = 2**x
    return (0.6931471805599453 * r,)


def expit(r: Any, x: Any) -> tuple[Any, ...]:  # r = 1/(1 + exp(-x))
    return (r * (1 - r),)


def expm1(r: Any, x: Any) -> tuple[Any, ...]:  # r = exp(x) - 1
    return (np.exp(x),)


def fabs(r: Any, x: Any) -> tuple[Any, ...]:  # r = Abs(x)
    return (np.sign(x),)


def fmax(r: Any, x: Any, y: Any) -> tuple[Any, ...]:  # r = Max(x, y)
    return (np.heaviside(x - y, 0.5), np.heaviside(-x + y, 0.5))


def fmin(r: Any, x: Any, y: Any) -> tuple[Any, ...]:  # r = Min(x, y)
    return (np.heaviside(-x + y, 0.5), np.heaviside(x - y, 0.5))


def fmod(r: Any, x: Any, y: Any) -> tuple[Any, ...]:  # r = x - y*trunc(x/y)
    return (1, -np.trunc(x / y))


def gamma(r: Any, x: Any) -> tuple[Any, ...]:  # r = gamma(x)
    return (r * apply(ALL_OPS["psi"](), x),)


def gamma_density(r: Any, x: Any, y: Any) -> tuple[Any, ...]:  # r = y**(x - 1)*exp(-y)/gamma(x)
    return (
        apply(ALL_OPS["mul_or_zero"](), r, np.log(y) - apply(ALL_OPS["psi"](), x)),
        apply(ALL_OPS["mul_or_zero"](), r, apply(ALL_OPS["mul_or_zero"](), x - 1, 1 / y) - 1),
    )


def gammainc(r: Any, x: Any, y: Any) -> tuple[Any, ...]:  # r = lowergamma(x, y)/gamma(x)
    return (UNKNOWN, apply(ALL_OPS["gamma_density"](), x, y))


def gammaincc(r: Any, x: Any, y: Any) -> tuple[Any, ...]:  # r = uppergamma(x, y)/gamma(x)
    return (UNKNOWN, -apply(ALL_OPS["gamma_density"](), x, y))


def gammaln(r: Any, x: Any) -> tuple[Any, ...]:  # r = loggamma(x)
    return (apply(ALL_OPS["psi"](), x),)


def hypot(r: Any, x: Any, y: Any) -> tuple[Any, ...]:  # r = sqrt(x**2 + y**2)
    return (select(r != 0, x / r, 0.0), select(r != 0, y / r, 0.0))


def i0(r: Any, x: Any) -> tuple[Any, ...]:  # r = besseli(0, x)
    return (apply(ALL_OPS["i1"](), x),)


def i0e(r: Any, x: Any) -> tuple[Any, ...]:  # r = exp(-Abs(x))*besseli(0, x)
    return (apply(ALL_OPS["i1e"](), x) - np.sign(x) * r,)


def i1(r: Any, x: Any) -> tuple[Any, ...]:  # r = besseli(1, x)
    return (apply(ALL_OPS["i0"](), x) - select(x != 0, r / x, 0.5),)


def i1e(r: Any, x: Any) -> tuple[Any, ...]:  # r = exp(-Abs(x))*besseli(1, x)
    return (apply(ALL_OPS["i0e"](), x) - np.sign(x) * r - select(x != 0, r / x, 0.5),)


def k0(r: Any, x: Any) -> tuple[Any, ...]:  # r = besselk(0, x)
    return (-apply(ALL_OPS["k1"](), x),)


def k0e(r: Any, x: Any) -> tuple[Any, ...]:  # r = exp(x)*besselk(0, x)
    return (r - apply(ALL_OPS["k1e"](), x),)


def k1(r: Any, x: Any) -> tuple[Any, ...]:  # r = besselk(1, x)
    return (-apply(ALL_OPS["k0"](), x) - r / x,)


def k1e(r: Any, x: Any) -> tuple[Any, ...]:  # r = exp(x)*besselk(1, x)
    return (r - apply(ALL_OPS["k0e"](), x) - r / x,)


def kl_div(r: Any, x: Any, y: Any) -> tuple[Any, ...]:  # r = x*log(x/y) - x + y
    return (np.log(x / y), 1 - x / y)


def ldexp(r: Any, x: Any, y: Any) -> tuple[Any, ...]:  # r = x*2**y
    return (np.ldexp(1.0, y), None)


def log(r: Any, x: Any) -> tuple[Any, ...]:  # r = log(x)
    return (1 / x,)


def log10(r: Any, x: Any) -> tuple[Any, ...]:  # r = log(x)/log(10)
    return (0.4342944819032518 / x,)


def log1p(r: Any, x: Any) -> tuple[Any, ...]:  # r = log(1 + x)
    return (1 / (1 + x),)


def log2(r: Any, x: Any) -> tuple[Any, ...]:  # r = log(x)/log(2)
    return (1.4426950408889634 / x,)


def log_expit(r: Any, x: Any) -> tuple[Any, ...]:  # r = log(1/(1 + exp(-x)))
    return (apply(ALL_OPS["expit"](), -x),)


def log_ndtr(r: Any, x: Any) -> tuple[Any, ...]:  # r = log(erfc(-x/sqrt(2))/2)
    return (0.7978845608028654 / apply(ALL_OPS["erfcx"](), -x * 0.7071067811865476),)


def logaddexp(r: Any, x: Any, y: Any) -> tuple[Any, ...]:  # r = log(exp(x) + exp(y))
    return (np.exp(x - r), np.exp(y - r))


def logaddexp2(r: Any, x: Any, y: Any) -> tuple[Any, ...]:  # r = log(2**x + 2**y)/log(2)
    return (np.exp2(x - r), np.exp2(y - r))


def logit(r: Any, x: Any) -> tuple[Any, ...]:  # r = log(x/(1 - x))
    return (1 / (x * (1 - x)),)


def maximum(r: Any, x: Any, y: Any) -> tuple[Any, ...]:  # r = Max(x, y)
    return (np.heaviside(x - y, 0.5), np.heaviside(-x + y, 0.5))


def minimum(r: Any, x: Any, y: Any) -> tuple[Any, ...]:  # r = Min(x, y)
    return (np.heaviside(-x + y, 0.5), np.heaviside(x - y, 0.5))


def mul_or_zero(r: Any, x: Any, y: Any) -> tuple[Any, ...]:  # r = x*y
    return (y, x)


def mul_zeros_win(r: Any, x: Any, y: Any) -> tuple[Any, ...]:  # r = x*y
    return (y, x)


def multiply(r: Any, x: Any, y: Any) -> tuple[Any, ...]:  # r = x*y
    return (y, x)


def ndtr(r: Any, x: Any) -> tuple[Any, ...]:  # r = (1 + erf(x/sqrt(2)))/2
    return (0.3989422804014327 * np.exp(-x * x / 2),)


def ndtri(r: Any, x: Any) -> tuple[Any, ...]:  # r = sqrt(2)*erfinv(2*x - 1)
    return (2.5066282746310007 * np.exp(r * r / 2),)


def negative(r: Any, x: Any) -> tuple[Any, ...]:  # r = -x
    return (-1,)


def power(r: Any, x: Any, y: Any) -> tuple[Any, ...]:  # r = x**y
    return (apply(ALL_OPS["mul_or_zero"](), y, x ** (y - 1)), select(r != 0, r * np.log(x), 0.0))


def psi(r: Any, x: Any) -> tuple[Any, ...]:  # r = polygamma(0, x)
    return (trigamma(x),)


def rad2deg(r: Any, x: Any) -> tuple[Any, ...]:  # r = x*(180/pi)
    return (57.29577951308232,)


def reciprocal(r: Any, x: Any) -> tuple[Any, ...]:  # r = 1/x
    return (-r * r,)


def rel_entr(r: Any, x: Any, y: Any) -> tuple[Any, ...]:  # r = x*log(x/y)
    return (np.log(x / y) + 1, -x / y)


def remainder(r: Any, x: Any, y: Any) -> tuple[Any, ...]:  # r = x - y*floor(x/y)
    return (1, -np.floor(x / y))


def sin(r: Any, x: Any) -> tuple[Any, ...]:  # r = sin(x)
    return (np.cos(x),)


def sinh(r: Any, x: Any) -> tuple[Any, ...]:  # r = sinh(x)
    return (np.cosh(x),)


def softplus(r: Any, x: Any) -> tuple[Any, ...]:  # r = log(1 + exp(x))
    return (apply(ALL_OPS["expit"](), x),)


def sqrt(r: Any, x: Any) -> tuple[Any, ...]:  # r = sqrt(x)
    return (0.5 / r,)


def square(r: Any, x: Any) -> tuple[Any, ...]:  # r = x**2
    return (2 * x,)


def subtract(r: Any, x: Any, y: Any) -> tuple[Any, ...]:  # r = x - y
    return (1, -1)


def tan(r: Any, x: Any) -> tuple[Any, ...]:  # r = tan(x)
    return (r**2 + 1,)


def tanh(r: Any, x: Any) -> tuple[Any, ...]:  # r = tanh(x)
    return (1 - r**2,)


def xlog1py(r: Any, x: Any, y: Any) -> tuple[Any, ...]:  # r = x*log(1 + y)
    return (np.log1p(y), apply(ALL_OPS["mul_or_zero"](), x, 1 / (1 + y)))


def xlogy(r: Any, x: Any, y: Any) -> tuple[Any, ...]:  # r = x*log(y)
    return (np.log(y), apply(ALL_OPS["mul_or_zero"](), x, 1 / y))


def zeta(r: Any, x: Any, y: Any) -> tuple[Any, ...]:  # r = zeta(x, y)
    return (UNKNOWN, -x * apply(ALL_OPS["zeta"](), x + 1, y))


RULES: dict[str, Callable[..., tuple[Any, ...]]] = {
    "absolute": absolute,
    "add": add,
    "arccos": arccos,
    "arccosh": arccosh,
    "arcsin": arcsin,
    "arcsinh": arcsinh,
    "arctan": arctan,
    "arctan2": arctan2,
    "arctanh": arctanh,
    "cbrt": cbrt,
    "copysign": copysign,
    "cos": cos,
    "cosh": cosh,
    "deg2rad": deg2rad,
    "divide": divide,
    "entr": entr,
    "erf": erf,
    "erfc": erfc,
    "erfcinv": erfcinv,
    "erfcx": erfcx,
    "erfinv": erfinv,
    "exp": exp,
    "exp2": exp2,
    "expit": expit,
    "expm1": expm1,
    "fabs": fabs,
    "fmax": fmax,
    "fmin": fmin,
    "fmod": fmod,
    "gamma": gamma,
    "gamma_density": gamma_density,
    "gammainc": gammainc,
    "gammaincc": gammaincc,
    "gammaln": gammaln,
    "hypot": hypot,
    "i0": i0,
    "i0e": i0e,
    "i1": i1,
    "i1e": i1e,
    "k0": k0,
    "k0e": k0e,
    "k1": k1,
    "k1e": k1e,
    "kl_div": kl_div,
    "ldexp": ldexp,
    "log": log,
    "log10": log10,
    "log1p": log1p,
    "log2": log2,
    "log_expit": log_expit,
    "log_ndtr": log_ndtr,
    "logaddexp": logaddexp,
    "logaddexp2": logaddexp2,
    "logit": logit,
    "maximum": maximum,
    "minimum": minimum,
    "mul_or_zero": mul_or_zero,
    "mul_zeros_win": mul_zeros_win,
    "multiply": multiply,
    "ndtr": ndtr,
    "ndtri": ndtri,
    "negative": negative,
    "power": power,
    "psi": psi,
    "rad2deg": rad2deg,
    "reciprocal": reciprocal,
    "rel_entr": rel_entr,
    "remainder": remainder,
    "sin": sin,
    "sinh": sinh,
    "softplus": softplus,
    "sqrt": sqrt,
    "square": square,
    "subtract": subtract,
    "tan": tan,
    "tanh": tanh,
    "xlog1py": xlog1py,
    "xlogy": xlogy,
    "zeta": zeta,
}
