"""Nanoseconds per element of the elementary functions and of NumPy's or SciPy's, side by side in one run.

Run `python -m benchmarks.elementary [names…]`. Each figure is the minimum over many runs on an array that
stays in the first-level cache.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np
import scipy.special

from graphc.backends.cpu.jit import object_code
from graphc.backends.cpu.math import MATH
from graphc.backends.cpu.math.loops import array_function, loop_module
from graphc.backends.cpu.target import Target

TYPES = ((np.dtype(np.float32), 16), (np.dtype(np.float64), 8))
SIZE = 4096
BINARY = (
    *("power", "hypot", "arctan2", "logaddexp", "logaddexp2", "xlogy", "xlog1py", "rel_entr", "kl_div"),
    *("copysign", "heaviside", "maximum", "minimum", "fmax", "fmin", "fmod", "remainder", "floor_divide"),
    "nextafter",
)
# Where (0.1, 0.9) is not typical or not all.
RANGES = {"arccosh": (1.1, 10.0), "sin": (-10.0, 10.0), "cos": (-10.0, 10.0), "tan": (-10.0, 10.0)}
RANGES |= dict.fromkeys(
    ("exp", "exp2", "expm1", "tanh", "expit", "erf", "erfc", "ndtr", "softplus"), (-5.0, 5.0)
)
RANGES |= dict.fromkeys(("log", "log2", "log10", "gammaln", "digamma", "trigamma", "i0", "i1"), (0.1, 20.0))


def best_time(run: Callable[[], object], size: int) -> float:
    """Nanoseconds per element."""
    best = float("inf")
    for _ in range(30):
        start = time.perf_counter()
        for _ in range(10):
            run()
        best = min(best, time.perf_counter() - start)
    return best / (10 * size) * 1e9


def peer(name: str) -> np.ufunc | None:
    found = vars(np).get(name) or vars(scipy.special).get(name)
    return found if isinstance(found, np.ufunc) else None


def measure(name: str, dtype: np.dtype, lanes: int) -> tuple[float, float]:
    """(ours, NumPy's); NaN where NumPy and SciPy have none."""
    operands = 2 if name in BINARY else 1
    random = np.random.default_rng(0)
    columns = [random.uniform(*RANGES.get(name, (0.1, 0.9)), SIZE).astype(dtype) for _ in range(operands)]
    function = array_function(name, dtype, lanes, operands)
    result = np.empty(SIZE, np.bool_ if function.truth else dtype)
    ours = best_time(function.bound(result, *columns), SIZE)
    other = peer(name)
    return ours, best_time(lambda: other(*columns, out=result), SIZE) if other else float("nan")


def compile_time(name: str, dtype: np.dtype, lanes: int) -> float:
    """Milliseconds from nothing to object code of a module with one loop."""
    start = time.perf_counter()
    object_code(str(loop_module(name, dtype, lanes, 2 if name in BINARY else 1, Target(fast_ldexp=True))))
    return (time.perf_counter() - start) * 1e3


def main() -> None:
    print(f"{'ns per element':<15}{'f32':>8}{'NumPy':>8}{'f64':>8}{'NumPy':>8}{'ms to compile f64':>20}")
    for name in sys.argv[1:] or MATH:
        single, double = (measure(name, dtype, lanes) for dtype, lanes in TYPES)
        milliseconds = compile_time(name, *TYPES[1])
        print(
            f"{name:<15}{single[0]:8.2f}{single[1]:8.2f}{double[0]:8.2f}{double[1]:8.2f}{milliseconds:20.0f}"
        )


if __name__ == "__main__":
    main()
