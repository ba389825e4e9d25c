"""From an index expression to ops: the regular part as slices, the rest as arrays of positions."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from graphc.dataclass import dataclass
from graphc.errors import ShapeError, TraceError, located
from graphc.ir.dims import Dim, SymbolicDim
from graphc.ir.graph import AbstractOp
from graphc.ops.leaf import Const
from graphc.ops.view import Reshape, Slice
from graphc.trace.bounds import is_negative, slice_bounds
from graphc.trace.context import user_line_with_text
from graphc.trace.tracer import Tracer, as_tracer
from graphc.trace.ufuncs import broadcast_shapes, broadcast_to, cast

_TOO_MANY = "too many indices for array: array is {ndim}-dimensional, but {given} were indexed"
_ONLY = (
    "only integers, slices (`:`), ellipsis (`...`), numpy.newaxis (`None`) and integer or boolean arrays "
    "are valid indices"
)


@dataclass(frozen=True)
class Plan:
    """`ops` read the regular part; then `arrays` choose positions along its `axes`.

    The index axes stand at `position` of the result. `scalar`: only integers, so a value, not a view.
    """

    ops: tuple[AbstractOp, ...]
    axes: tuple[int, ...]
    arrays: tuple[Any, ...]
    position: int
    scalar: bool
    at_computed_place: bool = False  # integers, slices and new axes only, of which some integers are traced


def is_traced_mask(index: Any) -> bool:
    """Whether a boolean whose values are unknown takes part in the index."""
    items = index if isinstance(index, tuple) else (index,)
    return any(isinstance(i, Tracer) and i.dtype == np.bool_ for i in items)


def plan_index(x: Any, index: Any) -> Plan:
    """How to read x[index]."""
    items = _expanded(x, _masks_as_positions(index))
    advanced = any(_is_array(item) for item in items)
    start: list[Dim] = []
    lengths: list[Dim] = []
    steps: list[int] = []
    shape: list[Dim] = []
    arrays: list[tuple[int, int, Any]] = []  # (place among the items, axis of the part, positions)
    axis = 0
    for place, item in enumerate(items):
        if item is None:
            shape.append(1)
            continue
        if isinstance(item, _NewAxisMask):
            arrays.append((place, len(shape), item.positions))
            shape.append(1)
            continue
        n = x.shape[axis]
        if isinstance(item, slice):
            a, length, step = slice_bounds(item, n)
            shape.append(length)
        elif advanced or isinstance(item, Tracer):
            a, length, step = 0, n, 1
            arrays.append((place, len(shape), _positions(item, n, axis)))
            shape.append(n)
        else:
            a, length, step = _checked(item, n, axis), 1, 1
        start, lengths, steps = [*start, a], [*lengths, length], [*steps, step]
        axis += 1
    ops: tuple[AbstractOp, ...] = ()
    if lengths != list(x.shape) or any(s != 1 for s in steps):
        ops = (Slice(tuple(start), tuple(lengths), tuple(steps)),)
    if shape != lengths:
        ops = (*ops, Reshape(tuple(shape)))
    scalar = not shape and not any(item is Ellipsis for item in _items(index))
    if not arrays:
        return Plan(ops, (), (), 0, scalar)
    ready = [a for _, _, a in arrays]
    common = broadcast_positions([a.shape for a in ready])
    placed = tuple(broadcast_to(a, common) for a in ready)
    whole = len(shape) > len(arrays) or any(item is Ellipsis for item in _items(index))
    axes = tuple(a for _, a, _ in arrays)
    return Plan(ops, axes, placed, _position(items, arrays), False, whole and not advanced)


def broadcast_positions(shapes: list[tuple[Dim, ...]]) -> tuple[Dim, ...]:
    """The common shape of index arrays, or NumPy's IndexError."""
    try:
        return broadcast_shapes(*shapes)
    except ShapeError:
        listed = " ".join(f"({','.join(map(str, s))}{',' if len(s) == 1 else ''})" for s in shapes)
        raise IndexError(
            f"shape mismatch: indexing arrays could not be broadcast together with shapes {listed}"
        ) from None


def _position(items: list[Any], arrays: list[tuple[int, int, Any]]) -> int:
    """Axes of the part before the index axes: NumPy keeps adjacent ones in place, else puts them first."""
    places = [place for place, _, _ in arrays]
    return arrays[0][1] if places == list(range(places[0], places[0] + len(places))) else 0


@dataclass(frozen=True)
class _NewAxisMask:
    """x[True] or x[False]: a new axis of length one or zero."""

    positions: Tracer


def _items(index: Any) -> tuple[Any, ...]:
    return index if isinstance(index, tuple) else (index,)


def _masks_as_positions(index: Any) -> list[Any]:
    """The items of an index, lists made arrays, constant masks made arrays of positions."""
    from graphc.trace.numpy_functions.arguments import constant

    items: list[Any] = []
    for item in _items(index):
        if isinstance(item, list | tuple | range):
            item = _from_sequence(item)
        if isinstance(item, bool | np.bool_) or (
            isinstance(item, np.ndarray) and item.dtype == np.bool_ and item.ndim == 0
        ):
            items.append(_NewAxisMask(constant(np.zeros(int(bool(item)), np.int64))))
        elif isinstance(item, np.ndarray) and item.dtype == np.bool_:
            items.append(_Mask(item))
        else:
            items.append(item)
    return items


@dataclass(frozen=True, eq=False)
class _Mask:
    """A mask known while tracing; it stands for as many axes as it has."""

    values: np.ndarray


def _from_sequence(item: Any) -> Any:
    from graphc.trace.numpy_functions.arguments import constant
    from graphc.trace.objects import lift_sequence

    if _holds_traced(item):
        return lift_sequence(item)
    array = np.asarray(item)
    if array.size == 0:
        array = array.astype(np.int64)
    return array if array.dtype == np.bool_ else constant(array)


def _holds_traced(item: Any) -> bool:
    return isinstance(item, Tracer) or (isinstance(item, list | tuple) and any(map(_holds_traced, item)))


def _axes_of(item: Any) -> int:
    if item is None or item is Ellipsis or isinstance(item, _NewAxisMask):
        return 0
    return item.values.ndim if isinstance(item, _Mask) else 1


def _expanded(x: Any, items: list[Any]) -> list[Any]:
    """One item per axis of x, beside new axes: the ellipsis spelled out, masks as positions."""
    from graphc.trace.numpy_functions.arguments import constant

    given = sum(map(_axes_of, items))
    if given > x.ndim:
        raise IndexError(_TOO_MANY.format(ndim=x.ndim, given=given))
    ellipses = sum(item is Ellipsis for item in items)
    if ellipses > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    if not ellipses:
        items = [*items, Ellipsis]
    expanded: list[Any] = []
    axis = 0
    for item in items:
        if item is Ellipsis:
            expanded += [slice(None)] * (x.ndim - given)
            axis += x.ndim - given
        elif isinstance(item, _Mask):
            for offset, m in enumerate(item.values.shape):
                if x.shape[axis + offset] != m:
                    raise IndexError(
                        f"boolean index did not match indexed array along axis {axis + offset}; size of "
                        f"axis is {x.shape[axis + offset]} but size of corresponding boolean axis is {m}"
                    )
            expanded += [constant(p) for p in np.nonzero(item.values)]
            axis += item.values.ndim
        else:
            expanded.append(item)
            axis += _axes_of(item)
    return expanded


def _is_array(item: Any) -> bool:
    """Whether the item makes the index an advanced one; a traced scalar alone does not."""
    if isinstance(item, _NewAxisMask):
        return True
    return isinstance(item, Tracer | np.ndarray) and item.ndim > 0


def _checked(item: Any, n: Dim, axis: int) -> Dim:
    """An integer index as a position, or NumPy's IndexError."""
    if isinstance(item, SymbolicDim):
        i: Dim = item
    else:
        try:
            i = operator.index(item)
        except TypeError:
            raise IndexError(_ONLY) from None
    shifted = i + n if is_negative(i) else i
    if is_negative(shifted) or not is_negative(shifted - n):
        raise IndexError(f"index {i} is out of bounds for axis {axis} with size {n}")
    return shifted


def _positions(item: Any, n: Dim, axis: int) -> Any:
    """Positions as an i64 array, negative ones counted from the end."""
    from graphc.trace.numpy_functions.arguments import constant

    if isinstance(item, np.ndarray) and item.dtype == object:
        item = as_tracer(item)
    if not isinstance(item, Tracer):
        if not isinstance(item, np.ndarray):
            return constant(_checked(item, n, axis) if isinstance(item, int | np.integer) else item)
        if item.dtype.kind not in "iu":
            raise IndexError("arrays used as indices must be of integer (or boolean) type")
        return _concrete(item, n, axis)
    if item.dtype.kind not in "iu":
        raise IndexError("arrays used as indices must be of integer (or boolean) type")
    index = cast(item, np.int64)

    if isinstance(index.node.op, Const):
        return _concrete(index.node.op.value, n, axis)
    result: Any = index if item.dtype.kind == "u" else np.where(index < 0, index + n, index)
    return result


def _concrete(values: np.ndarray, n: Dim, axis: int) -> Any:
    """Positions known while tracing; checked now where the size is known too."""
    from graphc.trace.numpy_functions.arguments import LARGEST_CONSTANT, constant

    negative = values < 0
    if isinstance(n, int):
        outside = values[(values < -n) | (values >= n)]
        if outside.size:
            raise IndexError(f"index {int(outside.flat[0])} is out of bounds for axis {axis} with size {n}")
        if values.size <= LARGEST_CONSTANT:
            return constant(np.where(negative, values + n, values), np.int64)
    index = cast(constant(values) if values.size <= LARGEST_CONSTANT else as_tracer(values), np.int64)
    result: Any = np.where(index < 0, index + n, index) if negative.any() else index
    return result


def traced_bound(what: str) -> TraceError:
    """The error for a slice whose bounds are only known at run time."""
    return TraceError(
        located(
            f"a slice with a traced {what}: the length of the result would depend on the data",
            user_line_with_text(),
            "Take a part of fixed length instead: x[start + np.arange(length)] or np.take(x, indices, axis).",
        )
    )
