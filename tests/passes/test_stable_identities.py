"""Every stable identity at inputs where the formula as written overflows, cancels or underflows."""

from __future__ import annotations

import itertools
import re
from typing import Any

import mpmath
import numpy as np
import pytest

import graphc
from graphc.ir.graph import Builder, Graph
from graphc.ir.interpret import interpret
from graphc.ir.types import parse_type
from graphc.ops.leaf import Input
from graphc.passes.engine import Maker
from graphc.passes.patterns import Identity, instantiate, parse_pattern
from graphc.passes.pipeline import optimise
from graphc.passes.rules_stable import IDENTITIES

DIGITS = 1500  # e¹⁰⁰⁰ + e⁻¹⁰⁰⁰ has 870 digits
POINTS = (
    -1e3,
    -800.0,
    -100.0,
    -40.0,
    -1.0,
    -1e-3,
    -1e-9,
    -1e-300,
    1e-300,
    1e-9,
    1e-3,
    0.5,
    1.0,
    6.0,
    40.0,
    1e3,
    1e200,
)
# What saves roundings or an operand only: the formula as written is accurate as well.
NOT_INACCURATE = {
    "exp(log(x))",
    "square(sqrt(x))",
    "logaddexp(x, 0)",
    "expm1(log1p(x))",
    "log(reciprocal(x))",
    "1/(1 + exp(-x))",  # these four for the sake of the identities they lead to
    "1/(1 + exp(x))",
    "reciprocal(1 + exp(-x))",
    "reciprocal(1 + exp(x))",
}

FUNCTIONS: dict[str, Any] = {
    **{
        n: getattr(mpmath, n)
        for n in ("exp", "log", "log1p", "expm1", "cos", "cosh", "sin", "sqrt", "erf", "erfc")
    },
    "expit": lambda x: 1 / (1 + mpmath.exp(-x)),
    "log_expit": lambda x: -mpmath.log1p(mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    "logaddexp": lambda x, y: mpmath.log(mpmath.exp(x) + mpmath.exp(y)),
    "ndtr": lambda x: mpmath.erfc(-x / mpmath.sqrt(2)) / 2,
    "reciprocal": lambda x: 1 / x,
    "square": lambda x: x * x,
    "absolute": abs,
}


def _exact(identity: Identity, values: tuple[float, ...]) -> float | None:
    """The formula as written, in many digits; None where it has no real value that a float can hold."""
    if max(map(abs, values)) > 1e3 and ("exp" in identity.before or "cosh" in identity.before):
        return None
    if max(map(abs, values)) > 40 and ("erf" in identity.before or "ndtr" in identity.before):
        return None
    names = dict(zip("xy", map(mpmath.mpf, values), strict=False))
    try:
        result = eval(identity.before, {"__builtins__": {}}, FUNCTIONS | names)
    except (ZeroDivisionError, ValueError):
        return None
    if not isinstance(result, mpmath.mpf) or not mpmath.isfinite(result):
        return None
    number = float(result)
    return number if np.isfinite(number) else None


def _graph(identity: Identity, arity: int) -> Graph:
    builder = Builder()
    inputs = tuple(builder.add(Input(i, parse_type("f64"))) for i in range(arity))
    pattern = parse_pattern(identity.before)
    assert pattern is not None
    node = instantiate(Maker({}, builder), pattern, dict(zip("xy", inputs, strict=False)), inputs[0])
    return Graph(inputs, (node,), ())


@pytest.mark.parametrize("identity", IDENTITIES, ids=lambda i: i.before)
def test_the_stable_form_is_right_where_the_formula_as_written_is_not(identity: Identity) -> None:
    arity = 2 if re.search(r"\by\b", identity.before) else 1
    graph = _graph(identity, arity)
    stable = optimise(graph)
    worst = 0.0
    with mpmath.workdps(DIGITS), np.errstate(all="ignore"):
        for values in itertools.product(POINTS, repeat=arity):
            expected = _exact(identity, values)
            if expected is None:
                continue
            arrays = tuple(map(np.float64, values))
            (actual,), (naive,) = interpret(stable, *arrays), interpret(graph, *arrays)
            scale = max(abs(expected), 1e-300)
            assert abs(float(actual) - expected) <= 1e-13 * scale, (values, actual, expected)
            error = abs(float(naive) - expected) / scale
            worst = max(worst, np.inf if np.isnan(error) else error)
    assert worst > 1e-9 or identity.before in NOT_INACCURATE


@pytest.mark.parametrize("x", [-40.0, -30.0, 1e-9, 5.0])
def test_the_gradient_of_a_stable_form_is_as_accurate_as_that_of_the_formula(x: float) -> None:
    slope = graphc.grad(lambda x: np.exp(x) - 1)
    np.testing.assert_allclose(slope(x), np.exp(x), rtol=1e-15)
