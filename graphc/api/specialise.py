"""From a Python function and the form of a call to a program, and the program made ready to run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any

import numpy as np

from graphc.api.arguments import check_donated, regular
from graphc.api.call import Form, Parameters, all_names, leaf_names
from graphc.api.checks import raise_first_nonfinite
from graphc.api.record import Arguments, Recorded, record_tree
from graphc.backends.base import AbstractExecutable, Argument, Options, Program, Result, ResultKind
from graphc.backends.signature import ArgGroup, ArgTree, Group, Structure
from graphc.dataclass import dataclass
from graphc.ir.graph import Graph
from graphc.trace import tree
from graphc.trace.function import Abstract, Traced

_WEAK = {"python float": float, "python int": int, "python bool": bool}
# A 0-d array that is returned as it came, though computed results of shape () are NumPy scalars.
_SAME = (("array", "numpy scalar"),)
_KIND_OF_WEAK: dict[type, ResultKind] = {float: "python float", int: "python int", bool: "python bool"}


@dataclass(frozen=True)
class Specialisation:
    """A program and the way from flat values to the user's result."""

    program: Program
    executable: AbstractExecutable
    recorded: Recorded
    call: Callable[..., Any]  # flat values to the user's result
    donated: tuple[bool, ...]  # per argument; empty if none is
    stale: tuple[tuple[np.ndarray, np.ndarray], ...]  # (contiguous copy, captured array it follows)
    check_finite: bool

    def run(self, values: Sequence[Any]) -> Any:
        """The result of the program for these values of its arguments."""
        if self.donated:
            names = [argument.name for argument in self.program.arguments]
            check_donated(values, self.donated, names, self.program.captured)
        for copy, source in self.stale:
            copy[...] = source
        if self.check_finite:
            flat = self.executable.run(values)
            raise_first_nonfinite(self.program, values, flat)
            return self.recorded.assemble(flat)
        return self.call(*values)

    @property
    def is_plain(self) -> bool:
        """Whether running it is running the program: nothing is copied before or checked after."""
        return not self.stale and not self.check_finite


def specialise(
    program: Program, executable: AbstractExecutable, recorded: Recorded, form: Form, check_finite: bool
) -> Specialisation:
    """The executable of a program, made ready to be called with flat values."""

    def through_python(*values: Any) -> Any:
        return recorded.assemble(executable.run(values))

    def of_nested(*args: Any) -> Any:
        return through_python(*tree.flatten((args, {}))[0])

    nested = program.nesting is not None
    entry = executable.entry(of_nested if nested else through_python, recorded.assemble)
    if nested and entry is not None:
        direct = entry

        def entry(*values: Any) -> Any:
            return direct(*tree.unflatten(form.structure, values)[0])

    donated = tuple(argument.donated for argument in program.arguments)
    captured = zip(program.captured, recorded.traced.captured, strict=True)
    return Specialisation(
        program,
        executable,
        recorded,
        entry or through_python,
        # Native entries check donated arrays themselves.
        donated if entry is None and any(donated) else (),
        tuple((copy, source) for copy, source in captured if copy is not source),
        check_finite,
    )


def record_function(function: Callable[..., Any], parameters: Parameters, form: Form) -> Recorded:
    """Runs `function` on stand-ins for the traced leaves of `form`."""

    def call(arguments: tuple[tuple[Any, ...], dict[str, Any]]) -> Any:
        args, kwargs = arguments
        return function(*args, **kwargs)

    abstract = tuple(Abstract(leaf.type, _WEAK.get(leaf.kind)) for leaf in form.leaves)
    names = tuple(leaf_names(parameters, form))
    arguments = Arguments(abstract, names, form.rebuild, lambda structure: all_names(parameters, structure))
    return record_tree(call, arguments)


def make_program(
    name: str, recorded: Recorded, form: Form, names: Sequence[str], donated: frozenset[str], options: Options
) -> Program:
    """The program of a recorded function, as backends take it."""
    traced = recorded.traced
    arguments = tuple(
        Argument(n, leaf.kind, leaf.type, leaf.kind == "array" and tree.root_of(n) in donated)
        for n, leaf in zip(names, form.leaves, strict=True)
    )
    given_up = [tree.root_of(n) in donated for n in names]
    results = _results(traced, arguments, _partners(recorded, form, given_up))
    written = tuple(n for n, r in zip(traced.graph.outputs, results, strict=True) if r.is_written)
    graph = Graph(traced.graph.inputs, written, traced.graph.names)
    captured = tuple(regular(array) for array in traced.captured)
    structure = None if recorded.statics else _nesting(recorded.structure, count())
    nesting = _argument_nesting(form)
    return Program(name, graph, arguments, captured, results, structure, options, nesting)


def _argument_nesting(form: Form) -> tuple[ArgTree, ...] | None:
    """The arguments' tuples, lists and dicts; None if they are flat, or have other nodes or statics."""
    args, kwargs = form.structure.children()
    plain = len(form.leaves) == len(form.described) and not form.statics and kwargs.num_leaves == 0
    if not plain or all(child.is_leaf() for child in args.children()):
        return None
    positions = count()
    found = [_argument_tree(child, positions) for child in args.children()]
    nested = tuple(item for item in found if item is not None)
    return nested if len(nested) == len(found) else None


def _argument_tree(structure: tree.Structure, positions: Iterator[int]) -> ArgTree | None:
    if structure.is_leaf() and structure.num_leaves == 1:
        return next(positions)
    found = [_argument_tree(child, positions) for child in structure.children()]
    items = tuple(item for item in found if item is not None)
    keys = tuple(structure.entries()) if structure.type is dict else ()
    if len(items) < len(found) or not all(isinstance(key, str) for key in keys):
        return None
    if structure.type is dict:
        return ArgGroup("dict", items, keys)
    if structure.type is tuple:
        return ArgGroup("tuple", items)
    return ArgGroup("list", items) if structure.type is list else None


def _nesting(structure: tree.Structure, positions: Iterator[int]) -> Structure | None:
    """The result's tuples and lists of leaves; None if it has other nodes."""
    if structure.is_leaf() and structure.num_leaves == 1:
        return next(positions)
    items = [_nesting(child, positions) for child in structure.children()]
    if structure.type not in (tuple, list):
        return None
    nested = tuple(item for item in items if item is not None)
    return (
        Group("tuple" if structure.type is tuple else "list", nested) if len(nested) == len(items) else None
    )


def _partners(recorded: Recorded, form: Form, donated: Sequence[bool]) -> dict[int, int]:
    """For results that are built like a donated argument, leaf by leaf the argument to be updated."""
    if recorded.statics or len(form.leaves) < len(form.described):
        return {}
    args, kwargs = form.structure.children()
    free = list(_slices((*args.children(), *kwargs.children())))
    whole = recorded.structure
    partners: dict[int, int] = {}
    for structure, outputs in _slices((whole,) if whole.is_leaf() else whole.children()):
        types = [recorded.traced.results[i].type for i in outputs]
        for candidate in free:
            fits = all(donated[i] for i in candidate[1]) and candidate[0] == structure
            if fits and [form.leaves[i].type for i in candidate[1]] == types:
                partners |= dict(zip(outputs, candidate[1], strict=True))
                free.remove(candidate)
                break
    return partners


def _slices(structures: Sequence[tree.Structure]) -> Iterator[tuple[tree.Structure, range]]:
    """Each structure with the positions of its leaves among those of all."""
    start = 0
    for structure in structures:
        yield structure, range(start, start + structure.num_leaves)
        start += structure.num_leaves


def _results(
    traced: Traced, arguments: Sequence[Argument], partners: Mapping[int, int]
) -> tuple[Result, ...]:
    """How each output comes back: a new object, an argument itself, or a donated argument updated."""
    inputs = {node: i for i, node in enumerate(traced.graph.inputs[: len(arguments)])}
    results: list[Result] = []
    for node, abstract in zip(traced.graph.outputs, traced.results, strict=True):
        kind = _result_kind(abstract)
        position = inputs.get(node)
        same = position is not None and (arguments[position].kind, kind) in (*_SAME, (kind, kind))
        results.append(Result("argument" if same else kind, abstract.type, position if same else None))
    returned = {r.argument for r in results}
    free = [i for i, a in enumerate(arguments) if a.donated and i not in returned]
    first = [i for i in range(len(results)) if i in partners]
    for index in [*first, *(i for i in range(len(results)) if i not in partners)]:
        result = results[index]
        fitting = [i for i in free if arguments[i].type == result.type]
        target = partners[index] if partners.get(index) in fitting else next(iter(fitting), None)
        if result.kind == "array" and target is not None:
            free.remove(target)
            results[index] = Result("updated argument", result.type, target)
        elif result.is_written and index in partners and arguments[partners[index]].kind != "array":
            results[index] = Result(result.kind, result.type, follows=partners[index])
    return tuple(results)


def _result_kind(abstract: Abstract) -> ResultKind:
    if abstract.weak is not None:
        return _KIND_OF_WEAK[abstract.weak]
    return "numpy scalar" if abstract.type.shape == () else "array"
