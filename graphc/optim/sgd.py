"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from graphc.errors import ArgumentError
from graphc.optim.optimizer import AbstractOptimizer, LearningRate


class SGD(AbstractOptimizer):
    """p ← p - lr · g; with momentum μ: v ← μ v + g, p ← p - lr · v (Polyak 1964; PyTorch's form).

    Nesterov's variant steps along g + μ v (Sutskever et al. 2013). `weight_decay` adds λ p to g.
    """

    def __init__(
        self,
        lr: LearningRate = 1e-3,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        super().__init__(lr)
        if nesterov and not momentum:
            raise ArgumentError("SGD: nesterov=True needs momentum > 0")
        self.momentum, self.weight_decay, self.nesterov = momentum, weight_decay, nesterov

    def slots(self) -> tuple[str, ...]:
        return ("momentum",) if self.momentum else ()

    def update(self, p: Any, g: Any, slots: dict[str, Any], lr: Any, step: Any) -> tuple[Any, dict[str, Any]]:
        if self.weight_decay:
            g = g + self.weight_decay * p
        if not self.momentum:
            return p - lr * g, {}
        v = self.momentum * slots["momentum"] + g
        direction = g + self.momentum * v if self.nesterov else v
        return p - lr * direction, {"momentum": v}
