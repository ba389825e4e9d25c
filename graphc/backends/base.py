"""What a backend is: it turns a `Program` into an `AbstractExecutable`."""

from __future__ import annotations

import abc
import functools
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np

from graphc.backends.signature import ArgTree, Structure
from graphc.dataclass import dataclass
from graphc.errors import UnsupportedError
from graphc.ir.graph import Graph
from graphc.ir.types import ArrayType

ArgumentKind: TypeAlias = Literal["array", "numpy scalar", "python float", "python int", "python bool"]
ResultKind: TypeAlias = Literal[
    "array",
    "numpy scalar",
    "python float",
    "python int",
    "python bool",
    "argument",  # the object that came in as an argument; the graph has no output for it
    "updated argument",  # the same array, holding the values of the graph's output
]

# A native entry takes the user's arguments and returns the user's results.
Entry: TypeAlias = Callable[..., Any]


@dataclass(frozen=True)
class Argument:
    """One flat argument. Python numbers are values of dtype f64, i64 and bool."""

    name: str
    kind: ArgumentKind
    type: ArrayType
    donated: bool = False


@dataclass(frozen=True)
class Result:
    """One flat result. `argument` is the position of the argument that an alias returns; `follows` that of
    the number whose next value this is, in a donated tree: numbers cannot be updated in Python."""

    kind: ResultKind
    type: ArrayType
    argument: int | None = None
    follows: int | None = None

    @property
    def is_written(self) -> bool:
        """Whether the graph has an output for this result."""
        return self.kind != "argument"


@dataclass(frozen=True)
class Options:
    """What the user chose for the generated code."""

    threads: int | None = None
    fast_math: bool = False
    stable: bool = True


@dataclass(frozen=True, eq=False)
class Program:
    """One specialisation of a function, ready for a backend.

    `traced` is the function as recorded, `graph` what backends compile. Their inputs are the arguments,
    then the captured arrays; their outputs are the results that are written, in order. `structure` nests
    the results as the user gets them; None where only Python can: then `unflatten` makes the user's result
    from a tuple of all results.
    """

    name: str
    traced: Graph
    arguments: tuple[Argument, ...]
    captured: tuple[np.ndarray, ...]
    results: tuple[Result, ...]
    structure: Structure | None = None
    options: Options = Options()
    nesting: tuple[ArgTree, ...] | None = None  # of the arguments as the user passes them; None: one by one

    @functools.cached_property
    def graph(self) -> Graph:
        """The optimised graph; not needed where the machine code is found in the cache."""
        # Imported here: a warm start then loads no passes.
        from graphc.passes.pipeline import optimise

        return optimise(self.traced, stable=self.options.stable)


class AbstractExecutable(abc.ABC):
    """A program that can run, and what is known about it."""

    @abc.abstractmethod
    def run(self, arguments: Sequence[Any]) -> tuple[Any, ...]:
        """The results for these arguments, each an object of its `Result.kind`.

        Arguments are as the program says: C-contiguous arrays, NumPy scalars, Python numbers.
        """

    def artifact(self, name: str) -> Any:
        """`source`, `llvm`, `asm`, `kernels` or `cost` of the program."""
        raise UnsupportedError(f"this backend has no {name}; compile with backend='cpu' to see it")

    def profile(self, arguments: Sequence[Any], rounds: int) -> Any:
        """Measured seconds per kernel for these arguments."""
        raise UnsupportedError("this backend cannot be profiled; compile with backend='cpu'")

    def entry(self, fallback: Entry, unflatten: Callable[[tuple[Any, ...]], Any]) -> Entry | None:
        """A callable over positional arguments that runs the program if they fit, else calls `fallback`.

        `unflatten` makes the user's result from the flat results, where `Program.structure` cannot say it.
        None if this backend has no such entry.
        """
        return None


class AbstractBackend(abc.ABC):
    """Compiles programs."""

    name: ClassVar[str]

    @abc.abstractmethod
    def build(self, program: Program) -> AbstractExecutable:
        """The executable of `program`."""


def deliver(program: Program, arguments: Sequence[Any], written: Sequence[Any]) -> tuple[Any, ...]:
    """The results as the user sees them, from the values of the graph's outputs (0-d arrays for scalars)."""
    outputs = iter(written)
    results: list[Any] = []
    for result in program.results:
        value = next(outputs) if result.is_written else None
        if result.argument is None:
            results.append(_as_kind(result.kind, value))
            continue
        target = arguments[result.argument]
        if result.kind == "updated argument":
            target[...] = value
        results.append(target)
    return tuple(results)


def _as_kind(kind: ResultKind, value: Any) -> Any:
    if kind == "array":
        return value
    return value[()] if kind == "numpy scalar" else value.item()
