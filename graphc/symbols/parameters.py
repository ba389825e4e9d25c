"""The parameters of an expression: which symbols each argument gives values to."""

from __future__ import annotations

import keyword
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import sympy
from sympy.matrices.expressions.matexpr import MatrixElement

from graphc.dataclass import dataclass
from graphc.errors import ArgumentError, ShapeError, located

_REMEDY = "Pass symbols, lists or matrices of symbols, MatrixSymbols of known shape, or IndexedBases."


@dataclass(frozen=True)
class Parameter:
    """One argument: an array whose last `len(shape)` axes hold the values of symbols.

    `elements` says which symbol is where. A size that is None is any size that is large enough.
    """

    name: str
    shape: tuple[int | None, ...]
    elements: tuple[tuple[Any, tuple[int, ...]], ...]

    def check(self, shape: Sequence[Any]) -> None:
        """Raises a `ShapeError` unless an array of this shape can be the argument."""
        own = tuple(shape)[len(shape) - len(self.shape) :]
        needed = [
            1 + max((index[axis] for _, index in self.elements), default=-1) for axis in range(len(own))
        ]
        fits = len(own) == len(self.shape) and all(
            n == size or (size is None and not (isinstance(n, int) and n < least))
            for n, size, least in zip(own, self.shape, needed, strict=True)
        )
        if not fits:
            wanted = ", ".join(
                str(size) if size is not None else f"at least {least}"
                for size, least in zip(self.shape, needed or [0] * len(self.shape), strict=True)
            )
            raise ShapeError(
                f"argument {self.name} has the shape ({', '.join(map(str, shape))}), but its last "
                f"{len(self.shape)} axes must have the sizes ({wanted})"
            )


def parameters_of(arguments: Iterable[Any], expressions: Sequence[Any]) -> tuple[Parameter, ...]:
    """The parameters that `arguments` describe; `ArgumentError` for what is no symbol."""
    parameters: list[Parameter] = []
    for position, argument in enumerate(arguments):
        name = _name(argument, position, {p.name for p in parameters})
        parameters.append(_parameter(argument, name, expressions))
    symbols = [symbol for p in parameters for symbol, _ in p.elements]
    twice = [symbol for symbol in symbols if symbols.count(symbol) > 1]
    if twice:
        raise ArgumentError(f"the symbol {twice[0]} is given a value by two arguments")
    return tuple(parameters)


def _parameter(argument: Any, name: str, expressions: Sequence[Any]) -> Parameter:
    match argument:
        case sympy.Symbol():
            return Parameter(name, (), ((argument, ()),))
        case sympy.MatrixSymbol() if all(n.is_Integer for n in argument.shape):
            shape = tuple(map(int, argument.shape))
            return Parameter(name, shape, tuple((argument[i], i) for i in np.ndindex(*shape)))
        case sympy.IndexedBase():
            return _indexed(argument, name, expressions)
        case list() | tuple() | sympy.MatrixBase() | sympy.NDimArray() | sympy.Tuple():
            return _array_of_symbols(argument, name)
    raise ArgumentError(
        located(f"{argument!r} of type {type(argument).__name__} cannot be an argument", None, _REMEDY)
    )


def _indexed(base: sympy.IndexedBase, name: str, expressions: Sequence[Any]) -> Parameter:
    """An array as large as its elements in the expressions ask for, or as its shape says."""
    uses = {e for expression in expressions for e in expression.atoms(sympy.Indexed) if e.base == base}
    for e in uses:
        if not all(i.is_Integer and i >= 0 for i in e.indices) or e.rank != next(iter(uses)).rank:
            raise ArgumentError(
                located(
                    f"the element {e} of the argument {base}", None, "Write indices as numbers, 0 or more."
                )
            )
    rank = next(iter(uses)).rank if uses else 1
    declared = base.shape or ()
    known = len(declared) == rank and all(n.is_Integer for n in declared)
    shape: tuple[int | None, ...] = tuple(map(int, declared)) if known else (None,) * rank
    ordered = sorted(uses, key=lambda e: tuple(map(int, e.indices)))
    return Parameter(name, shape, tuple((e, tuple(map(int, e.indices))) for e in ordered))


def _array_of_symbols(argument: Any, name: str) -> Parameter:
    array = np.array(argument.tolist() if hasattr(argument, "tolist") else _nested(argument), dtype=object)
    strange = [x for x in array.flat if not isinstance(x, sympy.Symbol | sympy.Indexed | MatrixElement)]
    if strange:
        raise ArgumentError(located(f"{strange[0]!r} in the argument {argument} is no symbol", None, _REMEDY))
    return Parameter(name, array.shape, tuple((array[i], i) for i in np.ndindex(*array.shape)))


def _nested(argument: Any) -> Any:
    return [_nested(a) for a in argument] if isinstance(argument, list | tuple | sympy.Tuple) else argument


def _name(argument: Any, position: int, taken: set[str]) -> str:
    """What the parameter is called in Python: like its symbol where that is a name."""
    name = str(argument)
    usable = name.isidentifier() and not keyword.iskeyword(name) and name not in taken
    return name if usable else f"argument{position}"
