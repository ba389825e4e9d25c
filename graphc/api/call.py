"""One call of a compiled function: its arguments flattened, and the key of the program that serves it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from graphc.api.arguments import Described, Leaf, Static, describe_all, static_key
from graphc.dataclass import dataclass
from graphc.trace import tree
from graphc.trace.complex_numbers.tracer import ComplexTracer
from graphc.trace.tracer import Tracer
from graphc.trace.tree import Structure


@dataclass(frozen=True)
class Parameters:
    """The names of a function's parameters, and which of them are static."""

    positional: tuple[str, ...]
    variadic: str | None
    static: frozenset[str]

    def name(self, position: int) -> str:
        """What the argument at `position` is called."""
        if position < len(self.positional):
            return self.positional[position]
        return f"{self.variadic or 'args'}[{position - len(self.positional)}]"


def parameters_of(function: Callable[..., Any], static: Sequence[str]) -> Parameters:
    """The parameters of `function`; none where it does not tell its signature."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return Parameters((), None, frozenset(static))
    kinds = signature.parameters.values()
    by_position = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = tuple(q.name for q in kinds if q.kind in by_position)
    variadic = next((q.name for q in kinds if q.kind is q.VAR_POSITIONAL), None)
    return Parameters(names, variadic, frozenset(static))


@dataclass(frozen=True)
class Form:
    """What a program depends on: the key under which it is kept."""

    structure: Structure  # of (args, kwargs)
    described: tuple[Described, ...]
    statics: tuple[tuple[Any, Static], ...]  # (position or keyword, value) of the static arguments

    @property
    def leaves(self) -> tuple[Leaf, ...]:
        """The traced arguments."""
        return tuple(d for d in self.described if isinstance(d, Leaf))

    def rebuild(self, values: Sequence[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The user's (args, kwargs) with the stand-ins `values` in place of the traced leaves."""
        supply = iter(values)
        leaves = [d.value if isinstance(d, Static) else _stand_in(d, next(supply)) for d in self.described]
        args, kwargs = tree.unflatten(self.structure, leaves)
        positional = list(args)
        for place, static in self.statics:
            if isinstance(place, int):
                positional[place] = static.value
            else:
                kwargs[place] = static.value
        return tuple(positional), kwargs


def _stand_in(leaf: Leaf, value: Any) -> Any:
    """What stands for an argument: the complex value that a traced array holds the parts of, or itself."""
    if not leaf.parts:
        return value
    re, im = value[..., 0], value[..., 1]
    if leaf.parts == "python complex":
        return ComplexTracer(*(Tracer(part.owner, part.node, float) for part in (re, im)))
    return ComplexTracer(re, im)


def flatten_call(
    parameters: Parameters, function_name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[list[Any], Form]:
    """The values of the traced leaves of a call, and its form."""
    statics: tuple[tuple[Any, Static], ...] = ()
    if parameters.static:
        args, kwargs, statics = _take_statics(parameters, function_name, args, kwargs)
    leaves, structure = tree.flatten((args, kwargs))
    values, described = describe_all(
        leaves, lambda index: f"{all_names(parameters, structure)[index]} of {function_name}"
    )
    return values, Form(structure, described, statics)


def leaf_names(parameters: Parameters, form: Form) -> list[str]:
    """What the traced leaves are called: `x`, `params['w']`."""
    names = all_names(parameters, form.structure)
    return [name for name, d in zip(names, form.described, strict=True) if isinstance(d, Leaf)]


def _take_statics(
    parameters: Parameters, function_name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any], tuple[tuple[Any, Static], ...]]:
    """The call without its static arguments (None stands in for them), and those."""
    found: list[tuple[Any, Static]] = []

    def keep(place: Any, name: str, value: Any) -> Any:
        if name.partition("[")[0] not in parameters.static:
            return value
        found.append((place, Static(static_key(value, lambda: f"{name} of {function_name}"), value)))
        return None

    positional = tuple(keep(i, parameters.name(i), value) for i, value in enumerate(args))
    named = {key: keep(key, key, value) for key, value in kwargs.items()}
    return positional, named, tuple(found)


def all_names(parameters: Parameters, structure: Structure) -> list[str]:
    """What the leaves of (args, kwargs) of this structure are called."""
    positional, named = structure.children()
    names: list[str] = []
    for position, child in enumerate(positional.children()):
        names += tree.leaf_names(child, parameters.name(position))
    for key, child in zip(named.entries(), named.children(), strict=True):
        names += tree.leaf_names(child, key)
    return names
