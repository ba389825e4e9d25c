"""A function recorded at the arguments it is differentiated by: what all derivatives start from."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any, TypeAlias, TypeVar

import numpy as np

from graphc.api.call import parameters_of
from graphc.api.compile import Compiled, Settings
from graphc.api.leaves import Leaves, take_apart
from graphc.api.record import STABLE, Arguments, Recorded, record_tree
from graphc.dataclass import dataclass
from graphc.errors import ArgumentError, DifferentiationError, located
from graphc.ir.graph import Graph
from graphc.ir.types import ArrayType
from graphc.passes.stabilise import stabilise
from graphc.trace import tree
from graphc.trace.complex_numbers.kinds import is_complex
from graphc.trace.complex_numbers.tracer import ComplexTracer
from graphc.trace.function import Abstract, call_graph
from graphc.trace.tracer import Tracer, as_tracer
from graphc.trace.tree import Structure
from graphc.trace.ufuncs import cast

Argnums: TypeAlias = int | tuple[int, ...]
T = TypeVar("T")


@dataclass(frozen=True)
class RecordedAt:
    """A function recorded inside the current trace, at the values of the arguments to differentiate."""

    recorded: Recorded
    inputs: tuple[Tracer, ...]  # the leaves of those arguments
    leaves: Leaves  # which of their leaves that is
    names: tuple[str, ...]  # what the inputs are called

    @functools.cached_property
    def forward(self) -> Graph:
        """The recorded graph, stabilised unless the program around it asks for the formulas as written."""
        graph = self.recorded.traced.graph
        return stabilise(graph) if STABLE.get() else graph

    def call(self, graph: Graph, extra: Sequence[Any] = ()) -> tuple[Any, ...]:
        """The outputs of a graph over the inputs, what the function captured, then `extra`."""
        return call_graph(graph, (*self.inputs, *self.recorded.traced.captured, *extra))

    def result(self, values: Sequence[Any]) -> Any:
        """The function's result from its flat values."""
        abstract = self.recorded.traced.results
        return self.recorded.assemble([with_weak(v, a.weak) for v, a in zip(values, abstract, strict=True)])

    def arguments(self, values: Sequence[Any]) -> tuple[Any, ...]:
        """The arguments with these in place of the inputs, the first of `values`; static leaves stay."""
        pairs = zip(values[: len(self.inputs)], self.inputs, strict=True)
        return self.leaves.rebuild([with_weak(value, x.weak) for value, x in pairs])


def record_at(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    positions: Sequence[int],
    is_input: Callable[[Any, str], bool] | None = None,
) -> RecordedAt:
    """Records `function` with the arguments at `positions` as inputs; all others are what they are.

    Their leaves are inputs where `is_input(leaf, name)`; by default real numbers are, and integers raise.
    """
    parameters = parameters_of(function, ())
    roots = [parameters.name(p) for p in positions]
    values, names, leaves = take_apart([args[p] for p in positions], roots, is_input or _is_differentiable)
    inputs = tuple(as_tracer(v) for v in values)

    def call(trees: tuple[Any, ...]) -> Any:
        new = list(args)
        for position, value in zip(positions, trees, strict=True):
            new[position] = value
        return function(*new, **kwargs)

    def name_leaves(structure: Structure) -> list[str]:
        pairs = zip(structure.children(), roots, strict=True)
        return [name for s, root in pairs for name in tree.leaf_names(s, root)]

    abstract = tuple(Abstract(x.node.array_type, x.weak) for x in inputs)
    made = Arguments(abstract, tuple(names), leaves.rebuild, name_leaves)
    return RecordedAt(record_tree(call, made), inputs, leaves, tuple(names))


def is_value(leaf: Any, name: str = "") -> bool:
    """Whether `leaf` is a number or an array, traced or not."""
    return isinstance(leaf, Tracer | np.ndarray | np.generic | float | int)


def _is_differentiable(leaf: Any, name: str) -> bool:
    """Whether `leaf` is a real value; False for static leaves, an error for integers and booleans."""
    if not is_value(leaf):
        return False
    dtype = leaf.dtype if isinstance(leaf, Tracer) else np.asarray(leaf).dtype
    if dtype.kind != "f":
        raise DifferentiationError(
            located(
                f"cannot differentiate with respect to argument {name}, whose dtype is {dtype}",
                None,
                "Derivatives exist with respect to real values: pass a float, or choose other argnums.",
            )
        )
    return True


def check_real(what: str, arguments: Any) -> None:
    """Raises where an argument is complex, for derivatives that are defined for real ones only."""
    found: list[Any] = []
    tree.map_nodes(found.append, arguments, is_complex)
    if found:
        raise DifferentiationError(
            located(
                f"{what} with respect to a complex argument",
                None,
                "Make its real and imaginary parts two arguments: f(x, y) of z = x + 1j * y.",
            )
        )


def check_argnums(argnums: Argnums) -> None:
    """Raises unless `argnums` is a position or a tuple of them."""
    numbers = argnums if isinstance(argnums, tuple) else (argnums,)
    if not numbers or any(type(n) is not int for n in numbers):
        raise ArgumentError(
            f"argnums={argnums!r}; write the position of an argument, or a tuple of positions"
        )


def positions_of(argnums: Argnums, offset: int, count: int) -> list[int]:
    """The positions that `argnums` means among `count` arguments, the first `offset` of which are bound."""
    available = count - offset
    positions = []
    for number in argnums if isinstance(argnums, tuple) else (argnums,):
        if not -available <= number < available:
            raise ArgumentError(
                f"argnums={argnums!r}, but the function was called with {available} positional arguments\n"
                "  Pass what is differentiated by position."
            )
        positions.append(offset + number % available)
    return positions


def check_pair(recorded: Recorded) -> None:
    """Raises unless the function returned a pair, as has_aux=True says it does."""
    structure = recorded.structure
    if structure.type is not tuple or structure.num_children != 2:
        raise DifferentiationError(
            located(
                f"has_aux=True needs a function that returns a pair (y, aux); "
                f"this one returned {tree.show(structure)}",
                None,
                "Return (y, aux), or leave has_aux out.",
            )
        )


def check_scalar(recorded: Recorded, has_aux: bool) -> None:
    """Raises unless the function returned one value, or with `has_aux` a pair of one value and a tree."""
    structure = recorded.structure
    is_pair = structure.type is tuple and structure.num_children == 2
    head = structure.child(0) if has_aux and is_pair else structure
    static = any(position == 0 for position, _ in recorded.statics)
    if (has_aux and not is_pair) or not head.is_leaf() or head.num_leaves != 1 or static:
        expected = "a pair (value, aux), value being one real scalar" if has_aux else "one real scalar"
        raise DifferentiationError(
            located(
                f"a gradient needs a function that returns {expected}; "
                f"this one returned {tree.show(structure)}",
                None,
                "Return a real number, such as np.sum(np.abs(z) ** 2)."
                if head.type is ComplexTracer
                else "Return (value, aux) and pass has_aux=True for further results, or use graphc.vjp.",
            )
        )


def matching(what: str, value: Any, recorded: Recorded) -> list[Any]:
    """The values of a tree like the result of `recorded`, converted to the dtypes of its values."""
    leaves, structure = tree.flatten(value)
    if structure != recorded.structure:
        raise ArgumentError(
            f"{what} has the structure {tree.show(structure)}, "
            f"but the result has the structure {tree.show(recorded.structure)}"
        )
    static = {position for position, _ in recorded.statics}
    values = [leaf for i, leaf in enumerate(leaves) if i not in static]
    types = (abstract.type for abstract in recorded.traced.results)
    return [converted(what, v, "the result", t) for v, t in zip(values, types, strict=True)]


def converted(what: str, value: Any, of: str, type_: ArrayType) -> Tracer:
    """`value` traced, in the dtype of `type_`; an error if it has another shape."""
    traced = as_tracer(value)
    if traced.shape != type_.shape:
        raise ArgumentError(f"{what} is {traced.node.type}, but {of} is {type_}")
    result: Tracer = cast(traced, type_.dtype)
    return result


def remembered(make: Callable[..., T]) -> Callable[..., T]:
    """`make`, with the same result for the same function: `grad(f)(x)` in a loop compiles once.

    The results live as long as the function, in its `__dict__`; those of bound methods and built-in
    functions, which have none, in a table of the last ones.
    """
    recent = functools.lru_cache(64)(make)

    def call(f: Callable[..., Any], *rest: Any) -> T:
        try:
            hash(f)
        except TypeError:  # a dataclass with __call__
            return make(f, *rest)
        if not isinstance(f, FunctionType | Compiled):
            return recent(f, *rest)
        made: dict[Any, T] = vars(f).setdefault("_graphc_derivatives", {})
        # Wrappers copy the __dict__ of what they wrap, hence the identity in the key.
        key = (make.__name__, id(f), *rest)
        if key not in made:
            made[key] = make(f, *rest)
        return made[key]

    return call


def like(function: Callable[..., Any], derived: Callable[..., Any]) -> Callable[..., Any]:
    """`derived` with the parameters that `function` shows."""
    try:
        derived.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        return derived
    return derived


def settings_of(f: Callable[..., Any], backend: str) -> Settings:
    """What a derivative of `f` is compiled with: as f, but nothing is donated."""
    return dataclasses.replace(f.settings, donate=()) if isinstance(f, Compiled) else Settings(backend)


def plain_settings_of(f: Callable[..., Any], backend: str) -> Settings:
    """The same for a function whose parameters are not those of `f`."""
    return dataclasses.replace(settings_of(f, backend), dynamic=None, static_argnames=())


def with_weak(value: Tracer, weak: type | None) -> Tracer:
    """The same value, counting as a Python scalar where `weak` is its type."""
    return Tracer(value.owner, value.node, weak)
