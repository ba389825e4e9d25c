"""Errors at run time show the user's line, also where machine code comes from the cache."""

from __future__ import annotations

import numpy as np
import pytest

import graphc


def pick(x, i):
    return x[i]


def pick_elsewhere(x, i):
    return x[i]


def solve(a, b):
    y = a @ b
    return np.linalg.solve(a, y)


def place(function, *args) -> str:
    with pytest.raises((IndexError, np.linalg.LinAlgError)) as caught:
        function(*args)
    return str(caught.value).splitlines()[-1]


@pytest.mark.parametrize("_", ["compiled", "from the cache"])
def test_an_index_out_of_bounds_shows_where_it_is_used(_: str) -> None:
    renamed = graphc.compile(pick_elsewhere)
    renamed.__name__ = "pick"  # names are part of a program: with the same one it is the same code
    for function, line in ((graphc.compile(pick), pick), (renamed, pick_elsewhere)):
        expected = f"  at test_places.py:{line.__code__.co_firstlineno + 1}"
        assert place(function, np.ones(3), np.array([3])).startswith(expected)


def test_a_singular_matrix_shows_where_it_is_solved() -> None:
    expected = f"  at test_places.py:{solve.__code__.co_firstlineno + 2}"
    assert place(graphc.compile(solve), np.zeros((2, 2)), np.ones(2)).startswith(expected)
