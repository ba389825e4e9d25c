"""Kernel of searching in sorted data."""

from __future__ import annotations

from collections.abc import Sequence

from graphc.ir.graph import Node
from graphc.lower import kernel_ir as k
from graphc.lower.build import KernelBuilder
from graphc.lower.opaque.notation import INT64, Notation, Scalar
from graphc.lower.writer import ErrorTable
from graphc.ops.sort import SearchSorted


def searchsorted(
    builder: KernelBuilder,
    node: Node,
    operands: Sequence[k.Buffer],
    results: Sequence[k.Buffer],
    errors: ErrorTable,
) -> list[k.Buffer]:
    """The place of every value in the ascending vector, by halving the range 64 times at most."""
    op = node.op
    assert isinstance(op, SearchSorted)
    code = Notation(builder, errors)
    n = node.args[0].array_type.shape[0]
    count = node.array_type.size
    ascending, values = code.operand(operands[0], (n,)), code.operand(operands[1], (count,))
    y = code.result(results[0], (count,))
    with code.loop(count, name="i") as i:
        value = values[i.at]
        with code.when(code.size(n).equals(0)):
            y[i.at] = 0
        with code.when(code.size(n) > 0):
            with code.loop(64, name="step") as step:
                low, high = step.carry(code.number(0, INT64)), step.carry(code.size(n))
                middle = (low.now + high.now) // 2
                found = ascending[middle.minimum(code.size(n) - 1)]
                below = ~comes_before(value, found) if op.right else comes_before(found, value)
                search = low.now < high.now
                low.becomes((search & below).choose(middle + 1, low.now))
                high.becomes((search & ~below).choose(middle, high.now))
                step.stop_if(~search)
            y[i.at] = low.result
    return code.scratch


def comes_before(a: Scalar, b: Scalar) -> Scalar:
    """Whether a < b, NaN being greater than every number."""
    if a.dtype.kind != "f":
        return a < b
    return (a < b) | (b.differs(b) & a.equals(a))
