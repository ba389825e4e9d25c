"""Positions that are checked when the program runs."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir.dims import Dim
from graphc.ops.gather import Gather
from graphc.ops.view import Reshape
from graphc.trace.numpy_functions.arguments import coordinates, strong
from graphc.trace.tracer import record
from graphc.trace.ufuncs import cast, dtype_error


def checked(positions: Any, count: Dim) -> Any:
    """The positions as i64; IndexError at run time unless all are in [0, count).

    A gather from 0, 1, … checks them, and leaves them as they are.
    """
    given = strong(positions)
    if given.dtype.kind not in "iub":
        raise dtype_error(f"positions of dtype {given.dtype}", "Use integers: x.astype(np.int64).")
    index = cast(given, np.int64)
    flat = record(Reshape((index.size,)), index)
    end: Any = count
    inside = np.where(flat < 0, end, flat)  # a gather would count negative ones from the end
    found = record(Gather((0,)), coordinates((count,), 0), inside)
    return record(Reshape(index.shape), found)
