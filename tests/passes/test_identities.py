"""SymPy proves every algebraic identity of the passes; exact ones hold bit for bit on corner values."""

from __future__ import annotations

import ast
import itertools

import numpy as np
import pytest
import sympy

from graphc.ir.parser import registered_ops
from graphc.passes.patterns import Call, Identity, Number, Variable, parse_pattern
from graphc.passes.rules_algebra import IDENTITIES
from graphc.passes.rules_stable import IDENTITIES as STABLE

ALL = (*IDENTITIES, *STABLE)


LOG_2 = sympy.Float(0.6931471805599453)


def _where(condition, x, y):
    """One of two; where the condition is unknown, they must be equal for either sign of the variable."""
    if condition in (sympy.true, sympy.false):
        return x if condition else y
    (symbol,) = condition.free_symbols
    positive = sympy.Symbol("p", positive=True)
    for value in (positive, -positive):
        difference = (x - y).subs(symbol, value)
        assert _exponential(difference) == 1, (x, y)
    return y


def _exponential(x):
    """e to the power of x, simplified: 1 where x is a sum of logarithms that is 0."""
    exact = sympy.nsimplify(x.subs(LOG_2, sympy.log(2)), rational=True)
    return sympy.simplify(sympy.exp(exact).rewrite(sympy.exp))


MEANINGS = {
    "square": lambda x: x**2,
    "reciprocal": lambda x: 1 / x,
    "absolute": sympy.Abs,
    "mul_or_zero": lambda x, y: x * y,
    "maximum": sympy.Max,
    "minimum": sympy.Min,
    "log1p": lambda x: sympy.log(1 + x),
    "expm1": lambda x: sympy.exp(x) - 1,
    "logaddexp": lambda x, y: sympy.log(sympy.exp(x) + sympy.exp(y)),
    "erfc": lambda x: 1 - sympy.erf(x),
    "softplus": lambda x: sympy.log(1 + sympy.exp(x)),
    "log_expit": lambda x: -sympy.log(1 + sympy.exp(-x)),
    "ndtr": lambda x: (1 + sympy.erf(x / sympy.sqrt(2))) / 2,
    "log_ndtr": lambda x: sympy.log((1 + sympy.erf(x / sympy.sqrt(2))) / 2),
    "expit": lambda x: 1 / (1 + sympy.exp(-x)),
    "logical_not": sympy.Not,
    "logical_and": sympy.And,
    "logical_or": sympy.Or,
    "equal": sympy.Eq,
    "not_equal": sympy.Ne,
    "where": _where,
    "less": sympy.Lt,
}


def _name(identity):
    return f"{identity.before} = {identity.after} [{identity.kinds}]"


def _evaluated(text, assumptions, c):
    symbols = {name: sympy.Symbol(name, **assumptions) for name in "xyz"}
    return sympy.sympify(eval(text, {**vars(sympy), **MEANINGS, **symbols, "c": c}))


def _proved(identity, assumptions):
    for c in (sympy.true, sympy.false):
        before, after = (_evaluated(text, assumptions, c) for text in (identity.before, identity.after))
        if before == after:
            continue
        if isinstance(before, sympy.logic.boolalg.Boolean):
            return False
        difference = sympy.simplify(sympy.expand_log(sympy.expand(before - after), force=False))
        if difference == 0 or sympy.simplify(difference.rewrite(sympy.exp)) == 0:
            continue
        if not difference.has(LOG_2) or _exponential(before - after) != 1:
            return False
    return True


@pytest.mark.parametrize("identity", ALL, ids=_name)
def test_sympy_proves_the_identity(identity):
    """For all real numbers, or at least for those where the naive formula is defined (logarithms, roots)."""
    if _proved(identity, {"real": True}):
        return
    assert not identity.exact and any(f in identity.before for f in ("log(", "sqrt(", "reciprocal("))
    assert _proved(identity, {"positive": True})


@pytest.mark.parametrize(
    ("before", "after"),
    [("x - y", "y - x"), ("log(x + y)", "log(x) + log(y)"), ("where(c, x, y)", "x"), ("sqrt(x**2)", "x")],
)
def test_sympy_does_not_prove_what_is_false(before, after):
    assert not _proved(Identity(before, after), {"real": True})


@pytest.mark.parametrize("identity", ALL, ids=_name)
def test_what_is_not_exact_says_how_it_differs(identity):
    assert identity.exact == (identity.condition == "")


CORNERS = {
    "f": [0.0, -0.0, 1.0, -1.0, 0.1, -2.5, 3.0, 1e-40, -1e30, 3e38, np.inf, -np.inf, np.nan],
    "i": [0, 1, -1, 2, 7, -128, 127],
    "u": [0, 1, 2, 7, 255],
    "b": [False, True],
}
DTYPES = {"f": [np.float32, np.float64], "i": [np.int8], "u": [np.uint8], "b": [np.bool_]}


def _operand_kinds(identity, kind):
    """The kind of each variable: c is boolean; what is compared may be numbers."""
    names = sorted(
        {n.id for n in ast.walk(ast.parse(identity.before)) if isinstance(n, ast.Name)} & set("xyzc")
    )
    compared = "equal(" in identity.before
    return {name: "b" if name == "c" else ("f" if compared else kind) for name in names}


def _value(pattern, values, like):
    if isinstance(pattern, Variable):
        return values[pattern.name]
    if isinstance(pattern, Number):
        return np.full(like.shape, pattern.value).astype(like.dtype)
    return pattern.op.evaluate(*(_value(p, values, like) for p in pattern.operands))


@pytest.mark.parametrize("identity", [i for i in ALL if i.exact], ids=_name)
def test_exact_identities_hold_bit_for_bit_on_corner_values(identity):
    before, after = parse_pattern(identity.before), parse_pattern(identity.after)
    for kind in identity.kinds:
        kinds = _operand_kinds(identity, kind)
        for dtype in DTYPES[kind]:
            grid = list(itertools.product(*(CORNERS[k] for k in kinds.values())))
            values = {
                name: np.array([row[i] for row in grid]).astype(dtype if k == kind else DTYPES[k][0])
                for i, (name, k) in enumerate(kinds.items())
            }
            like = np.zeros(len(grid), dtype)
            with np.errstate(all="ignore"):
                a, b = (np.asarray(_value(p, values, like)) for p in (before, after))
            assert a.dtype == b.dtype
            same = a.view(f"u{a.dtype.itemsize}") == b.view(f"u{b.dtype.itemsize}")
            assert np.all(same | ((a != a) & (b != b))), (identity, a[~same], b[~same])


def test_every_pattern_uses_known_ops():
    for identity in ALL:
        for text in (identity.before, identity.after):
            names = {n.func.id for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Call)}
            assert names <= set(registered_ops()), text


def test_a_pattern_is_read_as_ops():
    pattern = parse_pattern("log(1 + exp(-x))")
    assert isinstance(pattern, Call) and pattern.op.name == "log"
    (total,) = pattern.operands
    assert total.operands[0] == Number(1) and total.operands[1].op.name == "exp"
