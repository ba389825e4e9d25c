"""NumPy's ufuncs on complex values, with NumPy's types of operands and results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.trace.complex_numbers import arithmetic
from graphc.trace.complex_numbers.kinds import is_complex, real_dtype
from graphc.trace.complex_numbers.parts import Parts, parts_of
from graphc.trace.complex_numbers.products import PRODUCTS
from graphc.trace.complex_numbers.tracer import ComplexTracer, joined
from graphc.trace.tracer import Tracer, as_tracer
from graphc.trace.ufuncs import (
    broadcast_shapes,
    broadcast_to,
    cast,
    dtype_error,
    full_name,
    promotion_type,
    unsupported,
)

LARGEST_POWER = 100  # whole exponents up to which NumPy multiplies

_UNARY: dict[np.ufunc, Callable[[Parts], Any]] = {
    np.positive: lambda a: a,
    np.negative: arithmetic.negative,
    np.conjugate: arithmetic.conjugate,
    np.square: arithmetic.square,
    np.reciprocal: arithmetic.reciprocal,
    np.absolute: arithmetic.absolute,
    np.exp: arithmetic.exp,
    np.log: arithmetic.log,
    np.log2: lambda a: arithmetic.log_to(2, a),
    np.log10: lambda a: arithmetic.log_to(10, a),
    np.sqrt: arithmetic.sqrt,
    np.sin: arithmetic.sin,
    np.cos: arithmetic.cos,
    np.sinh: arithmetic.sinh,
    np.cosh: arithmetic.cosh,
    np.tanh: arithmetic.tanh,
    np.isfinite: lambda a: _each(np.isfinite, np.logical_and, a),
    np.isnan: lambda a: _each(np.isnan, np.logical_or, a),
    np.isinf: lambda a: _each(np.isinf, np.logical_or, a),
    np.logical_not: lambda a: np.logical_and(*(part == 0 for part in _written_out(a))),
}
_BINARY: dict[np.ufunc, Callable[[Parts, Parts], Any]] = {
    np.add: arithmetic.add,
    np.subtract: arithmetic.subtract,
    np.multiply: arithmetic.multiply,
    np.true_divide: arithmetic.divide,
    np.power: arithmetic.general_power,
    np.equal: lambda a, b: ~_differ(a, b),
    np.not_equal: lambda a, b: _differ(a, b),
}
UFUNCS = (*_UNARY, *_BINARY)


def call_complex_ufunc(ufunc: np.ufunc, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What NumPy's `ufunc` means where an operand is complex."""
    if method == "reduce" and ufunc is np.add:
        return np.sum(*args, **{"axis": 0, **kwargs})
    options = {name: v for name, v in kwargs.items() if v is not None}
    if method != "__call__" or options.keys() - {"dtype", "casting"} or len(args) > ufunc.nin:
        what = "" if method == "__call__" else f".{method}"
        given = f" with {', '.join(sorted(options))}=" if options else ""
        raise unsupported(f"{full_name(ufunc)}{what} of complex values{given}")
    if ufunc in PRODUCTS:
        return PRODUCTS[ufunc](*args, **options)
    exponent = _whole_exponent(args[1]) if ufunc is np.power else None
    meaning = _UNARY.get(ufunc) or _BINARY.get(ufunc)
    if meaning is None:
        raise unsupported(f"{full_name(ufunc)} of complex values")
    if exponent is not None:
        return _result(arithmetic.power(_converted(ufunc, args, options)[0], exponent), args)
    return _result(meaning(*_converted(ufunc, args, options)), args)


def not_weak(value: Any) -> Any:
    """`value` as NumPy's functions return it; operators leave Python's complex numbers what they are."""
    if not isinstance(value, ComplexTracer) or not value.weak:
        return value
    return ComplexTracer(*(cast(part, part.dtype) for part in (value.real_, value.imag_)))


def update_complex(ufunc: np.ufunc, x: Any, other: Any) -> Any:
    """x += other and its kind where one of them is complex."""
    result = call_complex_ufunc(ufunc, "__call__", (x, other), {})
    if x.shape == ():
        return result
    if not np.can_cast(result.dtype, x.dtype, "same_kind"):
        raise TypeError(
            f"Cannot cast ufunc '{ufunc.__name__}' output from {result.dtype!r} to {x.dtype!r} "
            "with casting rule 'same_kind'"
        )
    x[...] = result
    return x


def _converted(ufunc: np.ufunc, args: tuple[Any, ...], options: dict[str, Any]) -> list[Parts]:
    """The operands' parts in the dtypes of the loop that NumPy picks."""
    types = tuple(_type_of(x) for x in args)
    given: dict[str, Any] = {}
    if "dtype" in options:
        given["signature"] = (*(None for _ in args), np.dtype(options["dtype"]))
    try:
        casting = options.get("casting", "same_kind")
        resolved = ufunc.resolve_dtypes((*types, *(None,) * ufunc.nout), casting=casting, **given)
    except TypeError as error:
        raise dtype_error(f"{full_name(ufunc)} of complex values: {error}") from None
    return [_cast(parts_of(x), dtype) for x, dtype in zip(args, resolved, strict=False)]


def _type_of(x: Any) -> Any:
    """What resolve_dtypes should see of an operand."""
    if isinstance(x, ComplexTracer):
        return complex if x.weak else x.dtype
    if is_complex(x):
        return complex if type(x) is complex else x.dtype
    return promotion_type(x if type(x) in (int, float) else as_tracer(x))


def _cast(parts: Parts, dtype: np.dtype) -> Parts:
    to = real_dtype(dtype)
    re, im = (None if part is None else cast(part, to) for part in parts)
    return Parts(cast(0.0, to) if re is None and im is None else re, im)


def _result(value: Any, args: tuple[Any, ...]) -> Any:
    """A result as a traced value: of the operands' shape, and a Python number if they all are."""
    if isinstance(value, Tracer):
        return value
    shape = broadcast_shapes(*(_shape_of(x) for x in args))
    z = joined(*value)
    weak = all(type(x) in (bool, int, float, complex) or bool(getattr(x, "weak", None)) for x in args)
    parts = (broadcast_to(part, shape) for part in (z.real_, z.imag_))
    return ComplexTracer(*(Tracer(part.owner, part.node, float if weak else None) for part in parts))


def _shape_of(x: Any) -> tuple[Any, ...]:
    return tuple(x.shape) if isinstance(x, ComplexTracer | Tracer) else np.shape(x)


def _whole_exponent(value: Any) -> int | None:
    """An exponent that NumPy raises to by products."""
    if not isinstance(value, int | float | np.integer | np.floating):
        return None
    number = float(value)
    return int(number) if number.is_integer() and abs(number) <= LARGEST_POWER else None


def _written_out(a: Parts) -> tuple[Any, Any]:
    like = a.re if a.re is not None else a.im
    re, im = (np.zeros_like(like) if part is None else part for part in a)
    return re, im


def _each(test: np.ufunc, combine: np.ufunc, a: Parts) -> Any:
    return combine(*(test(part) for part in _written_out(a)))


def _differ(a: Parts, b: Parts) -> Any:
    (re, im), (other_re, other_im) = _written_out(a), _written_out(b)
    return (re != other_re) | (im != other_im)
