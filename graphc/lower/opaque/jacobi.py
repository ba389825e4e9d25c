"""Symmetric eigenvalues by Jacobi rotations: short, and accurate.

Golub & Van Loan, Matrix Computations, §8.5; Demmel & Veselić (1992) for the accuracy of the method.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graphc.ir.dims import Dim
from graphc.lower.opaque.notation import INT64, Array, Notation, Point, Scalar
from graphc.lower.opaque.triangular import swap_rows

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
    cosine, sine = of_tangent(tangent)
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


def of_tangent(tangent: Scalar) -> tuple[Scalar, Scalar]:
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
