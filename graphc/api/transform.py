"""Derivatives of functions, compiled when called, or part of the trace around them."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any, TypeAlias, TypeVar

import numpy as np

from graphc.api.call import parameters_of
from graphc.api.compile import Compiled, Settings, unbind
from graphc.api.record import STABLE, Arguments, Recorded, record_tree
from graphc.autodiff.reverse import gradient, pullback
from graphc.errors import ArgumentError, DifferentiationError, located
from graphc.ir.graph import Graph
from graphc.ops.base import apply
from graphc.ops.stop import StopGradient
from graphc.passes.stabilise import stabilise
from graphc.runtime.registry import default_backend
from graphc.trace import tree
from graphc.trace.context import current
from graphc.trace.function import Abstract, call_graph
from graphc.trace.tracer import Tracer, as_tracer
from graphc.trace.tree import Structure
from graphc.trace.ufuncs import cast

Argnums: TypeAlias = int | tuple[int, ...]
T = TypeVar("T")


def grad(f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Compiled:
    """The function (…) -> ∂f/∂argument, for a real scalar f; a tuple of gradients for a tuple of `argnums`.

    Gradients have the tree structure, dtypes and shapes of their arguments; those of arguments that
    do not matter are zero. With `has_aux`, f returns (value, aux) and the result is (gradient, aux).
    """
    return _gradient_function(f, argnums, has_aux, False, default_backend())


def value_and_grad(f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Compiled:
    """The function (…) -> (f, ∂f/∂argument), as `grad`; ((f, aux), gradient) with `has_aux`."""
    return _gradient_function(f, argnums, has_aux, True, default_backend())


def vjp(f: Callable[..., Any], *xs: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """(y, pullback) with y = f(*xs) and pullback(g) = one gradient Σ g·∂y/∂x per x.

    `g` has the structure and shapes of y. Outside a compiled function, pullback runs f again.
    """
    function, bound = unbind(f)
    if current() is not None:
        at = _record(function, (*bound, *xs), {}, range(len(bound), len(bound) + len(xs)))
        y = at.result(at.call(at.forward))
        return y, lambda g: at.pull(g)
    forward, backward = _vjp_functions(f, default_backend())
    return forward(*xs), lambda g: backward(*bound, g, *xs)


def stop_gradient(x: Any) -> Any:
    """`x`, a constant to every derivative; x may be a tree."""
    return tree.tree_map(_stop, x)


def _stop(leaf: Any) -> Any:
    if not isinstance(leaf, Tracer):
        return leaf
    stopped = apply(StopGradient(), leaf)
    return Tracer(stopped.owner, stopped.node, leaf.weak)


@dataclasses.dataclass(frozen=True)
class _Recorded:
    """A function recorded inside the current trace, at the values of the arguments to differentiate."""

    recorded: Recorded
    inputs: tuple[Tracer, ...]  # the leaves of those arguments
    arguments: tuple[tuple[Structure, tuple[tuple[int, Any], ...]], ...]  # their structures and static leaves

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
        return self.recorded.assemble([_with_weak(v, a.weak) for v, a in zip(values, abstract, strict=True)])

    def gradients(self, values: Sequence[Any]) -> tuple[Any, ...]:
        """Gradients of the inputs as trees like the arguments; static leaves stay what they are."""
        supply = iter([_with_weak(g, x.weak) for g, x in zip(values, self.inputs, strict=True)])
        trees = []
        for structure, statics in self.arguments:
            kept = dict(statics)
            leaves = [kept[i] if i in kept else next(supply) for i in range(structure.num_leaves)]
            trees.append(tree.unflatten(structure, leaves))
        return tuple(trees)

    def pull(self, g: Any) -> tuple[Any, ...]:
        """One gradient per argument, given the cotangent of the result."""
        outputs = self.forward.outputs
        seeded = [i for i, node in enumerate(outputs) if node.array_type.dtype.kind == "f"]
        cotangents = _cotangents(self.recorded, g)
        derived = pullback(self.forward, range(len(self.inputs)), seeded)
        values = self.call(derived, [cotangents[i] for i in seeded])
        return self.gradients(values[len(outputs) :])


def _with_weak(value: Tracer, weak: type | None) -> Tracer:
    return Tracer(value.owner, value.node, weak)


def _remembered(make: Callable[..., T]) -> Callable[..., T]:
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


@_remembered
def _gradient_function(
    f: Callable[..., Any], argnums: Argnums, has_aux: bool, with_value: bool, backend: str
) -> Compiled:
    """The compiled function behind `grad` and `value_and_grad`."""
    _check_argnums(argnums)
    function, bound = unbind(f)

    def derived(*args: Any, **kwargs: Any) -> Any:
        at = _record(function, args, kwargs, _positions(argnums, len(bound), len(args)))
        _check_scalar(at.recorded, has_aux)
        count = len(at.recorded.traced.results)
        outputs = at.call(gradient(at.forward, range(len(at.inputs))))
        gradients = at.gradients(outputs[count:])
        chosen = gradients[0] if isinstance(argnums, int) else gradients
        result = at.result(outputs[:count])
        if with_value:
            return result, chosen
        return (chosen, result[1]) if has_aux else chosen

    return Compiled(f, _like(function, derived), bound, _settings(f, backend))


@_remembered
def _vjp_functions(f: Callable[..., Any], backend: str) -> tuple[Compiled, Compiled]:
    """The compiled functions (*xs) -> y and (*bound, g, *xs) -> gradients."""
    function, bound = unbind(f)

    def backward(*args: Any) -> Any:
        g, xs = args[len(bound)], args[len(bound) + 1 :]
        at = _record(function, (*bound, *xs), {}, range(len(bound), len(bound) + len(xs)))
        return at.pull(g)

    settings = _settings(f, backend)
    forward = (
        f if isinstance(f, Compiled) and not f.settings.donate else Compiled(f, function, bound, settings)
    )
    return forward, Compiled(f, backward, (), dataclasses.replace(settings, dynamic=None, static_argnames=()))


def _like(function: Callable[..., Any], derived: Callable[..., Any]) -> Callable[..., Any]:
    """`derived` with the parameters that `function` shows."""
    try:
        derived.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        return derived
    return derived


def _settings(f: Callable[..., Any], backend: str) -> Settings:
    """What a derivative of `f` is compiled with: as f, but nothing is donated."""
    return dataclasses.replace(f.settings, donate=()) if isinstance(f, Compiled) else Settings(backend)


def _record(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], positions: Sequence[int]
) -> _Recorded:
    """Records `function` with the arguments at `positions` as inputs; all others are what they are."""
    parameters = parameters_of(function, ())
    inputs: list[Tracer] = []
    names: list[str] = []
    arguments = []
    for position in positions:
        leaves, structure = tree.flatten(args[position])
        statics = []
        for index, (leaf, name) in enumerate(
            zip(leaves, tree.leaf_names(structure, parameters.name(position)), strict=True)
        ):
            if _is_differentiable(leaf, name):
                inputs.append(as_tracer(leaf))
                names.append(name)
            else:
                statics.append((index, leaf))
        arguments.append((structure, tuple(statics)))

    def build(stand_ins: Sequence[Tracer]) -> list[Any]:
        supply = iter(stand_ins)
        trees = []
        for structure, statics in arguments:
            kept = dict(statics)
            leaves = [kept[i] if i in kept else next(supply) for i in range(structure.num_leaves)]
            trees.append(tree.unflatten(structure, leaves))
        return trees

    def call(trees: list[Any]) -> Any:
        new = list(args)
        for position, value in zip(positions, trees, strict=True):
            new[position] = value
        return function(*new, **kwargs)

    def name_leaves(structure: Structure) -> list[str]:
        pairs = zip(structure.children(), positions, strict=True)
        return [name for s, p in pairs for name in tree.leaf_names(s, parameters.name(p))]

    abstract = tuple(Abstract(x.node.array_type, x.weak) for x in inputs)
    made = Arguments(abstract, tuple(names), build, name_leaves)
    return _Recorded(record_tree(call, made), tuple(inputs), tuple(arguments))


def _is_differentiable(leaf: Any, name: str) -> bool:
    """Whether `leaf` is a real value; False for static leaves, an error for integers and booleans."""
    if not isinstance(leaf, Tracer | np.ndarray | np.generic | float | int):
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


def _check_argnums(argnums: Argnums) -> None:
    numbers = argnums if isinstance(argnums, tuple) else (argnums,)
    if not numbers or any(type(n) is not int for n in numbers):
        raise ArgumentError(
            f"argnums={argnums!r}; write the position of an argument, or a tuple of positions"
        )


def _positions(argnums: Argnums, offset: int, count: int) -> list[int]:
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


def _check_scalar(recorded: Recorded, has_aux: bool) -> None:
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
                "Return (value, aux) and pass has_aux=True for further results, or use graphc.vjp.",
            )
        )


def _cotangents(recorded: Recorded, g: Any) -> list[Any]:
    """The leaves of the cotangent `g`, converted to the dtypes of the results they belong to."""
    leaves, structure = tree.flatten(g)
    if structure != recorded.structure:
        raise ArgumentError(
            f"the cotangent has the structure {tree.show(structure)}, "
            f"but the result has the structure {tree.show(recorded.structure)}"
        )
    static = {position for position, _ in recorded.statics}
    values = [leaf for i, leaf in enumerate(leaves) if i not in static]
    converted = []
    for value, abstract in zip(values, recorded.traced.results, strict=True):
        traced = as_tracer(value)
        if traced.shape != abstract.type.shape:
            raise ArgumentError(f"the cotangent is {traced.node.type}, but the result is {abstract.type}")
        converted.append(cast(traced, abstract.type.dtype))
    return converted
