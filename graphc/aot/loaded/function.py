"""One function of a library: what a call is given, the memory it works in, and what it gives back."""

from __future__ import annotations

import builtins
import ctypes
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphc.aot.loaded.leaves import Leaf, leaves_in, names_of_sizes
from graphc.aot.loaded.plans import Plan, Plans, checked_size
from graphc.aot.loaded.trees import leaves_of, tree_of
from graphc.aot.loaded.workspace import workspace
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
NOTHING = ctypes.c_char * 0
EXCEPTIONS: dict[str, type[Exception]] = {
    "numpy.linalg.LinAlgError": np.linalg.LinAlgError,
    **{cls.__name__: cls for cls in (ArgumentError, ConvergenceError, DTypeError, GraphcError, ShapeError)},
}


class Function:
    """A function of the library `code`; `row` is its interface.

    It takes arrays, numbers and trees of them, by position or by name. Sizes that are no array's dimension
    are arguments by name. It may be called by several threads at once. `weights` are the bytes of the file
    that the C function takes, which it holds as long as it lives.
    """

    def __init__(self, row: Mapping[str, Any], code: ctypes.CDLL, weights: np.ndarray | None) -> None:
        self.__name__ = self.__qualname__ = name = row["symbol"]
        self.row, self.held = row, weights
        self.weights = () if weights is None else (weights.ctypes.data, weights.nbytes)
        self.leaves = leaves_in(row)
        self.names = tuple(a["name"] for a in row["arguments"])
        self.arguments = [tree_of(a["tree"], f"argument {a['name']} of {name}") for a in row["arguments"]]
        self.results = tree_of(row["results"], f"the result of {name}")
        self.read = [leaf for leaf in self.leaves if leaf.role != "output"]
        self.by_value = [leaf.by_value for leaf in self.leaves]
        # Positions of leaves: numbers that are overwritten, arrays, those overwritten, numbers returned.
        self.cells = [i for i, leaf in enumerate(self.read) if leaf.is_number and leaf.role == "updated"]
        self.arrays = [i for i, leaf in enumerate(self.read) if not leaf.is_number]
        self.updated = {i for i in self.arrays if self.read[i].role == "updated"}
        returned = {leaf.position for _, leaf in leaves_of(self.results)}
        self.numbers = [i for i in returned if self.leaves[i].is_number or self.leaves[i].kind != "array"]
        self.sizes_by_name = names_of_sizes(row)
        self.errors = [(exception_called(cls, name), message) for cls, message in row["errors"]]
        self._bind(code)

    def __call__(self, /, *args: Any, **named: Any) -> Any:
        given, sizes = self._by_position(args, named)
        flat: list[Any] = []
        for argument, value in zip(self.arguments, given, strict=True):
            argument.collect(value, flat)
        memory = [leaf.taken(value) for leaf, value in zip(self.read, flat, strict=True)]
        plan = self.plans.plan(memory, sizes)
        for i in self.cells:
            memory[i] = np.array(memory[i], self.read[i].dtype)
        memory += [np.empty(shape, dtype) for shape, dtype in plan.results]
        pairs = zip(self.by_value, memory, strict=True)
        words = [value if by_value else address_of(value) for by_value, value in pairs]
        if self.updated:
            self._refuse_shared(memory, words)
        status = self._run(words, plan)
        if status:
            self._raise(status)
        for i in self.numbers:
            memory[i] = self.leaves[i].delivered(np.asarray(memory[i], self.leaves[i].dtype))
        return self.results.build(memory)

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
        sizes: dict[str, int] = {}
        for key, value in named.items():
            if key in self.sizes_by_name:
                symbol = self.sizes_by_name[key]
                sizes[symbol] = checked_size(symbol, value, self.__name__)
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
        return [found[n] for n in self.names], {s: sizes[s] for s in self.sizes_by_name.values()}

    def _parameters(self) -> list[str]:
        """The parameters as Python writes them."""
        return [*self.names, *(["*", *self.sizes_by_name] if self.sizes_by_name else [])]

    # ---- the call

    def _bind(self, code: ctypes.CDLL) -> None:
        """Finds the C functions, and prepares their parameters."""
        name, row, start = self.__name__, self.row, 0
        self.parameters: list[tuple[type[ctypes.Structure] | None, slice]] = []
        types: list[Any] = [ctypes.c_int64] * len(row["sizes"])
        for parameter in row["parameters"]:
            inside = slice(start, start + len(parameter.get("fields", [parameter])))
            kinds, start = [c_type(leaf) for leaf in self.leaves[inside]], inside.stop
            if "fields" in parameter:
                fields = [(f"field{i}", kind) for i, kind in enumerate(kinds)]
                self.parameters.append((type(name, (ctypes.Structure,), {"_fields_": fields}), inside))
                types.append(ctypes.c_void_p)
            else:
                self.parameters.append((None, inside))
                types += kinds
        self.structures = any(cls for cls, _ in self.parameters)
        types += [ctypes.c_void_p, ctypes.c_int64] * (1 + bool(self.weights))
        self.native = symbol_of(code, name, ctypes.c_int, types)
        sizes = [ctypes.c_int64] * len(row["sizes"])
        workspace_bytes = symbol_of(code, f"{name}_workspace_bytes", ctypes.c_int64, sizes)
        self.plans = Plans(name, self.leaves, row["sizes"], workspace_bytes)
        self.message = symbol_of(code, f"{name}_message", ctypes.c_char_p, [ctypes.c_int])

    def _run(self, words: Sequence[Any], plan: Plan) -> int:
        """The status of the C function for these numbers and addresses of its leaves."""
        passed: Sequence[Any] = words
        if self.structures:
            made = [cls(*words[inside]) if cls else words[inside][0] for cls, inside in self.parameters]
            passed = [ctypes.addressof(p) if isinstance(p, ctypes.Structure) else p for p in made]
        if not plan.workspace:
            return int(self.native(*plan.sizes, *passed, *self.weights, None, 0))
        _held, address = workspace(plan.workspace)
        return int(self.native(*plan.sizes, *passed, *self.weights, address, plan.workspace))

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
    if not array.size:
        return 0
    if array.flags.writeable:  # a third of the instructions
        return ctypes.addressof(NOTHING.from_buffer(array))
    return array.ctypes.data
