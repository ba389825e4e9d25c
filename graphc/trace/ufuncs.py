"""NumPy ufuncs on traced values: NumPy's own type resolution, explicit casts and broadcasts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.errors import ShapeError, UnsupportedError, located
from graphc.ir.dims import Dim
from graphc.ops.base import SPECIAL_TO_OP, UFUNC_TO_OP, AbstractElementwise
from graphc.trace.context import user_line_with_text
from graphc.trace.tracer import Tracer, as_tracer, record

# ufuncs that are not elementwise primitives: matmul, divmod, positive, …
COMPOSED: dict[np.ufunc, Callable[..., Any]] = {}
# ufunc methods: (ufunc, "reduce") and so on.
METHODS: dict[tuple[np.ufunc, str], Callable[..., Any]] = {}


def composed(*ufuncs: np.ufunc) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Registers a function as the meaning of ufuncs that are built from other ops."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        for ufunc in ufuncs:
            COMPOSED[ufunc] = function
        return function

    return add


def call_ufunc(ufunc: np.ufunc, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What NumPy's `ufunc` means on operands of which at least one is traced."""
    from graphc.trace import numpy_functions  # noqa: F401  (fills the tables)

    if method != "__call__":
        implementation = METHODS.get((ufunc, method))
        if implementation is None:
            raise unsupported(f"numpy.{ufunc.__name__}.{method}")
        return implementation(*args, **kwargs)
    if ufunc in COMPOSED:
        return COMPOSED[ufunc](*args, **kwargs)
    op = UFUNC_TO_OP.get(ufunc) or SPECIAL_TO_OP.get(ufunc.__name__)
    if op is None:
        raise unsupported(f"{'numpy' if hasattr(np, ufunc.__name__) else 'scipy.special'}.{ufunc.__name__}")
    where, out, dtype = kwargs.pop("where", True), kwargs.pop("out", None), kwargs.pop("dtype", None)
    kwargs.pop("casting", None), kwargs.pop("order", None)
    if kwargs or where is not True:
        names = ", ".join([*kwargs] + ["where"] * (where is not True))
        raise unsupported(f"numpy.{ufunc.__name__} with {names}=")
    result = elementwise(op(), *args, ufunc=ufunc, dtype=dtype)
    return result if out is None else write_out(out[0], result)


def write_out(out: Any, result: Any) -> Any:
    """NumPy's out=: the traced array `out` now holds `result`."""
    if not isinstance(out, Tracer):
        raise unsupported("out= a concrete array")
    out[...] = result
    return out


def elementwise(op: AbstractElementwise, *args: Any, ufunc: np.ufunc | None = None, dtype: Any = None) -> Any:
    """`op` on operands converted and broadcast as NumPy does."""
    operands = tuple(as_tracer(arg) for arg in args)
    dtypes = loop_dtypes(ufunc if ufunc is not None else op.numpy, operands, dtype)
    shape = broadcast_shapes(*(operand.shape for operand in operands))
    ready = (broadcast_to(cast(x, t), shape) for x, t in zip(operands, dtypes, strict=True))
    return record(op, *ready)


def loop_dtypes(
    ufunc: np.ufunc | None, operands: tuple[Tracer, ...], dtype: Any = None
) -> tuple[np.dtype, ...]:
    """The operand dtypes of the loop NumPy picks; Python scalars adapt (NEP 50)."""
    if ufunc is None:
        return tuple(np.result_type(*(promotable(x) for x in operands)) for _ in operands)
    types = tuple(x.weak if x.weak in (int, float) else x.dtype for x in operands)
    free = (*types, *(None,) * ufunc.nout)
    try:
        if dtype is None:
            resolved = ufunc.resolve_dtypes(free)
        else:
            wanted = (*(None for _ in operands), *(np.dtype(dtype),) * ufunc.nout)
            resolved = ufunc.resolve_dtypes(free, signature=wanted)
    except TypeError as error:
        raise unsupported(f"{ufunc.__name__} of {', '.join(str(t) for t in types)} ({error})") from None
    return tuple(resolved[: len(operands)])


def promotable(x: Tracer) -> Any:
    """What np.result_type should see: the dtype, or a Python scalar for a weak operand."""
    return x.weak(1) if x.weak in (int, float) else x.dtype


def cast(x: Any, dtype: Any) -> Any:
    """`x` converted to `dtype`, as astype does; the same value if it has that dtype already."""
    from graphc.ops.cast import Cast

    dtype = np.dtype(dtype)
    x = as_tracer(x)
    if x.dtype == dtype:
        return x if x.weak is None else Tracer(x.trace, x.node)
    return record(Cast(dtype), x)


def broadcast_shapes(*shapes: tuple[Dim, ...]) -> tuple[Dim, ...]:
    """NumPy's broadcasting; a symbolic size fits only itself and one."""
    ndim = max(map(len, shapes), default=0)
    result: list[Dim] = []
    for axis in range(-ndim, 0):
        sizes = {s[axis] for s in shapes if len(s) >= -axis and s[axis] != 1}
        if len(sizes) > 1:
            listed = " ".join(f"({', '.join(map(str, s))})" for s in shapes)
            raise ShapeError(
                located(
                    f"operands could not be broadcast together with shapes {listed}", user_line_with_text()
                )
            )
        result.append(sizes.pop() if sizes else 1)
    return tuple(result)


def broadcast_to(x: Any, shape: tuple[Dim, ...]) -> Any:
    """`x` repeated to `shape`."""
    from graphc.ops.view import BroadcastTo

    x = as_tracer(x)
    return x if x.shape == shape else record(BroadcastTo(tuple(shape)), x)


def unsupported(what: str) -> UnsupportedError:
    """The error for a NumPy feature that is not covered."""
    return UnsupportedError(
        located(
            f"graphc cannot trace {what}",
            user_line_with_text(),
            "See the list of covered functions in docs/coverage.md, or write it with covered ones.",
        )
    )
