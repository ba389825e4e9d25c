"""Quotients whose divisor a loop does not change: one division before the loop, products inside."""

from __future__ import annotations

import numpy as np

from graphc.ir.graph import Node
from graphc.lower import kernel_ir as k
from graphc.lower.build import KernelBuilder
from graphc.lower.expressions import Apply, Expression, Read
from graphc.ops.reduce import Max, Sum, Supremum

BOOL = np.dtype(np.bool_)


def quotient_by_invariant(builder: KernelBuilder, e: Apply, x: k.Value, divisor: k.Value) -> k.Value:
    """x / divisor as x · (1/divisor), which errs by up to 1.5 units in the last place.

    1/divisor overflows for a divisor below the smallest normal number t, and is subnormal, so inaccurate,
    for one above 1/t. There the divisor is multiplied by a power of two before the division, and so is
    the product after it; elsewhere that factor is 1. Nothing over- or underflows between: the factor is
    the square root of the largest power of two.
    """
    b = builder
    if has_normal_reciprocal(e.args[1]):
        inverse = b.let("reciprocal", (divisor,), e.dtype, e.source)
        return b.let("multiply", (x, inverse), e.dtype, e.source)
    scale = _scale(b, divisor, e)
    scaled = b.let("multiply", (divisor, scale), e.dtype, e.source)
    inverse = b.let("reciprocal", (scaled,), e.dtype, e.source)
    product = b.let("multiply", (x, inverse), e.dtype, e.source)
    return b.let("multiply", (product, scale), e.dtype, e.source)


def _scale(b: KernelBuilder, divisor: k.Value, e: Apply) -> k.Value:
    """The power of two that brings the divisor to where its reciprocal is a normal number."""
    type_ = np.finfo(e.dtype)
    root = 2.0 ** (int(type_.maxexp) // 2)
    magnitude = b.let("absolute", (divisor,), e.dtype, e.source)
    tiny = b.let("less", (magnitude, b.constant(type_.smallest_normal, e.dtype)), BOOL, e.source)
    huge = b.let("greater", (magnitude, b.constant(1 / type_.smallest_normal, e.dtype)), BOOL, e.source)
    up, down, one = (b.constant(c, e.dtype) for c in (root, 1 / root, 1.0))
    return b.let("where", (tiny, up, b.let("where", (huge, down, one), e.dtype, e.source)), e.dtype, e.source)


def has_normal_reciprocal(divisor: Expression) -> bool:
    """Whether 1/divisor is a normal number, or the divisor 0, ∞ or NaN, whatever the data."""
    match divisor:
        case Apply(op="sqrt"):
            return True
        case Apply(op="cast", args=(source,)):
            return source.dtype.kind in "iub"
        case Read(node=node):
            return _has_normal_reciprocal(node)
    return False


def _has_normal_reciprocal(node: Node) -> bool:
    """The same of a stored value: roots, integers, and sums of exponentials of which the largest is 1."""
    if node.op.name == "cast":
        return node.args[0].array_type.dtype.kind in "iub"
    if isinstance(node.op, Sum) and node.args[0].op.name == "exp":
        return _is_shifted_by_maximum(node.args[0].args[0], node.op.axes)
    return node.op.name == "sqrt"


def _is_shifted_by_maximum(x: Node, axes: tuple[int, ...]) -> bool:
    """Whether x is y - max y over `axes`, where a maximum that is not finite may count as 0."""
    if x.op.name != "subtract":
        return False
    y, shift = x.args
    while shift.op.name in ("broadcast_to", "reshape", "where"):
        if shift.op.name == "where":
            finite, largest, _ = shift.args
            if finite.op.name != "isfinite" or finite.args[0] is not largest:
                return False
            shift = largest
        else:
            shift = shift.args[0]
    return isinstance(shift.op, Max | Supremum) and shift.args[0] is y and shift.op.axes == axes
