"""Symbolic sizes that are too small for a function's slices are refused, never read out of bounds."""

from __future__ import annotations

import numpy as np
import pytest

import graphc
from graphc.errors import ShapeError
from graphc.ir.requirements import requirements
from tests.helpers import record, run


def test_the_conditions_of_slices_are_listed_once() -> None:
    graph = record(lambda x: x[2:] + x[:-2] + x[2:], "f64[N]").graph
    assert [str(r.dim) for r in requirements(graph)] == ["N-2"]


def test_a_size_that_is_too_small_is_refused() -> None:
    with pytest.raises(ShapeError) as caught:
        run(lambda x: x[-3:], np.ones(2), types=["f64[N]"])
    assert str(caught.value).startswith(
        "the sizes N = 2 are too small: this function takes N-3 for at least 0\n"
    )


@pytest.mark.parametrize("n", [1, 2, 5])
def test_sizes_at_the_edge_are_allowed(n: int) -> None:
    (y,) = run(lambda x: x[1:] - x[:-1], np.arange(float(n)), types=["f64[N]"])
    np.testing.assert_array_equal(y, np.ones(n - 1))


def test_a_compiled_function_refuses_sizes_that_are_too_small_before_reading() -> None:
    function = graphc.compile(lambda x: x[-3:] * 2, dynamic=True)
    np.testing.assert_array_equal(function(np.ones(5)), [2.0, 2.0, 2.0])
    with pytest.raises(ShapeError, match="this function takes N-3 for at least 0"):
        function(np.ones(2))
