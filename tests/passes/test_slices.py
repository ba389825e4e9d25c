"""Slices, pads and concatenations: text in, text out."""

import pytest

import graphc
from tests.passes.golden import check_golden

CASES = {
    "slices merge": (
        """\
graph(x: f64[20]):
  %0: f64[6] = slice[start=(1,), shape=(6,), step=(3,)] x
  %1: f64[3] = slice[start=(5,), shape=(3,), step=(-2,)] %0
  return %1""",
        """\
graph(x: f64[20]):
  %0: f64[3] = slice[start=(16,), shape=(3,), step=(-6,)] x
  return %0""",
    ),
    "a slice of a concatenation is a slice of a part": (
        """\
graph(x: f64[4], y: f64[5]):
  %0: f64[9] = concatenate[axis=0] x y
  %1: f64[2] = slice[start=(5,), shape=(2,), step=(1,)] %0
  return %1""",
        """\
graph(x: f64[4], y: f64[5]):
  %0: f64[2] = slice[start=(1,), shape=(2,), step=(1,)] y
  return %0""",
    ),
    "a slice across a concatenation joins what is left": (
        """\
graph(x: f64[4], y: f64[5]):
  %0: f64[9] = concatenate[axis=0] x y
  %1: f64[3] = slice[start=(2,), shape=(3,), step=(1,)] %0
  return %1""",
        """\
graph(x: f64[4], y: f64[5]):
  %0: f64[2] = slice[start=(2,), shape=(2,), step=(1,)] x
  %1: f64[1] = slice[start=(0,), shape=(1,), step=(1,)] y
  %2: f64[3] = concatenate[axis=0] %0 %1
  return %2""",
    ),
    "a slice of its own padding is the array": (
        """\
graph(x: f64[N]):
  %0: f64[2*N+3] = pad[start=(3,), shape=(2*N+3,), step=(2,)] x
  %1: f64[N] = slice[start=(3,), shape=(N,), step=(2,)] %0
  return %1""",
        """\
graph(x: f64[N]):
  return x""",
    ),
    "a slice beside the padding is zeros": (
        """\
graph(x: f64[3]):
  %0: f64[9] = pad[start=(2,), shape=(9,), step=(1,)] x
  %1: f64[2] = slice[start=(6,), shape=(2,), step=(1,)] %0
  return %1""",
        """\
graph(x: f64[3]):
  %0: f64 = const[0.0: f64]
  %1: f64[2] = broadcast_to[shape=(2,)] %0
  return %1""",
    ),
    "a slice of a broadcast is a broadcast": (
        """\
graph(x: f64[4]):
  %0: f64[3, 4] = broadcast_to[shape=(3, 4)] x
  %1: f64[2, 2] = slice[start=(0, 1), shape=(2, 2), step=(1, 2)] %0
  return %1""",
        """\
graph(x: f64[4]):
  %0: f64[2] = slice[start=(1,), shape=(2,), step=(2,)] x
  %1: f64[2, 2] = broadcast_to[shape=(2, 2)] %0
  return %1""",
    ),
    "only the needed part is computed": (
        """\
graph(x: f64[10, 4], w: f64[4, 5]):
  %0: f64[10, 5] = contract[ab,bc->ac] x w
  %1: f64[10, 5] = exp %0
  %2: f64[10] = sum[axes=(1,)] %1
  %3: f64[1] = slice[start=(9,), shape=(1,), step=(1,)] %2
  return %3""",
        """\
graph(x: f64[10, 4], w: f64[4, 5]):
  %0: f64[1, 4] = slice[start=(9, 0), shape=(1, 4), step=(1, 1)] x
  %1: f64[4] = reshape[shape=(4,)] %0
  %2: f64[5] = contract[a,ab->b] %1 w
  %3: f64[5] = exp %2
  %4: f64 = sum[axes=(0,)] %3
  %5: f64[1] = reshape[shape=(1,)] %4
  return %5""",
    ),
    "what is needed anyway is not computed twice": (
        """\
graph(x: f64[10]):
  %0: f64[10] = exp x
  %1: f64[1] = slice[start=(9,), shape=(1,), step=(1,)] %0
  return %1, %0""",
        """\
graph(x: f64[10]):
  %0: f64[10] = exp x
  %1: f64[1] = slice[start=(9,), shape=(1,), step=(1,)] %0
  return %1, %0""",
    ),
    "pads merge": (
        """\
graph(x: f64[3]):
  %0: f64[6] = pad[start=(1,), shape=(6,), step=(2,)] x
  %1: f64[20] = pad[start=(2,), shape=(20,), step=(3,)] %0
  return %1""",
        """\
graph(x: f64[3]):
  %0: f64[20] = pad[start=(5,), shape=(20,), step=(6,)] x
  return %0""",
    ),
    "gradients of neighbouring elements are joined": (
        """\
graph(x: f64[1], y: f64[1], z: f64[1]):
  %0: f64[3] = pad[start=(2,), shape=(3,), step=(1,)] z
  %1: f64[3] = pad[start=(1,), shape=(3,), step=(1,)] y
  %2: f64[3] = add %0 %1
  %3: f64[3] = pad[start=(0,), shape=(3,), step=(1,)] x
  %4: f64[3] = add %2 %3
  return %4""",
        """\
graph(x: f64[1], y: f64[1], z: f64[1]):
  %0: f64[3] = concatenate[axis=0] x y z
  return %0""",
    ),
    "neighbouring slices are joined": (
        """\
graph(x: f64[9]):
  %0: f64[4] = slice[start=(1,), shape=(4,), step=(1,)] x
  %1: f64[3] = slice[start=(5,), shape=(3,), step=(1,)] x
  %2: f64[7] = concatenate[axis=0] %0 %1
  return %2""",
        """\
graph(x: f64[9]):
  %0: f64[7] = slice[start=(1,), shape=(7,), step=(1,)] x
  return %0""",
    ),
    "concatenations flatten": (
        """\
graph(x: f64[2], y: f64[3]):
  %0: f64[5] = concatenate[axis=0] x y
  %1: f64[7] = concatenate[axis=0] %0 x
  return %1""",
        """\
graph(x: f64[2], y: f64[3]):
  %0: f64[7] = concatenate[axis=0] x y x
  return %0""",
    ),
}


@pytest.mark.parametrize("sentence", CASES)
def test_slices_move_to_the_inputs(sentence):
    check_golden(*CASES[sentence])


def test_a_border_copied_in_every_step_is_not_computed_anew_from_all_steps_before():
    def relaxed(p, steps):
        for _ in range(steps):
            old, p = p, p.copy()
            p[1:-1, 1:-1] = (old[1:-1, 2:] + old[1:-1, :-2] + old[2:, 1:-1] + old[:-2, 1:-1]) / 4
            p[:, -1] = p[:, -2]
            p[0, :] = p[1, :]
        return p

    sizes = [
        len(list(graphc.compile(lambda p: relaxed(p, steps)).lower("f64[6, 6]").graph))  # noqa: B023
        for steps in (2, 3, 4)
    ]
    assert sizes[2] - sizes[1] == sizes[1] - sizes[0]
