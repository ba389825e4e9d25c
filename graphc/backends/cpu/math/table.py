"""The formula of every elementary op, by the name of its NumPy or SciPy ufunc."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from weakref import WeakKeyDictionary

from llvmlite import ir

from graphc.backends.cpu.llvm import Code
from graphc.backends.cpu.math import (
    algebraic,
    bessel,
    error_function,
    exponential,
    gamma,
    gamma_function,
    half_turns,
    hyperbolic,
    incomplete_gamma,
    integral,
    inverse_error_function,
    inverse_hyperbolic,
    inverse_trigonometric,
    logarithm,
    logistic,
    power,
    remainder,
    rounding,
    scale,
    trigonometric,
    zeta,
)
from graphc.backends.cpu.math.number import Number, sqrt
from graphc.backends.cpu.math.outline import helper

Formula = Callable[..., Number]
Writer = Callable[..., ir.Value]

INLINED = 12  # long formulas written out in one function; a call costs little beside the registers they need
IN_MODULE = 64  # and in one module: beyond, compiling them again and again takes most of the time
_LONG: set[Writer] = set()
_written: WeakKeyDictionary[ir.Module, int] = WeakKeyDictionary()


def inline(formula: Formula) -> Writer:
    """Writes the formula where it is used."""

    def write(code: Code, *operands: ir.Value) -> ir.Value:
        return formula(*(Number(code, operand) for operand in operands)).value

    return write


def long(formula: Formula) -> Writer:
    """Writes the formula where it is used, but calls it where a function or the module already has many."""

    def write(code: Code, *operands: ir.Value) -> ir.Value:
        code.inlined += 1
        _written[code.module] = _written.get(code.module, 0) + 1
        if code.inlined > INLINED or _written[code.module] > IN_MODULE:
            return helper(code, f"called_{formula.__name__}", inline(formula), operands)
        return inline(formula)(code, *operands)

    _LONG.add(write)
    return write


def outlined(formula: Formula) -> Writer:
    """Writes the formula as an internal function once per module and type, and a call of it."""

    def write(code: Code, *operands: ir.Value) -> ir.Value:
        return helper(code, formula.__name__, inline(formula), operands)

    _LONG.add(write)
    return write


def widened(formula: Formula) -> Formula:
    """The formula computed in f64: for f32 it is then correct but for rare halfway cases."""

    def wide(*operands: Number) -> Number:
        if not operands[0].single:
            return formula(*operands)
        return formula(*(operand.widened() for operand in operands)).narrowed()

    wide.__name__ = formula.__name__
    return wide


MATH: Final[dict[str, Writer]] = {
    # exponentials and logarithms
    "exp": long(exponential.exp),
    "exp2": long(exponential.exp2),
    "expm1": long(exponential.expm1),
    "log": long(logarithm.log),
    "log2": long(logarithm.log2),
    "log10": long(logarithm.log10),
    "log1p": long(logarithm.log1p),
    "power": outlined(power.power),
    # roots
    "sqrt": inline(sqrt),
    "cbrt": long(algebraic.cbrt),
    "rsqrt": inline(rounding.rsqrt),
    "reciprocal": inline(rounding.reciprocal),
    "hypot": long(algebraic.hypot),
    # trigonometry
    "sin": long(trigonometric.sin),
    "cos": long(trigonometric.cos),
    "tan": long(trigonometric.tan),
    "arcsin": long(inverse_trigonometric.arcsin),
    "arccos": long(inverse_trigonometric.arccos),
    "arctan": long(inverse_trigonometric.arctan),
    "arctan2": outlined(inverse_trigonometric.arctan2),
    "sinc": long(half_turns.sinc),
    "deg2rad": inline(rounding.deg2rad),
    "rad2deg": inline(rounding.rad2deg),
    # hyperbolic functions
    "sinh": long(hyperbolic.sinh),
    "cosh": long(hyperbolic.cosh),
    "tanh": long(hyperbolic.tanh),
    "arcsinh": outlined(inverse_hyperbolic.arcsinh),
    "arccosh": outlined(inverse_hyperbolic.arccosh),
    "arctanh": outlined(inverse_hyperbolic.arctanh),
    # sums of exponentials
    "expit": long(hyperbolic.expit),
    "logit": outlined(logistic.logit),
    "log_expit": long(logistic.log_expit),
    "softplus": long(logistic.softplus),
    "logaddexp": outlined(logistic.logaddexp),
    "logaddexp2": outlined(logistic.logaddexp2),
    "xlogy": outlined(logistic.xlogy),
    "xlog1py": outlined(logistic.xlog1py),
    "entr": outlined(logistic.entr),
    "rel_entr": outlined(logistic.rel_entr),
    "kl_div": outlined(logistic.kl_div),
    # the error function and the normal distribution
    "erf": long(error_function.erf),
    "erfc": outlined(error_function.erfc),
    "erfcx": outlined(error_function.erfcx),
    "ndtr": outlined(error_function.ndtr),
    "log_ndtr": outlined(error_function.log_ndtr),
    "erfinv": outlined(widened(inverse_error_function.erfinv)),
    "erfcinv": outlined(widened(inverse_error_function.erfcinv)),
    "ndtri": outlined(widened(inverse_error_function.ndtri)),
    # the gamma function and Bessel functions
    "gammaln": outlined(widened(gamma.gammaln)),
    "gamma": outlined(widened(gamma_function.gamma)),
    "psi": outlined(widened(gamma.digamma)),
    "digamma": outlined(widened(gamma.digamma)),
    "trigamma": outlined(widened(gamma.trigamma)),
    "gammainc": outlined(widened(incomplete_gamma.gammainc)),
    "gammaincc": outlined(widened(incomplete_gamma.gammaincc)),
    "gamma_density": outlined(widened(incomplete_gamma.gamma_density)),
    "zeta": outlined(widened(zeta.zeta)),
    "i0": outlined(bessel.i0),
    "i0e": outlined(bessel.i0e),
    "i1": outlined(bessel.i1),
    "i1e": outlined(bessel.i1e),
    "k0": outlined(widened(bessel.k0)),
    "k0e": outlined(widened(bessel.k0e)),
    "k1": outlined(widened(bessel.k1)),
    "k1e": outlined(widened(bessel.k1e)),
    # order, rounding, representation
    "floor": inline(integral.floor),
    "ceil": inline(integral.ceil),
    "trunc": inline(integral.trunc),
    "rint": inline(integral.rint),
    "fabs": inline(rounding.intrinsic("fabs")),
    "ldexp": scale.ldexp,
    "copysign": inline(rounding.intrinsic("copysign")),
    "sign": inline(rounding.sign),
    "heaviside": inline(rounding.heaviside),
    "maximum": inline(rounding.maximum),
    "minimum": inline(rounding.minimum),
    "fmax": inline(rounding.fmax),
    "fmin": inline(rounding.fmin),
    "fmod": long(remainder.fmod),
    "remainder": long(remainder.remainder),
    "floor_divide": long(remainder.floor_divide),
    "nextafter": inline(rounding.nextafter),
    "spacing": inline(rounding.spacing),
    "signbit": inline(rounding.signbit),
    "isnan": inline(rounding.isnan),
    "isinf": inline(rounding.isinf),
    "isfinite": inline(rounding.isfinite),
}

# The ops whose formulas are long enough that numbers are worth packing into a vector for them.
LONG: Final = frozenset(name for name, writer in MATH.items() if writer in _LONG)
