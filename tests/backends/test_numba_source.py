"""The printed kernels compute what the ops say, as plain Python and compiled by Numba."""

from __future__ import annotations

import re
import subprocess
import sys
import warnings
from typing import Any

import numpy as np
import pytest

import graphc
from graphc.backends.numba_source.scalars import FUNCTIONS
from graphc.errors import GraphcError
from graphc.ir.dims import symbol
from graphc.ir.graph import AbstractOp, Builder, Graph, Item
from graphc.ir.interpret import interpret
from graphc.ir.parser import registered_ops
from graphc.ir.types import ArrayType, TupleType
from graphc.ops.base import AbstractElementwise
from graphc.ops.cast import Cast
from graphc.ops.cumulative import CumSum
from graphc.ops.gather import ScatterAdd
from graphc.ops.leaf import Input
from graphc.ops.linalg import Cholesky
from graphc.ops.sort import ArgSort, Sort
from graphc.passes.erase_markers import erase_markers
from tests.laws.random_programs import random_program, seeded
from tests.laws.test_random_programs import assert_same_values
from tests.laws.test_structural_ops import CASES
from tests.printed import run_printed

OPS = {n: op for n, op in registered_ops().items() if issubclass(op, AbstractElementwise)}
CORNERS: dict[str, list[Any]] = {
    "f": [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.5, -2.5, 3.0, 7.0, 1e30, -1e-30, np.inf, -np.inf, np.nan],
    "i": [0, 1, -1, 2, 3, -3, 7, 62, 63, 64, 100, -128],
    "u": [0, 1, 2, 3, 7, 62, 63, 64, 100, 255],
    "b": [False, True],
}
# Which of two equal zeros is the larger is nobody's promise.
ANY_ZERO = frozenset(("maximum", "minimum", "fmax", "fmin", "power"))


def graph_of(op: AbstractOp, *arrays: np.ndarray, symbolic: bool = False) -> Graph:
    """The graph of one op on inputs like these; `symbolic` gives every size a name."""
    builder = Builder()
    names: dict[int, Any] = {}
    inputs = []
    for number, a in enumerate(arrays):
        shape = tuple(names.setdefault(n, symbol(f"N{n}")) if symbolic else n for n in a.shape)
        inputs.append(builder.add(Input(number, ArrayType(a.dtype, shape))))
    node = builder.add(op, *inputs)
    if isinstance(node.type, TupleType):
        return Graph(tuple(inputs), tuple(builder.add(Item(i), node) for i in range(len(node.type.elements))))
    return Graph(tuple(inputs), (node,))


def corner_operands(op: type[AbstractElementwise], dtype: str) -> list[np.ndarray] | None:
    """All pairs of corner values in a dtype; None where the op has no such loop."""
    values = np.array(CORNERS[np.dtype(dtype).kind], dtype)
    arrays = [grid.ravel() for grid in np.meshgrid(*[values] * op.arity)]
    if op.name == "where":
        arrays[0] = arrays[0] > 0
    if op.name == "ldexp":
        arrays[1] = np.nan_to_num(arrays[1]).clip(-20, 20).astype(np.int32)
    if op.name == "power":  # NumPy's scalar power of one half is a square root
        half = np.isin(arrays[1], [0.5]) & (arrays[0] <= 0) if dtype[0] == "f" else arrays[1] < 0
        arrays = [a[~half] for a in arrays]
    if op.name == "reciprocal" and dtype[0] in "iu":
        arrays[0] = arrays[0][arrays[0] != 0]
    try:
        op().result_dtype(*(a.dtype for a in arrays))
    except (TypeError, GraphcError):
        return None
    return arrays


def check_corners(op: type[AbstractElementwise], dtype: str, *, compiled: bool) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        arrays = corner_operands(op, dtype)
        if arrays is None:
            return
        graph = graph_of(op(), *arrays)
        (actual,), (expected,) = run_printed(graph, *arrays, compiled=compiled), interpret(graph, *arrays)
    assert actual.dtype == expected.dtype
    rtol = 1e-13 if expected.dtype == np.float64 else 3e-6 if expected.dtype == np.float32 else 0
    np.testing.assert_allclose(actual, expected, rtol, atol=1e-16, err_msg=f"{op.name} {dtype}")
    if expected.dtype.kind == "f" and op.name not in ANY_ZERO:
        zero = expected == 0
        np.testing.assert_array_equal(np.signbit(actual[zero]), np.signbit(expected[zero]))


@pytest.mark.parametrize("name", OPS)
def test_every_elementwise_op_runs_as_plain_python(name: str) -> None:
    for dtype in ("f4", "f8", "i1", "i4", "i8", "u1", "u4", "u8", "?"):
        check_corners(OPS[name], dtype, compiled=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", OPS)
def test_every_elementwise_op_compiles_with_numba(name: str) -> None:
    for dtype in ("f4", "f8", "i1", "i4", "i8", "u1", "u8", "?"):
        check_corners(OPS[name], dtype, compiled=True)


@pytest.mark.parametrize("compiled", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("source", ["f4", "f8", "i1", "i4", "i8", "u1", "u8", "?"])
def test_casts_convert_as_numpy_does(source: str, compiled: bool) -> None:
    x = np.array(
        [*CORNERS[np.dtype(source).kind], *([1e10, -1e10, 1.5e19, 300.5] if source[0] == "f" else [])]
    )
    x = x.astype(source)
    for target in ("f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?"):
        graph = graph_of(Cast(np.dtype(target)), x)
        (actual,), (expected,) = run_printed(graph, x, compiled=compiled), interpret(graph, x)
        # What does not fit without a sign is converted differently by NumPy's own loops.
        limit = {"u4": 2.0**31, "u8": 2.0**64}.get(target, np.inf) if source[0] == "f" else np.inf
        promised = np.isfinite(x) & (np.abs(x) < limit) if limit < np.inf else np.full(x.shape, True)
        np.testing.assert_array_equal(actual[promised], expected[promised], err_msg=f"{source} to {target}")


# Vectors of eigh and svd are unique up to sign only, and what is unset means nothing.
STRUCTURAL = sorted(set(CASES) - {"eigh", "svd", "unset"})


@pytest.mark.parametrize("name", STRUCTURAL)
def test_every_structural_op_runs_as_plain_python(name: str) -> None:
    case = CASES[name]
    arrays = [np.asarray(a) for a in case.args]
    graph = graph_of(case.op, *arrays)
    printed = run_printed(erase_markers(graph), *arrays)
    for actual, expected in zip(printed, interpret(graph, *arrays), strict=True):
        assert (actual.dtype, actual.shape) == (expected.dtype, expected.shape)
        np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("symbolic", [False, True])
def test_algorithms_compile_with_numba(symbolic: bool) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5, 7))
    cases: list[tuple[AbstractOp, list[np.ndarray]]] = [
        (ArgSort(1), [np.round(x)]),
        (Sort(0), [rng.normal(size=(90, 2))]),
        (CumSum(0), [x]),
        (ScatterAdd((0,)), [x, rng.normal(size=(4, 7)), np.array([1, 1, 0, 4])]),
    ]
    for op, arrays in cases:
        graph = graph_of(op, *arrays, symbolic=symbolic)
        (actual,), (expected,) = run_printed(graph, *arrays, compiled=True), interpret(graph, *arrays)
        np.testing.assert_allclose(actual, expected, rtol=1e-13)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int8, np.uint16, np.bool_])
@pytest.mark.parametrize("op", [Sort(0), ArgSort(0)])
def test_long_lines_are_sorted_in_plain_python(op: AbstractOp, dtype: Any) -> None:
    x = np.random.default_rng(0).integers(-3, 3, 90).astype(dtype)
    graph = graph_of(op, x)
    np.testing.assert_array_equal(run_printed(graph, x)[0], interpret(graph, x)[0])


@pytest.mark.parametrize("block", range(5))
def test_random_programs_run_as_plain_python(block: int) -> None:
    for seed in range(20 * block, 20 * (block + 1)):
        program = random_program(seeded(seed), 5 + seed % 30, (np.float32, np.float64)[seed % 2])
        assert_same_values(run_printed(program.graph, *program.inputs), program)


@pytest.mark.parametrize("seed", [3, pytest.param(8, marks=pytest.mark.slow)])
def test_random_programs_compile_with_numba(seed: int) -> None:
    program = random_program(seeded(seed), 20, (np.float32, np.float64)[seed % 2])
    assert_same_values(run_printed(program.graph, *program.inputs, compiled=True), program)


def test_an_error_is_raised_by_the_driver() -> None:
    x, updates, index = np.zeros((5, 3)), np.ones((4, 3)), np.array([0, 1, 9, 2])
    with pytest.raises(IndexError, match="an index is out of bounds for axis 0 with size 5"):
        run_printed(graph_of(ScatterAdd((0,)), x, updates, index), x, updates, index)
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
        run_printed(graph_of(Cholesky(), -np.eye(3)), -np.eye(3))


def test_sizes_that_are_too_small_are_refused_before_anything_is_read() -> None:
    f = graphc.compile(lambda x: x[5] + np.sum(x[:4]), backend="numba", dynamic={"x": "f64[N]"})
    assert f(np.arange(7.0)) == 11.0
    with pytest.raises(graphc.ShapeError, match="too small: this function takes N-6 for at least 0"):
        f(np.ones(3))


def mlp_loss(w: Any, b: Any, x: Any, y: Any) -> Any:
    return np.mean((np.tanh(x @ w + b) - y) ** 2)


@pytest.fixture
def mlp_arguments() -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    return [rng.normal(size=s).astype(np.float32) for s in [(4, 3), (3,), (5, 4), (5, 3)]]


def test_the_numba_backend_computes_what_the_cpu_backend_computes(mlp_arguments: list[np.ndarray]) -> None:
    gradient = graphc.value_and_grad(mlp_loss)
    expected = gradient(*mlp_arguments)
    actual = graphc.compile(lambda *args: gradient(*args), backend="numba")(*mlp_arguments)
    for a, e in zip(actual, expected, strict=True):
        assert type(a) is type(e)
        assert a.dtype == e.dtype
        np.testing.assert_allclose(a, e, rtol=1e-5)


def test_a_donated_argument_is_updated_in_place() -> None:
    step = graphc.compile(lambda w, g: w - 0.5 * g, donate="w", backend="numba")
    w = np.ones(3)
    updated = step(w, np.arange(3.0))
    assert updated is w
    np.testing.assert_array_equal(w, [1.0, 0.5, 0.0])


def test_both_backends_show_the_same_source() -> None:
    def f(x: Any, weights: Any) -> Any:
        return np.sum(np.exp(x) * weights["a"], axis=0)

    texts = [
        graphc.compile(f, backend=backend).lower("f32[N, 3]", {"a": np.ones(3)}).source
        for backend in ("cpu", "numba")
    ]
    assert texts[0] == texts[1]
    assert "def f(x, weights_a, out0, partial0, N):" in texts[0]
    assert "test_numba_source.py:" in texts[0]


def test_names_of_arguments_never_collide_with_those_of_the_program() -> None:
    def f(v0: Any, np_: Any, status: Any, i0: Any, k0: Any, lam: Any) -> Any:
        return v0 + np_ * status - i0 * k0 + lam

    arrays = [np.full(3, 1.5 * i) for i in range(6)]
    compiled = graphc.compile(f, backend="numba")
    np.testing.assert_array_equal(compiled(*arrays), f(*arrays))


def test_no_function_of_numbers_has_the_name_of_a_kernel() -> None:
    assert not [name for name in FUNCTIONS if re.fullmatch(r"k\d+", name)]


def test_a_f32_kernel_does_no_f64_arithmetic() -> None:
    source = graphc.compile(lambda x: np.exp(-0.5 * x) / (1.0 + x)).lower("f32[8]").source
    assert "np.float64" not in source
    assert "np.float32(-0.5)" in source or "np.float32(0.5)" in source


def test_the_text_runs_as_a_file_of_its_own(tmp_path: Any) -> None:
    source = graphc.compile(lambda x: np.sum(x * x)).lower("f64[4]").source
    script = tmp_path / "kernels.py"
    name = source.rsplit("def ", 1)[1].partition("(")[0]
    call = f"x, out = np.arange(4.0), np.zeros(1)\n{name}(x, out)\nprint(out[0])\n"
    script.write_text(f"{source}\n\n{call}", encoding="utf-8")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    assert done.stdout == "14.0\n"
