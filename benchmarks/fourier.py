"""Times magnitudes of Fourier transforms beside NumPy's, on one thread.

    python -m benchmarks.fourier [--seconds 1]

Each row: least time of either over calls in turns; their ratio (below 1 graphc is faster). Results that
differ by more than rounding end the program.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import graphc


def rows() -> dict[str, tuple[Callable[[Any], Any], tuple[int, ...]]]:
    """Name -> (function, shape of its argument)."""

    def real(x: Any) -> Any:
        return np.abs(np.fft.rfft(x))

    shapes = {f"rfft {n}": (n,) for n in (1000, 1024, 10007, 65536, 1 << 20)}
    found = {name: (real, shape) for name, shape in shapes.items()}
    found["rfft 1024, 256 lines"] = (real, (256, 1024))
    found["fft2 512x512"] = (lambda x: np.abs(np.fft.fft2(x)), (512, 512))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1.0, help="time spent on each row")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    print(f"{'|transform| of f64':24} {'graphc':>12} {'numpy':>12} {'ratio':>6}")
    for name, (function, shape) in rows().items():
        x = rng.normal(size=shape)
        compiled = graphc.compile(function, threads=1)
        if not np.allclose(compiled(x), function(x)):
            raise SystemExit(f"{name}: the results differ")
        best, end = [float("inf")] * 2, time.perf_counter() + options.seconds
        while time.perf_counter() < end:
            for i, call in enumerate((compiled, function)):
                start = time.perf_counter()
                call(x)
                best[i] = min(best[i], time.perf_counter() - start)
        ours, numpys = (1e6 * seconds for seconds in best)
        print(f"{name:24} {ours:9.1f} µs {numpys:9.1f} µs {ours / numpys:6.2f}", flush=True)


if __name__ == "__main__":
    main()
