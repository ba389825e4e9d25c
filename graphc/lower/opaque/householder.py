"""Kernel of the QR factorisation by Householder reflections, with LAPACK's signs."""

from __future__ import annotations

from collections.abc import Sequence

from graphc.ir.dims import Dim, product
from graphc.ir.graph import Node
from graphc.ir.types import TupleType
from graphc.lower import kernel_ir as k
from graphc.lower.build import KernelBuilder
from graphc.lower.opaque.notation import Array, Notation, Point, Scalar
from graphc.lower.writer import ErrorTable


def qr(
    builder: KernelBuilder,
    node: Node,
    operands: Sequence[k.Buffer],
    results: Sequence[k.Buffer],
    errors: ErrorTable,
) -> list[k.Buffer]:
    """Q R = A: reflections H = I - τ v vᵀ clear the columns of A in turn; Q = H₀ H₁ … (I in k columns)."""
    code = Notation(builder, errors, node.source)
    *lead, n, m = node.args[0].array_type.shape
    assert isinstance(node.type, TupleType)
    size = node.type.elements[1].shape[-2]
    batch, dtype = product(tuple(lead)), node.args[0].array_type.dtype
    work = code.local("work", dtype, (n, m))
    tau = code.local("tau", dtype, (size,))
    product_row = code.local("row", dtype, (m + size,))
    with code.loop(batch, name="matrix") as matrix:
        a = code.operand(operands[0], (batch, n, m)).at(matrix.at)
        q = code.result(results[0], (batch, n, size)).at(matrix.at)
        r = code.result(results[1], (batch, size, m)).at(matrix.at)
        with code.loop(n, name="i") as i, code.lanes(m) as x:
            work[i.at, x.at] = a[i.at, x.at]
        with code.loop(size, name="k") as step:
            tau[step.at] = _reflection(code, work, step.at, n)
            columns = (step.at + 1, code.point(m))
            _reflect(code, work, step.at, tau[step.at], work, columns, n, product_row)
        _upper_part(code, work, r, size, m)
        _unit_columns(code, q, n, size)
        with code.loop(size, name="k") as step:
            at = step.at * -1 + (size - 1)
            _reflect(code, work, at, tau[at], q, (at, code.point(size)), n, product_row)
    return code.scratch


def _reflection(code: Notation, work: Array, step: Point, n: Dim) -> Scalar:
    """τ of the reflection that clears column `step` below the diagonal; v, but v₀ = 1, takes its place.

    β = -sign(α) ‖(α, x)‖ becomes the diagonal element, τ = (β - α)/β, v = x/(α - β) (LAPACK's larfg).
    """
    alpha = work[step, step]
    with code.lanes(n, first=step + 1, name="i") as i:
        largest = i.fold("maximum", abs(work[i.at, step]))
    scale = largest.maximum(abs(alpha))
    safe = (scale > 0).choose(scale, 1)
    with code.lanes(n, first=step + 1, name="i") as i:
        part = work[i.at, step] / safe
        squares = i.fold("add", part * part)
    first = alpha / safe
    norm = (squares + first * first).sqrt()
    # Nothing to clear: the reflection is the identity.
    trivial = squares.equals(0)
    beta = trivial.choose(1, (first < 0).choose(norm, -norm))
    divisor = trivial.choose(1, first - beta)
    with code.lanes(n, first=step + 1, name="i") as i:
        work[i.at, step] = work[i.at, step] / safe / divisor
    work[step, step] = trivial.choose(alpha, beta * safe)
    factor: Scalar = trivial.choose(0, (beta - first) / beta)
    return factor


def _reflect(
    code: Notation,
    vectors: Array,
    step: Point,
    tau: Scalar,
    target: Array,
    columns: tuple[Point, Point],
    n: Dim,
    row: Array,
) -> None:
    """target -= τ v (vᵀ target) in these columns, v below row `step` of column `step` of `vectors`."""
    first, end = columns
    with code.lanes(row.buffer.size, first=first, end=end) as x:
        start = target[step, x.at]
        with code.loop(n, first=step + 1, name="i") as i:
            total = i.carry(start)
            total.becomes(total.now + vectors[i.at, step] * target[i.at, x.at])
        row[x.at] = tau * total.result
        target[step, x.at] = start - row[x.at]
    with code.loop(n, first=step + 1, name="i") as i:
        factor = vectors[i.at, step]
        with code.lanes(row.buffer.size, first=first, end=end) as x:
            target[i.at, x.at] = target[i.at, x.at] - factor * row[x.at]


def _upper_part(code: Notation, work: Array, r: Array, size: Dim, m: Dim) -> None:
    with code.loop(size, name="i") as i:
        with code.lanes(m, end=i.at) as x:
            r[i.at, x.at] = 0
        with code.lanes(m, first=i.at) as x:
            r[i.at, x.at] = work[i.at, x.at]


def _unit_columns(code: Notation, q: Array, n: Dim, size: Dim) -> None:
    with code.loop(n, name="i") as i, code.lanes(size) as x:
        q[i.at, x.at] = code.cast(x.at.number().equals(i.at.number()), q.dtype)
