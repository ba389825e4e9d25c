"""Eigenvalues and vectors of symmetric matrices through a tridiagonal one.

Householder reduction (Martin, Reinsch & Wilkinson 1968), then QL iterations with implicit shifts
(Dubrulle, Martin & Wilkinson 1968, `imtql2`). Vectors are kept in rows, and of S only the lower triangle
is used, so that all inner loops run along rows.
"""

from __future__ import annotations

import numpy as np

from graphc.ir.dims import Dim
from graphc.lower.opaque.jacobi import rotate, unit_matrix
from graphc.lower.opaque.notation import INT64, Array, Notation, Point, Scalar

ITERATIONS = 60  # per eigenvalue; two are usual


def diagonalise(code: Notation, a: Array, vectors: Array, values: Array, n: Dim) -> Scalar:
    """Finds the values and, in rows, the vectors of a; returns the largest absolute value in a."""
    dtype = a.dtype
    s, reflector_factors = code.local("s", dtype, (n, n)), code.local("factors", dtype, (n,))
    # One element more: what couples the last row with the one after it is zero.
    diagonal, coupling = code.local("diagonal", dtype, (n + 1,)), code.local("coupling", dtype, (n + 1,))
    product_row, rotated = code.local("row", dtype, (n,)), code.local("rotated", INT64, (1,))
    largest = _scaled_triangle(code, a, s, n)
    with code.loop(n, first=1, name="step") as step:
        row = step.at * -1 + n
        reflector_factors[row], coupling[row] = reflector(code, s.at(row), row)
        _reflect(code, s, row, reflector_factors[row], product_row, n)
    with code.lanes(n) as x:
        diagonal[x.at] = s[x.at, x.at]
    diagonal[n], coupling[n] = 0, 0
    _multiply_reflections(code, s, reflector_factors, vectors, n)
    _iterate(code, diagonal, coupling, vectors, rotated, n)
    scale = _divisor(largest)
    with code.lanes(n) as x:
        values[x.at] = diagonal[x.at] * scale
    return largest


# ---- to tridiagonal form


def _scaled_triangle(code: Notation, a: Array, s: Array, n: Dim) -> Scalar:
    """s = a / max|a| in the lower triangle, so that no square overflows; returns max|a|."""
    with code.loop(n, name="i") as i:
        with code.lanes(n, end=i.at + 1) as x:
            of_row = x.fold("maximum", abs(a[i.at, x.at]))
        largest = i.fold("maximum", of_row)
    divisor = _divisor(largest)
    with code.loop(n, name="i") as i, code.lanes(n, end=i.at + 1) as x:
        s[i.at, x.at] = a[i.at, x.at] / divisor
    return largest


def _divisor(largest: Scalar) -> Scalar:
    # A comparison that is true of NaN keeps it.
    return (largest <= 0).choose(1, largest)


def _negligible(dtype: np.dtype) -> float:
    """What is lost beside elements near 1, and whose square is still far from underflow."""
    return float(np.finfo(dtype).eps) ** 2


def reflector(code: Notation, x: Array, end: Point) -> tuple[Scalar, Scalar]:
    """(τ, β) of the reflection I - τ v vᵀ that takes x[:end] to (0, …, 0, β); v, v[-1] = 1, replaces x."""
    dtype, last = x.dtype, end - 1
    alpha = x[last]
    with code.lanes(x.buffer.size, end=last) as i:
        squares = i.fold("add", x[i.at] * x[i.at])
    trivial = squares <= _negligible(dtype) ** 2
    norm = (squares + alpha * alpha).sqrt()
    beta = (alpha < 0).choose(norm, -norm)
    divisor = trivial.choose(1, alpha - beta)
    with code.lanes(x.buffer.size, end=last) as i:
        x[i.at] = x[i.at] / divisor
    x[last] = 1
    return trivial.choose(0, (beta - alpha) / trivial.choose(1, beta)), trivial.choose(alpha, beta)


def _reflect(code: Notation, s: Array, row: Point, tau: Scalar, w: Array, n: Dim) -> None:
    """S[:row, :row] -= v wᵀ + w vᵀ, w = p - ½ τ (pᵀv) v, p = τ S v: the reflection from both sides."""
    v = s.at(row)
    with code.lanes(n, end=row) as x:
        w[x.at] = 0
    with code.loop(n, end=row, name="j") as j:
        of_v = v[j.at]
        with code.lanes(n, end=j.at) as x:
            element = s[j.at, x.at]
            left = x.fold("add", element * v[x.at])
            w[x.at] = w[x.at] + element * of_v
        w[j.at] = w[j.at] + left + s[j.at, j.at] * of_v
    with code.lanes(n, end=row) as x:
        w[x.at] = w[x.at] * tau
        inner = x.fold("add", w[x.at] * v[x.at])
    half = inner * tau * 0.5
    with code.lanes(n, end=row) as x:
        w[x.at] = w[x.at] - half * v[x.at]
    with code.loop(n, end=row, name="j") as j:
        of_v, of_w = v[j.at], w[j.at]
        with code.lanes(n, end=j.at + 1) as x:
            s[j.at, x.at] = s[j.at, x.at] - (of_v * w[x.at] + of_w * v[x.at])


def _multiply_reflections(code: Notation, s: Array, factors: Array, vectors: Array, n: Dim) -> None:
    """vectors = H₁ H₂ …: reflection i changes the first i columns, of i rows."""
    unit_matrix(code, vectors, n)
    with code.loop(n, first=1, name="i") as i:
        v, tau = s.at(i.at), factors[i.at]
        with code.loop(n, end=i.at, name="row") as row:
            with code.lanes(n, end=i.at) as x:
                inner = x.fold("add", vectors[row.at, x.at] * v[x.at])
            factor = tau * inner
            with code.lanes(n, end=i.at) as x:
                vectors[row.at, x.at] = vectors[row.at, x.at] - factor * v[x.at]


# ---- to diagonal form


def _iterate(code: Notation, d: Array, e: Array, vectors: Array, rotated: Array, n: Dim) -> None:
    """Rotations make all couplings of T vanish, of the first row first; e[i] couples rows i - 1 and i."""
    with code.loop(n, name="first") as first:
        with code.loop(ITERATIONS, name="iteration") as iteration:
            last = _end_of_block(code, d, e, first.at, n)
            coupled = last > first.at.number()
            rotated[0] = code.cast(coupled, INT64)
            with code.when(coupled):
                _sweep(code, d, e, vectors, first.at, last, n)
            iteration.stop_if(~coupled)
        code.fail_if(rotated[0].differs(0), "numpy.linalg.LinAlgError", "Eigenvalues did not converge")


def _end_of_block(code: Notation, d: Array, e: Array, first: Point, n: Dim) -> Scalar:
    """The first row, from `first` on, that is not coupled with the next one."""
    epsilon = float(np.finfo(d.dtype).eps)
    with code.loop(n, first=first, name="row") as row:
        place = row.carry(first.number())
        place.becomes(row.at.number())
        least = (abs(d[row.at]) + abs(d[row.at + 1])) * epsilon + _negligible(d.dtype)
        # NaN counts as converged: the results are NaN then.
        row.stop_if(~(abs(e[row.at + 1]) > least))
    return place.result


def _sweep(code: Notation, d: Array, e: Array, vectors: Array, first: Point, last: Scalar, n: Dim) -> None:
    """One QL step on rows first … last, shifted by the eigenvalue of the first two rows near d[first]."""
    one = code.number(1, d.dtype)
    coupling = e[first + 1]
    ratio = (d[first + 1] - d[first]) / (coupling * 2)
    root = (ratio * ratio + 1).sqrt()
    start = d[last] - d[first] + coupling / (ratio + (ratio < 0).choose(-root, root))
    with code.loop(n, end=last - first.number(), name="step") as step:
        g, sine, cosine, p = (step.carry(x) for x in (start, one, one, one - 1))
        i = code.point(last) - step.at - 1
        f, b = sine.now * e[i + 1], cosine.now * e[i + 1]
        r = (f * f + g.now * g.now).sqrt()
        e[i + 2] = r
        nothing = r.equals(0)
        divisor = nothing.choose(1, r)
        s, c = nothing.choose(0, f / divisor), nothing.choose(1, g.now / divisor)
        rest = d[i + 1] - p.now
        change = (d[i] - rest) * s + c * b * 2
        d[i + 1] = rest + s * change
        rotate(code, vectors, i, i + 1, c, s, n)
        for carried, following in ((g, c * change - b), (sine, s), (cosine, c), (p, s * change)):
            carried.becomes(following)
    d[first] = d[first] - p.result
    e[first + 1] = g.result
    e[code.point(last) + 1] = 0
