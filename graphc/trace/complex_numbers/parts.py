"""Any value as a real part and an imaginary part. A part that is known to be zero is None.

Zeros that are known are not computed with: 1j·x is (0, x), and exp(1j·x) is (cos x, sin x). NumPy
multiplies them out, which differs only where x is infinite or NaN, or in the sign of a zero.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from graphc.ir.graph import Node
from graphc.ops.cast import Cast
from graphc.ops.leaf import Const
from graphc.ops.view import BroadcastTo, Reshape, Transpose
from graphc.trace import tree
from graphc.trace.complex_numbers.kinds import is_complex
from graphc.trace.complex_numbers.tracer import ComplexTracer, joined
from graphc.trace.context import current
from graphc.trace.tracer import Tracer


class Parts(NamedTuple):
    """re + i im; None is zero."""

    re: Any
    im: Any


def parts_of(value: Any) -> Parts:
    """The parts of a complex or real value, at most one of them None; real ones are their real part."""
    if isinstance(value, ComplexTracer):
        im = _or_none(value.imag_)
        return Parts(value.real_ if im is None else _or_none(value.real_), im)
    if isinstance(value, complex | np.complexfloating) or (
        isinstance(value, np.ndarray) and value.dtype.kind == "c" and value.ndim == 0
    ):
        re, im = value.real, value.imag
        return Parts(re, None) if im == 0 else Parts(re if re != 0 else None, im)
    if isinstance(value, np.ndarray) and value.dtype.kind == "c":
        return Parts(*_captured(value))
    return Parts(value, None)


def both_parts(value: Any) -> tuple[Any, Any]:
    """The same with zeros written out."""
    if isinstance(value, ComplexTracer):
        return value.real_, value.imag_
    re, im = parts_of(value)
    return (0.0 if re is None else re), (0.0 if im is None else im)


def lifted(whole: Any) -> Any:
    """A tree with its concrete complex values traced."""

    def lift(z: Any) -> ComplexTracer:
        return z if isinstance(z, ComplexTracer) else joined(*both_parts(z))

    return tree.map_nodes(lift, whole, is_complex)


def conjugated(whole: Any) -> Any:
    """A tree with its complex values replaced by their conjugates, which are traced."""

    def conjugate(z: Any) -> ComplexTracer:
        re, im = both_parts(z)
        return joined(re, -im)

    return tree.map_nodes(conjugate, whole, is_complex)


def _captured(array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The parts of a concrete array, the same two views each time: programs read its memory when called."""
    trace = current()
    if trace is None:
        return array.real, array.imag
    if id(array) not in trace.complex_parts:
        trace.complex_parts[id(array)] = (array, (array.real, array.imag))
    return trace.complex_parts[id(array)][1]


def _or_none(part: Any) -> Any:
    return None if isinstance(part, Tracer) and _is_zero(part.node) else part


def _is_zero(node: Node) -> bool:
    while isinstance(node.op, BroadcastTo | Reshape | Transpose | Cast):
        (node,) = node.args
    return isinstance(node.op, Const) and node.array_type.size == 1 and node.op.value.item() == 0
