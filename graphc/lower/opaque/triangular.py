"""Kernels of Cholesky and LU factorisations and of triangular solves; inner loops run along rows."""

from __future__ import annotations

from collections.abc import Sequence

from graphc.ir.dims import Dim, product
from graphc.ir.graph import Node
from graphc.lower import kernel_ir as k
from graphc.lower.build import KernelBuilder
from graphc.lower.opaque.notation import Array, Notation, Point, Scalar
from graphc.lower.writer import ErrorTable
from graphc.ops.linalg import TriangularSolve


def cholesky(
    builder: KernelBuilder,
    node: Node,
    operands: Sequence[k.Buffer],
    results: Sequence[k.Buffer],
    errors: ErrorTable,
) -> list[k.Buffer]:
    """L[i, j] = (A[i, j] - Σ_{k<j} L[i, k] L[j, k]) / L[j, j], row after row (Banachiewicz 1938)."""
    code = Notation(builder, errors, node.source)
    *lead, n, _ = node.array_type.shape
    shape = (product(tuple(lead)), n, n)
    with code.loop(shape[0], name="matrix") as matrix:
        a = code.operand(operands[0], shape).at(matrix.at)
        l = code.result(results[0], shape).at(matrix.at)
        with code.loop(n, name="i") as i:
            with code.loop(n, end=i.at, name="j") as j:
                rest = a[i.at, j.at] - dot(code, l.at(i.at), l.at(j.at), j.at)
                l[i.at, j.at] = rest / l[j.at, j.at]
            square = a[i.at, i.at] - dot(code, l.at(i.at), l.at(i.at), i.at)
            code.fail_if(square <= 0, "numpy.linalg.LinAlgError", "Matrix is not positive definite")
            l[i.at, i.at] = square.sqrt()
            with code.lanes(n, first=i.at + 1) as j:
                l[i.at, j.at] = 0
    return code.scratch


def dot(code: Notation, x: Array, y: Array, end: Point) -> Scalar:
    """Σ x[k] y[k] over k < end."""
    with code.lanes(x.buffer.size, end=end, name="k") as at:
        total: Scalar = at.fold("add", x[at.at] * y[at.at])
    return total


def lu(
    builder: KernelBuilder,
    node: Node,
    operands: Sequence[k.Buffer],
    results: Sequence[k.Buffer],
    errors: ErrorTable,
) -> list[k.Buffer]:
    """Gaussian elimination with partial pivoting (Golub & Van Loan, algorithm 3.4.1), row by row."""
    code = Notation(builder, errors, node.source)
    *lead, n, _ = node.args[0].array_type.shape
    batch = product(tuple(lead))
    with code.loop(batch, name="matrix") as matrix:
        a = code.operand(operands[0], (batch, n * n)).at(matrix.at)
        flat = code.result(results[0], (batch, n * n)).at(matrix.at)
        rows = code.result(results[1], (batch, n)).at(matrix.at)
        with code.lanes(n * n) as x:
            flat[x.at] = a[x.at]
        with code.lanes(n) as x:
            rows[x.at] = x.at.number()
        packed = code.result(results[0], (batch, n, n)).at(matrix.at)
        with code.loop(n, name="k") as step:
            pivot = _pivot(code, packed, step.at, n)
            with code.when(packed[pivot, step.at].differs(0)):
                _exchange(code, packed, rows, step.at, pivot, n)
                _eliminate(code, packed, step.at, n)
    return code.scratch


def _pivot(code: Notation, packed: Array, column: Point, n: Dim) -> Scalar:
    """The first row from the diagonal on whose element is largest, or not a number."""
    with code.loop(n, first=column, name="i") as i:
        best = i.carry(code.number(-1, packed.dtype))
        place = i.carry(column.number())
        size = abs(packed[i.at, column])
        better = (size > best.now) | (size.differs(size) & best.now.equals(best.now))
        best.becomes(better.choose(size, best.now))
        place.becomes(better.choose(i.at.number(), place.now))
    return place.result


def _exchange(code: Notation, packed: Array, rows: Array, one: Point, other: Scalar, n: Dim) -> None:
    swap_rows(code, packed, one, other, n)
    first, second = rows[one], rows[other]
    rows[one] = second
    rows[other] = first


def swap_rows(code: Notation, a: Array, one: Point, other: Scalar, n: Dim) -> None:
    """Exchanges two rows of n elements."""
    with code.lanes(n) as x:
        first, second = a[one, x.at], a[other, x.at]
        a[one, x.at] = second
        a[other, x.at] = first


def _eliminate(code: Notation, packed: Array, step: Point, n: Dim) -> None:
    """Subtracts multiples of the pivot row from the rows below it; the factors stay in their place."""
    pivot = packed[step, step]
    with code.loop(n, first=step + 1, name="i") as i:
        factor = packed[i.at, step] / pivot
        packed[i.at, step] = factor
        with code.lanes(n, first=step + 1) as x:
            packed[i.at, x.at] = packed[i.at, x.at] - factor * packed[step, x.at]


def triangular_solve(
    builder: KernelBuilder,
    node: Node,
    operands: Sequence[k.Buffer],
    results: Sequence[k.Buffer],
    errors: ErrorTable,
) -> list[k.Buffer]:
    """x[i] = (b[i] - Σ T[i, k] x[k] over the rows k known before) / T[i, i]: substitution."""
    op = node.op
    assert isinstance(op, TriangularSolve)
    code = Notation(builder, errors, node.source)
    *lead, n, m = node.array_type.shape
    batch = product(tuple(lead))
    downwards = op.lower != op.transpose
    with code.loop(batch, name="matrix") as matrix:
        t = code.operand(operands[0], (batch, n, n)).at(matrix.at)
        if op.transpose:
            t = Array(code, t.buffer, (t.strides[1], t.strides[0]), t.start)
        b = code.operand(operands[1], (batch, n, m)).at(matrix.at)
        x = code.result(results[0], (batch, n, m)).at(matrix.at)
        with code.loop(n, name="step") as step:
            i = step.at if downwards else step.at * -1 + (n - 1)
            known = (code.point(0), i) if downwards else (i + 1, code.point(n))
            if not op.unit_diagonal:
                code.fail_if(t[i, i].equals(0), "numpy.linalg.LinAlgError", "Singular matrix")
            solve = _solve_one if m == 1 else _solve_row
            solve(code, t, b, x, i, known, m, op.unit_diagonal)
    return code.scratch


def _solve_row(
    code: Notation, t: Array, b: Array, x: Array, i: Point, known: tuple[Point, Point], m: Dim, unit: bool
) -> None:
    """Row i of the solution for all right-hand sides at once."""
    with code.lanes(m) as column:
        start = b[i, column.at]
        with code.loop(x.buffer.size, first=known[0], end=known[1], name="k") as at:
            rest = at.carry(start)
            rest.becomes(rest.now - t[i, at.at] * x[at.at, column.at])
        x[i, column.at] = rest.result if unit else rest.result / t[i, i]


def _solve_one(
    code: Notation, t: Array, b: Array, x: Array, i: Point, known: tuple[Point, Point], m: Dim, unit: bool
) -> None:
    """Element i of the solution for one right-hand side."""
    with code.lanes(x.buffer.size, first=known[0], end=known[1], name="k") as at:
        total = at.fold("add", t[i, at.at] * x[at.at, 0])
    rest = b[i, 0] - total
    x[i, 0] = rest if unit else rest / t[i, i]
