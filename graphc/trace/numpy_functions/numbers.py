"""Rounding, parts of numbers, and questions about dtypes."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.trace.functions import implements
from graphc.trace.numpy_functions.arguments import finish, promoted, strong
from graphc.trace.tracer import Tracer, as_tracer
from graphc.trace.ufuncs import cast, unsupported


@implements(np.round, np.around)
def round_(a: Any, decimals: int = 0, out: Any = None) -> Any:
    """a rounded to decimals places, halves to even. Its gradient is zero."""
    x = strong(a)
    if x.dtype.kind in "iu":
        if decimals >= 0:
            return finish(Tracer(x.owner, x.node), out)
        unit = 10**-decimals
        return finish(cast(np.rint(cast(x, np.float64) / unit) * unit, x.dtype), out)
    if x.dtype == np.bool_:
        raise unsupported("numpy.round of booleans")
    if decimals == 0:
        return finish(np.rint(x), out)
    unit = 10.0 ** abs(decimals)
    return finish(np.rint(x * unit) / unit if decimals > 0 else np.rint(x / unit) * unit, out)


@implements(np.fix)
def fix(x: Any, out: Any = None) -> Any:
    """x rounded towards zero."""
    return finish(np.trunc(strong(x)), out)


@implements(np.real)
def real(val: Any) -> Any:
    """The real part."""
    return as_tracer(val) if getattr(val, "weak", None) in (int, float) else strong(val)


@implements(np.imag)
def imag(val: Any) -> Any:
    """The imaginary part: zeros of real values."""
    return np.zeros_like(strong(val))


@implements(np.real_if_close)
def real_if_close(a: Any, tol: Any = 100) -> Any:
    """a itself where it is real; complex values are refused."""
    return strong(a)


@implements(np.angle)
def angle(z: Any, deg: bool = False) -> Any:
    """The argument of complex numbers: 0 for positive numbers, π for negative ones."""
    x = strong(z)
    result = np.arctan2(np.zeros_like(x), x)
    return np.degrees(result) if deg else result


@implements(np.iscomplexobj)
def iscomplexobj(x: Any) -> bool:
    """Whether x is complex."""
    return False


@implements(np.isrealobj)
def isrealobj(x: Any) -> bool:
    """Whether x is real."""
    return True


@implements(np.iscomplex)
def iscomplex(x: Any) -> Any:
    """Whether each imaginary part is not zero."""
    return np.zeros_like(strong(x), np.bool_)


@implements(np.isreal)
def isreal(x: Any) -> Any:
    """Whether each imaginary part is zero."""
    return np.ones_like(strong(x), np.bool_)


@implements(np.isposinf)
def isposinf(x: Any, out: Any = None) -> Any:
    """x = ∞."""
    return finish(strong(x) == np.inf, out)


@implements(np.isneginf)
def isneginf(x: Any, out: Any = None) -> Any:
    """x = -∞."""
    return finish(strong(x) == -np.inf, out)


@implements(np.result_type)
def result_type(*arrays_and_dtypes: Any) -> np.dtype:
    """The common dtype."""
    traced = [v for v in arrays_and_dtypes if isinstance(v, Tracer)]
    others = [v for v in arrays_and_dtypes if not isinstance(v, Tracer)]
    return np.result_type(promoted(*traced), *others) if traced else np.result_type(*others)


@implements(np.can_cast)
def can_cast(from_: Any, to: Any, casting: Any = "safe") -> bool:
    """Whether a conversion is allowed."""
    return np.can_cast(as_tracer(from_).dtype, to, casting)


@implements(np.min_scalar_type)
def min_scalar_type(a: Any, /) -> Any:
    """The dtype itself: the value is not known."""
    return strong(a).dtype


@implements(np.common_type)
def common_type(*arrays: Any) -> Any:
    """The common floating scalar type."""
    return np.result_type(
        *(t if t.kind == "f" else np.dtype(float) for t in (strong(a).dtype for a in arrays))
    ).type


@implements(np.may_share_memory, np.shares_memory)
def shares_memory(a: Any, b: Any, /, max_work: Any = None) -> bool:
    """Whether one is a view of the other's memory."""
    from graphc.trace.aliasing import root

    return isinstance(a, Tracer) and isinstance(b, Tracer) and root(a) is root(b)


@implements(np.sinc)
def sinc(x: Any) -> Any:
    """sin(πx) / (πx), 1 at 0."""
    value = strong(x)
    angle_: Any = np.pi * (cast(value, np.float64) if value.dtype.kind in "iub" else value)
    near = np.abs(angle_) < 0.5
    # The derivatives of the quotient would cancel near 0: there it is Taylor's series, exact to rounding.
    squared = np.square(np.where(near, angle_, 0.0))
    series: Any = 1.0
    for n in range(8, 0, -1):
        series = 1 - squared / (2 * n * (2 * n + 1)) * series
    far = np.where(near, 1.0, angle_)
    return np.where(near, series, np.sin(far) / far)


@implements(np.unwrap)
def unwrap(p: Any, discont: Any = None, axis: int = -1, *, period: Any = 2 * np.pi) -> Any:
    """Angles without jumps of more than half a period; in integers where both are."""
    x = strong(p)
    kind = promoted(np.diff(x, axis=axis), period)
    d = cast(np.diff(x, axis=axis), kind)
    half = period // 2 if kind.kind in "iu" else period / 2
    turned = np.mod(d + half, period) - half
    if kind.kind == "f" or period % 2 == 0:
        turned = np.where((turned == -half) & (d > 0), half, turned)
    limit = period / 2 if discont is None else discont
    correction = np.where(np.abs(d) < limit, np.zeros_like(d), turned - d)
    lead = (slice(None),) * (axis % x.ndim)
    x = cast(x, kind)
    rest = x[(*lead, slice(1, None))] + cast(np.cumsum(correction, axis=axis), kind)
    return np.concatenate([x[(*lead, slice(0, 1))], rest], axis=axis)


@implements(np.apply_along_axis)
def apply_along_axis(func1d: Any, axis: int, arr: Any, *args: Any, **kwargs: Any) -> Any:
    """func1d of every line along an axis, for a fixed number of lines."""
    x = np.moveaxis(strong(arr), axis, -1)
    lines = np.reshape(x, (-1, x.shape[-1]))
    results = [strong(func1d(lines[i], *args, **kwargs)) for i in range(len(lines))]
    stacked = np.reshape(np.stack(results), x.shape[:-1] + results[0].shape)
    lead, inner = x.ndim - 1, results[0].ndim
    place = axis % x.ndim
    return np.moveaxis(stacked, tuple(range(lead, lead + inner)), tuple(range(place, place + inner)))


@implements(np.apply_over_axes)
def apply_over_axes(func: Any, a: Any, axes: Any) -> Any:
    """func(a, axis) over several axes, one after another."""
    x: Any = strong(a)
    for axis in axes if isinstance(axes, tuple | list) else (axes,):
        result = func(x, axis)
        x = result if result.ndim == x.ndim else np.expand_dims(result, axis)
    return x


@implements(np.array2string, np.array_repr, np.array_str)
def array_repr(a: Any, *args: Any, **kwargs: Any) -> str:
    """What is known of a traced array: its type."""
    return repr(a)
