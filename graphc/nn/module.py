"""Modules: objects that hold arrays and other modules, and are trees of their arrays.

There is no registry: an attribute that is an array (or a module, or a list, tuple or dict of them) is a
child, everything else is part of the structure. A module can therefore be an argument of a compiled
function, be differentiated, and be returned.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from graphc.errors import ArgumentError
from graphc.trace import tree
from graphc.trace.tracer import Tracer

Self = TypeVar("Self", bound="Module")


class Module:
    """Base class of layers and models; define `forward` (PyTorch's conventions for names and layouts)."""

    training: bool = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "forward" in vars(cls) and "__call__" not in vars(cls):
            cls.__call__ = cls.forward  # type: ignore[method-assign]  # its parameters have names
        tree.register(cls, _take_apart, lambda rest, children: _put_together(cls, rest, children))

    def forward(self, *args: Any) -> Any:
        """The module's output for its inputs."""
        raise TypeError(f"{type(self).__name__} defines no forward(self, …)")

    def __call__(self, *args: Any) -> Any:
        return self.forward(*args)

    # ---- arrays by name

    def named_parameters(self) -> Iterator[tuple[str, Any]]:
        """(name, array) of every trainable array, names as PyTorch's: `linear_1.weight`, `layers.0.bias`."""
        for name, owner, attribute in self._arrays():
            if attribute not in owner._buffers():
                yield name, getattr(owner, attribute)

    def parameters(self) -> Iterator[Any]:
        """Every trainable array."""
        return (array for _, array in self.named_parameters())

    def state_dict(self) -> dict[str, Any]:
        """All arrays by name, as in PyTorch; the arrays themselves, not copies."""
        return {name: getattr(owner, attribute) for name, owner, attribute in self._arrays()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Copies the arrays of `state` into the module's, converted to their dtypes.

        Raises ArgumentError for missing or unexpected names and for shapes that differ.
        """
        places = {name: (owner, attribute) for name, owner, attribute in self._arrays()}
        missing, unexpected = sorted(set(places) - set(state)), sorted(set(state) - set(places))
        if missing or unexpected:
            raise ArgumentError(f"state_dict: missing {missing}, unexpected {unexpected}")
        loaded = {}
        for name, (owner, attribute) in places.items():
            old, new = getattr(owner, attribute), np.asarray(state[name])
            if old.shape != new.shape:
                raise ArgumentError(f"state_dict: {name} has shape {new.shape}, the module needs {old.shape}")
            loaded[name] = new
        for name, (owner, attribute) in places.items():
            getattr(owner, attribute)[...] = loaded[name]

    def _arrays(self, prefix: str = "") -> Iterator[tuple[str, Module, str]]:
        for name, value in vars(self).items():
            if is_array(value):
                yield prefix + name, self, name
            elif is_child(value):
                for path, module in _modules(value, prefix + name):
                    yield from module._arrays(path + ".")

    def _buffers(self) -> frozenset[str]:
        """Names of own arrays that training does not touch."""
        return frozenset()

    # ---- modules

    def modules(self) -> Iterator[Module]:
        """This module and every one inside it."""
        yield self
        for value in vars(self).values():
            if is_child(value) and not is_array(value):
                for _, module in _modules(value, ""):
                    yield from module.modules()

    def train(self: Self, mode: bool = True) -> Self:
        """Switches dropout and batch statistics on (or off), here and in every module inside."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self: Self) -> Self:
        """Switches to inference, as `train(False)`."""
        return self.train(False)

    def astype(self: Self, dtype: Any) -> Self:
        """A copy of the module with its floating-point arrays in another precision."""
        dtype = np.dtype(dtype)
        convert = lambda a: a.astype(dtype) if a.dtype.kind == "f" else a.copy()  # noqa: E731
        result: Self = tree.tree_map(convert, self)
        return result

    def __repr__(self) -> str:
        lines = []
        for name, value in vars(self).items():
            if isinstance(value, Module):
                lines.append(f"({name}): " + repr(value).replace("\n", "\n  "))
        inside = "".join(f"\n  {line}" for line in lines)
        return f"{type(self).__name__}({self._description()}{inside}{chr(10) if lines else ''})"

    def _description(self) -> str:
        return ""


def is_array(value: Any) -> bool:
    """Whether an attribute is an array, real or traced."""
    return isinstance(value, np.ndarray | Tracer)


def is_child(value: Any) -> bool:
    """Whether an attribute holds arrays or modules."""
    if isinstance(value, Module) or is_array(value):
        return True
    if isinstance(value, list | tuple):
        return any(is_child(v) for v in value)
    if isinstance(value, dict):
        return any(is_child(v) for v in value.values())
    return False


def _modules(value: Any, path: str) -> Iterator[tuple[str, Module]]:
    if isinstance(value, Module):
        yield path, value
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            yield from _modules(item, f"{path}.{i}")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _modules(item, f"{path}.{key}")


class _Structure:
    """The attributes of a module that are not arrays, compared by value."""

    __slots__ = ("items", "names")

    def __init__(self, names: tuple[str, ...], items: tuple[tuple[str, Any], ...]) -> None:
        self.names, self.items = names, items

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Structure) and (self.names, self.items) == (other.names, other.items)

    def __hash__(self) -> int:
        return hash((self.names, tuple(name for name, _ in self.items)))


def _take_apart(module: Module) -> tuple[Iterable[Any], _Structure, Sequence[str]]:
    attributes = vars(module)
    names = tuple(name for name, value in attributes.items() if is_child(value))
    rest = tuple((name, value) for name, value in attributes.items() if name not in names)
    return [attributes[name] for name in names], _Structure(names, rest), names


def _put_together(cls: type[Module], structure: _Structure, children: Iterable[Any]) -> Module:
    module = object.__new__(cls)
    vars(module).update(structure.items)
    vars(module).update(zip(structure.names, children, strict=True))
    return module
