"""One function of a Python file of kernels: what is around the kernels."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from graphc import errors
from graphc.aot.entry import Held
from graphc.aot.interface import Fixed, Function, Group, Leaf, Tree, tree_leaves
from graphc.aot.names import Names as Keys
from graphc.aot.objects import Unit
from graphc.aot.weights import Weights
from graphc.backends.numba_source.program import ProgramText, driver_buffers, pieces, reserved_names
from graphc.backends.numba_source.scalars import float_text, scalar_type
from graphc.ir.dims import Dim, as_symbol
from graphc.lower import kernel_ir as k

_WIDTH = 90
SUPPORT = ("_size", "_flat", "_updated", "_number", "_fixed")  # functions of numba_support


class Stored:
    """The arrays that functions close over, under one name each."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.arrays: dict[str, np.ndarray] = {}
        self._keys = Keys([place.name for place in weights.places])
        for place, array in zip(weights.places, weights.arrays, strict=True):
            self.arrays[place.name] = array

    def key(self, source: Held | np.ndarray, buffer: k.Buffer) -> str:
        """The name of an input of a program."""
        if isinstance(source, Held):
            # Arrays without elements begin where the next one does.
            same = (source.offset, buffer.size, buffer.dtype)
            places = self.weights.places
            return next(p.name for p in places if (p.offset, p.type.size, p.type.dtype) == same)
        key = self._keys.new_key("constant")
        self.arrays[key] = source
        return key


class FunctionText:
    """One function: its kernels, and the lines around them."""

    def __init__(self, unit: Unit, stored: Stored, *, alone: bool) -> None:
        self.unit, function = unit, unit.function
        kernels = unit.plan.kernels
        if not alone or any(kernel.name == function.symbol for kernel in kernels):
            kernels = tuple(replace(kernel, name=f"{function.symbol}_{kernel.name}") for kernel in kernels)
        self.plan = replace(unit.plan, kernels=kernels)
        names = reserved_names(self.plan)
        names.taken.update((*SUPPORT, "_weights", function.symbol, *vars(errors)))
        self.updated, self.kept = _updated(unit), _kept(unit)
        named = {
            argument.name: names.fresh(argument.name)
            for argument in function.arguments
            if not isinstance(argument.tree, int) or argument.tree in self.kept
        }
        pairs = zip(unit.inputs, self.plan.inputs, strict=True)
        self.keys = {b: stored.key(source, b) for source, b in pairs if not isinstance(source, int)}
        self.pieces: ProgramText = pieces(self.plan, self._wanted(), names)
        self.buffers = self.pieces.buffers
        # An array that is only read is called what its flat form is called.
        self.parameters = {
            argument.name: named.get(argument.name) or self._variable(argument.tree)
            for argument in function.arguments
        }
        self.expressions = {
            leaf: text
            for argument in function.arguments
            for leaf, text in _leaf_expressions(argument.tree, self.parameters[argument.name])
        }

    def _wanted(self) -> list[str]:
        """What the inputs of the program would best be called."""
        placed = list(self.unit.function.placed_leaves())
        wanted = []
        for source, buffer in zip(self.unit.inputs, self.plan.inputs, strict=True):
            if isinstance(source, int):
                struct, leaf = placed[source]
                name = leaf.name if struct is None else f"{struct.name}_{leaf.name}"
                wanted.append(f"{name}_flat" if source in self.kept and struct is None else name)
            else:
                wanted.append(self.keys[buffer])
        return wanted

    def _variable(self, leaf: Tree) -> str:
        """The flat array of a leaf that is read."""
        assert isinstance(leaf, int)
        return self.buffers[self.plan.inputs[self.unit.inputs.index(leaf)]]

    # ---- lines

    def text(self, function: Function) -> str:
        """The function around the kernels."""
        head = f"def {function.symbol}({', '.join(self.parameters.values())}):"
        body = [
            *self._documentation(function),
            *self._checks(function),
            *(f"{self.buffers[buffer]} = _weights[{key!r}]" for buffer, key in self.keys.items()),
            *self.pieces.guards,
            *self._allocations(),
            *self.pieces.calls,
            f"return {self._result(function, function.results)}",
        ]
        return f"{head}\n" + textwrap.indent("\n".join(body), "    ")

    def _documentation(self, function: Function) -> Iterator[str]:
        yield f'"""{quoted(function.documentation or "Runs the kernels above.")}'
        yield ""
        results = dict(_leaf_expressions(function.results, "result"))
        for number, given in self.expressions.items():
            overwritten = f", overwritten with {results[number]}" if number in self.updated else ""
            yield quoted(f"{given}: {function.leaves[number].type}{overwritten}")
        yield quoted(f"Returns {type_text(function, function.results)}.")
        yield '"""'

    def _checks(self, function: Function) -> Iterator[str]:
        """Checks of everything that is given, which give flat arrays."""
        for argument in function.arguments:
            for path, value in _fixed_expressions(argument.tree, self.parameters[argument.name]):
                yield f"_fixed({path!r}, {path}, {_constant(value)})"
        leaves = function.leaves
        read = {i: leaf for i, leaf in enumerate(leaves) if leaf.role != "output"}
        for symbol in function.sizes:
            number, axis = _axis_of(symbol, read)
            leaf = read[number]
            given = self.expressions[number]
            yield f"{symbol} = _size({given!r}, {given}, {len(leaf.type.shape)}, {axis})"
        for number, leaf in read.items():
            given = self.expressions[number]
            what = f"{given!r}, {given}, {scalar_type(leaf.type.dtype)}"
            if leaf.kind == "array":
                check = "_updated" if number in self.updated else "_flat"
                yield f"{self._variable(number)} = {check}({what}, {_shape(leaf.type.shape)})"
            else:
                yield f"{self._variable(number)} = _number({what})"

    def _allocations(self) -> Iterator[str]:
        for buffer in driver_buffers(self.plan):
            if buffer not in self.plan.inputs:
                yield f"{self.buffers[buffer]} = np.empty({buffer.size}, {scalar_type(buffer.dtype)})"

    def _result(self, function: Function, tree: Tree) -> str:
        if isinstance(tree, int):
            return self._returned(tree, function.leaves[tree])
        if isinstance(tree, Fixed):
            return _constant(tree.value)
        items = [self._result(function, item) for item in tree.items]
        return _display(tree.kind, items, tree.keys)

    def _returned(self, number: int, leaf: Leaf) -> str:
        """A leaf of the result: an array that came in, or what the kernels wrote."""
        if number in self.kept:
            return self.expressions[number]
        written = self.buffers[self.plan.outputs[self.unit.outputs.index(number)]]
        if leaf.kind == "array":
            return f"{written}.reshape({_shape(leaf.type.shape)})"
        return f"{written}[0]" if leaf.kind == "numpy scalar" else f"{written}[0].item()"


def _updated(unit: Unit) -> frozenset[int]:
    """The leaves whose own arrays the kernels write to."""
    pairs = zip(unit.outputs, unit.plan.outputs, strict=True)
    return frozenset(number for number, buffer in pairs if buffer in unit.plan.inputs)


def _kept(unit: Unit) -> frozenset[int]:
    """The leaves whose own arrays are returned: those that are updated, and those merely passed on."""
    return _updated(unit) | (frozenset(tree_leaves(unit.function.results)) - frozenset(unit.outputs))


def _axis_of(symbol: str, read: Mapping[int, Leaf]) -> tuple[int, int]:
    """The leaf and the axis that tell a size; every graph has one for each of its symbols."""
    axes = ((n, axis, dim) for n, leaf in read.items() for axis, dim in enumerate(leaf.type.shape))
    return next((number, axis) for number, axis, dim in axes if as_symbol(dim) == symbol)


# ---- trees


def plain(function: Function) -> Function:
    """A function whose objects are dicts of their arrays, as of `state_dict()`, and named tuples tuples."""
    arguments = tuple(replace(argument, tree=_plain(argument.tree)) for argument in function.arguments)
    return replace(function, arguments=arguments, results=_plain(function.results))


def _plain(tree: Tree) -> Tree:
    if not isinstance(tree, Group):
        return tree
    if tree.kind == "namedtuple":
        return Group("tuple", tuple(map(_plain, tree.items)))
    if tree.kind != "object":
        return replace(tree, items=tuple(map(_plain, tree.items)))
    found = [(".".join(keys), leaf) for leaf, keys in _parts(tree, ()) if isinstance(leaf, int)]
    return Group("dict", tuple(leaf for _, leaf in found), tuple(key for key, _ in found))


def _parts(tree: Tree, keys: tuple[str, ...]) -> Iterator[tuple[int | Fixed, tuple[str, ...]]]:
    """Every place of a tree that is no group, with the keys that lead there."""
    if not isinstance(tree, Group):
        yield tree, keys
        return
    for key, item in zip(tree.keys or map(str, range(len(tree.items))), tree.items, strict=True):
        yield from _parts(item, (*keys, key))


def _expressions(tree: Tree, text: str) -> Iterator[tuple[int | Fixed, str]]:
    """The same with the expressions that lead there from `text`."""
    if not isinstance(tree, Group):
        yield tree, text
        return
    keys: Sequence[object] = tree.keys if tree.kind == "dict" else range(len(tree.items))
    for key, item in zip(keys, tree.items, strict=True):
        yield from _expressions(item, f"{text}[{key!r}]")


def _leaf_expressions(tree: Tree, text: str) -> Iterator[tuple[int, str]]:
    for part, expression in _expressions(tree, text):
        if isinstance(part, int):
            yield part, expression


def _fixed_expressions(tree: Tree, text: str) -> Iterator[tuple[str, object]]:
    for part, expression in _expressions(tree, text):
        if isinstance(part, Fixed):
            yield expression, part.value


def type_text(function: Function, tree: Tree) -> str:
    """The type of a result."""
    if isinstance(tree, int):
        return str(function.leaves[tree].type)
    if isinstance(tree, Fixed):
        return repr(tree.value)
    return _display(tree.kind, [type_text(function, item) for item in tree.items], tree.keys)


def _display(kind: str, items: Sequence[str], keys: Sequence[str]) -> str:
    """A tuple, list or dict of expressions, in several lines if it is long."""
    opening, closing = {"tuple": ("(", ")"), "list": ("[", "]")}.get(kind, ("{", "}"))
    rows = [f"{key!r}: {item}" for key, item in zip(keys, items, strict=True)] if keys else list(items)
    line = f"{opening}{', '.join(rows)}{',' * (kind == 'tuple' and len(rows) == 1)}{closing}"
    if len(line) <= _WIDTH and "\n" not in line:
        return line
    inside = textwrap.indent("".join(f"{row},\n" for row in rows), "    ")
    return f"{opening}\n{inside}{closing}"


def _shape(shape: Sequence[Dim]) -> str:
    return _display("tuple", [str(dim) for dim in shape], ())


def _constant(value: object) -> str:
    """A fixed value as an expression."""
    return float_text(value, np.dtype(np.float64)) if isinstance(value, float) else repr(value)


def quoted(text: str) -> str:
    """Text that may stand between triple quotes."""
    return text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
