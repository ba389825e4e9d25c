"""The digits classifier trained by a C program: one library with a training step and predictions.

Run it from the top folder with `python -m examples.c.train_digits`; it needs scikit-learn for the images.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import graphc
from examples.c.native import BUILD, compiled, flat, run
from examples.digits import Classifier, split
from graphc import nn, optim
from graphc.nn.trainer import accuracy

BATCH = 32
optimizer, loss = optim.AdamW(lr=2e-3), nn.CrossEntropyLoss()
ROWS = {"x": ("N", None), "y": ("N",)}  # any number of images: the last batch is a smaller one


class Stepped(NamedTuple):
    """What a step gives back; its names are those of the C function's parameters."""

    params: Any
    state: Any
    loss: Any


@graphc.compile(donate=("params", "state"), dynamic=ROWS)
def step(params, state, x, y):
    """One step of AdamW: the loss before it, parameters and state updated in place."""
    value, gradients = graphc.value_and_grad(lambda p: loss(p(x), y))(params)
    params, state = optimizer.step(params, gradients, state)
    return Stepped(params, state, value)


def predict(params, x):
    """The scores of the ten digits."""
    return params(x)


def export(model, train, test, order, folder):
    """Writes the library and the files that the C program reads."""
    functions = {
        "step": (step, model, optimizer.init(model), "f32[N, 64]", "i64[N]"),
        "predict": (predict, model, "f32[N, 64]"),
    }
    print(graphc.export(functions, name="digits", path=folder))
    flat(model).tofile(folder / "digits_params.bin")
    order.astype(np.int64).tofile(folder / "digits_order.bin")
    for name, (images, digits) in {"train": train, "test": test}.items():
        images.tofile(folder / f"digits_{name}_images.bin")
        digits.astype(np.int64).tofile(folder / f"digits_{name}_labels.bin")
    sizes = np.array([len(train[1]), len(test[1]), len(order), BATCH], np.int64)
    sizes.tofile(folder / "digits_sizes.bin")


def train_in_python(model, images, digits, order):
    """The trained model and the losses of all batches."""
    state, losses = optimizer.init(model), []
    for epoch in order:
        for start in range(0, len(epoch), BATCH):
            batch = epoch[start : start + BATCH]
            model, state, value = step(model, state, images[batch], digits[batch])
            losses.append(value)
    return model, np.array(losses)


def main(folder: Path = BUILD, epochs: int = 30) -> tuple[np.ndarray, np.ndarray, float, float]:
    train, _, test = split()
    rng = np.random.default_rng(0)
    model = Classifier(rng)
    order = np.array([rng.permutation(len(train[1])) for _ in range(epochs)])  # as in `Trainer.fit`
    export(model, train, test, order, folder)
    print(run(compiled("train_digits", folder)), end="")
    in_c = np.fromfile(folder / "digits_losses.bin", np.float32)
    right = np.fromfile(folder / "digits_predicted.bin", np.int64) == test[1]
    trained = np.fromfile(folder / "digits_trained.bin", np.float32)

    model, in_python = train_in_python(model, *train, order)
    expected = accuracy(graphc.compile(predict)(model, test[0]), test[1])
    same = np.array_equal(in_c, in_python) and np.array_equal(trained, flat(model))
    print(
        f"Python: accuracy {expected:.2%}; all {len(in_c)} losses and the parameters equal to the bit: {same}"
    )
    return in_c, in_python, float(np.mean(right)), expected


if __name__ == "__main__":
    main()
