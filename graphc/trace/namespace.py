"""What `x.__array_namespace__()` of a traced array is: NumPy, whose `asarray` leaves traced arrays alone.

Code written for the array API standard (2024.12) asks its argument for the functions to call. NumPy's own
`asarray` has no protocol: it would make an object array of a traced one.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from graphc.trace.tracer import Tracer


class SpecialFunctions:
    """The bare ufuncs of scipy.special, which SciPy asks a namespace for before it converts arrays."""

    def __getattr__(self, name: str) -> Any:
        module = sys.modules.get("scipy.special._ufuncs")  # loaded, if it is SciPy that asks
        found = getattr(module, name, None)
        if not isinstance(found, np.ufunc):
            raise AttributeError(name)
        return found


class ArrayNamespace:
    """NumPy's functions. There is one such object, so that namespaces compare equal."""

    __name__ = "graphc.trace.namespace"
    special = SpecialFunctions()

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def __dir__(self) -> list[str]:
        return dir(np)

    def asarray(self, obj: Any, /, *, dtype: Any = None, device: Any = None, copy: bool | None = None) -> Any:
        """`obj` as an array: a traced one itself, or converted; anything else by NumPy."""
        if not isinstance(obj, Tracer):
            return np.asarray(obj, dtype=dtype, copy=copy)
        if dtype is not None and obj.dtype != np.dtype(dtype):
            if copy is False:
                raise ValueError(f"cannot convert {obj.dtype} to {np.dtype(dtype)} without a copy")
            return obj.astype(dtype)
        return obj.copy() if copy else obj


NAMESPACE = ArrayNamespace()
