"""Arrays to be filled: traced inside a compiled function, NumPy arrays outside."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.trace.context import current
from graphc.trace.numpy_functions.creation import dims_of
from graphc.trace.tracer import as_tracer
from graphc.trace.ufuncs import broadcast_to, cast


def full(shape: Any, fill_value: Any, dtype: Any = None) -> Any:
    """An array of `shape` with every element `fill_value`, as np.full makes it."""
    if current() is None:
        return np.full(shape, fill_value, dtype)
    value = as_tracer(fill_value)
    return broadcast_to(cast(value, value.dtype if dtype is None else dtype), dims_of(shape))


def zeros(shape: Any, dtype: Any = np.float64) -> Any:
    """An array of zeros, as np.zeros makes it; inside a compiled function, one that takes traced values."""
    return full(shape, 0, dtype)


def ones(shape: Any, dtype: Any = np.float64) -> Any:
    """An array of ones, as np.ones makes it; inside a compiled function, one that takes traced values."""
    return full(shape, 1, dtype)
