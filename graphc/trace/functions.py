"""NumPy functions on traced values: a table from function to its meaning in terms of graph ops.

The modules of `graphc.trace.numpy_functions` fill the table; each function there takes NumPy's own
signature, so wrong arguments raise the TypeError a NumPy user knows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphc.trace.complex_numbers.kinds import holds_complex
from graphc.trace.meanings import filling
from graphc.trace.ufuncs import unsupported

FUNCTIONS: dict[Callable[..., Any], Callable[..., Any]] = {}


implements = filling(FUNCTIONS)  # the traced meaning of NumPy functions


def call_function(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What NumPy's `function` means on arguments of which at least one is traced."""
    from graphc.trace.numpy_functions import find

    if holds_complex(args) or holds_complex(kwargs.values()):
        from graphc.trace.complex_numbers.functions import call_complex_function

        return call_complex_function(function, args, kwargs)
    implementation = find(FUNCTIONS, function)
    if implementation is None:
        raise unsupported(full_name(function))
    return implementation(*args, **kwargs)


def full_name(function: Callable[..., Any]) -> str:
    """`numpy.linalg.solve`."""
    module = getattr(function, "__module__", "numpy") or "numpy"
    return f"{module}.{function.__name__}"
