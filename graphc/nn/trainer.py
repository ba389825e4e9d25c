"""Training: forward, backward and update as one native call that works in place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from typing import Any, NamedTuple

import numpy as np

from graphc.api.compile import compile as compile_
from graphc.api.transform import value_and_grad
from graphc.dataclass import dataclass
from graphc.errors import ArgumentError
from graphc.nn.module import Module
from graphc.nn.progress import Progress
from graphc.optim.optimizer import AbstractOptimizer
from graphc.trace import tree

Metric = Callable[[Any, Any], float]


@dataclass
class History:
    """What `fit` measured: one entry an epoch in each list."""

    loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    metrics: dict[str, list[float]] = field(default_factory=dict)


class Trainer:
    """Minimises `loss(module(x), y)` over the module's arrays, which are updated in place.

    The arrays are those the module holds when the trainer is made: to change their values later, write
    into them or use `load_state_dict`.
    """

    def __init__(
        self,
        module: Module,
        loss: Callable[[Any, Any], Any],
        optimizer: AbstractOptimizer,
        *,
        threads: int | None = None,
    ) -> None:
        self.module, self.loss, self.optimizer = module, loss, optimizer
        self._leaves, self._structure = tree.flatten(module)
        for leaf in self._leaves:
            if not isinstance(leaf, np.ndarray) or leaf.dtype.kind != "f":
                raise ArgumentError(
                    f"Trainer: the module holds a {type(leaf).__name__} that cannot be trained; "
                    "its arrays must be floating-point NumPy arrays"
                )
        self._state, self._state_structure = tree.flatten(optimizer.init(self._leaves))
        functions = _functions(self)
        self._step = compile_(functions.step, donate=("leaves", "state"), threads=threads)
        self._loss = compile_(functions.loss, threads=threads)
        self._forward = compile_(functions.forward, threads=threads)

    # ---- training

    def step(self, x: Any, y: Any) -> Any:
        """The loss on one batch before the update; the module's arrays are updated."""
        _, self._state, value = self._step(self._leaves, self._state, x, y)
        return value

    def fit(
        self,
        x: np.ndarray,
        y: np.ndarray,
        *,
        epochs: int = 1,
        batch_size: int = 32,
        validation: tuple[np.ndarray, np.ndarray] | None = None,
        metrics: dict[str, Metric] | None = None,
        shuffle: bool = True,
        rng: np.random.Generator | int | None = None,
        patience: int | None = None,
        progress: bool = True,
    ) -> History:
        """Trains for `epochs` passes over (x, y) and returns what it measured.

        metrics: functions of (prediction, y), measured on the validation data after each epoch.
        patience: stop when the validation loss has not improved for that many epochs, and go back to
            the best arrays.
        """
        _check_data(x, y, batch_size, patience, validation)
        generator = np.random.default_rng(rng)
        history, best = History(metrics={name: [] for name in metrics or {}}), _Best()
        with Progress(epochs, -(-len(x) // batch_size), enabled=progress) as bar:
            for epoch in range(epochs):
                order = generator.permutation(len(x)) if shuffle else np.arange(len(x))
                history.loss.append(self._epoch(x, y, order, batch_size, bar))
                if validation is not None:
                    self._validate(validation, metrics or {}, history)
                bar.end_epoch(epoch, history)
                if patience is not None and best.is_over(history.validation_loss[-1], self._leaves, patience):
                    best.restore(self._leaves)
                    break
        return history

    def _epoch(
        self, x: np.ndarray, y: np.ndarray, order: np.ndarray, batch_size: int, bar: Progress
    ) -> float:
        """The mean loss over one pass."""
        total = 0.0
        for start in range(0, len(order), batch_size):
            batch = order[start : start + batch_size]
            value = float(self.step(x[batch], y[batch]))
            total += value * len(batch)
            bar.advance(value)
        return total / len(order)

    def _validate(
        self, validation: tuple[np.ndarray, np.ndarray], metrics: dict[str, Metric], history: History
    ) -> None:
        x, y = validation
        history.validation_loss.append(float(self._loss(self._leaves, x, y)))
        if metrics:
            prediction = self.predict(x)
            for name, metric in metrics.items():
                history.metrics[name].append(float(metric(prediction, y)))

    def predict(self, x: Any) -> Any:
        """The module's output, compiled."""
        return self._forward(self._leaves, x)


class _Functions(NamedTuple):
    """The functions a trainer compiles, over flat lists of arrays."""

    forward: Callable[..., Any]
    loss: Callable[..., Any]
    step: Callable[..., Any]


def _functions(trainer: Trainer) -> _Functions:
    structure, state_structure = trainer._structure, trainer._state_structure
    criterion, optimizer = trainer.loss, trainer.optimizer

    def forward(leaves: list[Any], x: Any) -> Any:
        return tree.unflatten(structure, leaves)(x)

    def loss(leaves: list[Any], x: Any, y: Any) -> Any:
        return criterion(forward(leaves, x), y)

    def step(leaves: list[Any], state: list[Any], x: Any, y: Any) -> tuple[Any, Any, Any]:
        value, grads = value_and_grad(loss)(leaves, x, y)
        updated, new = optimizer.step(leaves, grads, tree.unflatten(state_structure, state))
        return updated, tree.flatten(new)[0], value

    return _Functions(forward, loss, step)


def accuracy(prediction: Any, y: Any) -> float:
    """The fraction of rows whose largest entry is the class y."""
    return float(np.mean(np.argmax(prediction, axis=-1) == y))


@dataclass
class _Best:
    """The lowest validation loss so far, and the arrays that gave it."""

    value: float = float("inf")
    arrays: list[np.ndarray] = field(default_factory=list)
    waited: int = 0

    def is_over(self, value: float, arrays: list[Any], patience: int) -> bool:
        """Whether `patience` epochs have passed without an improvement."""
        if value < self.value:
            self.value, self.arrays, self.waited = value, [a.copy() for a in arrays], 0
            return False
        self.waited += 1
        return self.waited >= patience

    def restore(self, arrays: list[Any]) -> None:
        for array, kept in zip(arrays, self.arrays, strict=True):
            array[...] = kept


def _check_data(
    x: np.ndarray, y: np.ndarray, batch_size: int, patience: int | None, validation: object
) -> None:
    if len(x) != len(y) or not len(x):
        raise ArgumentError(f"fit: {len(x)} inputs and {len(y)} targets; there must be as many, at least one")
    if batch_size < 1:
        raise ArgumentError(f"fit: batch_size={batch_size}; it must be positive")
    if patience is not None and validation is None:
        raise ArgumentError("fit: patience needs validation data")
