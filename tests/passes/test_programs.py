"""Whole programs with symbolic sizes: value and gradient survive the passes, with less work left."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.autodiff.reverse import gradient
from graphc.ir.interpret import interpret
from graphc.ir.verify import verify
from graphc.passes.pipeline import optimise
from graphc.passes.stabilise import stabilise
from tests.helpers import record


def softmax(x):
    e = np.exp(x)
    return e / np.sum(e, axis=-1, keepdims=True)


def attention(q, k, v):
    scores = q @ np.swapaxes(k, -1, -2) / np.sqrt(q.shape[-1])
    return np.sum(np.square(softmax(scores) @ v))


def convolution(x, w):
    return np.mean(sum(x[:, i : i + x.shape[1] - 2, None] * w[i] for i in range(3)) ** 2)


def normalised(x, g, b):
    mean, variance = np.mean(x, axis=-1, keepdims=True), np.var(x, axis=-1, keepdims=True)
    return np.sum(np.log(1 + np.exp((x - mean) / np.sqrt(variance + 1e-5) * g + b)))


def product_by_broadcasting(a, b):
    return np.sum(np.tanh((a[:, :, None] * b[None]).sum(1)))


def neighbours(x):
    return np.sum(x[::2] * x[1::2]) + x[3] * x[0] + np.sum(x[::-1][1:] * x[:-1])


PROGRAMS = {
    "attention": (attention, ["f64[B, T, 4]"] * 3, [(2, 5, 4)] * 3),
    "convolution": (convolution, ["f64[N, 8]", "f64[3, 2]"], [(3, 8), (3, 2)]),
    "layer norm": (normalised, ["f64[N, 6]", "f64[6]", "f64[6]"], [(4, 6), (6,), (6,)]),
    "product by broadcasting": (product_by_broadcasting, ["f64[N, 5]", "f64[5, M]"], [(4, 5), (5, 3)]),
    "neighbours": (neighbours, ["f64[8]"], [(8,)]),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_value_and_gradient_are_those_of_the_program_as_written(name):
    function, types, shapes = PROGRAMS[name]
    random = np.random.default_rng(0)
    arrays = [random.normal(size=shape) for shape in shapes]
    graph = record(function, *types).graph
    wrt = range(len(types))
    result = optimise(gradient(stabilise(graph), wrt))
    verify(result, "simplified")
    for a, b in zip(interpret(gradient(graph, wrt), *arrays), interpret(result, *arrays), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-11, atol=1e-13)


def _count(graph, name):
    return sum(node.op.name == name for node in graph)


def test_attention_needs_six_products_and_no_transposes():
    graph = record(attention, *["f64[B, T, 4]"] * 3).graph
    result = optimise(gradient(stabilise(graph), range(3)))
    assert _count(result, "contract") == 6
    assert _count(result, "transpose") == 0


def test_a_product_by_broadcasting_never_makes_the_cube():
    graph = record(product_by_broadcasting, "f64[N, 5]", "f64[5, M]").graph
    result = optimise(gradient(graph, range(2)))
    assert _count(result, "contract") == 3
    assert max(node.array_type.ndim for node in result) == 2


def test_gradients_of_elements_of_an_array_are_joined_without_zeros():
    graph = record(lambda x: np.exp(x[0]) * np.sin(x[1]) + x[2] ** 2, "f64[3]").graph
    result = optimise(gradient(graph, [0]))
    assert _count(result, "pad") == 0 and _count(result, "concatenate") == 1
