"""Compiled functions called from `@numba.njit` code give what they give when Python calls them."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest
from numba.core.errors import TypingError

import graphc
from graphc.api.numba_interop import register
from graphc.api.numba_interop.forms import conflicting_sizes

register()
RNG = np.random.default_rng(5)


def rosenbrock(x: Any) -> Any:
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def test_gradient_descent_in_numba_code_finds_the_minimum() -> None:
    slope = graphc.value_and_grad(rosenbrock)

    @numba.njit
    def descend(x: Any, rate: float, steps: int) -> Any:
        value = 0.0
        for _ in range(steps):
            value, g = slope(x)
            x = x - rate * g
        return x, value

    for size in (2, 4):  # one program serves both sizes
        x, value = descend(np.zeros(size), 1e-3, 40_000)
        np.testing.assert_allclose(x, np.ones(size), atol=1e-3)
        assert value < 1e-6


def test_newtons_method_in_numba_code_uses_first_and_second_derivatives() -> None:
    @graphc.compile
    def f(x: Any) -> Any:
        return np.exp(x) - 2.0 * x

    first = graphc.grad(f)
    second = graphc.grad(first)

    @numba.njit
    def minimise(x: float) -> float:
        for _ in range(8):
            x -= first(x) / second(x)
        return f(x), x

    value, x = minimise(0.0)
    np.testing.assert_allclose(x, np.log(2.0), rtol=1e-15)
    np.testing.assert_allclose(value, 2.0 - 2.0 * np.log(2.0), rtol=1e-15)


def same_in_numba(f: Any, *args: Any) -> None:
    """Called from Numba, `f` returns what it returns when called from Python."""
    compiled = f if isinstance(f, graphc.Compiled) else graphc.compile(f)
    expected = compiled(*args)
    call = numba.njit(lambda *args: compiled(*args))
    actual = call(*args)
    _assert_same(actual, expected)


def _assert_same(actual: Any, expected: Any) -> None:
    if isinstance(expected, tuple):
        assert isinstance(actual, tuple)
        for a, e in zip(actual, expected, strict=True):
            _assert_same(a, e)
        return
    assert np.shape(actual) == np.shape(expected)
    if isinstance(expected, np.ndarray):  # Numba returns its numbers as Python's
        assert actual.dtype == expected.dtype
    np.testing.assert_allclose(
        actual, expected, rtol=1e-6 if np.result_type(expected) == np.float32 else 1e-13
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.int64, np.uint8, np.bool_])
def test_arrays_of_every_dtype_go_in_and_out(dtype: Any) -> None:
    x = RNG.integers(0, 2, (3, 4)).astype(dtype)
    same_in_numba(lambda a, b: (np.maximum(a, b), a == b), x, x[::-1].copy())


def test_numbers_and_tuples_go_in_and_out() -> None:
    same_in_numba(lambda x, pair: ((x * pair[0], pair[1]), x), np.arange(3.0), (2.0, np.ones(2)))
    same_in_numba(lambda a, b, c: (a + b, a > b, c), 2, 3, True)
    same_in_numba(lambda x: (np.sum(x), np.argmax(x), np.all(x > 0)), np.arange(5, dtype=np.float32))


def test_views_are_copied_where_they_must() -> None:
    x = RNG.normal(size=(4, 6))
    same_in_numba(lambda a: a @ np.swapaxes(a, 0, 1) if a.ndim == 2 else a, x[::2, ::3])
    same_in_numba(lambda a: np.cumsum(a), x[:, 1])


def test_sizes_that_must_agree_are_found() -> None:
    same_in_numba(
        lambda x, w, b, y: np.mean((np.tanh(x @ w + b) - y) ** 2),
        RNG.normal(size=(5, 4)),
        RNG.normal(size=(4, 3)),
        RNG.normal(size=3),
        RNG.normal(size=(5, 3)),
    )
    same_in_numba(lambda x, y: np.where(x > y, x, y), np.arange(3.0), np.ones(3))
    same_in_numba(lambda x, y: np.concatenate([x, y]), np.arange(3.0), np.ones(2))


def test_sizes_named_by_errors_are_paired_from_the_last_axis() -> None:
    names = {"N0", "N1", "N2"}
    text = "operands could not be broadcast together with shapes (N0,N1) (N2)"
    assert conflicting_sizes(text, names) == ("N1", "N2")
    assert conflicting_sizes("mismatch (size N2 is different from N0)", names) == ("N2", "N0")
    assert conflicting_sizes("shapes (N0,1,N1) (5,7)", names) == ("7", "N1")
    assert conflicting_sizes("nothing of the kind", names) is None


def test_arguments_that_do_not_fit_each_other_raise_at_run_time() -> None:
    f = graphc.compile(lambda x, y: x * y)

    @numba.njit
    def call(x: Any, y: Any) -> Any:
        return f(x, y)

    np.testing.assert_array_equal(call(np.arange(3.0), np.ones(3)), np.arange(3.0))
    with pytest.raises(graphc.ShapeError, match="axis 0 of argument y of <lambda> differs from axis 0"):
        call(np.arange(3.0), np.ones(4))


def test_sizes_that_are_too_small_are_refused() -> None:
    f = graphc.compile(lambda x: np.cumsum(x[5:] * 2))
    call = numba.njit(lambda x: f(x))
    np.testing.assert_array_equal(call(np.ones(7)), [2.0, 4.0])
    with pytest.raises(graphc.ShapeError, match="takes N0-5 for at least 0"):
        call(np.ones(3))


def test_errors_of_the_program_are_raised() -> None:
    pick = graphc.compile(lambda x, i: x[i])
    factor = graphc.compile(lambda a: np.linalg.cholesky(a), dynamic={"a": "f64[N, N]"})
    with pytest.raises(IndexError, match="out of bounds"):
        numba.njit(lambda x, i: pick(x, i))(np.arange(3.0), np.array([0, 5]))
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
        numba.njit(lambda a: factor(a))(-np.eye(3))


def test_a_function_that_needs_known_sizes_says_how_to_declare_them() -> None:
    def volume(x: Any) -> Any:
        a, b, c = x
        return a * b * c

    f = graphc.compile(volume)
    with pytest.raises(TypingError, match=r"Declare the sizes .* graphc.compile\(volume, dynamic="):
        numba.njit(lambda x: f(x))(np.ones(3))
    declared = graphc.compile(volume, dynamic={"x": "f64[3]"})
    call = numba.njit(lambda x: declared(x))
    assert call(np.array([1.0, 2.0, 3.0])) == 6.0
    with pytest.raises(graphc.ShapeError, match="axis 0 of argument x of volume is not 3"):
        call(np.ones(4))


def test_what_cannot_be_passed_is_named() -> None:
    f = graphc.compile(lambda x: x)
    with pytest.raises(
        TypingError, match="x of <lambda> is complex; pass real and imaginary parts as two arguments"
    ):
        numba.njit(lambda: f(1j))()
    with pytest.raises(TypingError, match="backend='cpu'"):
        g = graphc.compile(lambda x: x, backend="interpret")
        numba.njit(lambda: g(1.0))()


def test_captured_arrays_that_calls_would_have_to_copy_are_refused() -> None:
    table = np.arange(12.0).reshape(3, 4)[:, ::2]
    f = graphc.compile(lambda x: x * table)
    with pytest.raises(TypingError, match="refers to an array that is not C-contiguous"):
        numba.njit(lambda x: f(x))(np.ones((3, 2)))


def test_objects_and_static_arguments_are_refused() -> None:
    class Model:
        def __call__(self, x: Any) -> Any:
            return x

    bound = graphc.compile(Model())
    with pytest.raises(TypingError, match="is bound to an object"):
        numba.njit(lambda x: bound(x))(1.0)
    static = graphc.compile(lambda x, n: x * n, static_argnames="n")
    with pytest.raises(TypingError, match="has static arguments"):
        numba.njit(lambda x: static(x, 2))(1.0)


def test_arguments_are_passed_by_position() -> None:
    f = graphc.compile(lambda x, k=2.0: x * k)
    assert numba.njit(lambda x: f(x))(3.0) == 6.0
    with pytest.raises(TypingError, match="takes its arguments by position in Numba's code, not k by name"):
        numba.njit(lambda x: f(x, k=3.0))(3.0)


def test_functions_run_in_parallel_loops() -> None:
    f = graphc.compile(lambda x: np.sum(np.tanh(np.sort(x))))

    @numba.njit(parallel=True)
    def rows(x: Any) -> Any:
        out = np.empty(x.shape[0])
        for i in numba.prange(x.shape[0]):
            out[i] = f(x[i])
        return out

    x = RNG.normal(size=(200, 50))
    np.testing.assert_allclose(rows(x), np.tanh(x).sum(axis=1), rtol=1e-12)


def test_donated_arrays_are_updated_in_place() -> None:
    step = graphc.compile(lambda w, g: w - 0.5 * g, donate="w")

    @numba.njit
    def train(w: Any, g: Any) -> Any:
        return step(w, g)

    w = np.ones(3)
    updated = train(w, np.arange(3.0))
    np.testing.assert_array_equal(w, [1.0, 0.5, 0.0])
    assert np.shares_memory(updated, w)


def test_captured_arrays_and_intermediates_stay_alive() -> None:
    table = RNG.normal(size=(64, 64))
    f = graphc.compile(lambda x: np.sum(np.sort(np.tanh(x @ table), axis=1) @ table, axis=0))
    same_in_numba(f, RNG.normal(size=(7, 64)))


def test_a_compiled_function_can_be_an_argument() -> None:
    @numba.njit
    def apply_twice(f: Any, x: float) -> float:
        return f(f(x))

    assert apply_twice(graphc.compile(lambda x: x * x), 3.0) == 81.0
    assert apply_twice(graphc.compile(lambda x: x + 1.0), 3.0) == 5.0


def test_a_derivative_of_a_function_that_numba_knows_has_a_type_of_its_own() -> None:
    f = graphc.compile(lambda x: x * x)
    assert numba.njit(lambda x: f(x))(3.0) == 9.0
    derivative = graphc.grad(f)
    assert numba.njit(lambda x: derivative(x))(3.0) == 6.0


SCRIPT = """
import sys
import graphc
assert "numba" not in sys.modules
import numba
f = graphc.compile(lambda x: x * x)
print(numba.njit(lambda x: f(x))(3.0))
"""


def test_numba_finds_the_extension_by_its_entry_point(tmp_path: Path) -> None:
    root = Path(graphc.__file__).parents[1]
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    points = project["entry-points"]["numba_extensions"]
    # An installed package in miniature: its metadata beside the source.
    info = tmp_path / "graphc-0.0.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: graphc\nVersion: 0.0.0\n")
    lines = "\n".join(f"{name} = {value}" for name, value in points.items())
    (info / "entry_points.txt").write_text(f"[numba_extensions]\n{lines}\n")
    code = f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(root)!r}]\n{SCRIPT}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "9.0\n", done.stderr
