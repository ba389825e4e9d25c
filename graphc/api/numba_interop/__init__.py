"""Compiled functions inside `@numba.njit` code.

    step = graphc.value_and_grad(loss)

    @numba.njit
    def descend(x, rate, steps):
        for _ in range(steps):
            value, slope = step(x)
            x = x - rate * slope
        return x, value

Numba finds `register` through the package's entry point `numba_extensions`; importing graphc never imports
Numba. One native program serves all sizes of the arguments: every axis gets a symbolic size, and axes that
the function needs to be equal are checked to be so at run time. A function that does not trace with sizes
known at run time only needs them declared: `graphc.compile(f, dynamic={"x": "f64[N, 3]"})`. Numba does not
tell Python's float, int and bool from NumPy's f64, i64 and bool: they count as Python's here. Arrays may be
donated, and are then updated without the checks for shared memory that calls from Python make.
"""

from __future__ import annotations

_registered: list[bool] = []


def register() -> None:
    """Teaches Numba to call compiled functions. Calling it again changes nothing."""
    if not _registered:
        from graphc.api.numba_interop import types

        types.register()
        _registered.append(True)
