"""`dataclass` as in the standard library, with methods that are shared, not generated.

`dataclasses.dataclass` writes and compiles the source of up to six methods for each class, 0.2–0.4 ms. With a
hundred classes that was half of what importing graphc takes. The methods here read the class's list of fields
instead; fields, defaults, `replace`, `fields` and pattern matching are the standard library's.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import MISSING, FrozenInstanceError
from operator import attrgetter
from typing import Any, TypeVar, dataclass_transform, overload

Class = TypeVar("Class", bound=type)

_set: Callable[[object, str, object], None] = object.__setattr__


@overload
def dataclass(cls: Class) -> Class: ...
@overload
def dataclass(*, eq: bool = True, frozen: bool = False) -> Callable[[Class], Class]: ...
@dataclass_transform(field_specifiers=(dataclasses.field,))
def dataclass(cls: type | None = None, *, eq: bool = True, frozen: bool = False) -> Any:
    """Makes a class a dataclass: equal where all fields are if `eq`, immutable (and hashable) if `frozen`.

    Without `eq` instances keep the equality of their base class. Methods that the class defines stay.
    """
    if cls is None:
        return lambda cls: _made(cls, eq, frozen)
    return _made(cls, eq, frozen)


def _made(cls: type, eq: bool, frozen: bool) -> type:
    own = vars(cls)
    if not cls.__doc__:  # the standard library would write the signature of `object.__init__`, slowly
        cls.__doc__ = f"{cls.__name__}({', '.join(own.get('__annotations__', ()))})"
    made: Any = dataclasses.dataclass(init=False, repr=False, eq=False)(cls)
    fields = dataclasses.fields(made)
    made._names = tuple(field.name for field in fields)
    made._values = staticmethod(_getter([field.name for field in fields if field.compare]))
    methods: dict[str, Any] = {"__init__": _init, "__repr__": _repr}
    if hasattr(made, "__post_init__"):
        methods["__init__"] = _init_and_check
    if eq:
        methods |= {"__eq__": _eq, "__hash__": _hash if frozen else None}
    if frozen:
        methods |= {"__setattr__": _refuse_to_set, "__delattr__": _refuse_to_delete}
    for name, method in methods.items():
        # A class that defines __eq__ and no __hash__ got None for it.
        if name not in own or (name == "__hash__" and own[name] is None):
            setattr(made, name, method)
    result: type = made
    return result


def _getter(names: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    if not names:
        return lambda self: ()
    get = attrgetter(*names)
    return get if len(names) > 1 else lambda self: (get(self),)


def _init(self: Any, *args: Any, **named: Any) -> None:
    names = self._names
    if named or len(args) != len(names):
        args = _bound(type(self), args, named)
    for name, value in zip(names, args, strict=True):
        _set(self, name, value)


def _init_and_check(self: Any, *args: Any, **named: Any) -> None:
    _init(self, *args, **named)
    self.__post_init__()


def _bound(cls: type, args: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
    """The values of all fields, in order, from those that were given and the defaults."""
    fields: tuple[Any, ...] = dataclasses.fields(cls)
    if len(args) > len(fields):
        raise TypeError(f"{cls.__name__} takes {len(fields)} arguments, got {len(args)}")
    values = list(args)
    for field in fields[len(args) :]:
        if field.name in named:
            values.append(named.pop(field.name))
        elif field.default is not MISSING:
            values.append(field.default)
        elif field.default_factory is not MISSING:
            values.append(field.default_factory())
        else:
            raise TypeError(f"{cls.__name__} needs the argument {field.name!r}")
    if named:
        raise TypeError(f"{cls.__name__} takes no argument {next(iter(named))!r}, or got it twice")
    return tuple(values)


def _eq(self: Any, other: Any) -> Any:
    if other.__class__ is not self.__class__:
        return NotImplemented
    return self._values(self) == self._values(other)


def _hash(self: Any) -> int:
    return hash((type(self), self._values(self)))  # classes without fields differ


def _repr(self: Any) -> str:
    shown = [field for field in dataclasses.fields(self) if field.repr]
    return f"{type(self).__qualname__}({', '.join(f'{f.name}={getattr(self, f.name)!r}' for f in shown)})"


def _refuse_to_set(self: Any, name: str, value: Any) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(self: Any, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")
