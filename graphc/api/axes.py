"""Which axis of every argument and result of `vmap` holds the examples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from graphc.dataclass import dataclass
from graphc.errors import ArgumentError, ShapeError, located
from graphc.ir.dims import Dim, SymbolicDim
from graphc.ir.types import ArrayType
from graphc.trace import tree
from graphc.trace.context import user_line_with_text
from graphc.trace.tree import Structure


@dataclass(frozen=True)
class Axes:
    """A tree of axes, an int or None at each leaf, that can be compared and hashed."""

    name: str  # in_axes, out_axes
    leaves: tuple[int | None, ...]
    structure: Structure

    @staticmethod
    def of(name: str, given: Any) -> Axes:
        """`given`, checked: ArgumentError where a leaf is neither an int nor None."""
        leaves, structure = tree.flatten_with_none(given)
        for leaf in leaves:
            if leaf is not None and type(leaf) is not int:
                raise ArgumentError(
                    f"{name} of vmap is {given!r}, where {leaf!r} is neither the number of an axis nor None"
                )
        return Axes(name, leaves, structure)

    @property
    def tree(self) -> Any:
        """As the user wrote it."""
        return tree.unflatten(self.structure, self.leaves)

    def over(self, whole: Any, what: str) -> list[int | None]:
        """The axis for each leaf of `whole`: that of the leaf above it in this tree.

        `what` is for the error: "result has the structure".
        """
        try:
            return tree.broadcast_prefix(self.tree, whole)
        except ValueError:
            _, structure = tree.flatten(whole)
            _refuse(
                f"{self.name} of vmap is {self.tree!r}, but the {what} {tree.show(structure)}",
                "Write one axis or None, or a tree of them that is a prefix of that structure.",
            )

    def over_arguments(self, args: tuple[Any, ...]) -> list[int | None]:
        """The axis for each leaf of the positional arguments."""
        axes = self.tree
        if isinstance(axes, list | tuple) and len(axes) != len(args):
            _refuse(
                f"in_axes of vmap is {axes!r}, but {_count(len(args), 'argument was', 'arguments were')} "
                "passed by position",
                "Give one axis, or None, per positional argument; keyword arguments are mapped over axis 0.",
            )
        plain = Axes.of(self.name, tuple(axes)) if isinstance(axes, list) else self
        return plain.over(args, "arguments have the structure")


@dataclass(frozen=True)
class Mapped:
    """An argument, or a part of one, that holds examples along an axis."""

    name: str
    type: ArrayType
    axis: int

    @property
    def size(self) -> Dim:
        return self.type.shape[self.axis]

    def __str__(self) -> str:
        return f"axis {self.axis} of {self.name}: {self.type}"


def mapped(name: str, type_: ArrayType, axis: int) -> Mapped:
    """The argument called `name`, mapped over `axis`; ShapeError where it has no such axis."""
    if not -type_.ndim <= axis < type_.ndim:
        _refuse(
            f"vmap cannot map argument {name} over axis {axis}: it is {type_}, which has "
            f"{_count(type_.ndim, 'axis', 'axes')}",
            "Pass in_axes=None for an argument that all examples share, or another axis.",
            ShapeError,
        )
    return Mapped(name, type_, axis % type_.ndim)


def number_of_examples(arguments: Sequence[Mapped], axis_size: Dim | None) -> Dim:
    """The size that all mapped axes have; ShapeError where they differ, ArgumentError where it is unknown."""
    found: dict[Dim, Mapped] = {}
    for argument in arguments:
        found.setdefault(argument.size, argument)
    if axis_size is not None and set(found) - {axis_size}:
        size, first = next((n, a) for n, a in found.items() if n != axis_size)
        _refuse(
            f"vmap was given axis_size={axis_size} and an axis of size {size} ({first})",
            "Leave out axis_size, or map over axes of that size.",
            ShapeError,
        )
    if len(found) > 1:
        listed = ", ".join(f"{size} ({argument})" for size, argument in found.items())
        _refuse(
            f"vmap was given axes of different sizes: {listed}",
            "Map over axes of one size; pass in_axes=None for an argument that all examples share.",
            ShapeError,
        )
    if found:
        return next(iter(found))
    if axis_size is None:
        _refuse(
            "vmap has nothing to map over: in_axes is None for every argument, or there is none",
            "Give an argument an axis in in_axes, or say how many examples there are: axis_size=n.",
        )
    return axis_size


def check_axis_size(axis_size: Any) -> None:
    """ArgumentError unless it is None or a size."""
    whole = type(axis_size) is int and axis_size >= 0
    if axis_size is not None and not whole and not isinstance(axis_size, SymbolicDim):
        raise ArgumentError(f"axis_size of vmap is {axis_size!r}; write a number of examples, 0 or more")


def result_axis(axis: int, ndim: int, name: str) -> int:
    """The place of the examples among the `ndim` axes of a result; ShapeError where it has no such axis."""
    if not -ndim <= axis < ndim:
        _refuse(
            f"vmap cannot put the examples on axis {axis} of {name}, which has "
            f"{_count(ndim, 'axis', 'axes')} with them",
            "Pass another axis in out_axes.",
            ShapeError,
        )
    return axis % ndim


def refuse_unmapped_result(name: str) -> NoReturn:
    """Raises for a result that differs between the examples where out_axes says it does not."""
    _refuse(
        f"out_axes of vmap is None for {name}, which depends on what is mapped over",
        "Give it an axis in out_axes; only results that are the same for all examples can be returned once.",
    )


def _count(n: int, one: str, many: str) -> str:
    return f"{n} {one if n == 1 else many}"


def _refuse(
    message: str, remedy: str | None, error: type[ArgumentError] | type[ShapeError] = ArgumentError
) -> NoReturn:
    raise error(located(message, user_line_with_text(), remedy))
