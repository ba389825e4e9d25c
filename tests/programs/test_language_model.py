"""An LSTM (Hochreiter & Schmidhuber 1997) that predicts the next character, in loops by hand and by scan."""

import itertools

import numpy as np

import graphc

TEXT = "the quick brown fox jumps over the lazy dog and runs into the green wood "
LETTERS = sorted(set(TEXT))
CODES = np.array([LETTERS.index(c) for c in TEXT])
HIDDEN, KINDS = 12, len(LETTERS)
ONE_HOT = np.eye(KINDS)[CODES]
RNG = np.random.default_rng(17)
MODEL = {
    "w": 0.4 * RNG.normal(size=(4 * HIDDEN, KINDS + HIDDEN)),  # gates: input, forget, cell, output
    "b": 0.1 * RNG.normal(size=4 * HIDDEN),
    "out": 0.4 * RNG.normal(size=(KINDS, HIDDEN)),
    "bias": 0.1 * RNG.normal(size=KINDS),
}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def loss(model, characters):
    """The mean of -log p(next character), natural logarithms."""

    def step(carry, pair):
        h, c = carry
        x, following = pair
        gates = model["w"] @ np.concatenate([x, h]) + model["b"]
        i, f, g, o = np.split(gates, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        logits = model["out"] @ h + model["bias"]
        top = np.max(logits)
        return (h, c), top + np.log(np.sum(np.exp(logits - top))) - following @ logits

    start = (np.zeros(HIDDEN), np.zeros(HIDDEN))
    _, losses = graphc.scan(step, start, (characters[:-1], characters[1:]))
    return np.mean(losses)


def loss_by_hand(model, codes):
    """The same with loops over gates and letters' numbers instead of one-hot vectors."""
    h, c, total = np.zeros(HIDDEN), np.zeros(HIDDEN), 0.0
    for now, following in itertools.pairwise(codes):
        old = h.copy()
        for n in range(HIDDEN):
            i, f, g, o = (
                model["w"][k * HIDDEN + n, now]
                + model["w"][k * HIDDEN + n, KINDS:] @ old
                + model["b"][k * HIDDEN + n]
                for k in range(4)
            )
            c[n] = sigmoid(f) * c[n] + sigmoid(i) * np.tanh(g)
            h[n] = sigmoid(o) * np.tanh(c[n])
        p = np.exp(model["out"] @ h + model["bias"])
        total -= np.log(p[following] / np.sum(p))
    return total / (len(codes) - 1)


def test_the_objective_is_that_of_loops_by_hand():
    np.testing.assert_allclose(graphc.compile(loss)(MODEL, ONE_HOT), loss_by_hand(MODEL, CODES), rtol=1e-12)


def test_its_gradient_is_that_of_differences():
    gradient = graphc.grad(loss)(MODEL, ONE_HOT)
    h = 1e-5
    for _ in range(4):
        d = {name: RNG.normal(size=value.shape) for name, value in MODEL.items()}
        ends = [
            loss_by_hand({name: value + s * d[name] for name, value in MODEL.items()}, CODES) for s in (h, -h)
        ]
        expected = (ends[0] - ends[1]) / (2 * h)
        found = sum(np.sum(gradient[name] * d[name]) for name in MODEL)
        np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9)


def test_gradient_descent_learns_the_text():
    step = graphc.compile(graphc.value_and_grad(loss))
    model, losses = MODEL, []
    for _ in range(150):
        value, gradient = step(model, ONE_HOT)
        losses.append(value)
        model = {name: model[name] - 2.0 * gradient[name] for name in model}
    assert losses[0] > 2.5  # guessing among the letters: log of their number is about 3.3
    assert losses[-1] < 0.5 * losses[0]
