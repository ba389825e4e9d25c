"""Reads, writes and guarded products: text in, text out."""

import pytest

from tests.passes.golden import check_golden

CASES = {
    "a gather at regular places is a slice": (
        """\
graph(x: f64[9, 2]):
  %0: i64[3] = const[[7, 4, 1]: i64[3]]
  %1: f64[3, 2] = gather[axes=(0,)] x %0
  return %1""",
        """\
graph(x: f64[9, 2]):
  %0: f64[3, 2] = slice[start=(7, 0), shape=(3, 2), step=(-3, 1)] x
  return %0""",
    ),
    "a gather of one place is a slice": (
        """\
graph(x: f64[9, 2]):
  %0: i64 = const[1: i64]
  %1: f64[9] = gather[axes=(1,)] x %0
  return %1""",
        """\
graph(x: f64[9, 2]):
  %0: f64[9, 1] = slice[start=(0, 1), shape=(9, 1), step=(1, 1)] x
  %1: f64[9] = reshape[shape=(9,)] %0
  return %1""",
    ),
    "a gather out of bounds stays": (
        """\
graph(x: f64[9]):
  %0: i64[2] = const[[7, 9]: i64[2]]
  %1: f64[2] = gather[axes=(0,)] x %0
  return %1""",
        """\
graph(x: f64[9]):
  %0: i64[2] = const[[7, 9]: i64[2]]
  %1: f64[2] = gather[axes=(0,)] x %0
  return %1""",
    ),
    "adding to zeros at regular places is padding": (
        """\
graph(u: f64[2, 3]):
  %0: f64 = const[0.0: f64]
  %1: f64[9, 3] = broadcast_to[shape=(9, 3)] %0
  %2: i64[2] = const[[1, 3]: i64[2]]
  %3: f64[9, 3] = scatter_add[axes=(0,)] %1 u %2
  return %3""",
        """\
graph(u: f64[2, 3]):
  %0: f64[9, 3] = pad[start=(1, 0), shape=(9, 3), step=(2, 1)] u
  return %0""",
    ),
    "adding twice to one place stays": (
        """\
graph(u: f64[2]):
  %0: f64 = const[0.0: f64]
  %1: f64[9] = broadcast_to[shape=(9,)] %0
  %2: i64[2] = const[[3, 3]: i64[2]]
  %3: f64[9] = scatter_add[axes=(0,)] %1 u %2
  return %3""",
        """\
graph(u: f64[2]):
  %0: f64 = const[0.0: f64]
  %1: f64[9] = broadcast_to[shape=(9,)] %0
  %2: i64 = const[3: i64]
  %3: i64[2] = broadcast_to[shape=(2,)] %2
  %4: f64[9] = scatter_add[axes=(0,)] %1 u %3
  return %4""",
    ),
    "a guarded product with a nonzero constant is a product": (
        """\
graph(x: f64[3]):
  %0: f64 = const[2.0: f64]
  %1: f64[3] = broadcast_to[shape=(3,)] %0
  %2: f64[3] = mul_or_zero %1 x
  return %2""",
        """\
graph(x: f64[3]):
  %0: f64 = const[2.0: f64]
  %1: f64[3] = broadcast_to[shape=(3,)] %0
  %2: f64[3] = multiply x %1
  return %2""",
    ),
    "a guarded product with a computed factor stays": (
        """\
graph(g: f64[3], x: f64[3]):
  %0: f64[3] = log x
  %1: f64[3] = mul_or_zero g %0
  return %1""",
        """\
graph(g: f64[3], x: f64[3]):
  %0: f64[3] = log x
  %1: f64[3] = mul_or_zero g %0
  return %1""",
    ),
}


@pytest.mark.parametrize("sentence", CASES)
def test_regular_places_are_slices(sentence):
    check_golden(*CASES[sentence])
