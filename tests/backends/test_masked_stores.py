"""What is left of a row is written and nothing behind it, whatever the dtype it was computed in."""

import itertools

import numpy as np
import pytest

from tests.helpers import record
from tests.native import Native

WIDE, NARROW = ("i8", "u8", "i4", "f8"), ("i1", "u1", "i2", "i4", "f4")


# One more than whole vectors of 16, 32 and 64 bytes: the mask of the rest lets a single lane through.
@pytest.mark.parametrize("columns", [3, 9, 17, 33])
def test_narrowed_rows_end_where_the_buffer_ends(columns):
    for wide, narrow in itertools.product(WIDE, NARROW):
        if np.dtype(wide).itemsize <= np.dtype(narrow).itemsize:
            continue

        def outer(x, y, narrow=narrow):
            return (x[:, None] * y).astype(narrow)

        x, y = np.arange(5).astype(wide), np.arange(columns).astype(wide)
        for vector_bytes in (16, 32, 64):
            # The program's buffers have guards around them, which are checked after the call.
            (result,) = Native(record(outer, x, y).graph, vector_bytes)(x, y)
            np.testing.assert_array_equal(result, outer(x, y))
