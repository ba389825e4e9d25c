"""Algebraic identities of the simplifier. Every line is proved by SymPy in tests/passes/test_identities.py.

Those marked exact give the same bits for every operand, infinities, NaN and -0.0 included; the others
say how they differ.
"""

from __future__ import annotations

from graphc.passes.patterns import BOOLEAN, FLOAT, INTEGER, NUMBER, Identity

NEUTRAL = (
    Identity("x*1", "x"),
    Identity("x/1", "x", FLOAT),
    Identity("x + -0.0", "x", FLOAT),  # x + 0.0 is not x for x = -0.0
    Identity("x - 0.0", "x", FLOAT),
    Identity("x + 0", "x", INTEGER),
    Identity("x - 0", "x", INTEGER),
    Identity("x*0", "0", INTEGER),  # not floats: 0 * inf is NaN
    Identity("x - x", "0", INTEGER),
    Identity("x*-1", "-x", "fi"),
    Identity("x/-1", "-x", FLOAT),
    Identity("x**1", "x", NUMBER),
    Identity("x**0", "1", FLOAT),  # also NaN ** 0
)

SIGNS = (
    Identity("-(-x)", "x"),
    Identity("x - (-y)", "x + y"),
    Identity("x + (-y)", "x - y"),
    Identity("(-x)*(-y)", "x*y"),
    Identity("(-x)/(-y)", "x/y", FLOAT),
    Identity("(-x)*y", "-(x*y)"),
    Identity("(-x)/y", "-(x/y)", FLOAT),
    Identity("x/(-y)", "-(x/y)", FLOAT),
    Identity("absolute(-x)", "absolute(x)", "fi"),
    Identity("absolute(absolute(x))", "absolute(x)"),
    Identity("absolute(square(x))", "square(x)", FLOAT),
    Identity("absolute(exp(x))", "exp(x)", FLOAT),
    Identity("absolute(sqrt(x))", "sqrt(x)", FLOAT, False, "the sign of sqrt(-0.0)"),
    Identity("square(-x)", "square(x)"),
    Identity("square(absolute(x))", "square(x)"),
    Identity("cos(-x)", "cos(x)", FLOAT),
    Identity("cosh(-x)", "cosh(x)", FLOAT),
    Identity("sin(-x)", "-sin(x)", FLOAT),
    Identity("tanh(-x)", "-tanh(x)", FLOAT),
    Identity("erf(-x)", "-erf(x)", FLOAT),
    Identity("mul_or_zero(-x, y)", "-mul_or_zero(x, y)", FLOAT),
    Identity("mul_or_zero(x, -y)", "-mul_or_zero(x, y)", FLOAT, False, "the sign of zero where x is 0"),
    Identity("-(x - y)", "y - x", FLOAT, False, "the sign of zero where x = y"),
)

POWERS = (
    Identity("x*x", "square(x)"),
    Identity("x + x", "2*x"),
    Identity("x**2", "square(x)", INTEGER),
    Identity("x**3", "square(x)*x", INTEGER),
    Identity("x**2", "square(x)", FLOAT, False, "x**2 correctly rounded: pow may be 1 ulp off"),
    Identity("x**-1", "reciprocal(x)", FLOAT, False, "1/x correctly rounded: pow may be 1 ulp off"),
    Identity("x**3", "square(x)*x", FLOAT, False, "two roundings: 1 ulp"),
    Identity("x**4", "square(square(x))", FLOAT, False, "two roundings: 2 ulp"),
    Identity("reciprocal(reciprocal(x))", "x", FLOAT, False, "two roundings saved"),
    Identity("1/x", "reciprocal(x)", FLOAT),
    Identity("1/reciprocal(x)", "x", FLOAT, False, "two roundings saved"),
)

CHOICES = (
    Identity("where(c, x, x)", "x", "fiub"),
    Identity("where(True, x, y)", "x", "fiub"),
    Identity("where(False, x, y)", "y", "fiub"),
    Identity("where(logical_not(c), x, y)", "where(c, y, x)", "fiub"),
    Identity("where(c, where(c, x, y), z)", "where(c, x, z)", "fiub"),
    Identity("where(c, x, where(c, y, z))", "where(c, x, z)", "fiub"),
    Identity("where(c, True, False)", "c", BOOLEAN),
    Identity("where(c, False, True)", "logical_not(c)", BOOLEAN),
    Identity("maximum(x, x)", "x"),
    Identity("minimum(x, x)", "x"),
    Identity("maximum(maximum(x, y), y)", "maximum(x, y)"),
    Identity("minimum(minimum(x, y), y)", "minimum(x, y)"),
)

LOGIC = (
    Identity("logical_not(logical_not(c))", "c", BOOLEAN),
    Identity("logical_and(c, True)", "c", BOOLEAN),
    Identity("logical_and(c, False)", "False", BOOLEAN),
    Identity("logical_or(c, False)", "c", BOOLEAN),
    Identity("logical_or(c, True)", "True", BOOLEAN),
    Identity("logical_and(c, c)", "c", BOOLEAN),
    Identity("logical_or(c, c)", "c", BOOLEAN),
    Identity("logical_not(equal(x, y))", "not_equal(x, y)", BOOLEAN),
    Identity("logical_not(not_equal(x, y))", "equal(x, y)", BOOLEAN),
)

IDENTITIES: tuple[Identity, ...] = (*NEUTRAL, *SIGNS, *POWERS, *CHOICES, *LOGIC)
