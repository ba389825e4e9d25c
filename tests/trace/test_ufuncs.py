"""ufuncs on traced values: types, keywords, methods and the full text of errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc
from graphc.errors import DTypeError, GraphcError, UnsupportedError
from tests.helpers import check, record, run

X = np.array([[0.5, -1.25, 2.0], [3.0, 0.0, -0.75]])
Y = np.array([1.5, 2.0, -0.5])
INTEGERS = np.array([[1, -2, 3], [4, 0, -7]])


def refused(function: Any, *types: str) -> str:
    """The text of the error of tracing `function`, its line that names this file left out."""
    with pytest.raises(GraphcError) as caught:
        record(function, *types)
    lines = str(caught.value).splitlines()
    assert lines[1].startswith("  at test_ufuncs.py:")
    return "\n".join((lines[0], *lines[2:]))


def test_dtype_chooses_the_loop() -> None:
    check(lambda x: np.add(x, 1, dtype=np.float32, casting="same_kind"), X, grad=False)
    check(lambda i: np.multiply(i, 2, dtype=np.float64), INTEGERS)
    check(lambda i: np.sqrt(i, dtype=np.float32), np.abs(INTEGERS).astype(np.int16))


def test_out_is_written_where_the_mask_holds() -> None:
    def function(x: Any, y: Any) -> Any:
        z = np.zeros_like(x)
        np.multiply(x, y, out=z, where=x > 0.1)
        return z

    check(function, X, Y)


def test_out_given_by_position_is_written() -> None:
    def function(x: Any) -> Any:
        z = np.zeros_like(x)
        np.exp(x, z)
        return z

    check(function, X)


def test_out_of_a_narrower_kind_is_numpys_error() -> None:
    def function(x: Any) -> Any:
        z = np.zeros(3, np.int64) + np.zeros_like(x, dtype=np.int64)
        return np.exp(x, out=z)

    assert refused(function, "f64[3]") == (
        "Cannot cast ufunc 'exp' output from dtype('float64') to dtype('int64') with casting rule 'same_kind'"
    )


def test_a_mask_without_out_is_refused() -> None:
    assert refused(lambda x: np.exp(x, where=x > 0), "f64[3]") == (
        "graphc cannot trace numpy.exp with where= and no out=: the rest would be uninitialised\n"
        "  See the list of covered functions in docs/coverage.md, or write it with covered ones."
    )


def test_a_concrete_out_is_refused() -> None:
    assert refused(lambda x: np.exp(x, out=np.zeros(3)), "f64[3]") == (
        "numpy.exp cannot store traced values in a concrete array\n"
        "  Write total = total + x for total += x, or start from np.zeros_like(x) or graphc.zeros(shape)."
    )


def test_half_precision_results_name_the_remedy() -> None:
    assert refused(lambda x: np.sqrt(x), "i8[3]") == (
        "numpy.sqrt of int8 computes in float16, which graphc does not\n"
        "  Convert the operands first: x.astype(np.float32)."
    )


def test_subtracting_booleans_is_numpys_error() -> None:
    assert refused(lambda x: x - x, "bool[3]") == (
        "numpy.subtract of bool, bool: numpy boolean subtract, the `-` operator, is not supported, "
        "use the bitwise_xor, the `^` operator, or the logical_xor function instead."
    )


def test_a_ufunc_that_is_not_covered_is_named() -> None:
    assert refused(lambda x: np.subtract.accumulate(x), "f64[3]").startswith(
        "graphc cannot trace numpy.subtract.accumulate\n"
    )


def test_negative_powers_of_integers_are_refused_while_tracing() -> None:
    with pytest.raises(ValueError, match="Integers to negative integer powers are not allowed"):
        record(lambda i: i**-2, "i64[3]")


@pytest.mark.parametrize(
    "exponent", [0, 1, 2, 3, 4, 5, 6, 0.5, -1, -2, 2.0, 1.5, np.float64(3), np.float32(2)]
)
def test_constant_powers_are_numpys(exponent: Any) -> None:
    check(lambda x: x**exponent, np.abs(X) + 0.5, rtol=1e-15)
    check(lambda x: x**exponent, (np.abs(X) + 0.5).astype(np.float32), rtol=3e-15)


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 5, 8, 11])
def test_constant_powers_of_integers_are_exact(exponent: int) -> None:
    check(lambda i: i**exponent, INTEGERS)
    check(lambda i: i**exponent, INTEGERS.astype(np.int8))


def test_small_constant_powers_become_products() -> None:
    names = [node.op.name for node in record(lambda x: x**2 + x**3 + x**0.5, "f32[3]").graph]
    assert "power" not in names and "sqrt" in names


def test_composed_ufuncs_are_numpys() -> None:
    check(lambda x, y: np.divmod(x, y), X, Y, grad=False)
    check(lambda i: np.divmod(i, 3), INTEGERS)
    check(np.modf, np.array([1.5, -2.25, 0.0, -0.0, np.inf, -np.inf, np.nan]), grad=False)
    check(np.modf, INTEGERS, grad=False)
    check(np.modf, INTEGERS.astype(np.int16), grad=False)
    check(lambda x: np.float_power(x, 2), np.abs(X).astype(np.float32), rtol=1e-15)
    check(np.positive, X)
    check(np.conjugate, X)
    check(np.degrees, X)
    check(np.radians, X)


def test_outer_pairs_all_elements() -> None:
    check(np.multiply.outer, X, Y)
    check(np.subtract.outer, Y, X)
    check(lambda i: np.power.outer(i, np.arange(3)), np.abs(INTEGERS))


def test_reduce_and_accumulate_default_to_the_first_axis() -> None:
    check(np.add.reduce, X)
    check(lambda x: np.multiply.reduce(x, axis=1), X)
    check(np.maximum.reduce, X)
    check(lambda x: np.logical_or.reduce(x > 0, axis=None), X)
    check(np.add.accumulate, X)
    check(lambda x: np.multiply.accumulate(x, axis=1), X)


def test_comparison_with_an_integer_out_of_range_is_decided() -> None:
    x = np.array([0, 200], np.uint8)
    for found, expected in (
        (run(lambda x: x < 300, x), x < 300),
        (run(lambda x: np.equal(-1, x), x), np.equal(-1, x)),
    ):
        np.testing.assert_array_equal(found[0], expected)


def test_python_integers_compare_as_integers() -> None:
    compare = graphc.compile(lambda a, b: (a > b, a == b, a // b), backend="interpret")
    assert compare(3, 2) == (True, False, 1)


def test_an_integer_that_does_not_fit_is_numpys_error() -> None:
    with pytest.raises(OverflowError, match="Python integer 300 out of bounds for uint8"):
        record(lambda x: x + 300, "u8[3]")


def test_errors_keep_numpys_classes() -> None:
    assert issubclass(DTypeError, TypeError) and issubclass(UnsupportedError, TypeError)


def test_predicates_rounding_and_reciprocals_of_integers_are_numpys() -> None:
    for dtype in ("i8", "u1", "?"):
        x = np.array([1, 0, 5]).astype(dtype)
        for ufunc in (np.isnan, np.isinf, np.isfinite, np.floor, np.ceil, np.trunc):
            check(ufunc, x)
    check(np.reciprocal, np.array([1, -1, 5, -3]))


def test_conjugates_of_booleans_are_small_integers_as_in_numpy() -> None:
    found = run(lambda x: np.conjugate(x), np.array([True, False]))
    expected = np.conjugate(np.array([True, False]))
    np.testing.assert_array_equal(found[0], expected)
    assert found[0].dtype == expected.dtype
