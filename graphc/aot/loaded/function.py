"""One function of a library: what a call is given, the memory it works in, and what it gives back."""

from __future__ import annotations

import builtins
import ctypes
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from graphc.aot.loaded.leaves import INT64, Leaf, leaves_in, names_of_sizes, origin_of, type_text
from graphc.aot.loaded.trees import tree_of
from graphc.aot.loaded.workspace import empty, workspace
from graphc.errors import (
    ArgumentError,
    ConvergenceError,
    DonationError,
    DTypeError,
    GraphcError,
    LoadError,
    ShapeError,
)

FIRST_CHECK = 16  # statuses below are the same in all libraries
BAD_SIZE = 2
PLANS = 64  # how many combinations of sizes a function remembers
EXCEPTIONS: dict[str, type[Exception]] = {
    "numpy.linalg.LinAlgError": np.linalg.LinAlgError,
    **{cls.__name__: cls for cls in (ArgumentError, ConvergenceError, DTypeError, GraphcError, ShapeError)},
}


class Plan(NamedTuple):
    """The sizes of a call, and what follows from them: the shapes of all leaves, the bytes of workspace."""

    sizes: tuple[int, ...]
    shapes: tuple[tuple[int, ...], ...]
    workspace: int


class Function:
    """A function of the library `code`; `row` is its interface.

    It takes arrays, numbers and trees of them, by position or by name. Sizes that are no array's dimension
    are arguments by name. It may be called by several threads at once.
    """

    def __init__(self, row: Mapping[str, Any], code: ctypes.CDLL, weights: Sequence[int]) -> None:
        self.__name__ = self.__qualname__ = name = row["symbol"]
        self.row, self.weights = row, tuple(weights)
        self.leaves = leaves_in(row)
        self.names = tuple(a["name"] for a in row["arguments"])
        self.arguments = [tree_of(a["tree"], f"argument {a['name']} of {name}") for a in row["arguments"]]
        self.results = tree_of(row["results"], f"the result of {name}")
        self.read = [i for i, leaf in enumerate(self.leaves) if leaf.role != "output"]
        self.arrays = [i for i in self.read if not self.leaves[i].is_number]
        self.updated = [i for i in self.arrays if self.leaves[i].role == "updated"]
        self.origins = {symbol: origin_of(symbol, self.leaves) for symbol in row["sizes"]}
        self.sizes_by_name = names_of_sizes(row)
        self.errors = [(exception_called(cls, name), message) for cls, message in row["errors"]]
        self.plans: dict[tuple[int, ...], Plan] = {}
        self._bind(code)

    def __call__(self, /, *args: Any, **named: Any) -> Any:
        given, sizes_by_name = self._by_position(args, named)
        flat: list[Any] = []
        for argument, value in zip(self.arguments, given, strict=True):
            argument.collect(value, flat)
        memory: list[Any] = [None] * len(self.leaves)
        for i, value in zip(self.read, flat, strict=True):
            memory[i] = self.leaves[i].taken(value)
        plan = self._plan(memory, sizes_by_name)
        for i, leaf in enumerate(self.leaves):
            if leaf.role == "output":
                memory[i] = empty(plan.shapes[i], leaf.dtype, f"a result of {self.__name__}")
            elif leaf.role == "updated" and leaf.is_number:
                memory[i] = np.array(memory[i], leaf.dtype)
        words = [
            value if leaf.by_value else address_of(value)
            for leaf, value in zip(self.leaves, memory, strict=True)
        ]
        if self.updated:
            self._refuse_shared(memory, words)
        status = self._run(words, plan)
        if status:
            self._raise(status)
        return self.results.build(self._delivered(flat, memory))

    def __repr__(self) -> str:
        return f"<{self.__name__}({', '.join(self._parameters())})>"

    # ---- arguments

    def _by_position(
        self, args: tuple[Any, ...], named: dict[str, Any]
    ) -> tuple[Sequence[Any], dict[str, Any]]:
        """The arguments in order, and the sizes that were given by name."""
        if not named and not self.sizes_by_name and len(args) == len(self.names):
            return args, named
        takes = f"{self.__name__} takes ({', '.join(self._parameters())})"
        if len(args) > len(self.names):
            raise ArgumentError(f"{takes}, but {len(args)} arguments were given")
        found = dict(zip(self.names, args, strict=False))
        sizes = {}
        for key, value in named.items():
            if key in self.sizes_by_name:
                sizes[self.sizes_by_name[key]] = value
            elif key not in self.names:
                raise ArgumentError(f"{takes}, but {key!r} was given")
            elif key in found:
                raise ArgumentError(f"{takes}, but {key} was given twice")
            else:
                found[key] = value
        missing = [n for n in self.names if n not in found]
        missing += [n for n, symbol in self.sizes_by_name.items() if symbol not in sizes]
        if missing:
            raise ArgumentError(f"{takes}, but {', '.join(missing)} was not given")
        return [found[n] for n in self.names], sizes

    def _parameters(self) -> list[str]:
        """The parameters as Python writes them."""
        return [*self.names, *(["*", *self.sizes_by_name] if self.sizes_by_name else [])]

    # ---- sizes

    def _plan(self, memory: Sequence[Any], by_name: Mapping[str, Any]) -> Plan:
        """The plan for these arguments, whose shapes are checked."""
        sizes = tuple(
            self._given_size(symbol, by_name) if origin is None else memory[origin[0]].shape[origin[1]]
            for symbol, origin in self.origins.items()
        )
        plan = self.plans.get(sizes)
        if plan is None:
            plan = self._planned(memory, dict(zip(self.origins, sizes, strict=True)))
            if len(self.plans) >= PLANS:
                self.plans.clear()
            self.plans[sizes] = plan
        for i in self.arrays:
            if memory[i].shape != plan.shapes[i]:
                self._refuse_shape(i, memory, self.leaves[i])
        return plan

    def _given_size(self, symbol: str, by_name: Mapping[str, Any]) -> int:
        value = by_name[symbol]
        if not isinstance(value, int | np.integer) or value not in INT64 or value < 0:
            raise ArgumentError(
                f"the size {symbol} of {self.__name__} is {value!r}, not a number of elements"
            )
        return int(value)

    def _planned(self, memory: Sequence[Any], sizes: Mapping[str, int]) -> Plan:
        shapes: list[tuple[int, ...]] = []
        given = set(self.arrays)
        for i, leaf in enumerate(self.leaves):
            try:
                shape = tuple(dim.value(sizes) for dim in leaf.shape)
            except ZeroDivisionError:
                shape = (-1,)
            if i in given and memory[i].shape != shape:
                self._refuse_shape(i, memory, leaf)
            shapes.append(shape)
        for leaf, shape in zip(self.leaves, shapes, strict=True):
            if min(shape, default=0) < 0:
                raise ShapeError(f"{leaf.name} is {leaf.type}, which is impossible with {sizes_text(sizes)}")
        needed = self.workspace_bytes(*sizes.values())
        if needed < 0:
            raise MemoryError(
                f"{self.__name__} needs more memory than can be counted with {sizes_text(sizes)}"
            )
        return Plan(tuple(sizes.values()), tuple(shapes), needed)

    def _refuse_shape(self, i: int, memory: Sequence[Any], leaf: Leaf) -> None:
        sizes = []
        for symbol, origin in self.origins.items():
            if origin is not None:
                source, axis = origin
                by = self.leaves[source].name.removesuffix(f" of {self.__name__}")
                sizes.append(f"{symbol} = {memory[source].shape[axis]} by {by}")
        with_sizes = f" with {', '.join(sizes)}" if sizes else ""
        raise ShapeError(
            f"{leaf.name} is {type_text(memory[i])}, but the library takes {leaf.type}{with_sizes}"
        )

    # ---- the call

    def _bind(self, code: ctypes.CDLL) -> None:
        """Finds the C functions, and prepares their parameters."""
        name, row = self.__name__, self.row
        positions = iter(range(len(self.leaves)))
        self.parameters: list[tuple[type[ctypes.Structure] | None, list[int]]] = []
        types: list[Any] = [ctypes.c_int64] * len(row["sizes"])
        for parameter in row["parameters"]:
            if "fields" in parameter:
                inside = [next(positions) for _ in parameter["fields"]]
                fields = [(f"field{i}", c_type(self.leaves[i])) for i in inside]
                self.parameters.append((type(name, (ctypes.Structure,), {"_fields_": fields}), inside))
                types.append(ctypes.c_void_p)
            else:
                inside = [next(positions)]
                self.parameters.append((None, inside))
                types.append(c_type(self.leaves[inside[0]]))
        types += [ctypes.c_void_p, ctypes.c_int64] * (1 + bool(self.weights))
        self.native = symbol_of(code, name, ctypes.c_int, types)
        sizes = [ctypes.c_int64] * len(row["sizes"])
        self.workspace_bytes = symbol_of(code, f"{name}_workspace_bytes", ctypes.c_int64, sizes)
        self.message = symbol_of(code, f"{name}_message", ctypes.c_char_p, [ctypes.c_int])

    def _run(self, words: Sequence[Any], plan: Plan) -> int:
        """The status of the C function for these numbers and addresses of its leaves."""
        structures = []
        passed: list[Any] = list(plan.sizes)
        for cls, inside in self.parameters:
            if cls is None:
                passed.append(words[inside[0]])
            else:
                structures.append(cls(*[words[i] for i in inside]))
                passed.append(ctypes.addressof(structures[-1]))
        _held, address = workspace(plan.workspace)
        status: int = self.native(*passed, *self.weights, address, plan.workspace)
        return status

    def _delivered(self, flat: Sequence[Any], memory: Sequence[Any]) -> list[Any]:
        """The values of all leaves after the call, as Python objects."""
        given: Iterator[Any] = iter(flat)
        values = []
        for leaf, cell in zip(self.leaves, memory, strict=True):
            value = None if leaf.role == "output" else next(given)
            if leaf.role == "input":
                values.append(value if leaf.by_value else cell)
            else:
                values.append(leaf.delivered(cell))
        return values

    def _refuse_shared(self, memory: Sequence[Any], addresses: Sequence[int]) -> None:
        """Raises where an array that is overwritten shares memory with another argument."""
        spans = [(addresses[i], addresses[i] + memory[i].nbytes, i) for i in self.arrays if memory[i].size]
        reached: list[tuple[int, int]] = []  # arrays that end behind the start of the next: (end, leaf)
        for start, end, i in sorted(spans):
            reached = [other for other in reached if other[0] > start]
            for _, other in reached:
                if i in self.updated or other in self.updated:
                    first, second = (i, other) if i in self.updated else (other, i)
                    raise DonationError(
                        f"{self.leaves[first].name} is overwritten, but it shares memory with "
                        f"{self.leaves[second].name}. Pass a copy of one of them."
                    )
            reached.append((end, i))

    def _raise(self, status: int) -> None:
        """Raises the error that a status stands for."""
        if FIRST_CHECK <= status < FIRST_CHECK + len(self.errors):
            exception, message = self.errors[status - FIRST_CHECK]
            raise exception(message)
        text = f"{self.__name__}: {self.message(status).decode(errors='replace')}"
        raise (MemoryError if status == BAD_SIZE else GraphcError)(text)


def exception_called(name: str, function: str) -> type[Exception]:
    """The class of the exception that a check raises."""
    found = EXCEPTIONS.get(name) or vars(builtins).get(name)
    if isinstance(found, type) and issubclass(found, Exception):
        return found
    raise LoadError(f"{function} raises {name!r}, which is no known exception")


def symbol_of(code: ctypes.CDLL, name: str, result: Any, arguments: Sequence[Any]) -> Any:
    """A function of a library, with its type."""
    try:
        found = getattr(code, name)
    except AttributeError:
        raise LoadError(f"{code._name} has no function {name}") from None
    found.restype, found.argtypes = result, arguments
    return found


def c_type(leaf: Leaf) -> Any:
    """What is passed for a leaf: the number itself, or an address."""
    return np.ctypeslib.as_ctypes_type(leaf.dtype) if leaf.by_value else ctypes.c_void_p


def address_of(array: np.ndarray) -> int:
    """Where an array is; 0 if it has no elements."""
    return array.ctypes.data if array.size else 0


def sizes_text(sizes: Mapping[str, int]) -> str:
    """Sizes with their names."""
    return ", ".join(f"{name} = {value}" for name, value in sizes.items()) or "these sizes"
