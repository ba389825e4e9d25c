"""The lecture's training loop: an 8-10-7-3 network, sigmoid, mean squared error, SGD, 100 epochs."""

import runpy
from pathlib import Path

import numpy as np
import pytest

import graphc
from graphc import nn, optim

EPOCHS, RATE = 100, 0.01
SimpleMLP = runpy.run_path(str(Path(__file__).parents[2] / "examples" / "simple_mlp.py"))["SimpleMLP"]


def data(dtype):
    rng = np.random.default_rng(1)
    return rng.random((10, 8)).astype(dtype), rng.random((10, 3)).astype(dtype)


def trained(dtype):
    """The loss of each epoch, and the arrays afterwards by name."""
    model = SimpleMLP().astype(dtype)
    trainer = graphc.Trainer(model, loss=nn.MSELoss(), optimizer=optim.SGD(lr=RATE))
    losses = [float(trainer.step(*data(dtype))) for _ in range(EPOCHS)]
    return losses, model.state_dict()


def by_hand():
    """The same in float64 NumPy, with the backward pass written out."""
    start = SimpleMLP().astype(np.float64).state_dict()
    weights = [start[f"linear_{i}.weight"].copy() for i in (1, 2, 3)]
    biases = [start[f"linear_{i}.bias"].copy() for i in (1, 2, 3)]
    x, labels = data(np.float64)
    losses = []
    for _ in range(EPOCHS):
        inputs = [x]
        for w, b in zip(weights[:2], biases[:2], strict=True):
            inputs.append(1 / (1 + np.exp(-(inputs[-1] @ w.T + b))))
        error = inputs[2] @ weights[2].T + biases[2] - labels
        losses.append(np.mean(error**2))
        g = 2 * error / error.size
        for i in (2, 1, 0):
            dw, db = g.T @ inputs[i], g.sum(axis=0)
            g = g @ weights[i] * inputs[i] * (1 - inputs[i])  # unused after the last turn
            weights[i] -= RATE * dw
            biases[i] -= RATE * db
    arrays = {f"linear_{i + 1}.weight": w for i, w in enumerate(weights)}
    return losses, arrays | {f"linear_{i + 1}.bias": b for i, b in enumerate(biases)}


def in_torch():
    """The same in PyTorch, float32."""
    import torch

    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.linear_1 = torch.nn.Linear(8, 10)
            self.linear_2 = torch.nn.Linear(10, 7)
            self.linear_3 = torch.nn.Linear(7, 3)
            self.activ = torch.nn.Sigmoid()

        def forward(self, x):
            return self.linear_3(self.activ(self.linear_2(self.activ(self.linear_1(x)))))

    network = Network()
    network.load_state_dict({k: torch.from_numpy(v.copy()) for k, v in SimpleMLP().state_dict().items()})
    optimizer = torch.optim.SGD(network.parameters(), lr=RATE)
    x, labels = map(torch.from_numpy, data(np.float32))
    losses = []
    for _ in range(EPOCHS):
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(network(x), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, {k: v.detach().numpy() for k, v in network.state_dict().items()}


def assert_same(actual, expected, tolerance):
    np.testing.assert_allclose(actual[0], expected[0], rtol=0, atol=tolerance)
    assert actual[1].keys() == expected[1].keys()
    for name, array in expected[1].items():
        np.testing.assert_allclose(actual[1][name], array, rtol=0, atol=tolerance, err_msg=name)


def test_training_in_float64_equals_the_backward_pass_written_by_hand():
    assert_same(trained(np.float64), by_hand(), 1e-13)


def test_training_in_float32_equals_the_float64_reference():
    assert_same(trained(np.float32), by_hand(), 1e-5)


@pytest.mark.parity("torch")
def test_training_equals_pytorch_from_the_same_weights():
    assert_same(trained(np.float32), in_torch(), 1e-5)
