"""The kernel that reports an iterative method which did not converge."""

from __future__ import annotations

from collections.abc import Sequence

from graphc.errors import located
from graphc.ir.graph import Node
from graphc.lower import kernel_ir as k
from graphc.lower.build import KernelBuilder
from graphc.lower.opaque.notation import Notation
from graphc.lower.writer import ErrorTable
from graphc.ops.convergence import Converged


def converged(
    builder: KernelBuilder,
    node: Node,
    operands: Sequence[k.Buffer],
    results: Sequence[k.Buffer],
    errors: ErrorTable,
) -> list[k.Buffer]:
    """x, and the error if the method did not converge."""
    op = node.op
    assert isinstance(op, Converged)
    code = Notation(builder, errors, node.source)
    size = node.array_type.size
    ok = code.operand(operands[1], (1,))[0]
    message = located(op.what, node.source, op.remedy)
    builder.flag(ok.equals(False).value, errors.number("ConvergenceError", message))
    x, y = code.operand(operands[0], (size,)), code.result(results[0], (size,))
    with code.lanes(size) as i:
        y[i.at] = x[i.at]
    return code.scratch
