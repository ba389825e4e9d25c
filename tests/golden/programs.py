"""Representative functions whose graph and kernels are kept as files, to be read and compared."""

from __future__ import annotations

from typing import Any

import numpy as np

import graphc


def chain(x: Any, y: Any) -> Any:
    return y * (x**2 + x) - np.exp(-0.5 * x)


def softmax(x: Any) -> Any:
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)


def layernorm(x: Any, gamma: Any, beta: Any, weights: Any) -> Any:
    centred = x - np.mean(x, axis=-1, keepdims=True)
    variance = np.mean(centred**2, axis=-1, keepdims=True)
    return np.sum(weights * (gamma * centred / np.sqrt(variance + 1e-5) + beta))


def mlp(params: Any, x: Any, y: Any) -> Any:
    hidden = np.tanh(x @ params["w1"] + params["b1"])
    return np.mean((hidden @ params["w2"] - y) ** 2)


def mlp_step(params: Any, x: Any, y: Any) -> Any:
    value, slopes = graphc.value_and_grad(mlp)(params, x, y)
    return {name: params[name] - 0.01 * slopes[name] for name in params}, value


def embedding(table: Any, index: Any) -> Any:
    return np.sum(table[index], axis=1)


def centre(x: Any) -> Any:
    return (x - np.mean(x, axis=0)) / np.std(x, axis=0)


PARAMETERS = {"w1": "f32[8, 32]", "b1": "f32[32]", "w2": "f32[32, 4]"}


def dropout(key: Any, x: Any) -> Any:
    return np.where(graphc.random.bernoulli(key, 0.9, x.shape), x / 0.9, 0.0)


# Name -> the function made ready, and the types of its arguments.
PROGRAMS: dict[str, tuple[graphc.Compiled, tuple[Any, ...]]] = {
    "chain": (graphc.compile(chain), ("f32[1000]", "f32[1000]")),
    "softmax": (graphc.compile(softmax), ("f32[64, 100]",)),
    "layernorm_gradient": (
        graphc.grad(layernorm, argnums=(0, 1, 2)),
        ("f32[16, 64]", "f32[64]", "f32[64]", "f32[16, 64]"),
    ),
    "mlp_step": (graphc.compile(mlp_step, donate="params"), (PARAMETERS, "f32[100, 8]", "f32[100, 4]")),
    "embedding": (graphc.compile(embedding), ("f32[500, 16]", "i64[10, 6]")),
    "dropout": (graphc.compile(dropout), ("u32[2]", "f32[64, 100]")),
    "symbolic": (graphc.compile(centre), ("f64[N, 3]",)),
}
