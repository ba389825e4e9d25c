"""Python files that are named on the command line, and the functions in them."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from graphc.errors import ArgumentError


class File:
    """A Python file, run as a module. What it raises while it runs is raised here."""

    def __init__(self, file: str) -> None:
        self.name = file
        self.module = _run(file)

    def function(self, name: str) -> Callable[..., Any]:
        """The function, or other callable object, of this name."""
        found = getattr(self.module, name, None)
        if not callable(found):
            variables = vars(self.module).items()
            names = sorted(n for n, value in variables if _is_own_function(value, self.module.__name__))
            raise ArgumentError(f"{self.name} has no function {name!r}; it has {', '.join(names) or 'none'}")
        own: Callable[..., Any] = found
        return own

    def value(self, name: str) -> Any:
        """The object that a name such as "model" or "settings.rate" stands for in the file."""
        value: Any = self.module
        for part in name.split("."):
            try:
                value = getattr(value, part)
            except AttributeError:
                raise ArgumentError(f"{self.name} has no variable {name!r}") from None
        return value


def named(text: str) -> tuple[str, str]:
    """File and name of FILE:NAME."""
    file, colon, name = text.rpartition(":")
    if not colon or not file or not name:
        raise ArgumentError(f"{text!r} does not name a function; write it as model.py:function")
    return file, name


def _run(file: str) -> ModuleType:
    path = Path(file)
    if not path.is_file():
        raise ArgumentError(f"there is no file {file!r}")
    specification = importlib.util.spec_from_file_location(path.stem, path)
    if specification is None or specification.loader is None:
        raise ArgumentError(f"{file!r} is not a Python file; its name must end in .py")
    try:
        path.read_bytes()
    except OSError as error:
        raise ArgumentError(f"{file!r} cannot be read: {error.strerror}") from None
    module = importlib.util.module_from_spec(specification)
    sys.path.insert(0, str(path.resolve().parent))  # as if the file were run itself
    sys.modules[path.stem] = module
    specification.loader.exec_module(module)
    return module


def _is_own_function(value: Any, module: str) -> bool:
    return (
        inspect.isfunction(inspect.unwrap(value)) and value.__module__ == module if callable(value) else False
    )
