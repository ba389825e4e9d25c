"""Rows too short to fill a vector are vectorised across: lanes are rows."""

import numpy as np
import pytest

import graphc
from graphc.lower import kernel_ir as k

RNG = np.random.default_rng(0)


def softmax(x):
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


FUNCTIONS = {
    "norms": lambda x: np.sqrt(np.sum(x * x, axis=-1)),
    "normalised": lambda x: x / np.sqrt(np.sum(x * x, axis=-1, keepdims=True)),
    "softmax": softmax,
    "largest": lambda x: np.max(x, axis=-1),
    "position of the largest": lambda x: np.argmax(x, axis=-1),
    "scaled columns": lambda x: x * np.arange(1.0, x.shape[-1] + 1),
    "column sums": lambda x: np.sum(x, axis=0),
    "differences": lambda x: np.sum((x[:, None] - x[None]) ** 2, axis=-1),
    "reversed": lambda x: x[:, ::-1] * 2,
    "any": lambda x: np.any(x > 1, axis=-1),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("rows", [15, 16, 17, 100, 1000])
@pytest.mark.parametrize("length", [2, 3, 8, 9])
def test_values_are_numpys(name, rows, length):
    if name == "differences" and rows > 100:
        pytest.skip("large")
    function, x = FUNCTIONS[name], RNG.normal(size=(rows, length))
    np.testing.assert_allclose(graphc.compile(function)(x), function(x), rtol=1e-12)


@pytest.mark.parametrize("name", ["norms", "normalised", "softmax", "largest", "differences"])
def test_gradients_are_right(name):
    function, x = FUNCTIONS[name], RNG.normal(size=(20, 3))
    weights = RNG.normal(size=function(x).shape)
    assert graphc.gradcheck(lambda x: np.sum(function(x) * weights), x)


def test_lanes_run_along_the_rows():
    lowered = graphc.compile(FUNCTIONS["norms"], threads=1).lower(np.ones((100, 3)))
    (kernel,) = lowered.kernels.kernels
    loops = [s for s in k.statements(list(kernel.body)) if isinstance(s, k.Loop)]
    assert [(loop.kind, loop.axis.extent) for loop in loops] == [("lanes", 100), ("serial", 3)]


def test_large_ones_are_divided_and_give_the_same_bits():
    x = RNG.normal(size=(200_001, 3)).astype(np.float32)
    one, two = (graphc.compile(softmax, threads=n)(x) for n in (1, 2))
    np.testing.assert_array_equal(one, two)
    np.testing.assert_allclose(one, softmax(x), rtol=1e-5)
