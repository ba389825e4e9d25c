"""The C interface of a recorded function, and where each buffer of its program comes from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import count

from graphc.aot.interface import Argument, Fixed, Group, Leaf, Struct, Tree, fixed_value
from graphc.aot.names import Names, identifier
from graphc.api.arguments import Static
from graphc.api.call import Form, Parameters
from graphc.api.record import Recorded
from graphc.backends.base import Program, Result
from graphc.dataclass import dataclass
from graphc.errors import ArgumentError
from graphc.ir.types import type_of
from graphc.trace import tree
from graphc.trace.tree import Structure


@dataclass(frozen=True)
class Described:
    """A function's interface. `inputs` and `outputs` give the leaf of each input of its program (arguments,
    then captured arrays), and of each result that it writes. None is an input that is a weight of the
    library; `weights` are their names."""

    size_names: tuple[str, ...]
    parameters: tuple[Leaf | Struct, ...]
    arguments: tuple[Argument, ...]
    results: Tree
    inputs: tuple[int | None, ...]
    outputs: tuple[int, ...]
    weights: tuple[str, ...]


@dataclass(frozen=True)
class Place:
    """A leaf before it has a name in C: the keys that lead to it, and what it is called in Python."""

    keys: tuple[str, ...]
    path: str
    number: int


@dataclass(frozen=True)
class Call:
    """A recorded call. The first `bound` arguments and the `captured` arrays, given by name, are weights:
    the library's own, or arguments too if `weights_are_arguments`. `results` are names of results."""

    program: Program
    recorded: Recorded
    form: Form
    parameters: Parameters
    bound: int
    captured: tuple[str, ...]
    weights_are_arguments: bool
    results: tuple[str, ...] = ()


def describe(call: Call) -> Described:
    """The interface of a call's program."""
    return _Description(call).made()


class _Description:
    def __init__(self, call: Call) -> None:
        self.call, self.program = call, call.program
        self.held = 0 if call.weights_are_arguments else call.bound  # arguments that are no parameters
        self.scope = Names(["workspace", "workspace_bytes", "weights", "weights_bytes"])
        self.size_names = tuple(self.scope.new(symbol) for symbol in self.program.traced.symbols)
        self.updated = self._updated()
        self.parameters: list[Leaf | Struct] = []
        self.weights: list[str] = []

    def made(self) -> Described:
        inputs, outputs = self._numbers()
        arguments = [*self._arguments(inputs), *self._captured(inputs)]
        results = self._results(inputs, outputs)
        return Described(
            self.size_names,
            tuple(self.parameters),
            tuple(arguments),
            results,
            inputs,
            outputs,
            tuple(self.weights),
        )

    # ---- leaves

    def _numbers(self) -> tuple[tuple[int | None, ...], tuple[int, ...]]:
        """The leaf of each input and of each written result: inputs come first, in order."""
        described = self.call.form.described[: _leaf_count(_positional(self.call.form)[: self.held])]
        held = sum(not isinstance(d, Static) for d in described)
        free = count()
        inputs: list[int | None] = [
            None if i < held else next(free) for i in range(len(self.program.arguments))
        ]
        inputs += [next(free) if self.call.weights_are_arguments else None for _ in self.call.captured]
        outputs: list[int] = []
        for result in self.program.results:
            if result.is_written:
                replaced = self._replaced(result, inputs)
                number = next(free) if replaced is None else inputs[replaced]
                if number is None:
                    raise ArgumentError(f"{self.program.name} updates its weights; pass weights='arguments'")
                outputs.append(number)
        return tuple(inputs), tuple(outputs)

    def _replaced(self, result: Result, inputs: Sequence[int | None]) -> int | None:
        """The argument that a result is written over."""
        if result.follows is not None and inputs[result.follows] is not None:
            return result.follows
        return result.argument

    def _input(self, index: int, name: str, path: str) -> Leaf:
        argument, becomes = self.program.arguments[index], self.updated.get(index, "")
        return Leaf(name, path, argument.kind, argument.type, "updated" if becomes else "input", becomes)

    def _updated(self) -> dict[int, str]:
        """The result that each updated argument holds afterwards."""
        recorded = self.call.recorded
        statics = {position for position, _ in recorded.statics}
        paths = tree.leaf_names(recorded.structure, "result")
        values = [path for i, path in enumerate(paths) if i not in statics]
        pairs = zip(self.program.results, values, strict=True)
        updated: dict[int, str] = {}
        for result, path in pairs:
            if result.kind == "updated argument" and result.argument is not None:
                updated[result.argument] = path
            elif result.follows is not None:
                updated[result.follows] = path
        return updated

    # ---- arguments

    def _arguments(self, inputs: Sequence[int | None]) -> Iterator[Argument]:
        form = self.call.form
        positional, keywords = form.structure.children()
        statics = {place for place, _ in form.statics}
        rows: list[tuple[str, int | str, Structure]] = [
            (self._argument_name(i), i, c) for i, c in enumerate(positional.children())
        ]
        named = zip(map(str, keywords.entries()), keywords.children(), strict=True)
        rows += [(key, key, child) for key, child in named]
        described = iter(form.described)
        traced = count()
        for name, place, structure in rows:
            places: list[Place] = []
            paths = iter(tree.leaf_names(structure, name))

            def leaf(
                keys: tuple[str, ...], places: list[Place] = places, paths: Iterator[str] = paths
            ) -> Tree:
                path = next(paths)
                what = next(described)
                if isinstance(what, Static):
                    return _fixed(what.value, path, self.program.name)
                index = next(traced)
                if inputs[index] is None:
                    self.weights.append(".".join(keys))
                    return Fixed(None)
                places.append(Place(keys, path, index))
                return _number(inputs[index])

            shape = _walk(structure, leaf, ())
            if place in statics or (isinstance(place, int) and place < self.held):
                continue
            self._place(name, shape, places, self._input)
            yield Argument(name, shape)

    def _argument_name(self, position: int) -> str:
        name = self.call.parameters.name(position)
        return "model" if name == "self" and position < self.call.bound else name

    def _captured(self, inputs: Sequence[int | None]) -> Iterator[Argument]:
        """The arrays that the function closes over, as one more argument."""
        names, program = self.call.captured, self.program
        if not self.call.weights_are_arguments:
            self.weights += names
        elif names:
            fields = Names()
            types = [type_of(array) for array in program.captured]
            made = [Leaf(fields.new(n), n, "array", t, "input") for n, t in zip(names, types, strict=True)]
            numbers = inputs[len(program.arguments) :]
            shape = Group("dict", tuple(_number(n) for n in numbers), tuple(names))
            name = self.scope.new("captured")
            self.parameters.append(Struct(name, name, tuple(made)))
            yield Argument(name, shape)

    # ---- results

    def _results(self, inputs: Sequence[int | None], outputs: Sequence[int]) -> Tree:
        statics = dict(self.call.recorded.statics)
        results = iter(self.program.results)
        written = iter(outputs)
        paths = iter(tree.leaf_names(self.call.recorded.structure, "result"))
        positions = count()
        made: list[Place] = []
        kinds: dict[int, tuple[str, object]] = {}

        def leaf(keys: tuple[str, ...]) -> Tree:
            path, position = next(paths), next(positions)
            if position in statics:
                return _fixed(statics[position], path, self.program.name)
            result = next(results)
            if result.is_written:
                number = next(written)
            else:
                assert result.argument is not None
                number = _returned(inputs[result.argument], path, self.program.name)
            if self._replaced(result, inputs) is None:
                made.append(Place(keys, path, number))
                kinds[number] = (result.kind, result.type)
            return number

        def output(number: int, name: str, path: str) -> Leaf:
            kind, type_ = kinds[number]
            return Leaf(name, path, kind, type_, "output")  # type: ignore[arg-type]

        shape = _walk(self.call.recorded.structure, leaf, ())
        for name, keys, item in self._named(shape):
            inside = [p for p in made if p.keys[: len(keys)] == keys]
            places = [Place(p.keys[len(keys) :], p.path, p.number) for p in inside]
            self._place(name, item, places, output)
        return shape

    def _named(self, shape: Tree) -> list[tuple[str, tuple[str, ...], Tree]]:
        """The results that become parameters of their own: name, the key that leads there, tree."""
        if not isinstance(shape, Group):
            return [(self.call.results[0] if self.call.results else "out", (), shape)]
        if shape.kind == "object":
            return [("out", (), shape)]
        keys = shape.keys or tuple(map(str, range(len(shape.items))))
        given = self.call.results or shape.keys or [f"out{key}" for key in keys]
        return [(name, (key,), item) for name, key, item in zip(given, keys, shape.items, strict=True)]

    # ---- parameters

    def _place(
        self, name: str, shape: Tree, places: Sequence[Place], leaf: Callable[[int, str, str], Leaf]
    ) -> None:
        """Makes one parameter of one argument or result: a leaf, or a structure of leaves."""
        if not places:
            return
        name = self.scope.new(name)
        if not isinstance(shape, Group):
            self.parameters.append(leaf(places[0].number, name, places[0].path))
            return
        fields = Names()
        made = [leaf(p.number, fields.new("_".join(p.keys)), p.path) for p in places]
        self.parameters.append(Struct(name, identifier(name), tuple(made)))


def _leaf_count(structures: Sequence[Structure]) -> int:
    return sum(structure.num_leaves for structure in structures)


def _positional(form: Form) -> list[Structure]:
    return list(form.structure.children()[0].children())


def _walk(structure: Structure, leaf: Callable[[tuple[str, ...]], Tree], keys: tuple[str, ...]) -> Tree:
    """The tree of a structure, `leaf` called for each of its leaves with the keys that lead there."""
    if structure.is_leaf() and structure.num_leaves == 1:
        return leaf(keys)
    if structure.type is type(None):
        return Fixed(None)
    names = tree.entry_names(structure)
    pairs = zip(names, structure.children(), strict=True)
    items = tuple(_walk(child, leaf, (*keys, name)) for name, child in pairs)
    if structure.type is tuple:
        return Group("tuple", items)
    if structure.type is list:
        return Group("list", items)
    if tree.is_named_tuple(structure):
        return Group("namedtuple", items, names)
    return Group("dict" if structure.type is dict else "object", items, names)


def _number(value: int | None) -> int:
    assert value is not None
    return value


def _returned(number: int | None, path: str, function: str) -> int:
    if number is None:
        raise ArgumentError(f"{path} of {function} is a weight itself; leave it out of the result")
    return number


def _fixed(value: object, path: str, function: str) -> Fixed:
    found = fixed_value(value)
    if found is None:
        raise ArgumentError(
            f"{path} of {function} is {value!r}, which an exported library cannot take or give back\n"
            "  Name the parameter in static_argnames, or leave it out of the result."
        )
    return found
