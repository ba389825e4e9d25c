"""np.array([...]) of traced values, and object arrays of traced scalars, become traced arrays."""

from __future__ import annotations

import numba
import numpy as np
import pytest
import scipy.special

from graphc.errors import ShapeError, TraceError, UnsupportedError
from tests.helpers import check, record

RNG = np.random.default_rng(11)
X = RNG.normal(size=(3, 4))
T = np.float64(0.7)


def message(function, *types) -> str:
    with pytest.raises((TraceError, UnsupportedError, ShapeError)) as caught:
        record(function, *types)
    return str(caught.value)


def line(function, offset: int = 1) -> str:
    return f"test_objects.py:{function.__code__.co_firstlineno + offset}"


def test_scalars_become_a_vector() -> None:
    check(lambda x, t: np.array([x * np.cos(t), x * np.sin(t)]), np.float64(2.0), T)


def test_scalars_and_numbers_become_a_matrix() -> None:
    check(
        lambda t: np.array([[np.cos(t), -np.sin(t), 0], [np.sin(t), np.cos(t), 0], [0, 0, 1]]) @ np.ones(3), T
    )


def test_rows_become_a_matrix_without_taking_them_apart() -> None:
    check(lambda x: np.array([x[0], x[2]]), X)
    graph = record(lambda x: np.array([x, x]), "f64[1000]").graph
    assert sum(1 for _ in graph) == 3


def test_object_arrays_take_part_in_arithmetic_and_functions() -> None:
    check(lambda t, x: np.array([t * 2, 1.0, t, t]) + x, T, X)
    check(lambda t: np.sum(np.array([t, t * 2])), T)
    check(lambda t: np.sin(np.array([t, t * 2])) * 3, T)
    check(lambda t: np.dot(np.array([t, 1.0]), np.array([2.0, t])), T)
    check(lambda t: np.exp(np.stack([t, 1.0])) @ np.array([[t, 1.0], [0.0, t]]), T)


def test_asarray_of_a_traced_vector_keeps_its_meaning() -> None:
    check(lambda x: np.asarray(x) * 2 + np.asarray(x)[0], X)
    check(lambda x: np.sum(np.asarray(x)), X[0])


def test_lists_of_traced_values_are_arguments_of_numpy_functions() -> None:
    check(lambda t: np.concatenate([[t, 1.0], np.stack([t, t])]), T)
    check(lambda x, t: x @ [t, 1.0, 2.0, t], X, T)
    check(lambda t: np.linalg.norm(np.stack([t, 2 * t])), T)


def test_mixed_dtypes_promote_as_in_numpy() -> None:
    check(lambda a, b: np.stack([a, b]), np.float32(1.5), np.int64(2))
    traced = record(lambda a, b: np.array([a, b]), "f32", "i64")
    assert str(traced.results[0].type) == "f64[2]"


def test_functions_of_object_arrays_with_plain_numbers_name_stack() -> None:
    def f(t):
        return np.exp(np.array([t, 1.0]))

    assert message(f, "f64") == (
        "a NumPy function that sees traced values as objects: loop of ufunc does not support argument 1 of "
        "type float which has no callable exp method\n"
        f"  at {line(f)}, return np.exp(np.array([t, 1.0]))\n"
        "  Make arrays with np.stack([...]), which is traced as a whole; see docs/coverage.md."
    )


def test_numpy_functions_that_compare_or_convert_objects_name_stack() -> None:
    def largest(t):
        return np.max(np.array([t, 1.0]))

    def determinant(t):
        return np.linalg.det(np.array([[t, 1.0], [2.0, t]]))

    def spread(t):
        return np.var(np.array([t, 2 * t]))

    remedy = "  Make arrays with np.stack([...]), which is traced as a whole; see docs/coverage.md."
    assert message(largest, "f64") == (
        "numpy.max compares the elements of np.array([...]) of traced values one by one\n"
        f"  at {line(largest)}, return np.max(np.array([t, 1.0]))\n{remedy}"
    )
    assert message(determinant, "f64") == (
        "a NumPy function that sees traced values as objects: Cannot cast ufunc 'det' "
        "input from dtype('O') to dtype('float64') with casting rule 'same_kind'\n"
        f"  at {line(determinant)}, return np.linalg.det(np.array([[t, 1.0], [2.0, t]]))\n{remedy}"
    )
    assert message(spread, "f64") == (
        "numpy.var converts the elements of np.array([...]) of traced values to float64\n"
        f"  at {line(spread)}, return np.var(np.array([t, 2 * t]))\n{remedy}"
    )


@pytest.mark.parametrize("dtype", ["bool", "i8", "u16", "i32"])
def test_sums_of_narrow_objects_are_refused_because_numpy_would_not_widen_them(dtype: str) -> None:
    def f(a, b):
        return np.array([a, b]).sum()

    name = {"i8": "int8", "u16": "uint16", "i32": "int32"}.get(dtype, dtype)
    assert message(f, dtype, dtype) == (
        f"numpy.sum of np.array([...]) of traced {name}, which NumPy would not widen\n"
        f"  at {line(f)}, return np.array([a, b]).sum()\n"
        "  Make arrays with np.stack([...]), which is traced as a whole; see docs/coverage.md."
    )
    check(lambda a, b: np.stack([a, b]).sum(), *np.zeros((2,), name))
    check(lambda a, b: np.array([a, b]) + np.array([b, a]), *np.ones((2,), name))


def test_comparing_calls_name_their_traced_forms() -> None:
    def f(t):
        return max(t, 1.0)

    assert message(f, "f64") == (
        "a Python branch on the traced value bool: its value is not known while tracing\n"
        f"  at {line(f)}, return max(t, 1.0)\n"
        "  Use np.where(condition, a, b), np.maximum for max(), np.stack([...]) for np.array([...]), or make "
        "the argument static (static_argnames)."
    )


def test_object_arrays_that_lost_their_dtype_are_refused() -> None:
    def zeros(t):
        return np.zeros_like(np.array([t, t]))

    def nothing(x):
        return np.asarray(x)

    remedy = "  Make arrays with np.stack([...]), which is traced as a whole; see docs/coverage.md."
    assert message(zeros, "f32").splitlines()[0] == "an object array that holds no traced value"
    assert message(nothing, "f32[0, 3]") == (
        "np.array or np.asarray of f32[0, 3], whose dtype would be lost\n"
        f"  at {line(nothing)}, return np.asarray(x)\n{remedy}"
    )
    check(lambda x: np.asarray(x) * 2, np.zeros((0, 3)))


def test_ragged_rows_are_refused() -> None:
    def f(x):
        return np.add([x[0], x[0, 1:]], x)

    assert message(f, "f64[3, 4]") == (
        "an array of rows with different shapes: (4), (3)\n"
        f"  at {line(f)}, return np.add([x[0], x[0, 1:]], x)\n"
        "  All elements of np.array([...]) need one shape; pad them, or use np.concatenate."
    )


def test_too_many_scalars_are_refused() -> None:
    def f(x):
        return np.array([x, x])

    assert message(f, "f64[20000]") == (
        "an array of 20000 separate traced scalars, more than 10000\n"
        f"  at {line(f)}, return np.array([x, x])\n"
        "  Build it from whole arrays with np.stack or np.concatenate."
    )


def test_symbolic_sizes_are_refused() -> None:
    def f(x):
        return np.array([x, x])

    assert message(f, "f64[N]") == (
        "np.array or np.asarray of f64[N], whose size is symbolic\n"
        f"  at {line(f)}, return np.array([x, x])\n"
        "  Use the array itself, np.copy(x), or np.stack([...])."
    )


def test_a_concrete_dtype_is_refused() -> None:
    def f(x):
        return np.asarray(x, dtype=float)

    assert message(f, "f64[3]") == (
        "conversion of the traced value f64[3] to a concrete array of float64\n"
        f"  at {line(f)}, return np.asarray(x, dtype=float)\n"
        "  Use x.astype(dtype) to convert numbers, np.stack or np.array([...]) without dtype to build "
        "arrays, np.zeros_like(x) or graphc.zeros instead of filling a concrete array."
    )


def test_filling_a_concrete_array_is_refused() -> None:
    def f(x):
        out = np.zeros(3)
        out[0] = x[0]
        return out

    assert "np.zeros_like(x) or graphc.zeros instead of filling a concrete array" in message(f, "f64[3]")


def test_scipy_functions_that_convert_are_refused_at_the_users_line() -> None:
    def f(x):
        return scipy.special.polygamma(1, x)

    assert message(f, "f64[3]") == (
        "scipy's polygamma converts its arguments to concrete arrays, so it cannot be traced\n"
        f"  at {line(f)}, return scipy.special.polygamma(1, x)\n"
        "  Use scipy.special.psi(x), or for n > 0 (-1)**(n + 1) * n! * scipy.special.zeta(n + 1, x)."
    )

    def g(x):
        return scipy.special.comb(x, 2)

    assert message(g, "f64[3]") == (
        "scipy's comb converts its arguments to concrete arrays, so it cannot be traced\n"
        f"  at {line(g)}, return scipy.special.comb(x, 2)\n"
        "  Use a ufunc of scipy.special, graphc.nn.functional, or NumPy functions."
    )


def test_scipy_functions_of_traced_and_concrete_arrays_say_how_to_mix_them() -> None:
    def f(x):
        return scipy.special.logsumexp(x, b=np.ones(3))

    assert message(f, "f64[3]") == (
        "a function of SciPy given a traced and a concrete array\n"
        f"  at {line(f)}, return scipy.special.logsumexp(x, b=np.ones(3))\n"
        "  Make the concrete one traced as well: np.asarray(array, like=x)."
    )


def test_uncovered_functions_are_named() -> None:
    def f(x):
        return np.busday_offset(x, 1)

    assert message(f, "f64[3]") == (
        "graphc cannot trace numpy.busday_offset\n"
        f"  at {line(f)}, return np.busday_offset(x, 1)\n"
        "  See the list of covered functions in docs/coverage.md, or write it with covered ones."
    )


def test_uncovered_keyword_values_are_named() -> None:
    def f(x):
        return np.linalg.qr(x, mode="raw")

    assert message(f, "f64[3, 3]").startswith("graphc cannot trace numpy.linalg.qr with mode='raw'\n")


def test_functions_whose_shape_depends_on_the_data_name_a_remedy() -> None:
    def f(x):
        return np.unique(x)

    assert message(f, "f64[3]") == (
        "numpy.unique: the shape of its result depends on the data\n"
        f"  at {line(f)}, return np.unique(x)\n"
        "  Use np.sort(x), whose neighbours differ where a new value starts."
    )


def test_arithmetic_with_symbolic_sizes_stays_exact() -> None:
    for n in (2, 5):
        x = RNG.normal(size=n)
        check(lambda x: x * (x.shape[0] * 0.5), x, types=["f64[N]"])
        check(lambda x: x / np.sqrt(x.shape[0]) + 1 / x.shape[0], x, types=["f64[N]"])
        check(lambda x: x * x.shape[0] ** 2 - x.shape[0] / 2, x, types=["f64[N]"])
        check(lambda x: np.arange(x.shape[0], like=x) * x, x, types=["f64[N]"])


def test_a_range_of_symbolic_length_names_like() -> None:
    def f(x):
        return np.arange(x.shape[0]) * x

    assert message(f, "f64[N]") == (
        "a Python branch on a number computed from a symbolic size: its value is not known while tracing\n"
        f"  at {line(f)}, return np.arange(x.shape[0]) * x\n"
        "  Use np.arange(n, like=x) and graphc.zeros(shape) for arrays of that size, np.where for a "
        "choice, or trace with fixed sizes."
    )


def test_a_concrete_array_indexed_by_a_traced_value_names_take() -> None:
    table = np.arange(5.0)

    def f(i):
        return table[i]

    assert message(f, "i64") == (
        "a concrete array indexed by a traced value\n"
        f"  at {line(f)}, return table[i]\n"
        "  Index a traced copy of it: np.asarray(array, like=index)[index]. To write to it, start from "
        "np.zeros_like(x) or graphc.zeros(shape)."
    )
    check(lambda i: np.asarray(table, like=i)[i], np.array([3, 0]))


def test_formatting_shows_the_type() -> None:
    seen = []
    record(lambda t: seen.append(f"{t:.2f}") or t, "f64")
    assert seen == ["<traced f64>"]


@numba.vectorize(["float64(float64)"])
def gamma(x):
    return x + 1


def test_a_ufunc_of_the_user_is_not_taken_for_one_of_scipy_with_its_name() -> None:
    def f(x):
        return gamma(x)

    assert message(f, "f64[3]").startswith(
        f"graphc cannot trace the ufunc gamma\n  at {line(f)}, return gamma(x)\n"
    )


def test_what_numpy_takes_for_objects_says_where() -> None:
    def fit(x):
        return np.polynomial.polynomial.polyfit(np.arange(4.0), x, 2)

    def walk(x):
        return sum(np.nditer(x))

    for f in (fit, walk):
        text = message(f, "f64[4]")
        assert text.startswith("a NumPy function that sees traced values as objects: ")
        assert f"\n  at {line(f)}, return " in text


def test_comparing_with_none_or_a_text_is_false_everywhere() -> None:
    check(lambda x: (x == None, x != "a"), np.ones((2, 3)))  # noqa: E711
