"""Functions that cannot be traced, each with what to use instead."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.errors import TraceError, UnsupportedError, located
from graphc.trace.context import user_line_with_text
from graphc.trace.functions import implements


def data_dependent(function: str, remedy: str) -> TraceError:
    """The error for a function whose result has as many elements as the data says."""
    return TraceError(
        located(
            f"numpy.{function}: the shape of its result depends on the data", user_line_with_text(), remedy
        )
    )


REFUSED = {
    np.nonzero: "Use masks: np.where(x != 0, a, b), np.count_nonzero(x), or np.argmax(x != 0) for the first.",
    np.argwhere: "Use masks: np.where(x != 0, a, b), or np.argmax(x != 0) for the first.",
    np.flatnonzero: "Use masks: np.where(x != 0, a, b), or np.argmax(x != 0) for the first.",
    np.extract: "Use np.where(condition, x, 0), or a reduction with where=.",
    np.unique: "Use np.sort(x), whose neighbours differ where a new value starts.",
    np.unique_values: "Use np.sort(x), whose neighbours differ where a new value starts.",
    np.union1d: "Use np.sort(np.concatenate([a, b])).",
    np.intersect1d: "Compare with broadcasting: np.any(a[:, None] == b, axis=1).",
    np.setdiff1d: "Compare with broadcasting: ~np.any(a[:, None] == b, axis=1).",
    np.trim_zeros: "Multiply by a mask instead.",
    np.unique_all: "Use np.argsort(x); neighbours of x[order] differ where a new value starts.",
    np.unique_counts: "Use np.sort(x), whose neighbours differ where a new value starts.",
    np.unique_inverse: "Use np.argsort(x); neighbours of x[order] differ where a new value starts.",
    np.setxor1d: "Compare with broadcasting: ~np.any(a[:, None] == b, axis=1).",
    np.polydiv: "Its remainder loses leading zeros: divide step by step with fixed lengths.",
}


def _refuser(function: Any, remedy: str) -> None:
    @implements(function)
    def refuse_it(*args: Any, **keywords: Any) -> Any:
        raise data_dependent(function.__name__, remedy)


for _name, _remedy in REFUSED.items():
    _refuser(_name, _remedy)


NO_REAL_RESULT = {
    np.linalg.eig: ("eigenvalues of a general matrix", "For a symmetric matrix use np.linalg.eigh."),
    np.linalg.eigvals: ("eigenvalues of a general matrix", "For a symmetric matrix use np.linalg.eigvalsh."),
    np.roots: ("roots of a polynomial", "Find one at a time by Newton's method."),
    np.sort_complex: ("its results", "Use np.sort."),
}


def _refuse_complex(function: Any, what: str, remedy: str) -> None:
    @implements(function)
    def refused(*args: Any, **keywords: Any) -> Any:
        raise UnsupportedError(
            located(
                f"{function.__module__}.{function.__name__}: {what} may be complex, and graphc computes with "
                "real numbers",
                user_line_with_text(),
                remedy,
            )
        )


for _function, (_what, _remedy) in NO_REAL_RESULT.items():
    _refuse_complex(_function, _what, _remedy)
