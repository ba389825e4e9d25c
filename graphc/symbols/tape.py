"""A list of calls that computes values from values: what expressions become, ready to run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc.dataclass import dataclass


@dataclass(frozen=True)
class Constant:
    """A number, in the dtype that the tape computes in, or a truth value."""

    value: float | bool


@dataclass(frozen=True)
class Step:
    """`function` of the values at the places `operands`."""

    function: Callable[..., Any]
    operands: tuple[int, ...]


@dataclass(frozen=True)
class Tape:
    """Values: the arguments, then one per step; the results are those at `outputs`."""

    steps: tuple[Constant | Step, ...]
    outputs: tuple[int, ...]

    def run(self, arguments: Sequence[Any], dtype: np.dtype) -> list[Any]:
        """The results for these arguments of `dtype`: NumPy values, or traced ones.

        NumPy's warnings are off: both branches of a choice are computed, here as in compiled code.
        """
        values = list(arguments)
        with np.errstate(all="ignore"):
            for step in self.steps:
                if isinstance(step, Step):
                    values.append(step.function(*(values[place] for place in step.operands)))
                else:
                    values.append(step.value if isinstance(step.value, bool) else dtype.type(step.value))
        return [values[place] for place in self.outputs]
