"""A function to export, with the calls to make and the results that NumPy gives for them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.aot.harness import Case

RNG = np.random.default_rng(7)
SIZES = (0, 1, 2, 3, 7, 16, 33, 130)


@dataclass(frozen=True)
class Example:
    """A function, the types that it is exported for, and the calls to make.

    `calls` are (sizes, arguments); results are those of `oracle`, by default the function itself on NumPy
    arrays. `raises` are calls that must fail with the exception and the text.
    """

    function: Callable[..., Any]
    types: tuple[Any, ...]
    calls: Sequence[tuple[Mapping[str, int], tuple[Any, ...]]]
    oracle: Callable[..., Any] | None = None
    raises: Sequence[tuple[Mapping[str, int], tuple[Any, ...], tuple[str, str]]] = ()
    relative: float = 1e-11
    absolute: float = 1e-11
    large: frozenset[int] = frozenset()  # positions of calls too slow for valgrind

    def cases(self, symbol: str) -> Iterator[Case]:
        for i, (sizes, arguments) in enumerate(self.calls):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)  # means of nothing, and the like
                result = (self.oracle or self.function)(*_copies(arguments))
            tolerances = (self.relative, self.absolute)
            yield Case(symbol, arguments, result, sizes, None, *tolerances, large=i in self.large)
        for sizes, arguments, raises in self.raises:
            yield Case(symbol, arguments, None, sizes, raises)


def _copies(arguments: Any) -> Any:
    return tuple(a.copy() if isinstance(a, np.ndarray) else a for a in arguments)


def normal(*shape: int, dtype: Any = np.float64) -> np.ndarray:
    return RNG.normal(size=shape).astype(dtype)


def calls(make: Callable[..., tuple[Any, ...]], *symbols: str, sizes: Any = SIZES) -> Any:
    """Calls for sizes: all equal, and each different from the others."""
    rows = [dict.fromkeys(symbols, n) for n in sizes]
    if len(symbols) > 1:
        rows += [dict(zip(symbols, np.roll([5, 18, 3, 9], i).tolist(), strict=False)) for i in range(4)]
    return [(row, make(**row)) for row in rows]


def each(make: Callable[..., tuple[Any, ...]], *symbols: str, sizes: Any = SIZES) -> Any:
    """The same, and calls where one size is 0."""
    rows = [{s: 0 if s == zero else 4 for s in symbols} for zero in symbols]
    return [*calls(make, *symbols, sizes=sizes), *((row, make(**row)) for row in rows)]
