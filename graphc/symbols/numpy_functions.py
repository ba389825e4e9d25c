"""What SymPy's functions of real numbers are called in NumPy.

Where NumPy has no such function it is an op of graphc, and its NumPy definition off the trace. Every function
here takes NumPy values and traced ones alike.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import sympy
from sympy.codegen import cfunctions

from graphc.ops.base import AbstractElementwise, AbstractTraced
from graphc.ops.elementwise.bessel import K0, K1
from graphc.ops.elementwise.normal import Erf, Erfc, Erfcinv, Erfinv
from graphc.ops.elementwise.special import I0, I1, Digamma, Gamma, Gammaln, trigamma
from graphc.trace.ufuncs import elementwise


def _op(op: AbstractElementwise) -> Callable[..., Any]:
    """The function that applies `op`, with NumPy's broadcasting."""

    def call(*operands: Any) -> Any:
        if any(isinstance(x, AbstractTraced) for x in operands):
            return elementwise(op, *operands)
        return op.evaluate(*np.broadcast_arrays(*operands))[()]

    return call


def _folded(function: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """A function of two values applied to any number of them, from the left."""
    return lambda *values: functools.reduce(function, values)


def _inverted(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """1 / function(x)."""
    return lambda x: 1 / function(x)


def _of_inverse(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """function(1 / x)."""
    return lambda x: function(1 / x)


def loggamma(x: Any) -> Any:
    """ln Γ(x), which is complex below 0: NaN there, as everywhere in NumPy."""
    return np.where(x < 0, np.nan, _op(Gammaln())(x))


def piecewise(*values: Any) -> Any:
    """The value whose condition is the first to hold, of (value, condition, …, otherwise)."""
    *pairs, otherwise = values
    for value, condition in reversed(list(zip(pairs[::2], pairs[1::2], strict=True))):
        otherwise = np.where(condition, value, otherwise)
    return otherwise


def _sinc(x: Any) -> Any:
    """sin(x)/x: SymPy's sinc has no π."""
    return np.sinc(x / np.pi)


# By class; the arguments of the SymPy node are the operands.
FUNCTIONS: dict[type, Callable[..., Any]] = {
    sympy.exp: np.exp,
    sympy.log: np.log,
    sympy.sin: np.sin,
    sympy.cos: np.cos,
    sympy.tan: np.tan,
    sympy.cot: _inverted(np.tan),
    sympy.sec: _inverted(np.cos),
    sympy.csc: _inverted(np.sin),
    sympy.sinc: _sinc,
    sympy.asin: np.arcsin,
    sympy.acos: np.arccos,
    sympy.atan: np.arctan,
    sympy.acot: _of_inverse(np.arctan),
    sympy.asec: _of_inverse(np.arccos),
    sympy.acsc: _of_inverse(np.arcsin),
    sympy.atan2: np.arctan2,
    sympy.sinh: np.sinh,
    sympy.cosh: np.cosh,
    sympy.tanh: np.tanh,
    sympy.coth: _inverted(np.tanh),
    sympy.sech: _inverted(np.cosh),
    sympy.csch: _inverted(np.sinh),
    sympy.asinh: np.arcsinh,
    sympy.acosh: np.arccosh,
    sympy.atanh: np.arctanh,
    sympy.acoth: _of_inverse(np.arctanh),
    sympy.asech: _of_inverse(np.arccosh),
    sympy.acsch: _of_inverse(np.arcsinh),
    sympy.Abs: np.abs,
    sympy.sign: np.sign,
    sympy.floor: np.floor,
    sympy.ceiling: np.ceil,
    sympy.frac: lambda x: x - np.floor(x),
    sympy.Mod: np.remainder,
    sympy.Min: _folded(np.minimum),
    sympy.Max: _folded(np.maximum),
    sympy.Heaviside: np.heaviside,
    sympy.erf: _op(Erf()),
    sympy.erfc: _op(Erfc()),
    sympy.erf2: lambda x, y: _op(Erf())(y) - _op(Erf())(x),
    sympy.erfinv: _op(Erfinv()),
    sympy.erfcinv: _op(Erfcinv()),
    sympy.gamma: _op(Gamma()),
    sympy.loggamma: loggamma,
    sympy.digamma: _op(Digamma()),
    sympy.trigamma: trigamma,
    sympy.re: operator.pos,
    sympy.conjugate: operator.pos,
    cfunctions.expm1: np.expm1,
    cfunctions.log1p: np.log1p,
    cfunctions.exp2: np.exp2,
    cfunctions.log2: np.log2,
    cfunctions.log10: np.log10,
    cfunctions.Sqrt: np.sqrt,
    cfunctions.Cbrt: np.cbrt,
    cfunctions.hypot: np.hypot,
    cfunctions.fma: lambda x, y, z: x * y + z,
    sympy.StrictLessThan: np.less,
    sympy.LessThan: np.less_equal,
    sympy.StrictGreaterThan: np.greater,
    sympy.GreaterThan: np.greater_equal,
    sympy.Equality: np.equal,
    sympy.Unequality: np.not_equal,
    sympy.And: _folded(np.logical_and),
    sympy.Or: _folded(np.logical_or),
    sympy.Xor: _folded(np.logical_xor),
    sympy.Not: np.logical_not,
}

# Functions of an integer order, which is the first argument.
OF_ORDER: dict[tuple[type, int], Callable[..., Any]] = {
    (sympy.polygamma, 0): _op(Digamma()),
    (sympy.polygamma, 1): trigamma,
    (sympy.besseli, 0): _op(I0()),
    (sympy.besseli, 1): _op(I1()),
    (sympy.besselk, 0): _op(K0()),
    (sympy.besselk, 1): _op(K1()),
}

# Nodes that SymPy evaluates or expresses by others when asked.
EVALUATED = (sympy.Derivative, sympy.Subs, sympy.Sum, sympy.Product, sympy.Integral, sympy.Limit)
BY_GAMMA = (sympy.factorial, sympy.binomial, sympy.beta, sympy.RisingFactorial, sympy.FallingFactorial)
