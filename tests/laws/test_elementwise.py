"""Laws that hold for every elementwise op, and the generated local gradients."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc.ops.elementwise  # noqa: F401  (registers the ops)
from graphc.errors import DTypeError
from graphc.ir.interpret import interpret
from graphc.ir.types import DTYPE_NAMES
from graphc.ops import derive
from graphc.ops.base import ALL_OPS, AbstractElementwise, apply
from tests.helpers import check_gradient, record

OPS = {n: op for n, op in ALL_OPS.items() if issubclass(op, AbstractElementwise)}
NUMPY_OPS = {n: op for n, op in OPS.items() if op.numpy is not None}
SMOOTH = [n for n, op in OPS.items() if op.differentiable]
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
