"""Reductions and contractions: text in, text out."""

import pytest

from tests.passes.golden import check_golden

CASES = {
    "a sum over no axes is the array": (
        """\
graph(x: f64[3]):
  %0: f64[3] = sum[axes=()] x
  return %0""",
        """\
graph(x: f64[3]):
  return x""",
    ),
    "a sum over an axis of length one is a reshape": (
        """\
graph(x: f64[3, 1]):
  %0: f64[3] = sum[axes=(1,)] x
  return %0""",
        """\
graph(x: f64[3, 1]):
  %0: f64[3] = reshape[shape=(3,)] x
  return %0""",
    ),
    "sums over different axes merge": (
        """\
graph(x: f64[2, 3, 4]):
  %0: f64[2, 4] = sum[axes=(1,)] x
  %1: f64[2] = sum[axes=(1,)] %0
  return %1""",
        """\
graph(x: f64[2, 3, 4]):
  %0: f64[2] = sum[axes=(1, 2)] x
  return %0""",
    ),
    "a sum of a broadcast is a multiple": (
        """\
graph(x: f64[4]):
  %0: f64[3, 4] = broadcast_to[shape=(3, 4)] x
  %1: f64[4] = sum[axes=(0,)] %0
  return %1""",
        """\
graph(x: f64[4]):
  %0: f64 = const[3.0: f64]
  %1: f64[4] = broadcast_to[shape=(4,)] %0
  %2: f64[4] = multiply x %1
  return %2""",
    ),
    "a sum of a broadcast over a symbolic size multiplies by it": (
        """\
graph(x: f64, y: f64[N]):
  %0: f64[N] = broadcast_to[shape=(N,)] x
  %1: f64 = sum[axes=(0,)] %0
  return %1""",
        """\
graph(x: f64, y: f64[N]):
  %0: i64 = size[dim=N]
  %1: f64 = cast[dtype=f64] %0
  %2: f64 = multiply x %1
  return %2""",
    ),
    "a maximum of a broadcast is the array": (
        """\
graph(x: f64[4]):
  %0: f64[3, 4] = broadcast_to[shape=(3, 4)] x
  %1: f64 = max[axes=(0, 1)] %0
  return %1""",
        """\
graph(x: f64[4]):
  %0: f64 = max[axes=(0,)] x
  return %0""",
    ),
    "a sum of a transpose needs no transpose": (
        """\
graph(x: f64[2, 3, 4]):
  %0: f64[4, 3, 2] = transpose[axes=(2, 1, 0)] x
  %1: f64[3] = sum[axes=(0, 2)] %0
  return %1""",
        """\
graph(x: f64[2, 3, 4]):
  %0: f64[3] = sum[axes=(0, 2)] x
  return %0""",
    ),
    "a sum of padding is the sum": (
        """\
graph(x: f64[3]):
  %0: f64[9] = pad[start=(2,), shape=(9,), step=(2,)] x
  %1: f64 = sum[axes=(0,)] %0
  return %1""",
        """\
graph(x: f64[3]):
  %0: f64 = sum[axes=(0,)] x
  return %0""",
    ),
    "a sum of a product of broadcasts is a contraction": (
        """\
graph(A: f64[4, 5], B: f64[5, 6]):
  %0: f64[4, 5, 1] = reshape[shape=(4, 5, 1)] A
  %1: f64[4, 5, 6] = broadcast_to[shape=(4, 5, 6)] %0
  %2: f64[4, 5, 6] = broadcast_to[shape=(4, 5, 6)] B
  %3: f64[4, 5, 6] = multiply %1 %2
  %4: f64[4, 6] = sum[axes=(1,)] %3
  return %4""",
        """\
graph(A: f64[4, 5], B: f64[5, 6]):
  %0: f64[4, 6] = contract[ab,bc->ac] A B
  return %0""",
    ),
    "a dot product stays a fused sum": (
        """\
graph(x: f64[5], y: f64[5]):
  %0: f64[5] = multiply x y
  %1: f64 = sum[axes=(0,)] %0
  return %1""",
        """\
graph(x: f64[5], y: f64[5]):
  %0: f64[5] = multiply x y
  %1: f64 = sum[axes=(0,)] %0
  return %1""",
    ),
    "a contraction of a transpose relabels": (
        """\
graph(A: f64[5, 4], B: f64[5, 6]):
  %0: f64[4, 5] = transpose[axes=(1, 0)] A
  %1: f64[4, 6] = contract[ab,bc->ac] %0 B
  %2: f64[6, 4] = transpose[axes=(1, 0)] %1
  return %2""",
        """\
graph(A: f64[5, 4], B: f64[5, 6]):
  %0: f64[6, 4] = contract[ab,ac->cb] A B
  return %0""",
    ),
    "a contraction without sum is a product": (
        """\
graph(x: f64[4], y: f64[3]):
  %0: f64[3, 4] = contract[a,b->ba] x y
  return %0""",
        """\
graph(x: f64[4], y: f64[3]):
  %0: f64[3, 4] = broadcast_to[shape=(3, 4)] x
  %1: f64[3, 1] = reshape[shape=(3, 1)] y
  %2: f64[3, 4] = broadcast_to[shape=(3, 4)] %1
  %3: f64[3, 4] = multiply %0 %2
  return %3""",
    ),
    "a contraction with ones is a sum": (
        """\
graph(x: f64[4, 5]):
  %0: f64 = const[1.0: f64]
  %1: f64[5, 6] = broadcast_to[shape=(5, 6)] %0
  %2: f64[4, 6] = contract[ab,bc->ac] x %1
  return %2""",
        """\
graph(x: f64[4, 5]):
  %0: f64[4] = sum[axes=(1,)] x
  %1: f64[4, 1] = reshape[shape=(4, 1)] %0
  %2: f64[4, 6] = broadcast_to[shape=(4, 6)] %1
  return %2""",
    ),
    "a contraction drops axes of length one": (
        """\
graph(x: f64[1, 5], w: f64[5, 6]):
  %0: f64[1, 6] = contract[ab,bc->ac] x w
  return %0""",
        """\
graph(x: f64[1, 5], w: f64[5, 6]):
  %0: f64[5] = reshape[shape=(5,)] x
  %1: f64[6] = contract[a,ab->b] %0 w
  %2: f64[1, 6] = reshape[shape=(1, 6)] %1
  return %2""",
    ),
}


@pytest.mark.parametrize("sentence", CASES)
def test_reductions_and_contractions_simplify(sentence):
    check_golden(*CASES[sentence])
