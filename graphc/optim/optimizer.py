"""What an optimizer is: a pure function from parameters, gradients and state to new ones."""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from graphc.errors import ArgumentError
from graphc.trace import tree

# A learning rate, or a function of the step number (0, 1, …) that gives it.
LearningRate: TypeAlias = float | Callable[[Any], Any]


class AbstractOptimizer(abc.ABC):
    """`init` makes the state for parameters; `step` returns updated parameters and state."""

    def __init__(self, lr: LearningRate) -> None:
        if not callable(lr) and lr < 0:
            raise ArgumentError(f"lr={lr}: a learning rate is not negative")
        self.lr = lr

    def init(self, params: Any) -> Any:
        """The state before the first step: the step number, and a tree like `params` for each slot."""
        slots = {name: tree.tree_map(np.zeros_like, params) for name in self.slots()}
        return {"step": np.int64(0), **slots}

    def step(self, params: Any, grads: Any, state: Any) -> tuple[Any, Any]:
        """(parameters, state) after one step against the gradient."""
        leaves, structure = tree.flatten(params)
        gradients, _ = tree.flatten(grads)
        rate = self.lr(state["step"]) if callable(self.lr) else self.lr
        updated: list[Any] = []
        before = {name: tree.flatten(state[name])[0] for name in self.slots()}
        slots: dict[str, list[Any]] = {name: [] for name in before}
        for i, (p, g) in enumerate(zip(leaves, gradients, strict=True)):
            old = {name: before[name][i] for name in slots}
            new, changed = self.update(p, g, old, rate, state["step"] + 1)
            updated.append(new)
            for name in slots:
                slots[name].append(changed[name])
        after = {name: tree.unflatten(structure, values) for name, values in slots.items()}
        return tree.unflatten(structure, updated), {"step": state["step"] + 1, **after}

    @abc.abstractmethod
    def slots(self) -> tuple[str, ...]:
        """Names of the arrays kept for each parameter."""

    @abc.abstractmethod
    def update(self, p: Any, g: Any, slots: dict[str, Any], lr: Any, step: Any) -> tuple[Any, dict[str, Any]]:
        """(the new parameter, its new slots); `step` counts from 1."""
