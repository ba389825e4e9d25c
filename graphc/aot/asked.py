"""The functions that `export` is asked for, each compiled with the options that concern it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from graphc.aot.names import check_ending
from graphc.api.compile import Compiled, compile
from graphc.dataclass import dataclass
from graphc.errors import ArgumentError
from graphc.trace import tree


@dataclass(frozen=True)
class Asked:
    """One function that the user asked for."""

    ending: str
    compiled: Compiled
    types: tuple[Any, ...]
    results: tuple[str, ...] = ()


def asked_for(
    function: Any,
    types: tuple[Any, ...],
    name: str | None,
    donate: str | Sequence[str],
    static_argnames: str | Sequence[str],
) -> list[Asked]:
    """The functions, in order; ArgumentError where they are not what `export` takes."""
    if not isinstance(function, Mapping):
        return [Asked("", _compiled(function, donate, static_argnames), types)]
    if types or not function or name is None:
        raise ArgumentError(
            "several functions are exported as {'step': (step, *types), 'predict': (predict, *types)} "
            "with a name for the library"
        )
    rows: list[tuple[str, Compiled, tuple[Any, ...]]] = []
    for ending, row in function.items():
        check_ending(ending)
        if not isinstance(row, tuple) or not row:
            raise ArgumentError(f"{ending!r} of the exported functions must be a tuple (function, *types)")
        rows.append((ending, _compiled(row[0], (), ()), row[1:]))
    known = {parameter for _, compiled, _ in rows for parameter in _parameters(compiled)}
    for option, names in (("donate", _tuple(donate)), ("static_argnames", _tuple(static_argnames))):
        unknown = [given for given in names if tree.root_of(given) not in known]
        if unknown:
            raise ArgumentError(f"{option} names {unknown[0]!r}, which no exported function has")
    return [
        Asked(f"_{ending}", _compiled(one, _own(one, donate), _own(one, static_argnames)), types)
        for ending, one, types in rows
    ]


def _tuple(names: str | Sequence[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def _parameters(compiled: Compiled) -> Sequence[str]:
    return compiled.parameters.positional[len(compiled.bound) :]


def _own(compiled: Compiled, names: str | Sequence[str]) -> tuple[str, ...]:
    """Those of `names` that are parameters of this function."""
    return tuple(name for name in _tuple(names) if tree.root_of(name) in _parameters(compiled))


def _compiled(function: Any, donate: str | Sequence[str], static: str | Sequence[str]) -> Compiled:
    """The function as `compile` makes it, with these options beside its own."""
    if isinstance(function, Compiled) and not donate and not static:
        return function
    donate, static = _tuple(donate), _tuple(static)
    if not isinstance(function, Compiled):
        made: Compiled = compile(function, donate=donate, static_argnames=static)
        return made
    own = function.settings
    settings = replace(
        own,
        donate=(*own.donate, *donate),
        static_argnames=(*own.static_argnames, *static),
    )
    return Compiled(function, function.function, function.bound, settings)
