"""Kernel of searching in sorted data."""

from __future__ import annotations

from collections.abc import Sequence

from graphc.ir.dims import Dim, product
from graphc.ir.graph import Node
from graphc.lower import kernel_ir as k
from graphc.lower.build import KernelBuilder
from graphc.lower.opaque.notation import INT64, Array, Notation, Scalar
from graphc.lower.writer import ErrorTable
from graphc.ops.sort import SearchSorted


def searchsorted(
    builder: KernelBuilder,
    node: Node,
    operands: Sequence[k.Buffer],
    results: Sequence[k.Buffer],
    errors: ErrorTable,
) -> list[k.Buffer]:
    """The place of every value in its ascending vector, by halving the range 64 times at most."""
    op = node.op
    assert isinstance(op, SearchSorted)
    code = Notation(builder, errors)
    *lead, n = node.args[0].array_type.shape
    batch, count = product(tuple(lead)), product(node.array_type.shape[len(lead) :])
    with code.loop(batch, name="vector") as vector:
        ascending = code.operand(operands[0], (batch, n)).at(vector.at)
        values = code.operand(operands[1], (batch, count)).at(vector.at)
        y = code.result(results[0], (batch, count)).at(vector.at)
        with code.loop(count, name="i") as i:
            value = values[i.at]
            with code.when(code.size(n).equals(0)):
                y[i.at] = 0
            with code.when(code.size(n) > 0):
                y[i.at] = _place(code, op, ascending, value, n)
    return code.scratch


def _place(code: Notation, op: SearchSorted, ascending: Array, value: Scalar, n: Dim) -> Scalar:
    """The place of one value among the n elements of a vector."""
    with code.loop(64, name="step") as step:
        low, high = step.carry(code.number(0, INT64)), step.carry(code.size(n))
        middle = (low.now + high.now) // 2
        found = ascending[middle.minimum(code.size(n) - 1)]
        below = ~comes_before(value, found) if op.right else comes_before(found, value)
        search = low.now < high.now
        low.becomes((search & below).choose(middle + 1, low.now))
        high.becomes((search & ~below).choose(middle, high.now))
        step.stop_if(~search)
    return low.result


def comes_before(a: Scalar, b: Scalar) -> Scalar:
    """Whether a < b, NaN being greater than every number."""
    if a.dtype.kind != "f":
        return a < b
    return (a < b) | (b.differs(b) & a.equals(a))
