"""`reduce`, `accumulate`, `reduceat` and `at` of ufuncs, where they are more than a function of NumPy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc.ir.dims import SymbolicDim
from graphc.ops.cumulative import CumMax, CumMin
from graphc.trace.aliasing import assign, view
from graphc.trace.index_parts import plan_index
from graphc.trace.numpy_functions.arguments import (
    NO_VALUE,
    all_axes,
    coordinates,
    finish,
    one_axis,
    refuse,
    strong,
)
from graphc.trace.numpy_functions.checked import checked
from graphc.trace.numpy_functions.gathering import operand_of, target_of
from graphc.trace.numpy_functions.reductions import reshaped
from graphc.trace.numpy_functions.selection import where
from graphc.trace.tracer import Tracer, record
from graphc.trace.ufuncs import METHODS, broadcast_to, cast, full_name, unsupported

# (a ∘ b) ∘ c = a ∘ (b ∘ c), floats to rounding: pairs may be combined in any order that keeps places.
ASSOCIATIVE: tuple[np.ufunc, ...] = (
    *(np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.logical_xor),
    *(np.fmax, np.fmin, np.gcd, np.lcm, np.hypot, np.logaddexp, np.logaddexp2),
)
COMBINED_AT: tuple[np.ufunc, ...] = (
    *(np.multiply, np.maximum, np.minimum, np.fmax, np.fmin, np.logical_and, np.logical_or, np.logical_xor),
    *(np.bitwise_and, np.bitwise_or, np.bitwise_xor),
)
ALSO_ACCUMULATED: tuple[np.ufunc, ...] = (*ASSOCIATIVE, np.logical_and, np.logical_or)


def _fixed(n: Any, ufunc: np.ufunc, method: str) -> int:
    if isinstance(n, SymbolicDim):
        raise unsupported(f"{full_name(ufunc)}.{method} along an axis of symbolic size {n}")
    return int(n)


def _reduce(ufunc: np.ufunc) -> Callable[..., Any]:
    def reduce(
        array: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: Any = False,
        initial: Any = NO_VALUE, where: Any = True,
    ) -> Any:  # fmt: skip
        name = f"{ufunc.__name__}.reduce"
        refuse(name, initial=(initial, NO_VALUE), where=(where, True))
        x = strong(array) if dtype is None else cast(array, dtype)
        axes = all_axes(axis, x.ndim)
        kept = tuple(1 if a in axes else n for a, n in enumerate(x.shape))
        for place in axes:
            x = _folded(ufunc, x, place)
        shape = kept if keepdims else tuple(n for a, n in enumerate(kept) if a not in axes)
        return finish(reshaped(x, shape), out)

    return reduce


def _folded(ufunc: np.ufunc, x: Any, axis: int) -> Any:
    """x with one element along `axis`: neighbours are combined until one is left."""
    n = _fixed(x.shape[axis], ufunc, "reduce")
    if n == 0:
        if ufunc.identity is None:
            raise ValueError(f"zero-size array to reduction operation {ufunc.__name__} which has no identity")
        shape = tuple(1 if a == axis else m for a, m in enumerate(x.shape))
        return broadcast_to(ufunc.reduce(np.zeros(0, x.dtype)), shape)
    lead = (slice(None),) * axis
    x = cast(x, ufunc.reduce(np.zeros(1, x.dtype)).dtype)
    while n > 1:
        pairs = ufunc(x[(*lead, slice(0, n - 1, 2))], x[(*lead, slice(1, n, 2))])
        x = np.concatenate([pairs, x[(*lead, slice(n - 1, n))]], axis) if n % 2 else pairs
        n = (n + 1) // 2
    return x


def _accumulate(ufunc: np.ufunc) -> Callable[..., Any]:
    def accumulate(array: Any, axis: Any = 0, dtype: Any = None, out: Any = None) -> Any:
        """Doubling distances (Hillis & Steele 1986): after k steps each place holds the last 2ᵏ."""
        x = strong(array) if dtype is None else cast(array, dtype)
        place = one_axis(axis, x.ndim)
        n = _fixed(x.shape[place], ufunc, "accumulate")
        x = cast(x, ufunc.accumulate(np.zeros(1, x.dtype)).dtype)
        lead = (slice(None),) * place
        distance = 1
        while distance < n:
            later = ufunc(x[(*lead, slice(None, n - distance))], x[(*lead, slice(distance, None))])
            x = np.concatenate([x[(*lead, slice(None, distance))], later], place)
            distance *= 2
        return finish(x, out)

    return accumulate


def _running(op: Any) -> Callable[..., Any]:
    def accumulate(array: Any, axis: Any = 0, dtype: Any = None, out: Any = None) -> Any:
        x = strong(array) if dtype is None else cast(array, dtype)
        return finish(record(op(one_axis(axis, x.ndim)), x), out)

    return accumulate


def _reduceat(ufunc: np.ufunc) -> Callable[..., Any]:
    def reduceat(array: Any, indices: Any, axis: Any = 0, dtype: Any = None, out: Any = None) -> Any:
        """The fold of x[i:j] for indices i, j next to each other; x[i] alone where i ≥ j."""
        if isinstance(indices, Tracer):
            raise unsupported(f"{full_name(ufunc)}.reduceat with traced indices")
        x = strong(array)
        place = one_axis(axis, x.ndim)
        n = _fixed(x.shape[place], ufunc, "reduceat")
        starts = [int(i) for i in indices]
        if any(not 0 <= i < n for i in starts):
            raise IndexError(f"index out-of-bounds in {ufunc.__name__}.reduceat [0, {n})")
        ends = [*starts[1:], n] if starts else []
        options = {} if dtype is None else {"dtype": dtype}
        lead = (slice(None),) * place
        parts = [
            ufunc.reduce(x[(*lead, slice(i, max(j, i + 1)))], axis=place, **options)
            for i, j in zip(starts, ends, strict=True)
        ]
        if not parts:
            shape = (*x.shape[:place], 0, *x.shape[place + 1 :])
            return finish(np.zeros(shape, ufunc.reduce(np.zeros(1, x.dtype), **options).dtype), out)
        return finish(np.stack(parts, axis=place), out)

    return reduceat


def _combined_at(ufunc: np.ufunc) -> Callable[[Any, Any, Any], None]:
    def at(a: Any, indices: Any, b: Any) -> None:
        """a[i] = a[i] ∘ b for every index, by comparing all indices with all places of the axis."""
        x = target_of(a, f"{ufunc.__name__}.at")
        plan = plan_index(x, indices)
        part = view(x, *plan.ops)
        if not plan.arrays:
            assign(part, cast(ufunc(part, operand_of(ufunc, x, b)), x.dtype).node)
            return
        if len(plan.axes) > 1 or plan.axes[0] != 0:
            raise unsupported(f"{full_name(ufunc)}.at with indices of other axes than the first")
        (index,) = plan.arrays
        if index.size == 0:
            return
        index = checked(index, part.shape[0])
        assign(part, cast(_folded_in(ufunc, part, index, operand_of(ufunc, x, b)), x.dtype).node)

    return at


def _folded_in(ufunc: np.ufunc, part: Any, index: Any, b: Any) -> Any:
    """part[j] ∘ all b[i] with index[i] = j; elsewhere part."""
    rest: Sequence[Any] = part.shape[1:]
    values = reshaped(broadcast_to(b, (*index.shape, *rest)), (index.size, 1, *rest))
    here = reshaped(index, (index.size, 1)) == coordinates((index.size, part.shape[0]), 1)
    here = reshaped(here, (index.size, part.shape[0], *(1 for _ in rest)))
    spread = where(here, values, np.asarray(_neutral(ufunc, b.dtype), b.dtype)[()])
    folded = ufunc.reduce(spread, axis=0, dtype=b.dtype)
    return where(np.any(here, axis=0), ufunc(part, folded), part)


def _neutral(ufunc: np.ufunc, dtype: np.dtype) -> Any:
    """What changes nothing: n ∘ x = x."""
    if ufunc not in (np.maximum, np.minimum, np.fmax, np.fmin):
        return ufunc.reduce(np.zeros(0, dtype))
    if dtype.kind == "f" and ufunc in (np.fmax, np.fmin):
        return np.nan
    greatest = ufunc in (np.minimum, np.fmin)
    if dtype.kind == "f":
        return np.inf if greatest else -np.inf
    if dtype == np.bool_:
        return greatest
    return np.iinfo(dtype).max if greatest else np.iinfo(dtype).min


METHODS |= {(ufunc, "reduce"): _reduce(ufunc) for ufunc in ASSOCIATIVE}
METHODS |= {(ufunc, "accumulate"): _accumulate(ufunc) for ufunc in ALSO_ACCUMULATED}
METHODS |= {
    (np.maximum, "accumulate"): _running(CumMax),
    (np.minimum, "accumulate"): _running(CumMin),
}
METHODS |= {(ufunc, "at"): _combined_at(ufunc) for ufunc in COMBINED_AT}
METHODS |= {(ufunc, "reduceat"): _reduceat(ufunc) for ufunc, method in list(METHODS) if method == "reduce"}
