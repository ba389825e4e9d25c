"""Colourings of sparse matrices: which columns, or rows, one derivative can compute at the same time."""

from __future__ import annotations

from typing import Any

import numpy as np


def column_colours(pattern: Any) -> np.ndarray:
    """A colour for each column, so that columns of one colour have no row in common: i64[n].

    The sum of the columns of one colour then holds each entry of them by itself (Curtis, Powell & Reid 1974).
    Greedy, columns with many entries first, each in the first colour that none of its rows has met.
    """
    columns = pattern.tocsc()
    starts = columns.indptr
    counts = np.diff(starts)
    met = [0] * pattern.shape[0]  # for each row, the set of colours as bits
    colours = np.zeros(pattern.shape[1], np.int64)
    for column in np.argsort(-counts, kind="stable"):
        rows = columns.indices[starts[column] : starts[column + 1]].tolist()
        taken = 0
        for row in rows:
            taken |= met[row]
        colour = _first_free(taken)
        colours[column] = colour
        for row in rows:
            met[row] |= 1 << colour
    return colours


def star_colours(pattern: Any) -> np.ndarray:
    """A star colouring of a symmetric pattern, for each column a colour: i64[n].

    No two neighbours share a colour, and no path of four vertices has two colours only; so each entry (i, j)
    stands by itself either in row i of the columns with the colour of j, or in row j of those with the colour
    of i (Gebremedhin, Manne & Pothen 2005, Algorithm 4.1 and section 4.1).
    """
    starts, indices = pattern.indptr, pattern.indices
    neighbours = [
        [j for j in indices[starts[i] : starts[i + 1]].tolist() if j != i] for i in range(pattern.shape[0])
    ]
    colours = [-1] * len(neighbours)
    for v in sorted(range(len(neighbours)), key=lambda v: -len(neighbours[v])):
        taken = 0
        for w in neighbours[v]:
            if colours[w] >= 0:
                taken |= 1 << colours[w]
            for x in neighbours[w]:
                if x == v or colours[x] < 0:
                    continue
                # v-w-x, continued by a y like w, would be a path in the two colours of w and x.
                if colours[w] < 0 or any(colours[y] == colours[w] for y in neighbours[x] if y != w):
                    taken |= 1 << colours[x]
        colours[v] = _first_free(taken)
    return np.array(colours, np.int64)


def symmetric_places(pattern: Any, colours: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(colour, row) of the compressed matrix where each entry of a symmetric pattern stands by itself."""
    rows = np.repeat(np.arange(pattern.shape[0]), np.diff(pattern.indptr))
    columns = pattern.indices
    count = int(colours.max(initial=-1)) + 1
    # How often row i has an entry in a column of a colour.
    keys, counts = np.unique(rows * count + colours[columns], return_counts=True)
    alone = counts[np.searchsorted(keys, rows * count + colours[columns])] == 1
    return colours[np.where(alone, columns, rows)], np.where(alone, rows, columns)


def _first_free(taken: int) -> int:
    """The number of the lowest bit that is not set."""
    return (~taken & (taken + 1)).bit_length() - 1
