"""`graphc.vmap`: a function of one example applied to many at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from graphc.api.axes import (
    Axes,
    Mapped,
    check_axis_size,
    mapped,
    number_of_examples,
    refuse_unmapped_result,
    result_axis,
)
from graphc.api.call import Parameters, all_names, parameters_of
from graphc.api.compile import Compiled, Settings, unbind
from graphc.api.differentiable import like, remembered, settings_of
from graphc.api.record import Arguments, Recorded, is_value, record_tree
from graphc.batching.batch import batch_graph
from graphc.dataclass import dataclass
from graphc.ir.dims import Dim
from graphc.runtime.registry import default_backend
from graphc.trace import tree
from graphc.trace.function import Abstract, call_graph
from graphc.trace.tracer import Tracer, as_tracer
from graphc.trace.tree import Structure
from graphc.trace.ufuncs import broadcast_to


def vmap(f: Callable[..., Any], in_axes: Any = 0, out_axes: Any = 0, axis_size: Any = None) -> Compiled:
    """`f` over many examples at once: the results of `f` on each, stacked. The function may be compiled.

    in_axes: the axis of each positional argument that holds the examples; None for an argument that is the
        same for all. One axis for all arguments, or a tuple with one per argument, which may be trees that
        are prefixes of the arguments: `({"w": None, "b": 0}, 0)`. Keyword arguments are mapped over axis 0.
    out_axes: where the results have the examples, a tree that is a prefix of the result. None returns a
        result that does not depend on the example once.
    axis_size: how many examples there are; needed only where no argument is mapped over.

    Negative axes count from the end. Strings and other static leaves, and arguments that `f` declares static,
    are the same for all examples. What an argument is bound to (the object of a method) is not mapped over.

    Not a loop: every operation of `f` becomes one operation over all examples, and a product of examples with
    an array they share becomes one larger product. `f` runs once, on an example without the mapped axes.

    ShapeError if the mapped axes differ in size or do not exist; ArgumentError if `in_axes` or `out_axes`
    does not fit, if nothing is mapped over, or if `out_axes` is None for a result that is not one.
    """
    check_axis_size(axis_size)
    return _mapped_function(
        f, Axes.of("in_axes", in_axes), Axes.of("out_axes", out_axes), axis_size, default_backend()
    )


@remembered
def _mapped_function(
    f: Callable[..., Any], in_axes: Axes, out_axes: Axes, axis_size: Dim | None, backend: str
) -> Compiled:
    """The compiled function behind `vmap`."""
    function, bound = unbind(f)
    settings = _for_examples(settings_of(f, backend))
    parameters = parameters_of(function, settings.static_argnames)

    def over_examples(*args: Any, **kwargs: Any) -> Any:
        call = _take_apart(parameters, in_axes, len(bound), args, kwargs)
        size = number_of_examples([x.mapped for x in call.inputs if x.mapped is not None], axis_size)
        recorded = _record(function, parameters, call)
        captured = recorded.traced.captured
        flags = [x.mapped is not None for x in call.inputs] + [False] * len(captured)
        graph, batched = batch_graph(recorded.traced.graph, size, flags)
        values = call_graph(graph, (*(x.examples_first() for x in call.inputs), *captured))
        return _put_together(recorded, out_axes, values, batched, size)

    return Compiled(f, like(function, over_examples), bound, settings)


def _for_examples(settings: Settings) -> Settings:
    """The settings of a function of one example without what they say about the sizes of its arguments."""
    if isinstance(settings.dynamic, Mapping):
        return dataclasses.replace(settings, dynamic=None)
    return settings


@dataclass(frozen=True)
class _Input:
    """A leaf of the arguments that is an input of the function for one example."""

    position: int  # among the leaves
    name: str
    value: Tracer
    mapped: Mapped | None  # None: the same for all examples

    @property
    def abstract(self) -> Abstract:
        """What the function sees of it."""
        type_ = self.value.node.array_type
        if self.mapped is None:
            return Abstract(type_, self.value.weak)
        axis = self.mapped.axis
        return Abstract(type_.with_shape(type_.shape[:axis] + type_.shape[axis + 1 :]))

    def examples_first(self) -> Any:
        """The value with the examples along axis 0."""
        value: Any = self.value
        return value if self.mapped is None else np.moveaxis(value, self.mapped.axis, 0)


@dataclass(frozen=True)
class _Call:
    """The arguments of one call; leaves that are no inputs are what they are."""

    structure: Structure  # of (args, kwargs)
    leaves: tuple[Any, ...]
    inputs: tuple[_Input, ...]

    def rebuild(self, stand_ins: Sequence[Tracer]) -> Any:
        """(args, kwargs) with stand-ins for the inputs."""
        leaves = list(self.leaves)
        for x, stand_in in zip(self.inputs, stand_ins, strict=True):
            leaves[x.position] = stand_in
        return tree.unflatten(self.structure, leaves)


def _take_apart(
    parameters: Parameters, in_axes: Axes, bound: int, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> _Call:
    """The call's leaves, each with its axis: none for what is bound or static, 0 for keyword arguments."""
    leaves, structure = tree.flatten((args, kwargs))
    positional = in_axes.over_arguments(args[bound:])
    owned = len(tree.flatten(args[:bound])[0])
    named = len(leaves) - owned - len(positional)
    axes = [*[None] * owned, *positional, *[0] * named]
    inputs = []
    for position, (leaf, name, axis) in enumerate(
        zip(leaves, all_names(parameters, structure), axes, strict=True)
    ):
        is_shared = axis is None or tree.root_of(name) in parameters.static
        if not is_value(leaf) or (is_shared and not isinstance(leaf, Tracer)):
            continue
        value = as_tracer(leaf)
        place = None if is_shared or axis is None else mapped(name, value.node.array_type, axis)
        inputs.append(_Input(position, name, value, place))
    return _Call(structure, tuple(leaves), tuple(inputs))


def _record(function: Callable[..., Any], parameters: Parameters, call: _Call) -> Recorded:
    """Runs `function` on one example."""

    def on_one(arguments: tuple[tuple[Any, ...], dict[str, Any]]) -> Any:
        args, kwargs = arguments
        return function(*args, **kwargs)

    def name_leaves(structure: Structure) -> list[str]:
        return all_names(parameters, structure)

    abstract = tuple(x.abstract for x in call.inputs)
    names = tuple(x.name for x in call.inputs)
    return record_tree(on_one, Arguments(abstract, names, call.rebuild, name_leaves))


def _put_together(
    recorded: Recorded, out_axes: Axes, values: Sequence[Any], batched: Sequence[bool], size: Dim
) -> Any:
    """The result: its values with the examples where `out_axes` wants them."""
    structure = recorded.structure
    places = range(structure.num_leaves)
    axes = out_axes.over(tree.unflatten(structure, places), "result has the structure")
    names = tree.leaf_names(structure, "the result")
    static = {position for position, _ in recorded.statics}
    placed = [
        _placed(value, flag, axes[place], abstract, size, names[place])
        for place, value, flag, abstract in zip(
            (p for p in places if p not in static), values, batched, recorded.traced.results, strict=True
        )
    ]
    return recorded.assemble(placed)


def _placed(value: Any, batched: bool, axis: int | None, abstract: Abstract, size: Dim, name: str) -> Any:
    """One value of the result with the examples along `axis`; as it is for None."""
    if axis is None:
        if batched:
            refuse_unmapped_result(name)
        return Tracer(value.owner, value.node, abstract.weak)
    whole = value if batched else broadcast_to(value, (size, *value.shape))
    return np.moveaxis(whole, 0, result_axis(axis, len(whole.shape), name))
