"""Putting arrays together and taking them apart."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.errors import ShapeError, located
from graphc.ir.dims import SymbolicDim
from graphc.ops.view import Concatenate
from graphc.trace.context import user_line_with_text
from graphc.trace.functions import implements
from graphc.trace.numpy_functions.arguments import finish, one_axis, promoted, strong
from graphc.trace.numpy_functions.shapes import atleast_1d, atleast_2d, atleast_3d, expand_dims, reshape
from graphc.trace.tracer import Tracer, as_tracer, record
from graphc.trace.ufuncs import cast


def _sequence(arrays: Any) -> list[Any]:
    """The arrays given; a single traced array stands for its rows."""
    return [arrays[i] for i in range(len(arrays))] if isinstance(arrays, Tracer) else list(arrays)


@implements(np.concatenate)
def concatenate(
    arrays: Any, /, axis: int | None = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind"
) -> Any:
    """Arrays one after another along an axis."""
    given = [as_tracer(a) for a in _sequence(arrays)]
    if not given:
        raise ValueError("need at least one array to concatenate")
    if out is not None and dtype is not None:
        raise TypeError("concatenate() only takes `out` or `dtype` as an argument, but both were provided.")
    if out is not None:
        kind = out.dtype
    else:
        kind = promoted(*(strong(a) for a in given)) if dtype is None else np.dtype(dtype)
    parts = [_converted(a, kind, casting) for a in given]
    if axis is None:
        parts, axis = [reshape(p, (-1,)) for p in parts], 0
    if any(p.ndim == 0 for p in parts):
        raise ValueError("zero-dimensional arrays cannot be concatenated")
    place = one_axis(axis, parts[0].ndim)
    _check_shapes(parts, place)
    whole = strong(parts[0]).copy() if len(parts) == 1 else record(Concatenate(place), *parts)
    return finish(whole, out)


def _converted(x: Any, kind: np.dtype, casting: Any) -> Any:
    if not np.can_cast(strong(x).dtype, kind, casting):
        raise TypeError(
            f"Cannot cast array data from {strong(x).dtype!r} to {kind!r} according to the rule '{casting}'"
        )
    return cast(x, kind)


def _check_shapes(parts: list[Any], axis: int) -> None:
    first = parts[0]
    for number, part in enumerate(parts[1:], 1):
        if part.ndim != first.ndim:
            raise ValueError(
                "all the input array dimensions except for the concatenation axis must match exactly, but "
                f"along dimension 0, the array at index 0 has {first.ndim} dimension(s) and the array at "
                f"index {number} has {part.ndim} dimension(s)"
            )
        for i, (n, m) in enumerate(zip(first.shape, part.shape, strict=True)):
            if i != axis and n != m:
                raise ValueError(
                    "all the input array dimensions except for the concatenation axis must match exactly, "
                    f"but along dimension {i}, the array at index 0 has size {n} and the array at index "
                    f"{number} has size {m}"
                )


@implements(np.stack)
def stack(
    arrays: Any, axis: int = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind"
) -> Any:
    """Arrays of one shape along a new axis."""
    parts = [strong(a) for a in _sequence(arrays)]
    if not parts:
        raise ValueError("need at least one array to stack")
    if any(p.shape != parts[0].shape for p in parts):
        raise ValueError("all input arrays must have the same shape")
    place = one_axis(axis, parts[0].ndim + 1)
    return concatenate([expand_dims(p, place) for p in parts], place, out, dtype=dtype, casting=casting)


@implements(np.hstack)
def hstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    """Arrays side by side: along the second axis, or the only one."""
    parts = [atleast_1d(a) for a in _sequence(tup)]
    axis = 0 if parts and parts[0].ndim == 1 else 1
    return concatenate(parts, axis, dtype=dtype, casting=casting)


@implements(np.vstack)
def vstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    """Arrays below each other."""
    return concatenate([atleast_2d(a) for a in _sequence(tup)], 0, dtype=dtype, casting=casting)


@implements(np.dstack)
def dstack(tup: Any) -> Any:
    """Arrays behind each other, along the third axis."""
    return concatenate([atleast_3d(a) for a in _sequence(tup)], 2)


@implements(np.column_stack)
def column_stack(tup: Any) -> Any:
    """Vectors as the columns of a matrix."""
    columns = [strong(a) for a in _sequence(tup)]
    return concatenate([atleast_2d(c).T if c.ndim < 2 else c for c in columns], 1)


@implements(np.block)
def block(arrays: Any) -> Any:
    """A matrix of blocks given as nested lists."""
    depth = _depth(arrays)
    ndim = max(depth, *(strong(a).ndim for a in _leaves(arrays)))
    return _block(arrays, depth, ndim)


def _depth(arrays: Any) -> int:
    return 1 + max(map(_depth, arrays)) if isinstance(arrays, list) else 0


def _leaves(arrays: Any) -> list[Any]:
    return list(itertools.chain(*map(_leaves, arrays))) if isinstance(arrays, list) else [arrays]


def _block(arrays: Any, depth: int, ndim: int) -> Any:
    if depth == 0:
        x = strong(arrays)
        return reshape(x, (1,) * (ndim - x.ndim) + x.shape)
    return concatenate([_block(a, depth - 1, ndim) for a in arrays], axis=-depth)


@implements(np.append)
def append(arr: Any, values: Any, axis: int | None = None) -> Any:
    """values after arr."""
    if axis is None:
        return concatenate([reshape(arr, (-1,)), reshape(values, (-1,))])
    return concatenate([arr, values], axis)


@implements(np.array_split)
def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    """Parts along an axis, of nearly equal length or between given places."""
    x = strong(ary)
    place = one_axis(axis, x.ndim)
    n = x.shape[place]
    if isinstance(indices_or_sections, list | tuple | np.ndarray):
        edges: list[Any] = [0, *indices_or_sections, None]
    else:
        sections = int(indices_or_sections)
        if sections <= 0:
            raise ValueError("number sections must be larger than 0.")
        if isinstance(n, SymbolicDim):
            part = n // sections
            if part * sections != n:
                raise ShapeError(
                    located(
                        f"an axis of length {n} split into {sections} parts",
                        user_line_with_text(),
                        f"Name its size as a multiple, such as {sections}*K, or trace with fixed sizes.",
                    )
                )
            edges = [part * i for i in range(sections + 1)]
        else:
            each, extra = divmod(n, sections)
            edges = [i * each + min(i, extra) for i in range(sections + 1)]
    lead = (slice(None),) * place
    return [x[(*lead, slice(a, b))] for a, b in itertools.pairwise(edges)]


@implements(np.split)
def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    """Parts of equal length along an axis, or between given places."""
    n = strong(ary).shape[one_axis(axis, strong(ary).ndim)]
    if isinstance(indices_or_sections, int) and isinstance(n, int) and n % indices_or_sections:
        raise ValueError("array split does not result in an equal division")
    return array_split(ary, indices_or_sections, axis)


@implements(np.hsplit)
def hsplit(ary: Any, indices_or_sections: Any) -> Any:
    """Parts along the second axis, or the only one."""
    if strong(ary).ndim == 0:
        raise ValueError("hsplit only works on arrays of 1 or more dimensions")
    return split(ary, indices_or_sections, 1 if strong(ary).ndim > 1 else 0)


@implements(np.vsplit)
def vsplit(ary: Any, indices_or_sections: Any) -> Any:
    """Parts along the first axis."""
    if strong(ary).ndim < 2:
        raise ValueError("vsplit only works on arrays of 2 or more dimensions")
    return split(ary, indices_or_sections, 0)


@implements(np.dsplit)
def dsplit(ary: Any, indices_or_sections: Any) -> Any:
    """Parts along the third axis."""
    if strong(ary).ndim < 3:
        raise ValueError("dsplit only works on arrays of 3 or more dimensions")
    return split(ary, indices_or_sections, 2)


@implements(np.unstack)
def unstack(x: Any, /, *, axis: int = 0) -> Any:
    """The parts along an axis, that axis removed."""
    moved = np.moveaxis(strong(x), axis, 0)
    return tuple(moved[i] for i in range(len(moved)))


@implements(np.tile)
def tile(A: Any, reps: Any) -> Any:
    """A repeated whole."""
    x = strong(A)
    times: Sequence[Any] = reps if isinstance(reps, tuple | list) else (reps,)
    ndim = max(x.ndim, len(times))
    times = (1,) * (ndim - len(times)) + tuple(times)
    shape = (1,) * (ndim - x.ndim) + x.shape
    apart = tuple(n for pair in zip((1,) * ndim, shape, strict=True) for n in pair)
    spread = tuple(n for pair in zip(times, shape, strict=True) for n in pair)
    repeated = np.broadcast_to(reshape(x, apart), spread)
    return reshape(repeated, tuple(n * t for n, t in zip(shape, times, strict=True))).copy()


@implements(np.repeat)
def repeat(a: Any, repeats: Any, axis: int | None = None) -> Any:
    """Each element repeated."""
    x = strong(a)
    if axis is None:
        x, axis = reshape(x, (-1,)), 0
    place = one_axis(axis, x.ndim)
    n = x.shape[place]
    if not isinstance(repeats, Tracer) and np.ndim(repeats) == 0:
        spread = np.broadcast_to(
            expand_dims(x, place + 1), (*x.shape[: place + 1], repeats, *x.shape[place + 1 :])
        )
        return reshape(spread, (*x.shape[:place], n * repeats, *x.shape[place + 1 :])).copy()
    counts = _static_counts(repeats, n)
    return np.take(x, np.repeat(np.arange(len(counts)), counts), axis=place)


def _static_counts(repeats: Any, n: Any) -> np.ndarray:
    from graphc.trace.ufuncs import unsupported

    if isinstance(repeats, Tracer) or isinstance(n, SymbolicDim):
        raise unsupported("numpy.repeat with traced counts: the length of the result depends on the data")
    return np.broadcast_to(np.asarray(repeats), (n,))
