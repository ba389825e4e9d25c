"""Laws that hold for every elementwise op, and the generated local gradients."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc.ops.elementwise  # noqa: F401  (registers the ops)
from graphc.autodiff.reverse import gradient
from graphc.errors import DTypeError
from graphc.ir.interpret import interpret
from graphc.ir.parser import registered_ops
from graphc.ir.types import DTYPE_NAMES
from graphc.ops import derive
from graphc.ops.base import AbstractElementwise, apply
from graphc.trace.function import call_graph
from tests.helpers import check_gradient, record

OPS = {n: op for n, op in registered_ops().items() if issubclass(op, AbstractElementwise)}
NUMPY_OPS = {n: op for n, op in OPS.items() if op.numpy is not None}
# Some of whose local gradients are refused: see test_partial_derivatives.py.
PARTIAL = [n for n, op in OPS.items() if "unknown" in (op.gradients or ())]
SMOOTH = [n for n, op in OPS.items() if op.differentiable and n not in PARTIAL]
CORNERS = [0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.0, 1e300, -1e-300, np.inf, -np.inf, np.nan]


def operands(op: type[AbstractElementwise], size: int = 7, dtype: Any = np.float64) -> list[np.ndarray]:
    """Random operands from the op's domain; the first one boolean for where, the last integer for ldexp."""
    rng = np.random.default_rng(1)
    values = [rng.uniform(low, high, size).astype(dtype) for low, high in op.domain]
    if op.name == "where":
        values[0] = values[0] > 0.5
    if op.name == "ldexp":
        values[1] = values[1].astype(np.int32)
    return values


def test_the_generated_gradients_are_up_to_date() -> None:
    path = Path(derive.__file__).with_name("derivatives.py")
    assert path.read_text(encoding="utf-8") == derive.module_text()


@pytest.mark.parametrize("name", SMOOTH)
def test_gradient_is_that_of_finite_differences(name: str) -> None:
    op = OPS[name]
    check_gradient(lambda *xs: apply(op(), *xs), *operands(op))


@pytest.mark.parametrize("name", NUMPY_OPS)
def test_result_type_is_numpys_for_all_operand_types(name: str) -> None:
    ufunc = NUMPY_OPS[name].numpy
    assert ufunc is not None
    for dtypes in product(DTYPE_NAMES.values(), repeat=ufunc.nin):
        arrays = [np.ones(2, t) for t in dtypes]
        try:
            with np.errstate(all="ignore"):
                expected = ufunc(*arrays)
        except TypeError:
            with pytest.raises(DTypeError):
                record(ufunc, *arrays)
            continue
        if expected.dtype not in DTYPE_NAMES.values():
            with pytest.raises(DTypeError):
                record(ufunc, *arrays)
            continue
        (actual,) = interpret(record(ufunc, *arrays).graph, *arrays)
        assert actual.dtype == expected.dtype, dtypes
        np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("name", SMOOTH)
def test_second_derivative_is_that_of_finite_differences_of_the_first(name: str) -> None:
    op = OPS[name]
    arrays = operands(op)
    rng = np.random.default_rng(2)
    weights = rng.normal(size=arrays[0].shape)
    wrt = [i for i, a in enumerate(arrays) if a.dtype == np.float64]
    first = gradient(record(lambda *xs: np.sum(weights * apply(op(), *xs)), *arrays).graph, wrt)
    probes = [rng.normal(size=arrays[0].shape) for _ in wrt]

    def slope(*xs: Any) -> Any:
        """The first derivative along the probes."""
        slopes = call_graph(first, [*xs, weights])[1:]
        return sum(np.sum(p * s) for p, s in zip(probes, slopes, strict=True))

    traced = record(slope, *arrays)
    second = interpret(gradient(traced.graph, wrt), *arrays, *traced.captured)[1:]
    for i, found in zip(wrt, second, strict=True):
        direction = rng.normal(size=arrays[i].shape)
        ends = []
        for step in (1e-6, -1e-6):
            moved = [*arrays]
            moved[i] = arrays[i] + step * direction
            slopes = interpret(first, *moved, weights)[1:]
            ends.append(sum(np.sum(p * s) for p, s in zip(probes, slopes, strict=True)))
        numeric = (ends[0] - ends[1]) / 2e-6
        np.testing.assert_allclose(np.sum(found * direction), numeric, rtol=5e-6, atol=5e-7)


@pytest.mark.parametrize("name", SMOOTH)
def test_gradient_of_f32_is_f32(name: str) -> None:
    op = OPS[name]
    arrays = operands(op, dtype=np.float32)
    wrt = [i for i, a in enumerate(arrays) if a.dtype == np.float32]
    for g in interpret(gradient(record(lambda *xs: np.sum(apply(op(), *xs)), *arrays).graph, wrt), *arrays):
        assert g.dtype == np.float32


@pytest.mark.parametrize("name", SMOOTH)
def test_the_rule_runs_on_arrays_as_on_traced_values(name: str) -> None:
    op = OPS[name]
    arrays = operands(op)
    y = op().evaluate(*arrays)
    contributions = op().vjp(np.ones_like(y), y, *arrays)
    wrt = [i for i, a in enumerate(arrays) if a.dtype == np.float64]
    results = interpret(gradient(record(lambda *xs: np.sum(apply(op(), *xs)), *arrays).graph, wrt), *arrays)
    for i, g in zip(wrt, results[1:], strict=True):
        expected = np.zeros_like(y) if contributions[i] is None else contributions[i]
        np.testing.assert_allclose(g, expected, rtol=1e-15)


@pytest.mark.parametrize("name", SMOOTH)
def test_an_exact_zero_cotangent_stays_zero_at_corner_values(name: str) -> None:
    op = OPS[name]
    finite = [v for v in CORNERS if np.isfinite(v)]
    grids = np.meshgrid(*[finite] * op.arity)
    arrays = [grid.ravel() for grid in grids]
    if name == "where":
        arrays[0] = arrays[0] > 0
    if name == "ldexp":
        arrays[1] = arrays[1].clip(-9, 9).astype(np.int32)
    with np.errstate(all="ignore"):
        y = op().evaluate(*arrays)
        for contribution in op().vjp(np.zeros_like(y), y, *arrays):
            assert contribution is None or not np.any(contribution)


BINARY = [op.numpy for op in NUMPY_OPS.values() if op.arity == 2 and op.numpy is not None]


# NumPy cannot tell whether integers beyond 64 bits are true; here they are.
LENIENT = (np.logical_and, np.logical_or, np.logical_xor)


@pytest.mark.parametrize("ufunc", BINARY, ids=lambda f: f.__name__)
def test_python_scalars_adapt_as_in_numpy(ufunc: np.ufunc) -> None:
    for dtype, scalar, swapped in product(
        DTYPE_NAMES.values(), (True, 2, -3, 300, 2.5, 10**30), (False, True)
    ):
        if ufunc in LENIENT and scalar == 10**30:
            continue
        x = np.array([1, 0, 1]).astype(dtype)
        call = (lambda a, s=scalar: ufunc(s, a)) if swapped else (lambda a, s=scalar: ufunc(a, s))
        try:
            with np.errstate(all="ignore"):
                expected = call(x)
        except (TypeError, OverflowError, ValueError):
            with pytest.raises((TypeError, OverflowError, ValueError)):
                record(call, x)
            continue
        if expected.dtype not in DTYPE_NAMES.values():
            with pytest.raises(DTypeError):
                record(call, x)
            continue
        traced = record(call, x)
        (actual,) = interpret(traced.graph, x)
        assert actual.dtype == expected.dtype, (dtype, scalar, swapped)
        np.testing.assert_array_equal(actual, expected, err_msg=str((dtype, scalar, swapped)))
