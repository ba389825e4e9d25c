"""Constants, signs and logic: text in, text out."""

import pytest

from tests.passes.golden import check_golden

CASES = {
    "adding positive zero stays, because of negative zero": (
        """\
graph(x: f64[3]):
  %0: f64 = const[0.0: f64]
  %1: f64[3] = broadcast_to[shape=(3,)] %0
  %2: f64[3] = add x %1
  return %2""",
        """\
graph(x: f64[3]):
  %0: f64 = const[0.0: f64]
  %1: f64[3] = broadcast_to[shape=(3,)] %0
  %2: f64[3] = add x %1
  return %2""",
    ),
    "zero times a float stays, because of infinity": (
        """\
graph(x: f64[3]):
  %0: f64 = const[0.0: f64]
  %1: f64[3] = broadcast_to[shape=(3,)] %0
  %2: f64[3] = multiply x %1
  return %2""",
        """\
graph(x: f64[3]):
  %0: f64 = const[0.0: f64]
  %1: f64[3] = broadcast_to[shape=(3,)] %0
  %2: f64[3] = multiply x %1
  return %2""",
    ),
    "zero times an integer is zero": (
        """\
graph(x: i64[3]):
  %0: i64 = const[0: i64]
  %1: i64[3] = broadcast_to[shape=(3,)] %0
  %2: i64[3] = multiply x %1
  return %2""",
        """\
graph(x: i64[3]):
  %0: i64 = const[0: i64]
  %1: i64[3] = broadcast_to[shape=(3,)] %0
  return %1""",
    ),
    "division by a power of two is a multiplication": (
        """\
graph(x: f32[3]):
  %0: f32 = const[8.0: f32]
  %1: f32[3] = broadcast_to[shape=(3,)] %0
  %2: f32[3] = divide x %1
  return %2""",
        """\
graph(x: f32[3]):
  %0: f32 = const[0.125: f32]
  %1: f32[3] = broadcast_to[shape=(3,)] %0
  %2: f32[3] = multiply x %1
  return %2""",
    ),
    "division by another constant stays": (
        """\
graph(x: f32[3]):
  %0: f32 = const[10.0: f32]
  %1: f32[3] = broadcast_to[shape=(3,)] %0
  %2: f32[3] = divide x %1
  return %2""",
        """\
graph(x: f32[3]):
  %0: f32 = const[10.0: f32]
  %1: f32[3] = broadcast_to[shape=(3,)] %0
  %2: f32[3] = divide x %1
  return %2""",
    ),
    "factors merge if one is a power of two": (
        """\
graph(x: f64):
  %0: f64 = const[2.0: f64]
  %1: f64 = const[0.1: f64]
  %2: f64 = multiply x %1
  %3: f64 = multiply %0 %2
  return %3""",
        """\
graph(x: f64):
  %0: f64 = const[0.2: f64]
  %1: f64 = multiply x %0
  return %1""",
    ),
    "factors that would round stay": (
        """\
graph(x: f64):
  %0: f64 = const[3.0: f64]
  %1: f64 = const[0.1: f64]
  %2: f64 = multiply x %1
  %3: f64 = multiply %0 %2
  return %3""",
        """\
graph(x: f64):
  %0: f64 = const[0.1: f64]
  %1: f64 = multiply x %0
  %2: f64 = const[3.0: f64]
  %3: f64 = multiply %1 %2
  return %3""",
    ),
    "a where with a constant condition is a choice": (
        """\
graph(x: f64[3], y: f64[3]):
  %0: bool = const[True: bool]
  %1: bool[3] = broadcast_to[shape=(3,)] %0
  %2: f64[3] = where %1 x y
  return %2""",
        """\
graph(x: f64[3], y: f64[3]):
  return x""",
    ),
    "constants fold": (
        """\
graph(x: f64):
  %0: f64 = const[2.0: f64]
  %1: f64 = const[3.0: f64]
  %2: f64 = add %0 %1
  %3: f64 = add x %2
  return %3""",
        """\
graph(x: f64):
  %0: f64 = const[5.0: f64]
  %1: f64 = add x %0
  return %1""",
    ),
    "a constant expression that warns stays": (
        """\
graph():
  %0: f64 = const[0.0: f64]
  %1: f64 = log %0
  return %1""",
        """\
graph():
  %0: f64 = const[0.0: f64]
  %1: f64 = log %0
  return %1""",
    ),
    "an array of one number is a broadcast number": (
        """\
graph(x: f64[3]):
  %0: f64[3] = const[[2.5, 2.5, 2.5]: f64[3]]
  %1: f64[3] = multiply x %0
  return %1""",
        """\
graph(x: f64[3]):
  %0: f64 = const[2.5: f64]
  %1: f64[3] = broadcast_to[shape=(3,)] %0
  %2: f64[3] = multiply x %1
  return %2""",
    ),
    "a known size is a number": (
        """\
graph(x: f64):
  %0: i64 = size[dim=12]
  %1: f64 = cast[dtype=f64] %0
  %2: f64 = add x %1
  return %2""",
        """\
graph(x: f64):
  %0: f64 = const[12.0: f64]
  %1: f64 = add x %0
  return %1""",
    ),
    "equal sums in either order are one": (
        """\
graph(x: f64, y: f64):
  %0: f64 = add x y
  %1: f64 = add y x
  %2: f64 = multiply %0 %1
  return %2""",
        """\
graph(x: f64, y: f64):
  %0: f64 = add x y
  %1: f64 = square %0
  return %1""",
    ),
    "signs meet and vanish": (
        """\
graph(x: f64, y: f64):
  %0: f64 = negative x
  %1: f64 = negative y
  %2: f64 = multiply %0 %1
  %3: f64 = multiply %2 y
  %4: f64 = negative %3
  %5: f64 = subtract x %4
  return %5""",
        """\
graph(x: f64, y: f64):
  %0: f64 = multiply x y
  %1: f64 = multiply y %0
  %2: f64 = add x %1
  return %2""",
    ),
    "an integer is finite and whole": (
        """\
graph(n: i64[3]):
  %0: bool[3] = isfinite n
  %1: bool[3] = isnan n
  %2: i64[3] = ceil n
  return %0, %1, %2""",
        """\
graph(n: i64[3]):
  %0: bool = const[True: bool]
  %1: bool[3] = broadcast_to[shape=(3,)] %0
  %2: bool = const[False: bool]
  %3: bool[3] = broadcast_to[shape=(3,)] %2
  return %1, %3, n""",
    ),
}


@pytest.mark.parametrize("sentence", CASES)
def test_algebra_simplifies(sentence):
    check_golden(*CASES[sentence])
