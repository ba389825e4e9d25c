"""Products of complex arrays: functions that are linear in each operand, part by part."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.trace.complex_numbers.arithmetic import minus, plus
from graphc.trace.complex_numbers.kinds import is_complex
from graphc.trace.complex_numbers.parts import Parts, parts_of
from graphc.trace.complex_numbers.tracer import joined
from graphc.trace.functions import full_name
from graphc.trace.tracer import Tracer
from graphc.trace.ufuncs import unsupported

Function = Callable[..., Any]


def _bilinear(function: Function, *, conjugates: bool = False) -> Function:
    """f(a, b) = f(Re a, Re b) - f(Im a, Im b) + i (f(Re a, Im b) + f(Im a, Re b))."""

    def call(a: Any, b: Any, *args: Any, **kwargs: Any) -> Any:
        _refuse_out(function, args, kwargs)
        _refuse_dtype(function, kwargs)
        left, right = parts_of(a), parts_of(b)
        if conjugates:
            left = Parts(left.re, minus(None, left.im))

        def f(x: Any, y: Any) -> Any:
            return None if x is None or y is None else function(x, y, *args, **kwargs)

        re = minus(f(left.re, right.re), f(left.im, right.im))
        im = plus(f(left.re, right.im), f(left.im, right.re))
        return joined(re, im)

    return call


def _refuse_out(function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    arrays = (*args, kwargs.get("out"))
    if any(is_complex(a) or isinstance(a, Tracer | np.ndarray) for a in arrays):
        raise unsupported(f"{full_name(function)} of complex values with out=")


def _refuse_dtype(function: Function, kwargs: dict[str, Any]) -> None:
    if kwargs.get("dtype") is not None:
        raise unsupported(f"{full_name(function)} of complex values with dtype=")


def _einsum(subscripts: Any, *operands: Any, **options: Any) -> Any:
    """The sum over all choices of a part of each operand, i to the number of imaginary ones before it."""
    if not isinstance(subscripts, str):
        raise unsupported("numpy.einsum of complex values without subscripts as text")
    _refuse_out(np.einsum, (), options)
    _refuse_dtype(np.einsum, options)
    total: list[Any] = [None, None]
    for choice in itertools.product((0, 1), repeat=len(operands)):
        parts = [parts_of(x)[which] for x, which in zip(operands, choice, strict=True)]
        if any(part is None for part in parts):
            continue
        turns = sum(choice)
        term = np.einsum(subscripts, *parts, **options)
        combine = minus if turns % 4 in (2, 3) else plus
        total[turns % 2] = combine(total[turns % 2], term)
    return joined(*total)


PRODUCTS: dict[Any, Function] = {
    **{
        f: _bilinear(f)
        for f in (
            *(np.matmul, np.dot, np.inner, np.outer, np.tensordot, np.kron, np.cross, np.convolve),
            *(np.linalg.matmul, np.linalg.outer, np.linalg.tensordot),
        )
    },
    np.vdot: _bilinear(np.vdot, conjugates=True),
    np.linalg.vecdot: _bilinear(np.linalg.vecdot, conjugates=True),
    np.vecdot: _bilinear(np.vecdot, conjugates=True),
    np.einsum: _einsum,
}
