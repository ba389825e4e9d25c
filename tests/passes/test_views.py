"""Views and conversions: text in, text out."""

import pytest

from tests.passes.golden import check_golden

CASES = {
    "a transposed transpose is the array": (
        """\
graph(x: f64[2, 3]):
  %0: f64[3, 2] = transpose[axes=(1, 0)] x
  %1: f64[2, 3] = transpose[axes=(1, 0)] %0
  return %1""",
        """\
graph(x: f64[2, 3]):
  return x""",
    ),
    "transposes merge": (
        """\
graph(x: f64[2, 3, 4]):
  %0: f64[3, 4, 2] = transpose[axes=(1, 2, 0)] x
  %1: f64[4, 2, 3] = transpose[axes=(1, 2, 0)] %0
  return %1""",
        """\
graph(x: f64[2, 3, 4]):
  %0: f64[4, 2, 3] = transpose[axes=(2, 0, 1)] x
  return %0""",
    ),
    "a transpose that moves ones only is a reshape": (
        """\
graph(x: f64[N, 1, 4]):
  %0: f64[1, N, 4] = transpose[axes=(1, 0, 2)] x
  return %0""",
        """\
graph(x: f64[N, 1, 4]):
  %0: f64[1, N, 4] = reshape[shape=(1, N, 4)] x
  return %0""",
    ),
    "reshapes merge": (
        """\
graph(x: f64[2, 6]):
  %0: f64[12] = reshape[shape=(12,)] x
  %1: f64[3, 4] = reshape[shape=(3, 4)] %0
  return %1""",
        """\
graph(x: f64[2, 6]):
  %0: f64[3, 4] = reshape[shape=(3, 4)] x
  return %0""",
    ),
    "broadcasts merge": (
        """\
graph(x: f64[4]):
  %0: f64[3, 4] = broadcast_to[shape=(3, 4)] x
  %1: f64[2, 3, 4] = broadcast_to[shape=(2, 3, 4)] %0
  return %1""",
        """\
graph(x: f64[4]):
  %0: f64[2, 3, 4] = broadcast_to[shape=(2, 3, 4)] x
  return %0""",
    ),
    "a reshape by ones passes a broadcast": (
        """\
graph(x: f64[4]):
  %0: f64[3, 4] = broadcast_to[shape=(3, 4)] x
  %1: f64[3, 1, 4] = reshape[shape=(3, 1, 4)] %0
  return %1""",
        """\
graph(x: f64[4]):
  %0: f64[3, 1, 4] = broadcast_to[shape=(3, 1, 4)] x
  return %0""",
    ),
    "a transpose passes a broadcast": (
        """\
graph(x: f64[4]):
  %0: f64[3, 4] = broadcast_to[shape=(3, 4)] x
  %1: f64[4, 3] = transpose[axes=(1, 0)] %0
  return %1""",
        """\
graph(x: f64[4]):
  %0: f64[4, 1] = reshape[shape=(4, 1)] x
  %1: f64[4, 3] = broadcast_to[shape=(4, 3)] %0
  return %1""",
    ),
    "elementwise ops run before a broadcast": (
        """\
graph(x: f64[4], y: f64[4]):
  %0: f64[3, 4] = broadcast_to[shape=(3, 4)] x
  %1: f64[3, 4] = exp %0
  %2: f64[3, 4] = broadcast_to[shape=(3, 4)] y
  %3: f64[3, 4] = add %1 %2
  return %3""",
        """\
graph(x: f64[4], y: f64[4]):
  %0: f64[4] = exp x
  %1: f64[4] = add y %0
  %2: f64[3, 4] = broadcast_to[shape=(3, 4)] %1
  return %2""",
    ),
    "transposes around elementwise ops cancel": (
        """\
graph(x: f64[3, 4], y: f64[3, 4]):
  %0: f64[4, 3] = transpose[axes=(1, 0)] x
  %1: f64[4, 3] = transpose[axes=(1, 0)] y
  %2: f64[4, 3] = add %0 %1
  %3: f64[3, 4] = transpose[axes=(1, 0)] %2
  return %3""",
        """\
graph(x: f64[3, 4], y: f64[3, 4]):
  %0: f64[3, 4] = add x y
  return %0""",
    ),
    "a cast back from a wider type vanishes": (
        """\
graph(x: f32[3]):
  %0: f64[3] = cast[dtype=f64] x
  %1: f32[3] = cast[dtype=f32] %0
  return %1""",
        """\
graph(x: f32[3]):
  return x""",
    ),
    "a cast through a narrower type stays": (
        """\
graph(x: f64[3]):
  %0: f32[3] = cast[dtype=f32] x
  %1: f64[3] = cast[dtype=f64] %0
  return %1""",
        """\
graph(x: f64[3]):
  %0: f32[3] = cast[dtype=f32] x
  %1: f64[3] = cast[dtype=f64] %0
  return %1""",
    ),
    "a cast of i64 through f64 stays because it rounds": (
        """\
graph(x: i64[3]):
  %0: f64[3] = cast[dtype=f64] x
  %1: i64[3] = cast[dtype=i64] %0
  return %1""",
        """\
graph(x: i64[3]):
  %0: f64[3] = cast[dtype=f64] x
  %1: i64[3] = cast[dtype=i64] %0
  return %1""",
    ),
}


@pytest.mark.parametrize("sentence", CASES)
def test_views_merge(sentence):
    check_golden(*CASES[sentence])
