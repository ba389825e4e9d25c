"""What one compiled specialisation accepts and returns, as plain data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from graphc.dataclass import dataclass
from graphc.ir.dims import Dim, as_symbol, product, symbols_of
from graphc.ir.types import ArrayType

ArgKind = Literal["array", "numpy scalar", "python float", "python int", "python bool"]
ResultKind = Literal[
    "array",
    "numpy scalar",
    "python float",
    "python int",
    "python bool",
    "argument",  # the object that came in as an input; the program writes no output for it
    "updated argument",  # the same, and the program writes its output into that input's memory
    "none",
]

_WRITTEN: frozenset[ResultKind] = frozenset(
    ("array", "numpy scalar", "python float", "python int", "python bool", "updated argument")
)
_CELLS = {"python float": "float64", "python int": "int64", "python bool": "bool"}


@dataclass(frozen=True)
class ArgSpec:
    """One positional argument. Python numbers are passed as float64, int64 and bool cells."""

    name: str
    kind: ArgKind
    type: ArrayType
    donated: bool = False

    def __post_init__(self) -> None:
        if self.donated and self.kind != "array":
            raise ValueError(f"argument {self.name!r}: only an array can be donated, not a {self.kind}")
        _check_cell(f"argument {self.name!r}", self.kind, self.type)


@dataclass(frozen=True)
class ResultSpec:
    """One leaf of the result. `argument` is the position of the input that is returned: inputs are the
    arguments, then the captured arrays."""

    kind: ResultKind
    type: ArrayType | None = None
    argument: int | None = None

    def __post_init__(self) -> None:
        if self.kind in ("argument", "updated argument"):
            if self.argument is None:
                raise ValueError(f"a result of kind {self.kind!r} needs the argument's position")
        elif self.kind != "none":
            if self.type is None:
                raise ValueError(f"a result of kind {self.kind!r} needs a type")
            _check_cell("result", self.kind, self.type)

    @property
    def is_written(self) -> bool:
        """True where the program has an output buffer for this result."""
        return self.kind in _WRITTEN


@dataclass(frozen=True)
class Group:
    """A tuple or a list of results."""

    kind: Literal["tuple", "list"]
    items: tuple[Structure, ...]


# A leaf is the position of its ResultSpec; it may occur more than once.
Structure = int | Group


@dataclass(frozen=True)
class ArgGroup:
    """A tuple, list or dict of arguments; exactly these types, and for a dict exactly these keys."""

    kind: Literal["tuple", "list", "dict"]
    items: tuple[ArgTree, ...]
    keys: tuple[str, ...] = ()


# A leaf is the position of its ArgSpec.
ArgTree = int | ArgGroup


@dataclass(frozen=True)
class Signature:
    """Everything an entry needs to know about one specialisation of a function.

    Callers pass `args` one by one, or nested as `nesting` says. The program's buffers are: all
    arguments, all captured arrays, then every result that is written. `structure` defaults to the
    only result, or a tuple of all; an updated argument need not occur in it. With `unflatten` the
    structure, by default the tuple of all results, is passed to a Python callable whose answer is
    returned. Status k of the program raises `errors[k - 1]`: the name of an exception class and a
    message.
    """

    name: str
    args: tuple[ArgSpec, ...]
    results: tuple[ResultSpec, ...]
    nesting: tuple[ArgTree, ...] | None = None
    captured: tuple[ArrayType, ...] = ()
    symbols: tuple[str, ...] = ()
    structure: Structure | None = None
    unflatten: bool = False
    arena: Dim = 0
    errors: tuple[tuple[str, str], ...] = ()
    long_running: bool = False

    def __post_init__(self) -> None:
        used = set(leaves(self.tree))
        if not used <= set(range(len(self.results))):
            raise ValueError(f"the structure uses results {sorted(used)} of {len(self.results)}")
        for i, result in enumerate(self.results):
            if i not in used and result.kind != "updated argument":
                raise ValueError(f"result {i} does not occur in the structure")
            self._check_input(i, result)
        self._check_symbols()
        found = [leaf for tree in self.given for leaf in argument_leaves(tree)]
        if found != list(range(len(self.args))):
            raise ValueError(f"the nesting has the leaves {found} of {len(self.args)} arguments")

    def _check_input(self, i: int, result: ResultSpec) -> None:
        inputs, position = len(self.args) + len(self.captured), result.argument
        if position is None:
            return
        if not 0 <= position < inputs:
            raise ValueError(f"result {i} names input {position} of {inputs}")
        if result.is_written and position < len(self.args) and not self.args[position].donated:
            name = self.args[position].name
            raise ValueError(f"result {i} updates argument {name!r}, which is not donated")

    def _check_symbols(self) -> None:
        bound = {as_symbol(dim) for arg in self.args for dim in arg.type.shape}
        if missing := [symbol for symbol in self.symbols if symbol not in bound]:
            raise ValueError(f"no argument has a dimension that is just {' or '.join(missing)}")
        shapes = [arg.type.shape for arg in self.args] + [r.type.shape for r in self.results if r.type]
        dims = [*(dim for shape in shapes for dim in shape), self.arena]
        used = {symbol for dim in dims for symbol in symbols_of(dim)}
        if unknown := sorted(used - set(self.symbols)):
            raise ValueError(f"unknown symbols {', '.join(unknown)}")

    @property
    def given(self) -> tuple[ArgTree, ...]:
        """What callers pass, one entry per positional argument."""
        return tuple(range(len(self.args))) if self.nesting is None else self.nesting

    @property
    def tree(self) -> Structure:
        """The structure of the results, with the default filled in."""
        if self.structure is not None:
            return self.structure
        alone = len(self.results) == 1 and not self.unflatten
        return 0 if alone else Group("tuple", tuple(range(len(self.results))))

    @property
    def overwritten(self) -> tuple[int, ...]:
        """The inputs whose memory the program may overwrite: donated arguments, updated captured arrays."""
        donated = [i for i, arg in enumerate(self.args) if arg.donated]
        updated = [r.argument for r in self.results if r.kind == "updated argument"]
        captured = {i for i in updated if i is not None and i >= len(self.args)}
        return (*donated, *sorted(captured))

    @property
    def written(self) -> tuple[ResultSpec, ...]:
        """The results that the program writes, in the order of its output buffers."""
        return tuple(result for result in self.results if result.is_written)


def leaves(structure: Structure) -> Iterator[int]:
    """The result positions of a structure, from left to right."""
    if isinstance(structure, int):
        yield structure
    else:
        for item in structure.items:
            yield from leaves(item)


def argument_leaves(tree: ArgTree) -> Iterator[int]:
    """The argument positions of a tree, from left to right."""
    if isinstance(tree, int):
        yield tree
    else:
        for item in tree.items:
            yield from argument_leaves(item)


def sizes(signature: Signature) -> list[Dim]:
    """Everything that must be computed from the symbols: sizes of results, bytes of arrays, the arena."""
    results = [result.type for result in signature.results if result.type is not None]
    arrays = [arg.type for arg in signature.args] if signature.overwritten else []
    bytes_ = [product((type_.dtype.itemsize, *type_.shape)) for type_ in [*arrays, *results]]
    return [*(dim for type_ in results for dim in type_.shape), *bytes_, signature.arena]


def _check_cell(what: str, kind: str, type_: ArrayType) -> None:
    if kind == "array":
        return
    if type_.shape != () or (kind in _CELLS and type_.dtype != _CELLS[kind]):
        raise ValueError(f"{what}: a {kind} cannot have the type {type_}")
