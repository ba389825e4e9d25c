"""x[index] and x[index] = v on traced arrays, with NumPy's meaning of every kind of index."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.errors import TraceError, located
from graphc.ir.graph import Node
from graphc.ops.gather import Gather, ScatterSet
from graphc.trace.aliasing import At, Reading, assign, check_writable, copy, view
from graphc.trace.complex_numbers.kinds import is_complex
from graphc.trace.context import current, user_line_with_text
from graphc.trace.index_parts import Plan, is_traced_mask, plan_index
from graphc.trace.masks import masked_part, mixed
from graphc.trace.selected import Selected
from graphc.trace.tracer import Tracer, as_tracer, lift, record
from graphc.trace.ufuncs import broadcast_shapes, broadcast_to, call_ufunc, cast


def get_item(x: Tracer, index: Any) -> Any:
    """x[index]: a view for basic indices, a copy for arrays of positions."""
    if is_traced_mask(index):
        part, test, axis = masked_part(x, index)
        if axis:
            raise mixed()
        return Selected(copy(part), test)
    plan = plan_index(x, index)
    if plan.at_computed_place:
        return view(x, *_reading(plan))
    part = view(x, *plan.ops)
    if not plan.arrays:
        return copy(part) if plan.scalar else part
    return _arrange(record(Gather(plan.axes), part, *plan.arrays), plan)


def _reading(plan: Plan) -> tuple[Reading, ...]:
    """How a view reads x[index]: the regular part, then the rows at computed positions in it."""
    trace = current()
    if trace is None or not plan.arrays:
        return plan.ops
    return (*plan.ops, At(plan.axes, tuple(lift(trace, a) for a in plan.arrays)))


def _arrange(gathered: Any, plan: Plan) -> Any:
    """Moves the index axes, which a gather puts first, to where NumPy has them."""
    if plan.position == 0:
        return gathered
    count = len(plan.arrays[0].shape)
    rest = range(count, gathered.ndim)
    order = (*rest[: plan.position], *range(count), *rest[plan.position :])
    return np.transpose(gathered, order).copy()


def set_item(x: Tracer, index: Any, value: Any) -> None:
    """x[index] = value: x holds the new values, and so does every array sharing its memory."""
    check_writable(x)
    if is_traced_mask(index):
        _set_where(*masked_part(x, index), value)
        return
    plan = plan_index(x, index)
    part = view(x, *plan.ops)
    if isinstance(value, Tracer) and _is_the_part(value, x, plan):
        return
    new: Any = cast(value, x.dtype)
    if plan.scalar and new.ndim:
        raise ValueError("setting an array element with a sequence.")
    if not plan.arrays:
        assign(part, _fitted(new, part.shape).node)
        return
    shape = _arrange_shape(part, plan)
    updates = _fitted(new, shape)
    count = len(plan.arrays[0].shape)
    if plan.position:
        p = plan.position
        updates = np.transpose(updates, (*range(p, p + count), *range(p), *range(p + count, len(shape))))
    assign(part, record(ScatterSet(plan.axes), part, updates, *plan.arrays).node)


def _is_the_part(value: Tracer, x: Tracer, plan: Plan) -> bool:
    """Whether `value` is the view x[index] itself: `x[index] += v` has written it already."""
    from graphc.trace.aliasing import View

    alias = value.alias
    return isinstance(alias, View) and alias.base is x and alias.ops == _reading(plan)


def _arrange_shape(part: Tracer, plan: Plan) -> tuple[Any, ...]:
    rest = tuple(n for axis, n in enumerate(part.shape) if axis not in plan.axes)
    return (*rest[: plan.position], *plan.arrays[0].shape, *rest[plan.position :])


def _fitted(value: Any, shape: tuple[Any, ...]) -> Any:
    """`value` broadcast to `shape`; surplus leading axes of length one are dropped, as NumPy does."""
    while value.ndim > len(shape) and value.shape[0] == 1:
        value = np.reshape(value, value.shape[1:])
    lead = len(shape) - value.ndim
    if lead < 0 or any(n not in (1, shape[lead + axis]) for axis, n in enumerate(value.shape)):
        raise ValueError(
            f"could not broadcast input array from shape {_text(value.shape)} into shape {_text(shape)}"
        )
    return broadcast_to(value, shape)


def _text(shape: tuple[Any, ...]) -> str:
    return f"({','.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


def _set_where(x: Tracer, test: Any, axis: int, value: Any) -> None:
    """x[…, mask] = value for a mask known at run time, of the axes from `axis` on: a choice per element."""
    if isinstance(value, Selected):
        if axis or value.mask.node is not test.node or value.values.shape != x.shape:
            raise value.refusal()
        spread = np.reshape(test, test.shape + (1,) * (x.ndim - test.ndim))
        stored: Any = np.where(spread, cast(value.values, x.dtype), x)
        assign(x, stored.node)
        return
    new: Any = cast(value, x.dtype)
    rest = x.shape[axis + test.ndim :]
    while new.ndim > len(rest) and new.shape[0] == 1:
        new = np.reshape(new, new.shape[1:])
    if new.ndim > len(rest):
        raise TraceError(
            located(
                f"x[mask] = v with v of shape {_text(new.shape)}: how many values are stored depends "
                "on the data",
                user_line_with_text(),
                "Assign a scalar, or use x[...] = np.where(mask, v, x) with v of x's shape.",
            )
        )
    if axis and new.ndim:
        raise mixed()
    spread = np.reshape(test, test.shape + (1,) * len(rest))
    chosen: Any = np.where(spread, _fitted(new, x.shape), x)
    assign(x, chosen.node)


def update(ufunc: np.ufunc, x: Tracer, other: Any) -> Any:
    """x += other and its kind: in place for arrays; scalars are values and are replaced."""
    from graphc.trace.aliasing import View
    from graphc.trace.operators import apply_operator

    if is_complex(x) or is_complex(other):
        from graphc.trace.complex_numbers.ufuncs import update_complex

        return update_complex(ufunc, x, other)
    if x.shape == () and not isinstance(x.alias, View):
        return apply_operator(ufunc, x, other)
    result = as_tracer(call_ufunc(ufunc, "__call__", (x, other), {}))
    store(ufunc, x, result)
    return x


def store(ufunc: np.ufunc, out: Tracer, result: Tracer) -> None:
    """Stores a ufunc's result in `out` if NumPy's rule for out= allows the conversion."""
    check_writable(out)
    if not np.can_cast(result.dtype, out.dtype, "same_kind"):
        raise TypeError(
            f"Cannot cast ufunc '{ufunc.__name__}' output from {result.dtype!r} to {out.dtype!r} "
            "with casting rule 'same_kind'"
        )
    if broadcast_shapes(result.shape, out.shape) != out.shape or result.ndim > out.ndim:
        raise ValueError(
            f"non-broadcastable output operand with shape {_text(out.shape)} doesn't match the broadcast "
            f"shape {_text(broadcast_shapes(result.shape, out.shape))}"
        )
    node: Node = lift(out.owner, broadcast_to(cast(result, out.dtype), out.shape))
    assign(out, node)
