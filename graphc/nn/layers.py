"""Layers with parameters, and containers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from graphc.errors import ArgumentError
from graphc.nn import functional as F
from graphc.nn.initial import uniform
from graphc.nn.module import Module


class Linear(Module):
    """y = x Wᵀ + b with weight (out, in) and bias (out,).

    Initial values are uniform in ±1/√in, as PyTorch's (He et al. 2015 with a = √5), from the generator
    or seed `rng`, or without one from a seed of the system.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        dtype: Any = np.float32,
        rng: np.random.Generator | int | None = None,
    ) -> None:
        super().__init__()
        if in_features < 1 or out_features < 1:
            raise ArgumentError(f"Linear({in_features}, {out_features}): sizes must be positive")
        generator = None if rng is None else np.random.default_rng(rng)
        bound = 1.0 / math.sqrt(in_features)
        self.in_features, self.out_features = in_features, out_features
        self.weight: Any = uniform(bound, (out_features, in_features), dtype, generator)
        self.bias: Any = uniform(bound, (out_features,), dtype, generator) if bias else None

    def forward(self, x: Any) -> Any:
        if x.shape[-1] != self.in_features:
            raise ArgumentError(
                f"Linear({self.in_features}, {self.out_features}): input of shape {tuple(x.shape)}; "
                f"its last axis must have length {self.in_features}"
            )
        return F.linear(x, self.weight, self.bias)

    def _description(self) -> str:
        return f"{self.in_features}, {self.out_features}, bias={self.bias is not None}"


class Sequential(Module):
    """Modules applied one after another."""

    def __init__(self, *layers: Module) -> None:
        super().__init__()
        for i, layer in enumerate(layers):
            setattr(self, str(i), layer)

    def forward(self, x: Any) -> Any:
        for layer in self:
            x = layer(x)
        return x

    def __iter__(self) -> Iterator[Module]:
        return iter(vars(self).values())

    def __len__(self) -> int:
        return len(vars(self))

    def __getitem__(self, index: int) -> Module:
        layers: list[Module] = list(vars(self).values())
        return layers[index]


class Identity(Module):
    """The input itself."""

    def forward(self, x: Any) -> Any:
        return x


class Flatten(Module):
    """(N, …) as (N, product of the rest)."""

    def forward(self, x: Any) -> Any:
        return np.reshape(x, (x.shape[0], -1))
