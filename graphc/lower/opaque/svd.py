"""Kernel of singular values by rotations.

Demmel & Veselić (1992) for the accuracy of the method.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graphc.ir.dims import Dim, product
from graphc.ir.graph import Node
from graphc.ir.types import TupleType
from graphc.lower import kernel_ir as k
from graphc.lower.build import KernelBuilder
from graphc.lower.opaque.jacobi import SWEEPS, of_tangent, rotate, smaller_tangent, sort_rows, unit_matrix
from graphc.lower.opaque.notation import INT64, Array, Notation, Point, Scalar
from graphc.lower.opaque.triangle import Triangle
from graphc.lower.writer import ErrorTable


def svd(
    builder: KernelBuilder,
    node: Node,
    operands: Sequence[k.Buffer],
    results: Sequence[k.Buffer],
    errors: ErrorTable,
) -> list[k.Buffer]:
    """Rotations make the shorter side's vectors of A orthogonal; their lengths are s (Hestenes 1958).

    Long vectors are first reflected into a square triangle, which has the same lengths (Chan 1982).
    """
    code = Notation(builder, errors, node.source)
    *lead, n, m = node.args[0].array_type.shape
    assert isinstance(node.type, TupleType)
    size = node.type.elements[1].shape[-1]
    batch, dtype = product(tuple(lead)), node.args[0].array_type.dtype
    tall = size == m
    length = n if tall else m
    long, short = code.local("long", dtype, (size, length)), code.local("short", dtype, (size, size))
    values, turned = code.local("values", dtype, (size,)), code.local("turned", INT64, (1,))
    triangle = Triangle(code, long, size, length) if _is_far_longer(length, size) else None
    vectors, reach = (triangle.core, size) if triangle else (long, length)
    with code.loop(batch, name="matrix") as matrix:
        a = code.operand(operands[0], (batch, n, m)).at(matrix.at)
        u = code.result(results[0], (batch, n, size)).at(matrix.at)
        s = code.result(results[1], (batch, size)).at(matrix.at)
        vt = code.result(results[2], (batch, size, m)).at(matrix.at)
        largest = _scaled_vectors(code, transposed(a) if tall else a, long, size, length)
        code.fail_if(~(largest < np.inf), "numpy.linalg.LinAlgError", "SVD did not converge")
        if triangle:
            triangle.reduce()
        unit_matrix(code, short, size)
        _make_orthogonal(code, vectors, short, turned, size, reach)
        code.fail_if(turned[0].differs(0), "numpy.linalg.LinAlgError", "SVD did not converge")
        _lengths(code, vectors, values, size, reach)
        sort_rows(code, values, [(vectors, reach), (short, size)], size, descending=True)
        _unit_vectors(code, vectors, values, size, reach)
        of_long = triangle.restored() if triangle else long
        of_u, of_v = (of_long, short) if tall else (short, of_long)
        with code.loop(size, name="i") as i:
            s[i.at] = values[i.at] * largest
            with code.lanes(n) as x:
                u[x.at, i.at] = of_u[i.at, x.at]
            with code.lanes(m) as x:
                vt[i.at, x.at] = of_v[i.at, x.at]
    return code.scratch


def _is_far_longer(length: Dim, size: Dim) -> bool:
    """Whether reflecting is cheaper than rotating vectors of this length."""
    return isinstance(length, int) and isinstance(size, int) and length >= 2 * size > 2


def transposed(a: Array) -> Array:
    """The same matrix with its axes exchanged."""
    return Array(a.code, a.buffer, (a.strides[1], a.strides[0]), a.start)


def _scaled_vectors(code: Notation, a: Array, long: Array, size: Dim, length: Dim) -> Scalar:
    """long = a / max|a|, so that no square overflows; returns the divisor, 1 for a = 0."""
    with code.loop(size, name="i") as i:
        with code.lanes(length) as x:
            of_row = x.fold("maximum", abs(a[i.at, x.at]))
        found = i.fold("maximum", of_row)
    # A comparison that is true of NaN keeps it.
    largest = (found <= 0).choose(1, found)
    with code.loop(size, name="i") as i, code.lanes(length) as x:
        long[i.at, x.at] = a[i.at, x.at] / largest
    return largest


def _make_orthogonal(
    code: Notation, long: Array, short: Array, turned: Array, size: Dim, length: Dim
) -> None:
    """Rotates pairs of vectors until no pair has a cosine above rounding."""
    dtype = long.dtype
    tolerance = code.cast(code.size(length), dtype).sqrt() * np.finfo(dtype).eps
    with code.loop(SWEEPS, name="sweep") as sweep:
        turned[0] = 0
        with code.loop(size, name="p") as p, code.loop(size, first=p.at + 1, name="q") as q:
            with code.lanes(length) as x:
                of_p, of_q = long[p.at, x.at], long[q.at, x.at]
                square_p, square_q = x.fold("add", of_p * of_p), x.fold("add", of_q * of_q)
                inner = x.fold("add", of_p * of_q)
            with code.when(abs(inner) > tolerance * square_p.sqrt() * square_q.sqrt()):
                turned[0] = 1
                cosine, sine = of_tangent(smaller_tangent((square_q - square_p) / (inner * 2)))
                rotate(code, long, p.at, q.at, cosine, sine, length)
                rotate(code, short, p.at, q.at, cosine, sine, size)
        sweep.stop_if(turned[0].equals(0))


def _lengths(code: Notation, long: Array, values: Array, size: Dim, length: Dim) -> None:
    with code.loop(size, name="i") as i:
        values[i.at] = _square(code, long.at(i.at), length).sqrt()


def _square(code: Notation, x: Array, length: Dim) -> Scalar:
    with code.lanes(length) as at:
        total: Scalar = at.fold("add", x[at.at] * x[at.at])
    return total


def _unit_vectors(code: Notation, long: Array, values: Array, size: Dim, length: Dim) -> None:
    """Divides the vectors by their lengths; those of length zero become orthogonal to the ones before."""
    with code.loop(size, name="i") as i:
        value = values[i.at]
        with code.when(value > 0), code.lanes(length) as x:
            long[i.at, x.at] = long[i.at, x.at] / value
        with code.when(value.equals(0)):
            _complete(code, long, i.at, length)


def _complete(code: Notation, long: Array, i: Point, length: Dim) -> None:
    """Vector i becomes what the vectors before it leave of the first axis that is far from their span.

    At least one of the `length` axes leaves a rest whose square is 1/length or more.
    """
    dtype = long.dtype
    enough = 0.5 / code.cast(code.size(length), dtype)
    with code.loop(length, name="axis") as axis:
        with code.lanes(length) as x:
            long[i, x.at] = code.cast(x.at.number().equals(axis.at.number()), dtype)
        for _ in range(2):  # once more, for what rounding left (Kahan's "twice is enough")
            _remove_span(code, long, i, length)
        square = _square(code, long.at(i), length)
        divisor = (square > 0).choose(square, 1).sqrt()
        with code.lanes(length) as x:
            long[i, x.at] = long[i, x.at] / divisor
        axis.stop_if(square > enough)


def _remove_span(code: Notation, long: Array, i: Point, length: Dim) -> None:
    with code.loop(length, end=i, name="before") as before:
        with code.lanes(length) as x:
            part = x.fold("add", long[before.at, x.at] * long[i, x.at])
        with code.lanes(length) as x:
            long[i, x.at] = long[i, x.at] - part * long[before.at, x.at]
