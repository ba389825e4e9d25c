"""NumPy functions written in terms of graph ops, one family a module. Importing fills the table."""

from graphc.trace.numpy_functions import (  # noqa: F401
    creation,
    diagonals,
    differences,
    einsum,
    gathering,
    joining,
    linalg,
    nan_statistics,
    norms,
    numbers,
    ordering,
    padding,
    polynomials,
    positions,
    products,
    reductions,
    selection,
    shapes,
    special,
    statistics,
)
