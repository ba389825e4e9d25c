"""Sizes are integers or integer polynomials; types print as they are read."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphc.errors import DTypeError, ParseError, ShapeError
from graphc.ir.dims import SymbolicDim, evaluate, parse_dim, product, substitute, symbol, symbols_of
from graphc.ir.types import DTYPE_NAMES, ArrayType, parse_type

SIZES = {"N": 7, "M": 3, "K": 12}


def _dims():
    leaves = st.one_of(st.integers(-4, 9), st.sampled_from(sorted(SIZES)).map(symbol))
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.tuples(inner, inner).map(lambda p: p[0] + p[1]),
            st.tuples(inner, inner).map(lambda p: p[0] - p[1]),
            st.tuples(inner, inner).map(lambda p: p[0] * p[1]),
            st.tuples(inner, st.integers(1, 5)).map(lambda p: p[0] // p[1]),
            st.tuples(inner, st.integers(1, 5)).map(lambda p: p[0] % p[1]),
        ),
        max_leaves=6,
    )


@settings(max_examples=150, deadline=None)
@given(_dims())
def test_a_size_reads_back_as_the_same_value(dim):
    back = parse_dim(str(dim))
    assert back == dim
    assert str(back) == str(dim)
    assert evaluate(back, SIZES) == evaluate(dim, SIZES)


@settings(max_examples=100, deadline=None)
@given(_dims(), _dims())
def test_arithmetic_on_sizes_is_integer_arithmetic(a, b):
    x, y = evaluate(a, SIZES), evaluate(b, SIZES)
    assert evaluate(a + b, SIZES) == x + y
    assert evaluate(a - b, SIZES) == x - y
    assert evaluate(a * b, SIZES) == x * y
    assert evaluate(product((a, b, 2)), SIZES) == 2 * x * y


@settings(max_examples=100, deadline=None)
@given(_dims())
def test_substitution_of_numbers_evaluates(dim):
    assert substitute(dim, SIZES) == evaluate(dim, SIZES)
    assert set(symbols_of(dim)) <= set(SIZES)


def test_equal_expressions_are_equal_values():
    n = symbol("N")
    assert (n + 1) * (n - 1) == n * n - 1
    assert hash(2 * n) == hash(n + n)
    assert (2 * n) // 2 == n
    assert n - n == 0


def test_multiples_of_a_divisor_leave_a_quotient():
    n, m = symbol("N"), symbol("M")
    assert (2 * n + 1) // 2 == n
    assert (2 * n - 1) // 2 == n - 1
    assert (4 * n + 6 * m + 3) % 2 == 1
    assert (3 * n + m + 7) // 3 == n + (m + 7) // 3
    for dim in ((6 * n - m - 5) // -3, (6 * n - m - 5) % -3, (4 * n + m) // 4, (4 * n + m) % 4):
        assert isinstance(dim, SymbolicDim)
    assert evaluate((6 * n - m - 5) // -3, {"N": 4, "M": 3}) == (24 - 3 - 5) // -3
    assert evaluate((6 * n - m - 5) % -3, {"N": 4, "M": 3}) == (24 - 3 - 5) % -3


def test_a_quotient_in_a_product_keeps_its_parentheses():
    n = symbol("N")
    assert evaluate(parse_dim(str(3 * (n // 2))), {"N": 5}) == 6


def test_ordering_a_symbolic_size_is_refused():
    with pytest.raises(ShapeError, match="cannot order the symbolic size N"):
        _ = symbol("N") < 3


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(list(DTYPE_NAMES.values())), st.lists(_dims(), max_size=3))
def test_a_type_reads_back(dtype, shape):
    type_ = ArrayType(dtype, tuple(shape))
    assert parse_type(str(type_)) == type_


def test_types_print_as_documented():
    assert str(ArrayType(np.dtype(np.float32), (symbol("N"), 784))) == "f32[N, 784]"
    assert str(ArrayType(np.dtype(np.bool_))) == "bool"


@pytest.mark.parametrize("text", ["f31[3]", "f32[3", "", "f32[a b]", "f32[3.5]"])
def test_what_is_not_a_type_is_refused(text):
    with pytest.raises(ParseError):
        parse_type(text)


def test_complex_arrays_are_refused_by_name():
    with pytest.raises(DTypeError, match="complex128"):
        ArrayType(np.dtype(complex), (3,))
