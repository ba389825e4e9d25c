"""SciPy's functions of the array API standard, for traced arrays and for nothing else.

`scipy.special.softmax`, `logsumexp` and others ask `array_namespace(x)` for the functions to call. Unless the
switch SCIPY_ARRAY_API is set, it answers NumPy whatever x is. The switch is a global of the module that
defines `array_namespace`, looked up at each call. Here it becomes an object that is true where one of the
arrays in question is traced, and otherwise as true as it was: see docs/decisions/120-scipy-namespaces.md.
"""

from __future__ import annotations

import sys
from typing import Any

from graphc.dataclass import dataclass
from graphc.trace.tracer import Tracer

_SWITCH = "SCIPY_ARRAY_API"


@dataclass(frozen=True, eq=False)
class _Switch:
    """What SciPy was started with, and yes for traced arrays."""

    given: Any

    def __bool__(self) -> bool:
        asking = sys._getframe(1)  # array_namespace(*arrays)
        return bool(self.given) or any(isinstance(x, Tracer) for x in asking.f_locals.get("arrays", ()))

    def __eq__(self, other: object) -> bool:
        return bool(self.given == other)

    def __hash__(self) -> int:
        return hash(self.given)

    def __str__(self) -> str:
        return str(self.given)


def open_scipy() -> None:
    """Lets SciPy see traced arrays as arrays, if SciPy is loaded and has such a switch."""
    if not scipy_is_open():
        names = _names()
        names[_SWITCH] = _Switch(names[_SWITCH])


def scipy_is_open() -> bool:
    """Whether there is no switch left to exchange."""
    names = _names()
    return _SWITCH not in names or isinstance(names[_SWITCH], _Switch)


def _names() -> dict[str, Any]:
    """The globals that SciPy's `array_namespace` reads."""
    module = sys.modules.get("scipy._lib._array_api")
    return vars(module)["array_namespace"].__globals__ if "array_namespace" in vars(module or sys) else {}
