"""Python's operators on traced values. Between traced Python scalars they keep Python's types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.trace.complex_numbers.kinds import is_complex
from graphc.trace.context import numpy_function, object_array, user_line_with_text

_PYTHON_SCALARS = (bool, int, float)


def _weak_type(value: Any) -> type | None:
    """float, int or bool for a Python scalar, traced or not; None for an array."""
    if type(value) in _PYTHON_SCALARS:
        return type(value)
    return getattr(value, "weak", None)


def _weak_result(ufunc: np.ufunc, types: tuple[type, ...]) -> type:
    """The Python type of an operator applied to Python scalars of these types."""
    if ufunc in _COMPARISONS:
        return bool
    if ufunc is np.true_divide:
        return float
    if ufunc in (np.bitwise_and, np.bitwise_or, np.bitwise_xor) and set(types) == {bool}:
        return bool
    return float if float in types else int


_COMPARISONS = {np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal}


def apply_operator(ufunc: np.ufunc, *operands: Any) -> Any:
    """`ufunc(*operands)` with Python's result type where all operands are Python scalars."""
    from graphc.trace.selected import Selected
    from graphc.trace.tracer import Tracer
    from graphc.trace.ufuncs import call_ufunc

    if any(isinstance(operand, Selected) for operand in operands):
        return ufunc(*operands)
    if any(is_complex(operand) for operand in operands):
        from graphc.trace.complex_numbers.ufuncs import call_complex_ufunc

        return call_complex_ufunc(ufunc, "__call__", operands, {})
    if ufunc in (np.add, np.multiply):
        _refuse_narrow(operands)
    types = tuple(_weak_type(operand) for operand in operands)
    scalars = tuple(t for t in types if t is not None)
    if len(scalars) != len(types):
        return call_ufunc(ufunc, "__call__", operands, {})
    weak = _weak_result(ufunc, scalars)
    if weak is int and bool in scalars:
        operands = tuple(np.int64(o) if type(o) is bool else _as_integer(o) for o in operands)
    result = call_ufunc(ufunc, "__call__", operands, {})
    if not isinstance(result, Tracer):
        return result
    return Tracer(result.owner, result.node, weak)


def _refuse_narrow(operands: tuple[Any, ...]) -> None:
    """Raises where NumPy sums or multiplies booleans or narrow integers as objects, of the same dtype."""
    from graphc.trace.tracer import Tracer

    if any(not isinstance(x, Tracer) or x.dtype.kind == "f" or x.dtype.itemsize == 8 for x in operands):
        return
    function = numpy_function()
    if function is not None:
        what = (
            f"numpy.{function} of np.array([...]) of traced {operands[0].dtype}, which NumPy would not widen"
        )
        raise object_array(what, user_line_with_text())


def power_operator(base: Any, exponent: Any) -> Any:
    """base ** exponent. NumPy squares arrays for the exponent 2, which makes int8 of booleans, not int64."""
    if type(exponent) is int and exponent == 2 and base.ndim > 0 and base.dtype == np.bool_:
        return np.square(base)
    return apply_operator(np.power, base, exponent)


def _as_integer(operand: Any) -> Any:
    return operand.astype(np.int64) if getattr(operand, "weak", None) is bool else operand


def _binary(ufunc: np.ufunc) -> Callable[[Any, Any], Any]:
    def operator(self: Any, other: Any) -> Any:
        if isinstance(other, str) or other is None:
            return NotImplemented
        return apply_operator(ufunc, self, other)

    return operator


def _equality(ufunc: np.ufunc) -> Callable[[Any, Any], Any]:
    """== or !=: no number equals None or a text."""

    def operator(self: Any, other: Any) -> Any:
        if isinstance(other, str) or other is None:
            return np.full_like(self, ufunc is np.not_equal, dtype=np.bool_)
        return apply_operator(ufunc, self, other)

    return operator


def _reflected(ufunc: np.ufunc) -> Callable[[Any, Any], Any]:
    def operator(self: Any, other: Any) -> Any:
        if isinstance(other, str) or other is None:
            return NotImplemented
        return apply_operator(ufunc, other, self)

    return operator


def _unary(ufunc: np.ufunc) -> Callable[[Any], Any]:
    def operator(self: Any) -> Any:
        return apply_operator(ufunc, self)

    return operator


class Operators:
    """The operator methods of `Tracer`, each the ufunc NumPy itself would call."""

    __slots__ = ()

    __add__, __radd__ = _binary(np.add), _reflected(np.add)
    __sub__, __rsub__ = _binary(np.subtract), _reflected(np.subtract)
    __mul__, __rmul__ = _binary(np.multiply), _reflected(np.multiply)
    __truediv__, __rtruediv__ = _binary(np.true_divide), _reflected(np.true_divide)
    __floordiv__, __rfloordiv__ = _binary(np.floor_divide), _reflected(np.floor_divide)
    __mod__, __rmod__ = _binary(np.remainder), _reflected(np.remainder)
    __divmod__, __rdivmod__ = _binary(np.divmod), _reflected(np.divmod)
    __rpow__ = _reflected(np.power)
    __matmul__, __rmatmul__ = _binary(np.matmul), _reflected(np.matmul)
    __and__, __rand__ = _binary(np.bitwise_and), _reflected(np.bitwise_and)
    __or__, __ror__ = _binary(np.bitwise_or), _reflected(np.bitwise_or)
    __xor__, __rxor__ = _binary(np.bitwise_xor), _reflected(np.bitwise_xor)
    __lshift__, __rlshift__ = _binary(np.left_shift), _reflected(np.left_shift)
    __rshift__, __rrshift__ = _binary(np.right_shift), _reflected(np.right_shift)
    __lt__, __le__ = _binary(np.less), _binary(np.less_equal)
    __gt__, __ge__ = _binary(np.greater), _binary(np.greater_equal)
    __eq__, __ne__ = _equality(np.equal), _equality(np.not_equal)

    def __pow__(self, other: Any) -> Any:
        return NotImplemented if isinstance(other, str) or other is None else power_operator(self, other)

    __neg__, __pos__ = _unary(np.negative), _unary(np.positive)
    __abs__, __invert__ = _unary(np.absolute), _unary(np.invert)
