"""Kernels of symmetric eigenvalues and singular values by Jacobi rotations: short, and accurate.

Golub & Van Loan, Matrix Computations, §8.5; Demmel & Veselić (1992) for the accuracy of the method.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graphc.ir.dims import Dim, product
from graphc.ir.graph import Node
from graphc.ir.types import TupleType
from graphc.lower import kernel_ir as k
from graphc.lower.build import KernelBuilder
from graphc.lower.opaque.notation import INT64, Array, Notation, Point, Scalar
from graphc.lower.opaque.triangular import swap_rows
from graphc.lower.writer import ErrorTable

SWEEPS = 60  # convergence is quadratic: ten suffice for matrices of any size met so far


def diagonalise(code: Notation, a: Array, vectors: Array, values: Array, n: Dim) -> Scalar:
    """Rotations in the planes (p, q) clear S[p, q] in turn until S is diagonal; `vectors` is their product.

    The vectors stand in rows. Returns the largest absolute value in a.
    """
    s, turned = code.local("s", a.dtype, (n, n)), code.local("turned", INT64, (1,))
    largest = _symmetric_copy(code, a, s, n)
    unit_matrix(code, vectors, n)
    least = largest * np.finfo(a.dtype).eps / code.cast(code.size(n), a.dtype)
    with code.loop(SWEEPS, name="sweep") as sweep:
        turned[0] = 0
        with (
            code.loop(n, name="p") as p,
            code.loop(n, first=p.at + 1, name="q") as q,
            code.when(abs(s[p.at, q.at]) > least),
        ):
            turned[0] = 1
            _clear(code, s, vectors, p.at, q.at, n)
        sweep.stop_if(turned[0].equals(0))
    code.fail_if(turned[0].differs(0), "numpy.linalg.LinAlgError", "Eigenvalues did not converge")
    with code.lanes(n) as x:
        values[x.at] = s[x.at, x.at]
    return largest


def _symmetric_copy(code: Notation, a: Array, s: Array, n: Dim) -> Scalar:
    """s = a's lower triangle and its mirror image; returns the largest absolute value."""
    with code.loop(n, name="i") as i:
        with code.lanes(n, end=i.at + 1) as x:
            s[i.at, x.at] = a[i.at, x.at]
            s[x.at, i.at] = a[i.at, x.at]
            of_row = x.fold("maximum", abs(a[i.at, x.at]))
        return i.fold("maximum", of_row)


def unit_matrix(code: Notation, a: Array, n: Dim) -> None:
    """a = I."""
    with code.loop(n, name="i") as i, code.lanes(n) as x:
        a[i.at, x.at] = code.cast(x.at.number().equals(i.at.number()), a.dtype)


def _clear(code: Notation, s: Array, vectors: Array, p: Point, q: Point, n: Dim) -> None:
    """The rotation after which S[p, q] = 0."""
    off, of_p, of_q = s[p, q], s[p, p], s[q, q]
    tangent = smaller_tangent((of_q - of_p) / (off * 2))
    cosine, sine = _of_tangent(tangent)
    rotate(code, s, p, q, cosine, sine, n)
    s[p, p], s[q, q] = of_p - tangent * off, of_q + tangent * off
    s[p, q], s[q, p] = 0, 0
    with code.lanes(n) as x:
        s[x.at, p] = s[p, x.at]
    with code.lanes(n) as x:
        s[x.at, q] = s[q, x.at]
    rotate(code, vectors, p, q, cosine, sine, n)


def smaller_tangent(cotangent: Scalar) -> Scalar:
    """The root t of t² + 2t·cotangent = 1 that is at most 1 in size."""
    size = abs(cotangent)
    # Where the square overflows, t is 1/(2·size) to the last digit.
    root = 1 / (size + (size * size + 1).sqrt())
    return (cotangent < 0).choose(-root, root)


def _of_tangent(tangent: Scalar) -> tuple[Scalar, Scalar]:
    """(cosine, sine) of the angle."""
    cosine = 1 / (tangent * tangent + 1).sqrt()
    return cosine, tangent * cosine


def rotate(code: Notation, a: Array, p: Point, q: Point, cosine: Scalar, sine: Scalar, n: Dim) -> None:
    """(a[p], a[q]) = (cosine a[p] - sine a[q], sine a[p] + cosine a[q])."""
    with code.lanes(n) as x:
        of_p, of_q = a[p, x.at], a[q, x.at]
        a[p, x.at] = cosine * of_p - sine * of_q
        a[q, x.at] = sine * of_p + cosine * of_q


def sort_rows(
    code: Notation, keys: Array, matrices: Sequence[tuple[Array, Dim]], n: Dim, *, descending: bool
) -> None:
    """Sorts the keys, and the rows of the matrices (with their lengths) along with them, by selection."""
    with code.loop(n, name="i") as i:
        first = keys[i.at]
        with code.loop(n, first=i.at, name="j") as j:
            best, place = j.carry(first), j.carry(i.at.number())
            key = keys[j.at]
            better = key > best.now if descending else key < best.now
            best.becomes(better.choose(key, best.now))
            place.becomes(better.choose(j.at.number(), place.now))
        with code.when(place.result > i.at.number()):
            keys[place.result] = first
            keys[i.at] = best.result
            for matrix, length in matrices:
                swap_rows(code, matrix, i.at, place.result, length)


def svd(
    builder: KernelBuilder,
    node: Node,
    operands: Sequence[k.Buffer],
    results: Sequence[k.Buffer],
    errors: ErrorTable,
) -> list[k.Buffer]:
    """Rotations make the shorter side's vectors of A orthogonal; their lengths are s (Hestenes 1958)."""
    code = Notation(builder, errors, node.source)
    *lead, n, m = node.args[0].array_type.shape
    assert isinstance(node.type, TupleType)
    size = node.type.elements[1].shape[-1]
    batch, dtype = product(tuple(lead)), node.args[0].array_type.dtype
    tall = size == m
    length = n if tall else m
    long, short = code.local("long", dtype, (size, length)), code.local("short", dtype, (size, size))
    values, turned = code.local("values", dtype, (size,)), code.local("turned", INT64, (1,))
    with code.loop(batch, name="matrix") as matrix:
        a = code.operand(operands[0], (batch, n, m)).at(matrix.at)
        u = code.result(results[0], (batch, n, size)).at(matrix.at)
        s = code.result(results[1], (batch, size)).at(matrix.at)
        vt = code.result(results[2], (batch, size, m)).at(matrix.at)
        largest = _scaled_vectors(code, transposed(a) if tall else a, long, size, length)
        code.fail_if(~(largest < np.inf), "numpy.linalg.LinAlgError", "SVD did not converge")
        unit_matrix(code, short, size)
        _make_orthogonal(code, long, short, turned, size, length)
        code.fail_if(turned[0].differs(0), "numpy.linalg.LinAlgError", "SVD did not converge")
        _lengths(code, long, values, size, length)
        sort_rows(code, values, [(long, length), (short, size)], size, descending=True)
        _unit_vectors(code, long, values, size, length)
        of_u, of_v = (long, short) if tall else (short, long)
        with code.loop(size, name="i") as i:
            s[i.at] = values[i.at] * largest
            with code.lanes(n) as x:
                u[x.at, i.at] = of_u[i.at, x.at]
            with code.lanes(m) as x:
                vt[i.at, x.at] = of_v[i.at, x.at]
    return code.scratch


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
                cosine, sine = _of_tangent(smaller_tangent((square_q - square_p) / (inner * 2)))
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
