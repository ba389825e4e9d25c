"""The kind of ops that NumPy lacks: real functions defined one number at a time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphc.errors import DTypeError
from graphc.ops.base import AbstractElementwise
from graphc.ops.elementwise import incomplete_functions, special_functions

# What `special.name` in a template means.
SCALAR_FUNCTIONS = {**vars(special_functions), **vars(incomplete_functions)}


class AbstractSpecial(AbstractElementwise):
    """A function of floats, defined by the scalar function of its name in `SCALAR_FUNCTIONS`.

    Operands are all f32 or all f64, and so is the result, computed in f64.
    """

    def result_dtype(self, *dtypes: np.dtype) -> np.dtype:
        if len(set(dtypes)) != 1 or dtypes[0].kind != "f":
            raise DTypeError(
                f"{self.name} takes operands of one float dtype, got {', '.join(map(str, dtypes))}"
            )
        return dtypes[0]

    def evaluate(self, *args: Any) -> Any:
        function = np.vectorize(self.scalar, otypes=[np.float64])
        with np.errstate(all="ignore"):
            return function(*(np.asarray(x, np.float64) for x in args)).astype(args[0].dtype)

    def numba_for(self, *dtypes: np.dtype) -> str:
        if dtypes[0].itemsize == 8:
            return self.numba
        return self.numba.format(*(f"np.float64({{{i}}})" for i in range(len(dtypes))))

    def scalar(self, *numbers: float) -> float:
        """The function of numbers."""
        module, _, call = self.numba.partition(".")
        names = {"special": SCALAR_FUNCTIONS, "math": vars(math)}[module]
        function = names[call.partition("(")[0]]
        return float(function(*map(np.float64, numbers)))
