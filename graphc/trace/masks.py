"""Indices with a mask whose values are unknown: x[mask], x[mask, 0], x[2, mask], x[:, mask]."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.errors import TraceError, located
from graphc.trace.context import user_line_with_text
from graphc.trace.tracer import Tracer, as_tracer


def masked_part(x: Tracer, index: Any) -> tuple[Any, Any, int]:
    """The view of `x` by the other indices, integers and slices; the mask; its first axis in the view."""
    items = list(index) if isinstance(index, tuple) else [index]
    masks = [i for i, item in enumerate(items) if isinstance(item, Tracer) and item.dtype == np.bool_]
    test: Any = as_tracer(items[masks[0]])
    rest = [item for i, item in enumerate(items) if i != masks[0]]
    if test.ndim == 0 or not all(map(_is_regular, rest)):
        raise mixed()
    used = test.ndim + sum(item is not Ellipsis for item in rest)
    if used > x.ndim:
        raise IndexError(
            f"too many indices for array: array is {x.ndim}-dimensional, but {used} were indexed"
        )
    before = items[: masks[0]]
    spanned = sum(x.ndim - used - 1 for item in before if item is Ellipsis)
    _check_sizes(x, test, len(before) + spanned)
    items[masks[0] : masks[0] + 1] = [slice(None)] * test.ndim
    part = x[tuple(items)] if rest else x
    kept = sum(item is Ellipsis or isinstance(item, slice) for item in before)
    return part, test, kept + spanned


def _is_regular(item: Any) -> bool:
    if isinstance(item, bool | np.bool_):
        return False
    scalar = isinstance(item, Tracer) and not item.shape and item.dtype.kind in "iu"
    return item is Ellipsis or scalar or isinstance(item, slice | int | np.integer)


def _check_sizes(x: Tracer, test: Any, place: int) -> None:
    for axis, (n, m) in enumerate(zip(x.shape[place:], test.shape, strict=False), place):
        if n != m:
            raise IndexError(
                f"boolean index did not match indexed array along axis {axis}; size of axis is {n} "
                f"but size of corresponding boolean axis is {m}"
            )


def mixed() -> TraceError:
    """The error for a mask among indices that it cannot be separated from."""
    return TraceError(
        located(
            "a traced boolean mask combined with other indices",
            user_line_with_text(),
            "Index with the mask alone, or use np.where.",
        )
    )
