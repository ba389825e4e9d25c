"""Losses as modules: called with (prediction, target), they return a scalar."""

from __future__ import annotations

from typing import Any

from graphc.nn import functional as F
from graphc.nn.module import Module


class MSELoss(Module):
    """The mean squared error."""

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = reduction

    def forward(self, prediction: Any, target: Any) -> Any:
        return F.mse_loss(prediction, target, self.reduction)


class CrossEntropyLoss(Module):
    """-log softmax(logits)[target], averaged."""

    def __init__(self, reduction: str = "mean", label_smoothing: float = 0.0) -> None:
        super().__init__()
        self.reduction, self.label_smoothing = reduction, label_smoothing

    def forward(self, logits: Any, target: Any) -> Any:
        return F.cross_entropy(logits, target, self.reduction, self.label_smoothing)


class BCEWithLogitsLoss(Module):
    """Binary cross-entropy of logits."""

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = reduction

    def forward(self, logits: Any, target: Any) -> Any:
        return F.binary_cross_entropy_with_logits(logits, target, self.reduction)
