"""NumPy's functions on complex values: most work on the two parts separately."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.trace.complex_numbers import arithmetic
from graphc.trace.complex_numbers.kinds import holds_complex, is_complex, real_dtype
from graphc.trace.complex_numbers.parts import both_parts, parts_of
from graphc.trace.complex_numbers.products import PRODUCTS
from graphc.trace.complex_numbers.tracer import ComplexTracer, dtype_of_parts, joined
from graphc.trace.functions import FUNCTIONS as REAL_FUNCTIONS
from graphc.trace.functions import full_name
from graphc.trace.meanings import filling
from graphc.trace.numpy_functions import find
from graphc.trace.numpy_functions.arguments import NO_VALUE
from graphc.trace.tracer import Tracer
from graphc.trace.ufuncs import unsupported

FUNCTIONS: dict[Callable[..., Any], Callable[..., Any]] = dict(PRODUCTS)

# Functions of an array, or of a sequence of arrays, that treat real and imaginary parts alike.
PARTWISE: tuple[Callable[..., Any], ...] = (
    *(np.reshape, np.ravel, np.transpose, np.matrix_transpose, np.swapaxes, np.moveaxis, np.rollaxis),
    *(np.expand_dims, np.squeeze, np.broadcast_to, np.atleast_1d, np.atleast_2d, np.atleast_3d),
    *(np.flip, np.fliplr, np.flipud, np.rot90, np.roll, np.tile, np.repeat, np.resize, np.delete),
    *(np.take, np.take_along_axis, np.diagonal, np.diag, np.diagflat, np.tril, np.triu, np.trace),
    *(np.linalg.diagonal, np.linalg.trace, np.linalg.matrix_transpose),
    *(np.concatenate, np.stack, np.hstack, np.vstack, np.dstack, np.column_stack, np.block),
    *(np.split, np.array_split, np.hsplit, np.vsplit, np.dsplit, np.unstack),
    *(np.sum, np.mean, np.cumsum, np.cumulative_sum, np.diff, np.copy, np.fft.fftshift, np.fft.ifftshift),
)
# What would be taken for both parts.
_REAL_OPTIONS = {"out", "initial", "prepend", "append"}
_PADDINGS = ("constant", "edge", "reflect", "symmetric", "wrap", "empty")  # of each part on its own


implements = filling(FUNCTIONS)  # the meaning of NumPy functions on complex values


def call_complex_function(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What NumPy's `function` means on arguments of which at least one is complex."""
    if function in PARTWISE:
        return _partwise(function, args, kwargs)
    implementation = find(FUNCTIONS, function)
    if implementation is not None:
        return implementation(*args, **kwargs)
    raise unsupported(f"{full_name(function)} of complex values")


def _partwise(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The function of the real parts and of the imaginary parts of its first argument."""
    name = full_name(function)
    if not args:
        raise unsupported(f"{name} of complex values given by name; pass them by position")
    if holds_complex(args[1:]) or holds_complex(kwargs.values()):
        raise unsupported(f"{name} with complex values in other places than its first argument")
    meaning = find(REAL_FUNCTIONS, function)
    assert meaning is not None, "what works on complex values works on real ones"
    call = inspect.signature(meaning).bind(*args, **kwargs)
    given = call.arguments
    for key in _REAL_OPTIONS & given.keys():
        if given[key] is not None and given[key] is not NO_VALUE:
            raise unsupported(f"{name} of complex values with {key}=")
    if given.get("dtype") is not None:
        given["dtype"] = dtype_of_parts(given["dtype"])
    parts = (function(_part(args[0], which), *call.args[1:], **call.kwargs) for which in (0, 1))
    return _together(*parts)


def _part(value: Any, which: int) -> Any:
    """The real (0) or imaginary (1) parts of values, in lists as they came."""
    if isinstance(value, list | tuple):
        return type(value)(_part(v, which) for v in value)
    if which == 0 or is_complex(value):
        return both_parts(value)[which]
    return np.zeros_like(value)


def _together(re: Any, im: Any) -> Any:
    if isinstance(re, list | tuple):
        return type(re)(_together(a, b) for a, b in zip(re, im, strict=True))
    return joined(re, im)


# ---- parts


@implements(np.real)
def real(val: Any) -> Any:
    return both_parts(val)[0]


@implements(np.imag)
def imag(val: Any) -> Any:
    return both_parts(val)[1]


@implements(np.angle)
def angle(z: Any, deg: bool = False) -> Any:
    result = arithmetic.angle(parts_of(z))
    return np.degrees(result) if deg else result


@implements(np.iscomplexobj)
def iscomplexobj(x: Any) -> bool:
    return True


@implements(np.isrealobj)
def isrealobj(x: Any) -> bool:
    return False


@implements(np.iscomplex)
def iscomplex(x: Any) -> Any:
    return both_parts(x)[1] != 0


@implements(np.isreal)
def isreal(x: Any) -> Any:
    return both_parts(x)[1] == 0


@implements(np.shape)
def shape(a: Any) -> Any:
    return a.shape


@implements(np.ndim)
def ndim(a: Any) -> int:
    return len(a.shape)


@implements(np.size)
def size(a: Any, axis: Any = None) -> Any:
    return np.size(both_parts(a)[0], axis)


@implements(np.result_type)
def result_type(*arrays_and_dtypes: Any) -> np.dtype:
    traced = (ComplexTracer, Tracer)
    return np.result_type(*(v.dtype if isinstance(v, traced) else v for v in arrays_and_dtypes))


# ---- new arrays


@implements(np.zeros_like, np.empty_like)
def zeros_like(a: Any, dtype: Any = None, *args: Any, **kwargs: Any) -> Any:
    return _filled_like(np.zeros_like, a, dtype, args, kwargs)


@implements(np.ones_like)
def ones_like(a: Any, dtype: Any = None, *args: Any, **kwargs: Any) -> Any:
    return _filled_like(np.ones_like, a, dtype, args, kwargs)


def _filled_like(
    function: Callable[..., Any], a: Any, dtype: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    re, _ = both_parts(a)
    if dtype is not None and np.dtype(dtype).kind != "c":
        return function(re, dtype, *args, **kwargs)
    return joined(function(re, None if dtype is None else real_dtype(dtype), *args, **kwargs), None)


@implements(np.array, np.asarray, np.ascontiguousarray, np.asanyarray)
def array(object: Any, dtype: Any = None, *, copy: Any = True, order: Any = "K", **options: Any) -> Any:
    """The values as a traced array (called with like=)."""
    if options:
        raise unsupported(f"numpy.array of complex values with {', '.join(sorted(options))}=")
    if isinstance(object, list | tuple):
        z: Any = np.stack([array(row) if holds_complex([row]) else joined(row, None) for row in object])
    else:
        z = object if isinstance(object, ComplexTracer) else joined(*both_parts(object))
    return np.copy(z) if dtype is None else z.astype(dtype)


@implements(np.full)
def full(shape: Any, fill_value: Any, dtype: Any = None, **options: Any) -> Any:
    """fill_value everywhere (called with like=)."""
    z = joined(*both_parts(fill_value))
    whole = np.broadcast_to(z, shape if isinstance(shape, tuple | list) else (shape,))
    return np.copy(whole) if dtype is None else whole.astype(dtype)


@implements(np.full_like)
def full_like(a: Any, fill_value: Any, dtype: Any = None, *args: Any, **kwargs: Any) -> Any:
    given = a.dtype if dtype is None else np.dtype(dtype)
    if given.kind != "c" and not is_complex(fill_value):
        return np.full_like(both_parts(a)[0], fill_value, given, *args, **kwargs)
    if not is_complex(a) and dtype is None:
        raise TypeError("a complex fill_value does not fit an array of real numbers; give a complex dtype")
    like, to = both_parts(a)[0], dtype_of_parts(given)
    re, im = (np.full_like(like, part, to, *args, **kwargs) for part in both_parts(fill_value))
    return joined(re, im)


@implements(np.astype)
def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    return x.astype(dtype, copy=copy)


@implements(np.pad)
def pad(array: Any, pad_width: Any, mode: Any = "constant", **options: Any) -> Any:
    values = options.pop("constant_values", 0)
    if mode not in _PADDINGS or is_complex(pad_width):
        raise unsupported(f"numpy.pad of complex values with mode={mode!r}")
    if mode != "constant":
        parts = (np.pad(part, pad_width, mode, **options) for part in both_parts(array))
    else:
        pairs = zip(both_parts(array), (np.real(values), np.imag(values)), strict=True)
        parts = (np.pad(part, pad_width, constant_values=value) for part, value in pairs)
    return joined(*parts)


# ---- choices, comparisons and sizes


@implements(np.where)
def where(condition: Any, *choices: Any) -> Any:
    if len(choices) != 2:
        raise unsupported("numpy.where of complex values with one argument")
    (re, im), (other_re, other_im) = map(both_parts, choices)
    mask = condition != 0 if is_complex(condition) else condition
    return joined(np.where(mask, re, other_re), np.where(mask, im, other_im))


@implements(np.isclose)
def isclose(a: Any, b: Any, rtol: Any = 1e-5, atol: Any = 1e-8, equal_nan: bool = False) -> Any:
    if equal_nan:
        raise unsupported("numpy.isclose of complex values with equal_nan=True")
    return (np.abs(a - b) <= atol + rtol * np.abs(b)) | (a == b)


@implements(np.allclose)
def allclose(a: Any, b: Any, rtol: Any = 1e-5, atol: Any = 1e-8, equal_nan: bool = False) -> Any:
    return np.all(isclose(a, b, rtol, atol, equal_nan))


@implements(np.any)
def any_(a: Any, *args: Any, **kwargs: Any) -> Any:
    return np.any(a != 0, *args, **kwargs)


@implements(np.all)
def all_(a: Any, *args: Any, **kwargs: Any) -> Any:
    return np.all(a != 0, *args, **kwargs)


@implements(np.count_nonzero)
def count_nonzero(a: Any, *args: Any, **kwargs: Any) -> Any:
    return np.count_nonzero(a != 0, *args, **kwargs)


@implements(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    if ord not in (None, "fro") and (isinstance(axis, tuple) or (axis is None and len(x.shape) == 2)):
        raise unsupported(f"numpy.linalg.norm of complex matrices with ord={ord!r}")
    return np.linalg.norm(np.abs(x), ord, axis, keepdims)


@implements(np.linalg.vector_norm)
def vector_norm(x: Any, /, **options: Any) -> Any:
    return np.linalg.vector_norm(np.abs(x), **options)


@implements(np.var)
def var(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: Any = 0,
    keepdims: Any = False,
    **options: Any,
) -> Any:
    """The mean of |a - mean|²."""
    if out is not None or "mean" in options:
        raise unsupported(f"numpy.var of complex values with {'mean' if out is None else 'out'}=")
    to = None if dtype is None else dtype_of_parts(dtype)
    re, im = (np.var(part, axis, to, None, ddof, keepdims, **options) for part in both_parts(a))
    return re + im if to is None else joined(re + im, None)


@implements(np.std)
def std(*args: Any, **kwargs: Any) -> Any:
    return np.sqrt(var(*args, **kwargs))


@implements(np.array2string, np.array_repr, np.array_str)
def array_repr(a: Any, *args: Any, **kwargs: Any) -> str:
    return repr(a)
