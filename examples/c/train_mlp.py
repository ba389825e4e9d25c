"""The classic training script as a C program: exports the training step, and trains in C and in Python.

Run it from the top folder with `python -m examples.c.train_mlp`.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import graphc
from examples.c.native import BUILD, compiled, flat, run
from examples.simple_mlp import SimpleMLP
from graphc import nn, optim

EPOCHS = 100
optimizer, loss = optim.SGD(lr=0.01), nn.MSELoss()


class Stepped(NamedTuple):
    """What a step gives back; its names are those of the C function's parameters."""

    params: Any
    state: Any
    loss: Any


@graphc.compile(donate=("params", "state"))
def step(params, state, x, y):
    """One step of gradient descent: the loss before it, parameters and state updated in place."""
    value, gradients = graphc.value_and_grad(lambda p: loss(p(x), y))(params)
    params, state = optimizer.step(params, gradients, state)
    return Stepped(params, state, value)


def export(model, inputs, labels, folder):
    """Writes the library and the files that the C program reads."""
    functions = {"step": (step, model, optimizer.init(model), inputs, labels)}
    print(graphc.export(functions, name="mlp", path=folder))
    flat(model).tofile(folder / "mlp_params.bin")
    inputs.tofile(folder / "mlp_inputs.bin")
    labels.tofile(folder / "mlp_labels.bin")


def train(model, inputs, labels):
    """The losses of all epochs, in Python."""
    state, losses = optimizer.init(model), []
    for _ in range(EPOCHS):
        model, state, value = step(model, state, inputs, labels)
        losses.append(value)
    return np.array(losses)


def main(folder: Path = BUILD) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    inputs = rng.random((10, 8), dtype=np.float32)
    labels = rng.random((10, 3), dtype=np.float32)
    model = SimpleMLP()
    export(model, inputs, labels, folder)
    print(run(compiled("train_mlp", folder)), end="")
    in_c = np.fromfile(folder / "mlp_losses.bin", np.float32)
    in_python = train(model, inputs, labels)
    print(f"Python: loss {in_python[-1]:.6f}; all {EPOCHS} equal to the bit: {np.all(in_c == in_python)}")
    return in_c, in_python


if __name__ == "__main__":
    main()
