"""The backends by name."""

from __future__ import annotations

import importlib

from graphc.backends.base import AbstractBackend
from graphc.errors import ArgumentError

# Backend name -> the class, as module:class, imported on first use.
_BACKENDS: dict[str, str] = {
    "cpu": "graphc.runtime.cpu_backend:CpuBackend",
    "interpret": "graphc.backends.interpret:InterpretBackend",
    "numba": "graphc.backends.numba_source.backend:NumbaBackend",
}
_instances: dict[str, AbstractBackend] = {}


def backend_names() -> tuple[str, ...]:
    """The names of all backends."""
    return tuple(_BACKENDS)


def default_backend() -> str:
    """The fastest backend of this installation for the CPU."""
    return "cpu" if "cpu" in _BACKENDS else "interpret"


def get_backend(name: str) -> AbstractBackend:
    """The backend called `name`."""
    if name not in _BACKENDS:
        known = ", ".join(map(repr, _BACKENDS))
        raise ArgumentError(f"there is no backend {name!r}; choose one of {known}")
    if name not in _instances:
        module, _, cls = _BACKENDS[name].partition(":")
        _instances[name] = getattr(importlib.import_module(module), cls)()
    return _instances[name]
