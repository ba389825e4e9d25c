"""From the Numba types of a call to the form of call that graphc compiles, with symbolic sizes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numba.core import types
from numba.core.errors import TypingError
from numba.np.numpy_support import as_dtype

from graphc.api.arguments import Leaf, leaf_of
from graphc.api.call import Form, flatten_call, leaf_names
from graphc.api.compile import Compiled
from graphc.api.dynamic import with_leaves
from graphc.api.specialise import Specialisation
from graphc.dataclass import dataclass
from graphc.errors import GraphcError
from graphc.ir.dims import Dim, parse_dim, substitute, symbol
from graphc.ir.types import ArrayType, parse_type

_PYTHON_NUMBERS: dict[types.Type, Any] = {types.float64: 1.0, types.int64: 1, types.boolean: True}


@dataclass(frozen=True)
class Path:
    """Where a leaf is among the arguments: `args[1][0]`."""

    text: str
    type: types.Type


def specialisation(compiled: Compiled, arguments: Sequence[types.Type]) -> tuple[Specialisation, list[Path]]:
    """The program for arguments of these types, and where its flat arguments come from."""
    _check_settings(compiled)
    samples = [_sample(compiled, f"args[{i}]", t) for i, t in enumerate(arguments)]
    paths = [path for i, t in enumerate(arguments) for path in _leaves(f"args[{i}]", t)]
    try:
        _, form = flatten_call(compiled.parameters, compiled.__name__, tuple(samples), {})
    except GraphcError as error:
        raise TypingError(str(error)) from None
    for name, leaf in zip(leaf_names(compiled.parameters, form), form.leaves, strict=True):
        if leaf.parts:
            raise TypingError(
                f"{name} of {compiled.__name__} is complex; pass real and imaginary parts as two arguments"
            )
    symbolic = with_leaves(form, _symbolic(compiled, form))
    return _build(compiled, symbolic), paths


def _check_settings(compiled: Compiled) -> None:
    name, settings = compiled.__name__, compiled.settings
    if compiled.bound:
        raise TypingError(f"{name} is bound to an object; compiled numba code can call plain functions only")
    if settings.static_argnames:
        raise TypingError(f"{name} has static arguments; fix them in a function of the other arguments")
    if settings.backend != "cpu" or settings.check_finite:
        raise TypingError(f"{name} must be compiled with backend='cpu' and checks='off' to be called here")


def _sample(compiled: Compiled, path: str, type_: types.Type) -> Any:
    """A value of this type, as the argument of a call from Python."""
    if isinstance(type_, types.Array) and type_.aligned:
        return np.zeros((1,) * type_.ndim, as_dtype(type_.dtype))
    if type_ in _PYTHON_NUMBERS:
        return _PYTHON_NUMBERS[type_]
    if isinstance(type_, types.Number):
        return as_dtype(type_).type(1)
    if isinstance(type_, types.Tuple | types.UniTuple):
        return tuple(_sample(compiled, f"{path}[{i}]", t) for i, t in enumerate(type_))
    raise TypingError(
        f"{path} of {compiled.__name__} is {type_}; aligned arrays, numbers and tuples of them can be passed"
    )


def _leaves(path: str, type_: types.Type) -> Iterator[Path]:
    if isinstance(type_, types.BaseTuple):
        for i, item in enumerate(type_):
            yield from _leaves(f"{path}[{i}]", item)
    else:
        yield Path(path, type_)


def _symbolic(compiled: Compiled, form: Form) -> list[Leaf]:
    """The leaves with the sizes that `dynamic` declares, and symbols of their own elsewhere."""
    specs = compiled.settings.dynamic if isinstance(compiled.settings.dynamic, Mapping) else {}
    names = leaf_names(compiled.parameters, form)
    taken = re.findall(r"[A-Za-z]\w*", repr(list(specs.values())))
    fresh = (symbol(f"N{i}") for i in range(10**6) if f"N{i}" not in taken)
    return [
        leaf_of(leaf.kind, _declared(name, specs.get(name), leaf.type, fresh))
        for name, leaf in zip(names, form.leaves, strict=True)
    ]


def _declared(name: str, spec: Any, actual: ArrayType, fresh: Iterator[Dim]) -> ArrayType:
    if isinstance(spec, str):
        type_ = parse_type(spec)
        if (type_.dtype, type_.ndim) != (actual.dtype, actual.ndim):
            raise TypingError(
                f"argument {name} is {actual.dtype} with {actual.ndim} axes, dynamic says {type_}"
            )
        return type_
    items = spec if spec is not None else (None,) * actual.ndim
    if len(items) != actual.ndim:
        raise TypingError(f"argument {name} has {actual.ndim} axes, but dynamic says {len(items)}: {spec}")
    dims = [next(fresh) if s is None else symbol(s) if isinstance(s, str) else s for s in items]
    return actual.with_shape(tuple(dims))


def _build(compiled: Compiled, form: Form) -> Specialisation:
    """The program of a form. Sizes that an error says must be equal become one symbol, and it tries again."""
    first: str | None = None
    while True:
        try:
            return compiled.build(form)
        except (GraphcError, ValueError) as error:
            first = first or str(error)
            names = {
                name for leaf in form.leaves for name in map(str, leaf.type.shape) if name.isidentifier()
            }
            pair = conflicting_sizes(str(error), names)
            if pair is None:
                raise TypingError(_explained(compiled, first, str(error))) from None
            form = with_leaves(form, [_renamed(leaf, *pair) for leaf in form.leaves])


def _explained(compiled: Compiled, first: str, last: str) -> str:
    name = compiled.__name__
    text = first if first == last else f"{first}\n{last}"
    declaration = 'dynamic={"x": "f64[N, 3]"}'
    return (
        f"{name} does not trace with sizes that are known at run time only:\n{text}\n"
        f"Declare the sizes of its arguments: graphc.compile({name}, {declaration})"
    )


def _renamed(leaf: Leaf, kept: str, replaced: str) -> Leaf:
    shape = tuple(substitute(dim, {replaced: parse_dim(kept)}) for dim in leaf.type.shape)
    return leaf_of(leaf.kind, leaf.type.with_shape(shape))


def conflicting_sizes(message: str, names: set[str]) -> tuple[str, str] | None:
    """(size, replaced) that a shape error says had to be equal; `replaced` is one of `names`."""
    stated = re.search(r"size (\w+) is different from (\w+)", message)
    shapes = [
        group.replace(" ", "").rstrip(",").split(",") for group in re.findall(r"\(([\w, ]+)\)", message)
    ]
    longest = max(map(len, shapes), default=0)
    columns = [[shape[-i] for shape in shapes if len(shape) >= i] for i in range(1, longest + 1)]
    for column in [stated.groups(), *columns] if stated else columns:
        found = [name for name in dict.fromkeys(column) if name in names]
        known = [size for size in column if size.isdigit() and size != "1"]
        if found and known:
            return known[0], found[0]
        if len(found) > 1:
            return found[0], found[1]
    return None
