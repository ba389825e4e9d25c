"""Layers and losses as functions: plain NumPy, so they run, trace and differentiate like user code."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphc.errors import ArgumentError
from graphc.ops.base import apply
from graphc.ops.elementwise.normal import Erf


def linear(x: Any, weight: Any, bias: Any = None) -> Any:
    """x Wᵀ + b.

    x: (…, in), weight: (out, in), bias: (out,) or None; returns (…, out).
    """
    y = np.matmul(x, np.swapaxes(weight, -1, -2))
    return y if bias is None else y + bias


def relu(x: Any) -> Any:
    """max(x, 0); the derivative at 0 is 0. NaN stays NaN."""
    return np.where(x <= 0, _zero(x), x)


def leaky_relu(x: Any, negative_slope: float = 0.01) -> Any:
    """x for x > 0, negative_slope · x elsewhere."""
    return np.where(x <= 0, negative_slope * x, x)


def elu(x: Any, alpha: float = 1.0) -> Any:
    """x for x > 0, α(eˣ - 1) elsewhere (Clevert et al. 2016)."""
    # Not minimum(x, 0), whose gradient at 0 is shared: it is α there, so that α = 1 makes no kink.
    return np.where(x <= 0, alpha * np.expm1(np.where(x <= 0, x, _zero(x))), x)


def sigmoid(x: Any) -> Any:
    """1 / (1 + e⁻ˣ)."""
    with np.errstate(over="ignore"):
        return 1.0 / (1.0 + np.exp(-x))


def tanh(x: Any) -> Any:
    """Hyperbolic tangent."""
    return np.tanh(x)


def silu(x: Any) -> Any:
    """x · sigmoid(x) (Elfwing et al. 2018)."""
    return x * sigmoid(x)


def softplus(x: Any) -> Any:
    """log(1 + eˣ), without overflow."""
    return np.logaddexp(x, _zero(x))


def gelu(x: Any, approximate: str = "none") -> Any:
    """x Φ(x) (Hendrycks and Gimpel 2016); `approximate="tanh"` is their formula with tanh."""
    if approximate == "tanh":
        return 0.5 * x * (1.0 + np.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x * x * x)))
    if approximate != "none":
        raise ArgumentError(f"gelu: approximate={approximate!r}; choose 'none' or 'tanh'")
    return 0.5 * x * (1.0 + apply(Erf(), x * math.sqrt(0.5)))


def softmax(x: Any, axis: int = -1) -> Any:
    """eˣ / Σ eˣ along `axis`, shifted by the maximum."""
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


def log_softmax(x: Any, axis: int = -1) -> Any:
    """log softmax(x) along `axis`: x - m - log Σ eˣ⁻ᵐ."""
    shifted = x - np.max(x, axis=axis, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


def logsumexp(x: Any, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Any:
    """log Σ eˣ over the axes (all by default): m + log Σ eˣ⁻ᵐ with m = max x; ±∞ as in scipy.special."""
    m = np.max(x, axis=axis, keepdims=True)
    m = np.where(np.isfinite(m), m, 0.0).astype(m.dtype)
    total = np.sum(np.exp(x - m), axis=axis, keepdims=keepdims)
    return np.log(total) + np.reshape(m, np.shape(total))


def mse_loss(prediction: Any, target: Any, reduction: str = "mean") -> Any:
    """The mean of (prediction - target)² over all elements.

    Raises ArgumentError for shapes that differ: broadcasting a loss is almost always a mistake.
    """
    _check_shapes("mse_loss", "prediction", prediction, target, np.shape(prediction))
    return _reduced((prediction - target) ** 2, reduction)


def cross_entropy(logits: Any, target: Any, reduction: str = "mean", label_smoothing: float = 0.0) -> Any:
    """-log softmax(logits)[target], averaged over the batch.

    logits: (C,), (N, C) or (N, C, d₁, …); target: class numbers of that shape without C, or class
    probabilities of logits' shape. Smoothing ε mixes the target with the uniform distribution (Szegedy et al.
    2016). A class number outside [0, C) raises IndexError, a target of another shape ArgumentError.
    """
    shape = tuple(np.shape(logits))
    axis = min(1, len(shape) - 1)
    log_p = log_softmax(logits, axis)
    if np.result_type(target).kind == "f":
        _check_shapes("cross_entropy", "logits", logits, target, shape)
        picked = np.sum(log_p * target, axis=axis)
    else:
        _check_shapes("cross_entropy", "logits", logits, target, shape[:axis] + shape[axis + 1 :])
        found = np.take_along_axis(log_p, np.expand_dims(target, axis), axis=axis)
        picked = found[(slice(None),) * axis + (0,)]
    if label_smoothing:
        uniform = np.sum(log_p, axis=axis) / shape[axis]
        picked = (1.0 - label_smoothing) * picked + label_smoothing * uniform
    return _reduced(-picked, reduction)


def binary_cross_entropy_with_logits(logits: Any, target: Any, reduction: str = "mean") -> Any:
    """-t log σ(x) - (1 - t) log(1 - σ(x)) in the form softplus(x) - t x, which does not overflow.

    Raises ArgumentError for shapes that differ.
    """
    _check_shapes("binary_cross_entropy_with_logits", "logits", logits, target, np.shape(logits))
    return _reduced(softplus(logits) - target * logits, reduction)


def _check_shapes(loss: str, name: str, given: Any, target: Any, expected: Any) -> None:
    """Raises ArgumentError for a target of another shape, which would broadcast."""
    if tuple(np.shape(target)) != tuple(expected):
        raise ArgumentError(
            f"{loss}: {name} has shape {tuple(np.shape(given))}, target {tuple(np.shape(target))}; "
            f"{'reshape one of them' if len(expected) == np.ndim(given) else f'it needs {tuple(expected)}'}"
        )


def _zero(x: Any) -> Any:
    """Zero of x's precision."""
    return np.zeros((), x.dtype)


def _reduced(values: Any, reduction: str) -> Any:
    match reduction:
        case "mean":
            return np.mean(values)
        case "sum":
            return np.sum(values)
        case "none":
            return values
    raise ArgumentError(f"reduction={reduction!r}; choose 'mean', 'sum' or 'none'")
