"""`checkpoint`: memory for time in the gradient of a part of a program."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from graphc.api.compile import unbind
from graphc.api.differentiable import record_at
from graphc.control.checkpoint import Checkpoint
from graphc.trace.context import current
from graphc.trace.tracer import Tracer, record

Function = TypeVar("Function", bound=Callable[..., Any])


def checkpoint(f: Function) -> Function:
    """`f`, of which a gradient keeps only the arguments: its values are computed again when they are needed.

    The gradient of a chain of n checkpointed parts needs memory for the values between the parts and those
    of one part, instead of all, and runs f once more. Results and gradients are the same. Called on
    plain arrays, or where nothing is differentiated, it is f (Griewank & Walther 2000, Algorithm 799).
    """

    @functools.wraps(f)
    def checkpointed(*args: Any, **kwargs: Any) -> Any:
        if current() is None:
            return f(*args, **kwargs)
        function, bound = unbind(f)
        given = (*bound, *args)
        at = record_at(function, given, kwargs, range(len(given)), _is_array)
        traced = at.recorded.traced
        return at.result(record(Checkpoint(traced.graph), *at.inputs, *traced.captured))

    return checkpointed  # type: ignore[return-value]


def _is_array(leaf: Any, name: str) -> bool:
    """Whether a leaf is an operand; numbers stay what they are, so that f may count with them."""
    return isinstance(leaf, Tracer | np.ndarray)
