"""What draws refuse, with the text that the user reads."""

import re

import numpy as np
import pytest

import graphc
from graphc import random

KEY = random.key(0)
HINT = "\n  Make one with graphc.random.key(seed), and more of it with graphc.random.split(key)."


def raises(error, text, call):
    """`call` fails with exactly this text, its own line in the place of `HERE`."""
    with pytest.raises(error) as caught:
        call()
    found = re.sub(r"\n  at test_errors\.py:\d+, .*", "\n  at HERE", str(caught.value))
    assert found == text


def test_what_is_not_a_key_is_refused():
    raises(
        graphc.DTypeError,
        "a key is a uint32 array of shape (2), not a value of type int\n  at HERE" + HINT,
        lambda: random.uniform(0, (3,)),
    )
    raises(
        graphc.DTypeError,
        "a key is a uint32 array of shape (2), not float64 of shape (2)\n  at HERE" + HINT,
        lambda: random.normal(np.zeros(2), (3,)),
    )
    raises(
        graphc.ShapeError,
        "a key is a uint32 array of shape (2), not uint32 of shape (3, 2)\n  at HERE" + HINT,
        lambda: random.bits(random.split(KEY, 3)),
    )
    raises(
        graphc.DTypeError,
        "a key is a uint32 array of shape (2), not int64 of shape (N)\n  at HERE" + HINT,
        lambda: graphc.compile(lambda key: random.split(key)).lower("i64[N]"),
    )


def test_seeds_and_data_are_single_integers():
    raises(graphc.DTypeError, "a seed is one integer, not a float\n  at HERE", lambda: random.key(1.5))
    raises(
        graphc.DTypeError,
        "a seed is one integer, not int64 of shape (2)\n  at HERE",
        lambda: random.key(np.arange(2)),
    )
    raises(
        ValueError,
        f"data to fold in fits 64 bits; {2**64} does not\n  at HERE",
        lambda: random.fold_in(KEY, 2**64),
    )


def test_shapes_have_no_negative_sizes():
    raises(
        graphc.ShapeError,
        "a shape with a negative size: (3, -1)\n  at HERE",
        lambda: random.uniform(KEY, (3, -1)),
    )
    raises(graphc.ShapeError, "a shape with a negative size: (-2)\n  at HERE", lambda: random.split(KEY, -2))


def test_parameters_fit_the_shape():
    raises(
        graphc.ShapeError,
        "uniform: the parameters have shape (3) together, the shape asked for is ()\n  at HERE"
        "\n  Pass the larger shape.",
        lambda: random.uniform(KEY, minval=np.zeros(3)),
    )
    raises(
        graphc.ShapeError,
        "categorical: shape (2) does not end with (4), the shape of logits without axis -1\n  at HERE",
        lambda: random.categorical(KEY, np.zeros((4, 3)), shape=(2,)),
    )
    raises(
        graphc.ShapeError,
        "permutation along axis 2 of an array with 1 axes\n  at HERE",
        lambda: random.permutation(KEY, np.zeros(3), axis=2),
    )
    raises(
        graphc.ShapeError,
        "choice of 4 from 3 without replacement\n  at HERE",
        lambda: random.choice(KEY, 3, (4,), replace=False),
    )


def test_dtypes_are_those_of_the_distribution():
    raises(
        graphc.DTypeError,
        "random bits of dtype int32\n  at HERE\n  Use np.uint32 or another unsigned integer.",
        lambda: random.bits(KEY, (), np.int32),
    )
    for draw in (random.uniform, random.normal, random.exponential, random.gumbel):
        raises(
            graphc.DTypeError,
            "random real numbers of dtype float16\n  at HERE\n  Use np.float32 or np.float64.",
            lambda draw=draw: draw(KEY, (2,), np.float16),
        )
    raises(
        graphc.DTypeError,
        "random integers of dtype float64\n  at HERE\n  Use an integer dtype.",
        lambda: random.randint(KEY, (2,), 0, 5, np.float64),
    )
    raises(
        graphc.DTypeError,
        "an end of the interval of randint is the float 5.5\n  at HERE\n  Use integers.",
        lambda: random.randint(KEY, (2,), 0, 5.5),
    )
    raises(
        graphc.DTypeError,
        "an end of the interval of randint is float64\n  at HERE\n  Use integers.",
        lambda: graphc.compile(lambda key, n: random.randint(key, (2,), 0, n)).lower(KEY, 5.5),
    )


@pytest.mark.parametrize("p", [-0.1, 1.5, np.nan])
def test_probabilities_lie_between_0_and_1(p):
    text = f"a probability lies in [0, 1]; p is {p}\n  at HERE"
    raises(ValueError, text, lambda: random.bernoulli(KEY, p, (3,)))
    raises(ValueError, text, lambda: random.bernoulli(KEY, np.array([0.5, p])))
    raises(ValueError, text, lambda: random.choice(KEY, 2, (3,), p=np.array([0.5, p])))


def test_intervals_are_not_empty():
    raises(
        ValueError,
        "randint in the empty interval [3, 3)\n  at HERE",
        lambda: random.randint(KEY, (3,), 3, 3),
    )
    raises(
        ValueError,
        "randint: 300 does not fit uint8\n  at HERE",
        lambda: random.randint(KEY, (), 0, 300, np.uint8),
    )
    raises(
        ValueError,
        "uniform in the empty interval [1, 0)\n  at HERE",
        lambda: random.uniform(KEY, (3,), minval=1, maxval=0),
    )
    raises(
        ValueError,
        "truncated_normal between 1.0 and 1.0\n  at HERE",
        lambda: random.truncated_normal(KEY, 1.0, 1.0),
    )
