"""What counts as a complex value."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np


class AbstractComplex:
    """A traced complex value; `ComplexTracer` is the only one."""

    __slots__ = ()


def is_complex(value: Any) -> bool:
    """Whether `value` is complex: traced, a number, or an array of a complex dtype."""
    if isinstance(value, AbstractComplex | complex | np.complexfloating):
        return True
    return isinstance(value, np.ndarray) and value.dtype.kind == "c"


def holds_complex(values: Iterable[Any]) -> bool:
    """Whether one of `values`, or of the lists and tuples among them, is complex."""
    return any(is_complex(v) or (isinstance(v, list | tuple) and holds_complex(v)) for v in values)


def complex_dtype(dtype: Any) -> np.dtype:
    """The dtype of complex numbers whose parts have the real dtype `dtype`."""
    return np.result_type(dtype, np.complex64)


def real_dtype(dtype: Any) -> np.dtype:
    """The dtype of the parts of complex numbers, complex64 or complex128; a real dtype stays what it is."""
    given = np.dtype(dtype)
    return np.finfo(given).dtype if given.kind == "c" else given
