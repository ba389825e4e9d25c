"""The formula of a function is what SymPy would write for it, and that of its gradient what SymPy derives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import graphc
from graphc.errors import ArgumentError, TraceError, UnsupportedError
from graphc.ir.parser import registered_ops
from graphc.ops.base import AbstractElementwise, apply
from graphc.symbols.numbers import exact
from tests.symbols.expressions import SMOOTH, value, x, y

OPS = {n: op for n, op in registered_ops().items() if issubclass(op, AbstractElementwise)}
ON_INTEGERS = {"gcd", "lcm", "bitwise_count", "left_shift", "right_shift"}
ON_BITS = {*ON_INTEGERS, "nextafter", "spacing", "threefry2x32"}
ON_TRUTH = {"bitwise_and": sp.And, "bitwise_or": sp.Or, "bitwise_xor": sp.Xor, "invert": sp.Not}


def types_of(name: str) -> list[str]:
    if name in ON_INTEGERS:
        return ["i64"] * OPS[name].arity
    special = {
        "where": ["bool", "f64", "f64"],
        "ldexp": ["f64", "i32"],
        "threefry2x32": ["u32", "u32", "u64"],
    }
    return special.get(name, ["f64"] * OPS[name].arity)


@pytest.mark.parametrize("name", sorted(OPS.keys() - ON_BITS - ON_TRUTH.keys()))
def test_the_formula_of_an_elementwise_op_is_its_definition(name: str) -> None:
    op = OPS[name]
    names = ["x", "y", "z"][: op.arity]
    scope: dict[str, Any] = {"apply": apply, "op": op()}
    f = eval(f"lambda {', '.join(names)}: apply(op, {', '.join(names)})", scope)
    expression = graphc.to_sympy(f)(*types_of(name))
    rng = np.random.default_rng(0)
    for trial in range(8):
        point = [np.float64(rng.uniform(*bounds)) for bounds in op.domain]
        if trial < 3 and name in ("rint", "floor", "trunc", "ceil", "sign", "equal", "less", "heaviside"):
            point = [np.float64((0.0, 2.5, -1.5)[trial])] * op.arity
        if name == "where":
            point[0] = np.bool_(point[0] > 0.5)
        if name == "ldexp":
            point[1] = np.int32(point[1])
        with np.errstate(all="ignore"):
            expected = op().evaluate(*(np.asarray(p) for p in point))
        symbols = {
            s: p for s in expression.free_symbols for n, p in zip(names, point, strict=True) if str(s) == n
        }
        if expected.dtype == np.bool_:
            found = bool(expression.subs({s: sp.Float(float(p), 40) for s, p in symbols.items()}))
            assert found == expected, point
        else:
            truth = {s: bool(p) for s, p in symbols.items() if p.dtype == np.bool_}
            numbers = {s: float(p) for s, p in symbols.items() if p.dtype != np.bool_}
            found = value(expression.subs(truth), numbers)
            np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-14, err_msg=str(point))


@pytest.mark.parametrize("name", sorted(ON_BITS))
def test_ops_on_the_representation_of_numbers_have_no_formula(name: str) -> None:
    op = OPS[name]
    with pytest.raises(
        UnsupportedError, match=f"to_sympy: {name} has no SymPy expression\n  at test_to_sympy.py:"
    ):
        graphc.to_sympy(lambda *xs: apply(op(), *xs))(*types_of(name))


@pytest.mark.parametrize("name", sorted(ON_TRUTH))
def test_bitwise_ops_are_the_logic_of_truth_values(name: str) -> None:
    op = OPS[name]
    found = graphc.to_sympy(lambda *xs: apply(op(), *(x > 0 for x in xs)))(*([x, y][: op.arity]))
    assert found == ON_TRUTH[name](*([x > 0, y > 0][: op.arity]))


# ---- gradients


def same(one: Any, other: Any, *symbols: Any, domain: tuple[float, float] = (0.3, 0.9)) -> None:
    """Two expressions agree at random points to forty digits."""
    rng = np.random.default_rng(0)
    for _ in range(5):
        point = {s: sp.Float(rng.uniform(*domain), 60) for s in symbols}
        a, b = (sp.sympify(e).subs(point).evalf(50) for e in (one, other))
        if a == b:
            continue
        assert abs(a - b) < sp.Float("1e-38") * (1 + abs(b)), (one, other)


PROGRAMS = {
    "polynomial": lambda x, y: y * (x**2 + x) - x**3 / y,
    "bell": lambda x, y: np.exp(-((x - y) ** 2) / 2) / np.sqrt(2 * np.pi),
    "logistic": lambda x, y: 1 / (1 + np.exp(-x * y)),
    "softplus": lambda x, y: np.log1p(np.exp(x)) + np.logaddexp(x, y),
    "angles": lambda x, y: np.arctan2(x, y) + np.sin(x) * np.cos(y) + np.tan(x * y),
    "roots": lambda x, y: np.sqrt(x + y) + np.cbrt(x) + np.hypot(x, y) + x**y,
    "hyperbolic": lambda x, y: np.tanh(x + y) * np.cosh(x) / np.sinh(y),
    "inverse": lambda x, y: np.arcsin(x) + np.arccos(y) + np.arctanh(x * y),
    "sums": lambda x, y: np.sum(np.array([x, y, x * y]) ** 2) / np.prod(np.stack([x, y, 2.0])),
    "product": lambda x, y: np.array([[x, y], [y, 1.0]])[0] @ np.array([x, y]),
    "softmax": lambda x, y: np.exp(x) / np.sum(np.exp(np.stack([x, y, 1.0]))),
    "kinks": lambda x, y: np.abs(x - 2.0) + np.maximum(x, -y) + np.where(x > 2.0, x, y**2),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_gradients_are_sympys_own(name: str) -> None:
    f = PROGRAMS[name]
    expression = graphc.to_sympy(f)(x, y)
    for argnum, symbol in enumerate((x, y)):
        first = graphc.grad(f, argnum)
        same(graphc.to_sympy(first)(2), sp.diff(expression, symbol), x, y)
        for other, again in enumerate((x, y)):
            second = graphc.grad(first, other)
            same(graphc.to_sympy(second)(x, y), sp.diff(expression, symbol, again), x, y)


UNARY = (
    np.sin,
    np.tanh,
    np.exp,
    np.arctan,
    np.square,
    lambda a: np.sqrt(1 + a * a),
    lambda a: np.log1p(a * a),
)
BINARY = (np.add, np.subtract, np.multiply, lambda a, b: a / (2 + b * b))
TREES = st.recursive(
    st.sampled_from(["x", "y", 0.5, 2, 1 / 3]),
    lambda inner: st.tuples(st.sampled_from(UNARY), inner) | st.tuples(st.sampled_from(BINARY), inner, inner),
    max_leaves=5,
)


def run(tree: Any, names: dict[str, Any]) -> Any:
    if isinstance(tree, tuple):
        return tree[0](*(run(part, names) for part in tree[1:]))
    return names.get(tree, tree) if isinstance(tree, str) else tree


@given(TREES)
@settings(max_examples=40, deadline=None, derandomize=True)
def test_first_and_second_derivatives_of_random_programs(tree: Any) -> None:
    def f(x: Any, y: Any) -> Any:
        return run(tree, {"x": x, "y": y}) + 0.0 * x

    expression = graphc.to_sympy(f)(2)
    same(graphc.to_sympy(graphc.grad(f))(2), sp.diff(expression, x), x, y)
    same(graphc.to_sympy(graphc.grad(graphc.grad(f), 1))(2), sp.diff(expression, x, y), x, y)


def test_simple_gradients_simplify_to_sympys() -> None:
    def f(x: Any, y: Any) -> Any:
        return np.exp(-(x**2) / 2) * np.sin(y) / np.sqrt(2 * np.pi)

    expression = graphc.to_sympy(f)(2)
    assert sp.simplify(graphc.to_sympy(graphc.grad(f))(2) - sp.diff(expression, x)) == 0
    assert sp.latex(graphc.to_sympy(graphc.grad(lambda x: x * np.exp(2 * x)))()) == r"2 x e^{2 x} + e^{2 x}"


@pytest.mark.parametrize("expression", [e for e in SMOOTH if not e.has(sp.trigamma)], ids=str)
def test_from_sympy_and_back(expression: Any) -> None:
    back = graphc.to_sympy(graphc.from_sympy(expression, [x]))(x)
    low, high = SMOOTH[expression]
    for point in np.linspace(low + 0.05, high - 0.05, 5):
        np.testing.assert_allclose(value(back, {x: point}), value(expression.doit(), {x: point}), rtol=1e-14)


# ---- arguments and results


def test_arguments_may_be_types_matrices_and_trees() -> None:
    def f(p: Any, v: Any, scale: Any = 2.0) -> Any:
        return {"y": p["w"] @ v * scale, "n": v.sum()}

    a = sp.IndexedBase("p_w", real=True)
    v = sp.IndexedBase("v", real=True)
    found = graphc.to_sympy(f)({"w": "f64[1, 2]"}, "f64[2]")
    assert found["y"] == sp.Array([2 * a[0, 0] * v[0] + 2 * a[0, 1] * v[1]])
    assert found["n"] == v[0] + v[1]
    matrix = graphc.to_sympy(f)({"w": sp.Matrix([[x, y]])}, np.array([1.0, 0.5]), scale=sp.Integer(4))
    assert matrix == {"y": sp.Array([4 * x + 2 * y]), "n": sp.Rational(3, 2)}
    listed = graphc.to_sympy(f)({"w": np.array([[x, 1]])}, sp.Array([y, 0]), 1.0)
    assert listed == {"y": sp.Array([x * y]), "n": y}


def test_without_symbols_the_parameters_give_their_names() -> None:
    def f(mass: Any, speed: Any, extra: float = 1.0) -> Any:
        return mass * speed**2 / 2 * extra

    mass, speed, extra = sp.symbols("mass speed extra", real=True)
    assert graphc.to_sympy(f)() == graphc.to_sympy(f)(2) == mass * speed**2 / 2
    assert graphc.to_sympy(f)(3) == extra * mass * speed**2 / 2
    assert graphc.to_sympy(graphc.compile(f))() == mass * speed**2 / 2
    assert graphc.to_sympy(lambda *xs: xs[0] - xs[1])(2).free_symbols == set(
        sp.symbols("xs_0 xs_1", real=True)
    )
    assert graphc.to_sympy(lambda x: x + 1)(sp.Integer(2)) == 3


def test_integers_and_truth_values() -> None:
    n = sp.Symbol("n", integer=True)
    assert graphc.to_sympy(lambda n: n // 2 + n % 3)("i64") == sp.floor(n / 2) + n - 3 * sp.floor(n / 3)
    assert graphc.to_sympy(lambda x: (x > 0) & (x <= 2))(x) == (x > 0) & (x <= 2)
    assert graphc.to_sympy(lambda x: np.sum(np.stack([x, 1.0]) > 0))(x) == 1 + sp.Piecewise(
        (1, x > 0), (0, True)
    )
    assert graphc.to_sympy(lambda c, x: np.where(c, x, 0.0))(x > y, x) == sp.Piecewise((x, x > y), (0, True))
    assert graphc.to_sympy(lambda x: np.all(np.stack([x, 2 * x]) > 1))(x) == (x > 1) & (2 * x > 1)


def test_linear_algebra_on_symbols() -> None:
    a = sp.Matrix(2, 2, sp.symbols("a:d", real=True))
    determinant = graphc.to_sympy(np.linalg.det)(a)
    assert sp.simplify(determinant - a.det()) == 0
    inverse = graphc.to_sympy(np.linalg.inv)(a)
    assert sp.simplify(sp.Matrix(inverse) - a.inv()) == sp.zeros(2, 2)
    solution = graphc.to_sympy(lambda a: np.linalg.solve(a, np.array([1.0, 2.0])))(a)
    assert sp.simplify(sp.Matrix(solution) - a.LUsolve(sp.Matrix([1, 2]))) == sp.zeros(2, 1)
    spd = sp.Matrix([[x**2 + 1, y], [y, 3]])
    lower = sp.Matrix(graphc.to_sympy(np.linalg.cholesky)(spd))
    assert sp.simplify(lower * lower.T - spd) == sp.zeros(2, 2)
    swapped = sp.Matrix(graphc.to_sympy(np.linalg.inv)(sp.Matrix([[0, x], [y, 0]])))
    assert swapped == sp.Matrix([[0, 1 / y], [1 / x, 0]])


def test_positions_and_updates() -> None:
    def f(v: Any) -> Any:
        out = np.zeros_like(v)
        out[np.array([2, 0])] = v[np.array([0, 1])]
        np.add.at(out, np.array([1, 1]), v[:2])
        return np.cumsum(out)

    v = sp.IndexedBase("v", real=True)
    assert graphc.to_sympy(f)("f64[3]") == sp.Array([v[1], v[0] + 2 * v[1], 2 * v[0] + 2 * v[1]])


def test_numbers_are_read_as_what_was_meant() -> None:
    cases = {
        0.1: sp.Rational(1, 10),
        1 / 3: sp.Rational(1, 3),
        -2 / 7: -sp.Rational(2, 7),
        0.1 + 0.2: sp.Rational(3, 10),
        np.pi / 180: sp.pi / 180,
        2 / np.sqrt(np.pi): 2 / sp.sqrt(sp.pi),
        np.log(2): sp.log(2),
        0.044715: sp.Rational(44715, 10**6),
        1e-12: sp.Rational(1, 10**12),
        -0.0: sp.Integer(0),
        np.inf: sp.oo,
    }
    for number, meant in cases.items():
        assert exact(np.float64(number)) == meant
    strange = np.float64(0.12345678987654321)
    assert exact(strange) == sp.Float(float(strange), 17) and float(exact(strange)) == strange
    assert exact(np.float32(0.1)) == sp.Rational(1, 10)
    assert exact(np.float32(np.pi)).is_Float
    assert exact(np.float64(np.nan)) is sp.nan


def test_every_random_double_keeps_its_value() -> None:
    for number in np.random.default_rng(0).normal(size=300):
        assert float(exact(number)) == number and exact(number).is_Float


def test_derivatives_are_taken_of_formulas_as_written() -> None:
    found = graphc.to_sympy(graphc.grad(lambda v: np.log(np.sum(np.exp(v)))))("f64[2]")
    v = sp.IndexedBase("v", real=True)
    assert sp.simplify(found[0] - sp.exp(v[0]) / (sp.exp(v[0]) + sp.exp(v[1]))) == 0


# ---- errors


def pick(v: Any, i: Any) -> Any:
    return v[i]


def order(v: Any) -> Any:
    return np.sort(v)


REMEDY = "\n  Write the formula without it, or pass numbers for the arguments that it depends on."


def test_what_has_no_formula_is_named_with_its_line() -> None:
    with pytest.raises(UnsupportedError) as caught:
        graphc.to_sympy(order)("f64[3]")
    line = order.__code__.co_firstlineno + 1
    assert (
        str(caught.value) == f"to_sympy: sort has no SymPy expression\n  at test_to_sympy.py:{line}{REMEDY}"
    )
    assert graphc.to_sympy(order)(np.array([3, 1, 2])).tolist() == [1, 2, 3]


def test_a_position_must_be_a_number() -> None:
    with pytest.raises(
        UnsupportedError, match=r"to_sympy: gather at the position .*, which is no number\n  at"
    ):
        graphc.to_sympy(pick)("f64[3]", "i64")
    v = sp.IndexedBase("v", real=True)
    assert graphc.to_sympy(pick)("f64[3]", 2) == v[2]


def test_large_arrays_are_refused() -> None:
    with pytest.raises(
        UnsupportedError, match=r"to_sympy: an array of 20000 expressions, more than 10000\n  at"
    ):
        graphc.to_sympy(lambda x: x + np.ones(20000))(x)


def test_wrong_arguments() -> None:
    with pytest.raises(ArgumentError) as caught:
        graphc.to_sympy(lambda x: x)(2)
    assert str(caught.value) == (
        "to_sympy was asked for 2 scalar arguments, but the parameters are: x\n"
        "  A number that stands for itself is a float or a SymPy number: sympy.Integer(2)."
    )
    with pytest.raises(ArgumentError) as caught:
        graphc.to_sympy(lambda x: x)("f64[N]")
    assert str(caught.value) == "to_sympy: f64[N] has a symbolic size\n  Say how large x is: f64[3]."
    with pytest.raises(TraceError, match="a Python branch on the traced value bool"):
        graphc.to_sympy(lambda x: x if x > 0 else -x)(x)
