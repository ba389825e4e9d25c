"""Modules in safetensors files, readable by every framework."""

from __future__ import annotations

import os
from typing import TypeVar

import numpy as np

from graphc.nn.module import Module

AnyModule = TypeVar("AnyModule", bound=Module)


def save(module: Module, path: str | os.PathLike[str]) -> None:
    """Writes the module's arrays, by name, to a safetensors file."""
    from safetensors.numpy import save_file

    arrays = {name: np.ascontiguousarray(array) for name, array in module.state_dict().items()}
    save_file(arrays, path)


def load(module: AnyModule, path: str | os.PathLike[str]) -> AnyModule:
    """The module with its arrays replaced by those of a safetensors file."""
    from safetensors.numpy import load_file

    module.load_state_dict(load_file(path))
    return module
