"""Programs that write into arrays as NumPy programs do: borders, masks, sums into zeros."""

import numpy as np

from tests.programs.checks import check_program

rng = np.random.default_rng(4)


def neighbours(p):
    return p[1:-1, 2:] + p[1:-1, :-2] + p[2:, 1:-1] + p[:-2, 1:-1]


def driven_cavity(u, v):
    """Two steps of an incompressible flow; the pressure by relaxation, borders copied after each sweep."""
    p = np.zeros_like(u)
    for _ in range(2):
        divergence = u[1:-1, 2:] - u[1:-1, :-2] + v[2:, 1:-1] - v[:-2, 1:-1]
        for _ in range(5):
            old = p.copy()
            p[1:-1, 1:-1] = (neighbours(old) - divergence) / 4
            p[:, -1], p[:, 0] = p[:, -2], p[:, 1]
            p[0, :] = p[1, :]
            p[-1, :] = 0.0
        before, v = u, v.copy()
        u = before.copy()
        u[1:-1, 1:-1] += 0.1 * (neighbours(before) - 4 * before[1:-1, 1:-1]) - 0.1 * (
            p[1:-1, 2:] - p[1:-1, :-2]
        )
        v[1:-1, 1:-1] -= 0.1 * (p[2:, 1:-1] - p[:-2, 1:-1]) + 0.05 * before[1:-1, 1:-1] * v[1:-1, 1:-1]
        u[[0, -1]] = v[[0, -1]] = 0.0
        u[-1, :] = 1.0
    return np.sum(u**2) + np.sum(v * p)


def least_squares_by_rows(x, y):
    """Normal equations summed into concrete zeros."""
    a, b, count = np.zeros((2, 2)), np.zeros(2), np.zeros(2, int)
    for row, value in zip(x, y, strict=True):
        a += np.outer(row, row)
        b += value * row
        count += row > 0
    a += 0.1 * np.eye(2)
    return np.linalg.solve(a, b) @ count


def clipped_states(x, alive):
    """A step per state, some of whose components are reset where a mask says so."""
    y = x.copy()
    for _ in range(2):
        y[:, 1] += 0.1 * np.sin(y[:, 0])
        y[alive, 0] += 0.1 * y[alive, 1]
        y[~alive, 1:] *= 0.5
        y[y > 1.5] = 1.5
    return np.sum(y[alive, 0] ** 2) + np.sum(y)


def test_updates():
    check_program(driven_cavity, rng.normal(size=(6, 7)), rng.normal(size=(6, 7)))
    check_program(least_squares_by_rows, rng.normal(size=(4, 2)), rng.normal(size=4), single=False)
    check_program(clipped_states, rng.normal(size=(5, 3)), rng.random(5) < 0.5)
