"""Training steps: forward, backward and update, in graphc, PyTorch and JAX."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.workloads import Call, Workload


def training_workloads() -> list[Workload]:
    rng = np.random.default_rng(0)
    x, y = rng.random((10, 8), dtype=np.float32), rng.random((10, 3), dtype=np.float32)
    xs, ys = rng.random((128, 784), dtype=np.float32), rng.integers(0, 10, 128)
    return [
        _workload("MLP 8-10-7-3, batch 10, SGD step", (8, 10, 7, 3), "sigmoid", "mse", "sgd", x, y),
        _workload(
            "MLP 784-512-256-10, batch 128, Adam step", (784, 512, 256, 10), "relu", "ce", "adam", xs, ys
        ),
    ]


def _workload(
    name: str,
    sizes: tuple[int, ...],
    activation: str,
    loss: str,
    optimizer: str,
    x: np.ndarray,
    y: np.ndarray,
) -> Workload:
    initial = _initial(sizes)
    make: dict[str, Callable[[], Call]] = {
        "graphc": lambda: _graphc(initial, activation, loss, optimizer, x, y),
        "torch": lambda: _torch(initial, activation, loss, optimizer, x, y),
        "jax": lambda: _jax(initial, activation, loss, optimizer, x, y),
    }
    return Workload(name, make, lambda value: np.asarray(value, np.float64))


def _initial(sizes: tuple[int, ...]) -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(1)
    return [
        (
            (rng.random((n, m), dtype=np.float32) * 2 - 1) / np.float32(np.sqrt(m)),
            (rng.random(n, dtype=np.float32) * 2 - 1) / np.float32(np.sqrt(m)),
        )
        for m, n in pairwise(sizes)
    ]


def _graphc(initial: Any, activation: str, loss: str, optimizer: str, x: np.ndarray, y: np.ndarray) -> Call:
    import graphc
    from graphc import nn, optim

    layers: list[Any] = []
    for i, (w, b) in enumerate(initial):
        linear = nn.Linear(w.shape[1], w.shape[0])
        linear.weight[...], linear.bias[...] = w, b
        layers.append(linear)
        if i + 1 < len(initial):
            layers.append(nn.Sigmoid() if activation == "sigmoid" else nn.ReLU())
    criterion = nn.MSELoss() if loss == "mse" else nn.CrossEntropyLoss()
    rule = optim.SGD(lr=0.01) if optimizer == "sgd" else optim.Adam(lr=1e-3)
    trainer = graphc.Trainer(nn.Sequential(*layers), criterion, rule, threads=1)
    return lambda: trainer.step(x, y)


def _torch(initial: Any, activation: str, loss: str, optimizer: str, x: np.ndarray, y: np.ndarray) -> Call:
    import torch

    layers: list[Any] = []
    for i, (w, b) in enumerate(initial):
        linear = torch.nn.Linear(w.shape[1], w.shape[0])
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(w))
            linear.bias.copy_(torch.from_numpy(b))
        layers.append(linear)
        if i + 1 < len(initial):
            layers.append(torch.nn.Sigmoid() if activation == "sigmoid" else torch.nn.ReLU())
    model = torch.nn.Sequential(*layers)
    criterion = torch.nn.MSELoss() if loss == "mse" else torch.nn.CrossEntropyLoss()
    parameters = list(model.parameters())
    rule = (
        torch.optim.SGD(parameters, lr=0.01) if optimizer == "sgd" else torch.optim.Adam(parameters, lr=1e-3)
    )
    tx, ty = torch.from_numpy(x), torch.from_numpy(y)

    def step() -> Any:
        rule.zero_grad()
        value = criterion(model(tx), ty)
        value.backward()
        rule.step()
        return value.detach()

    return step


def _jax(initial: Any, activation: str, loss: str, optimizer: str, x: np.ndarray, y: np.ndarray) -> Call:
    import jax
    import jax.numpy as jnp

    act = jax.nn.sigmoid if activation == "sigmoid" else jax.nn.relu

    def value(params: Any, x: Any, y: Any) -> Any:
        for i, (w, b) in enumerate(params):
            x = x @ w.T + b
            x = act(x) if i + 1 < len(params) else x
        if loss == "mse":
            return jnp.mean((x - y) ** 2)
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(x), y[:, None], 1))

    def update(params: Any, m: Any, v: Any, t: Any, x: Any, y: Any) -> Any:
        loss_value, grads = jax.value_and_grad(value)(params, x, y)
        if optimizer == "sgd":
            return jax.tree.map(lambda p, g: p - 0.01 * g, params, grads), m, v, t, loss_value
        t = t + 1
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, grads)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, grads)
        rate = 1e-3 * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        params = jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + 1e-8), params, m, v)
        return params, m, v, t, loss_value

    compiled = jax.jit(update, donate_argnums=(0, 1, 2))
    params = jax.device_put([tuple(layer) for layer in initial])
    state = [
        params,
        jax.tree.map(jnp.zeros_like, params),
        jax.tree.map(jnp.zeros_like, params),
        jnp.float32(0),
    ]
    dx, dy = jax.device_put(x), jax.device_put(y)

    def step() -> Any:
        *state[:], loss_value = compiled(*state, dx, dy)
        return jax.block_until_ready(loss_value)

    return step
