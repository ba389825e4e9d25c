"""Adam and AdamW."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.optim.optimizer import AbstractOptimizer, LearningRate


class Adam(AbstractOptimizer):
    """m ← β₁m + (1-β₁)g, v ← β₂v + (1-β₂)g², p ← p - lr · m̂ / (√v̂ + ε) (Kingma and Ba 2015).

    m̂ and v̂ are m/(1-β₁ᵗ) and v/(1-β₂ᵗ). `weight_decay` adds λ p to g.
    """

    def __init__(
        self,
        lr: LearningRate = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(lr)
        self.betas, self.eps, self.weight_decay = betas, eps, weight_decay

    def slots(self) -> tuple[str, ...]:
        return ("exp_avg", "exp_avg_sq")

    def update(self, p: Any, g: Any, slots: dict[str, Any], lr: Any, step: Any) -> tuple[Any, dict[str, Any]]:
        if self.weight_decay:
            g = g + self.weight_decay * p
        return self._moved(p, g, slots, lr, step)

    def _moved(self, p: Any, g: Any, slots: dict[str, Any], lr: Any, step: Any) -> tuple[Any, dict[str, Any]]:
        b1, b2 = self.betas
        m = b1 * slots["exp_avg"] + (1.0 - b1) * g
        v = b2 * slots["exp_avg_sq"] + (1.0 - b2) * (g * g)
        # Corrections are numbers of the step alone, computed once in double precision.
        t = step.astype(np.float64)
        rate = (lr / (1.0 - b1**t)).astype(p.dtype)
        scale = (1.0 / np.sqrt(1.0 - b2**t)).astype(p.dtype)
        return p - rate * m / (np.sqrt(v) * scale + self.eps), {"exp_avg": m, "exp_avg_sq": v}


class AdamW(Adam):
    """Adam with decoupled weight decay: p ← p - lr · λ · p, then Adam's step (Loshchilov and Hutter 2019)."""

    def __init__(
        self,
        lr: LearningRate = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(lr, betas, eps, weight_decay)

    def update(self, p: Any, g: Any, slots: dict[str, Any], lr: Any, step: Any) -> tuple[Any, dict[str, Any]]:
        return self._moved(p - lr * self.weight_decay * p, g, slots, lr, step)
