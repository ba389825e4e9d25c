"""Losses and activations: closed forms written out element by element, and PyTorch's layouts."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from scipy.special import log_softmax

import graphc
from graphc.nn import functional as F

RNG = np.random.default_rng(4)


def smoothed(p: np.ndarray, smoothing: float) -> np.ndarray:
    """Probabilities mixed with the uniform distribution."""
    return (1 - smoothing) * p + smoothing / len(p)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("shape", [(4,), (5, 4), (4, 4, 4), (2, 4, 3), (2, 4, 3, 2)])
def test_cross_entropy_has_the_classes_along_the_second_axis(
    shape: tuple[int, ...], smoothing: float
) -> None:
    axis = min(1, len(shape) - 1)
    logits = RNG.normal(size=shape) * 5
    rest = shape[:axis] + shape[axis + 1 :]
    numbers, probabilities = RNG.integers(0, 4, size=rest), np.moveaxis(RNG.random((*rest, 4)), -1, axis)
    by_number, by_probability = np.zeros(rest), np.zeros(rest)
    for place in itertools.product(*map(range, rest)):
        here = (*place[:axis], slice(None), *place[axis:])
        log_p = log_softmax(logits[here])
        by_number[place] = -np.sum(smoothed(np.eye(4)[numbers[place]], smoothing) * log_p)
        by_probability[place] = -np.sum(smoothed(probabilities[here], smoothing) * log_p)
    for target, expected in ((numbers, by_number), (probabilities, by_probability)):
        for reduction, value in (("none", expected), ("mean", expected.mean()), ("sum", expected.sum())):
            f = graphc.compile(lambda x, t, r=reduction: F.cross_entropy(x, t, r, smoothing))
            np.testing.assert_allclose(f(logits, target), value, rtol=1e-12)


@pytest.mark.parametrize(
    ("loss", "prediction", "target", "text"),
    [
        (F.cross_entropy, (5, 3), np.zeros(1, int), "logits has shape (5, 3), target (1,); it needs (5,)"),
        (F.cross_entropy, (5, 3), np.zeros((5, 1), int), "target (5, 1); it needs (5,)"),
        (F.cross_entropy, (5, 3), np.zeros(3), "logits has shape (5, 3), target (3,); reshape one of them"),
        (F.cross_entropy, (2, 3, 4), np.zeros((2, 3), int), "target (2, 3); it needs (2, 4)"),
        (F.binary_cross_entropy_with_logits, (5, 1), np.zeros(5), "target (5,); reshape one of them"),
        (F.mse_loss, (5, 1), np.zeros(5), "mse_loss: prediction has shape (5, 1), target (5,); reshape"),
    ],
)
def test_a_loss_does_not_broadcast(loss: Any, prediction: tuple[int, ...], target: Any, text: str) -> None:
    for call in (loss, graphc.compile(lambda x, t: loss(x, t))):
        with pytest.raises(graphc.ArgumentError) as caught:
            call(np.ones(prediction), target)
        assert text in str(caught.value)


def test_the_gradient_of_elu_at_zero_is_alpha() -> None:
    for alpha in (1.0, 0.5, 2.0):
        slope = graphc.grad(lambda x, a=alpha: np.sum(F.elu(x, a)))
        np.testing.assert_allclose(slope(np.array([-0.5, 0.0, 0.5])), [alpha * np.exp(-0.5), alpha, 1.0])
