"""Kernel of symmetric eigenvalues: by rotations where matrices are small, else through a tridiagonal one."""

from __future__ import annotations

from collections.abc import Sequence

from graphc.ir.dims import product
from graphc.ir.graph import Node
from graphc.lower import kernel_ir as k
from graphc.lower.build import KernelBuilder
from graphc.lower.opaque import jacobi, tridiagonal
from graphc.lower.opaque.jacobi import sort_rows
from graphc.lower.opaque.notation import Notation
from graphc.lower.writer import ErrorTable

SMALL = 16  # up to this size, rotations take less code and give a more accurate result


def eigh(
    builder: KernelBuilder,
    node: Node,
    operands: Sequence[k.Buffer],
    results: Sequence[k.Buffer],
    errors: ErrorTable,
) -> list[k.Buffer]:
    """Ascending eigenvalues and their vectors; all of them NaN where the matrix is not finite."""
    code = Notation(builder, errors, node.source)
    *lead, n, _ = node.args[0].array_type.shape
    batch, dtype = product(tuple(lead)), node.args[0].array_type.dtype
    diagonalise = jacobi.diagonalise if isinstance(n, int) and n <= SMALL else tridiagonal.diagonalise
    vectors, values = code.local("vectors", dtype, (n, n)), code.local("values", dtype, (n,))
    with code.loop(batch, name="matrix") as matrix:
        a = code.operand(operands[0], (batch, n, n)).at(matrix.at)
        w = code.result(results[0], (batch, n)).at(matrix.at)
        v = code.result(results[1], (batch, n, n)).at(matrix.at)
        largest = diagonalise(code, a, vectors, values, n)
        sort_rows(code, values, [(vectors, n)], n, descending=False)
        nothing = largest - largest  # or NaN
        with code.loop(n, name="i") as i:
            w[i.at] = values[i.at] + nothing
            with code.lanes(n) as x:
                v[x.at, i.at] = vectors[i.at, x.at] + nothing
    return code.scratch
