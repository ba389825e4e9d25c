"""Tables from NumPy's functions to what they mean on traced values, filled by decorators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

Meaning: TypeAlias = Callable[..., Any]
Key = TypeVar("Key")


def filling(table: dict[Key, Meaning]) -> Callable[..., Callable[[Meaning], Meaning]]:
    """A decorator that takes keys, and enters the function below it under each of them."""

    def under(*keys: Key) -> Callable[[Meaning], Meaning]:
        def enter(function: Meaning) -> Meaning:
            table.update(dict.fromkeys(keys, function))
            return function

        return enter

    return under
