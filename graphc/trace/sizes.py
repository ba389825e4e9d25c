"""Questions of the user's function about symbolic sizes: answered only where all sizes give one answer."""

from __future__ import annotations

import sys
from types import FrameType

import numpy as np

from graphc.errors import ShapeError, located
from graphc.ir.dims import SymbolicDim, differs
from graphc.trace.context import LIBRARIES, current, instruction, user_line_with_text


def refuse_unknown_equality(dim: SymbolicDim, other: object) -> None:
    """A `ShapeError` if the user's own line compares sizes whose equality only a call decides.

    graphc itself compares expressions: there, what is not the same expression counts as different.
    """
    if current() is None or not isinstance(other, SymbolicDim | int | np.integer):
        return
    asking: FrameType | None = sys._getframe(2)  # beyond this function and the comparison that called it
    if asking is not None and asking.f_code is SymbolicDim.__bool__.__code__:
        asking = asking.f_back
    if asking is None or asking.f_code.co_filename.startswith(LIBRARIES):
        return
    called = instruction(asking).startswith(("CALL", "PRECALL"))  # functions in C that ask: np.arange
    if called or differs(dim, _exact(other)):
        return
    raise ShapeError(
        located(
            f"whether the size {dim} equals {other} is not known while tracing",
            user_line_with_text(),
            "Give equal sizes one name, or trace with fixed sizes.",
        )
    )


def _exact(other: SymbolicDim | int | np.integer) -> SymbolicDim | int:
    return other if isinstance(other, SymbolicDim) else int(other)
