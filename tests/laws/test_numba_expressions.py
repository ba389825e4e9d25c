"""The Numba expression of every elementwise op computes what NumPy computes, corner values included."""

from __future__ import annotations

import math
import warnings
from types import FunctionType
from typing import Any

import numba
import numpy as np
import pytest

import graphc.ops.elementwise  # noqa: F401  (registers the ops)
from graphc.ir.parser import registered_ops
from graphc.ops.base import AbstractElementwise
from graphc.ops.elementwise.by_scalar import SCALAR_FUNCTIONS

pytestmark = pytest.mark.slow

OPS = {n: op for n, op in registered_ops().items() if issubclass(op, AbstractElementwise)}
REALS = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.5, -2.5, 3.0, 7.0, 1e300, -1e-300, np.inf, -np.inf, np.nan]
INTEGERS = [0, 1, -1, 2, 3, -3, 7, 62, 63, 64, 2**62, -(2**63)]


class _Jitted:
    """The scalar functions, every one compiled."""

    def __init__(self) -> None:
        space: dict[str, Any] = dict(SCALAR_FUNCTIONS)
        for name, function in list(space.items()):
            if isinstance(function, FunctionType):
                copy = FunctionType(function.__code__, space, name)
                space[name] = numba.njit(copy, error_model="numpy")
        self.space = space


JITTED = _Jitted()


def compiled(op: type[AbstractElementwise], *dtypes: np.dtype) -> Any:
    """The op's template as a compiled function of one element per operand."""
    names = ["a", "b", "c"][: op.arity]
    text = op().numba_for(*dtypes).format(*names)
    for name in JITTED.space:
        text = text.replace(f"special.{name}(", f"{name}(")
    namespace: dict[str, Any] = {"math": math, "np": np, **JITTED.space}
    exec(f"def kernel({', '.join(names)}):\n    return {text}\n", namespace)
    return numba.njit(namespace["kernel"], error_model="numpy")


def corner_operands(op: type[AbstractElementwise], dtype: Any) -> list[np.ndarray]:
    values = {"f": REALS, "i": INTEGERS, "b": [False, True]}[np.dtype(dtype).kind]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        arrays = [g.ravel() for g in np.meshgrid(*[np.array(values, dtype)] * op.arity)]
    if op.name == "where":
        arrays[0] = arrays[0] > 0
    if op.name == "ldexp":
        arrays[1] = np.nan_to_num(arrays[1]).clip(-20, 20).astype(np.int32)
    return arrays


@pytest.mark.parametrize("dtype", ["f8", "i8", "?"])
@pytest.mark.parametrize("name", OPS)
def test_the_expression_is_numpys_function(name: str, dtype: str) -> None:
    op = OPS[name]
    arrays = corner_operands(op, dtype)
    if name == "power" and dtype == "i8":
        arrays[1] = np.abs(arrays[1]) % 9
    if name == "lcm" and dtype == "i8":  # where the result fits 64 bits
        arrays = [a[np.all(np.abs(np.array(arrays) // 2) < 2**30, axis=0)] for a in arrays]
    if name == "reciprocal" and dtype == "i8":
        arrays[0] = arrays[0][arrays[0] != 0]
    try:
        result = op().result_dtype(*(a.dtype for a in arrays))
    except TypeError:
        pytest.skip("no such loop")
    with np.errstate(all="ignore"):
        expected = op().evaluate(*arrays)
    function = compiled(op, *(a.dtype for a in arrays))
    found = np.array([function(*point) for point in zip(*arrays, strict=True)])
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(found.astype(result), expected, rtol=1e-14)
