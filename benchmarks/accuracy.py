"""Writes docs/accuracy.md: the largest error measured of every elementary function.

Run `python -m benchmarks.accuracy`. The inputs are those of the tests, more of them and with another seed.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from graphc.backends.cpu.math.loops import array_function
from tests.backends.math_cases import CASES, Case, error_in_ulps, exact_results, samples

TYPES = ((np.dtype(np.float32), 16), (np.dtype(np.float64), 8))

HEADER = """# Accuracy of the elementary functions

The CPU backend computes elementary functions with its own formulas; no mathematical library is called. The
table gives the largest error met, in units of the last place (ulp) of the exact result, and the bound that
the tests enforce. It is written by `python -m benchmarks.accuracy` from random inputs: uniform and
log-uniform over the function's interesting ranges, and numbers of random bits.

* Zeros, infinities, NaN, subnormal numbers and overflow thresholds are those of NumPy (tested against it).
* `sin`, `cos` and `tan` hold for every finite argument, however large.
* `absolute` is an error allowed near the zeros of a function, in multiples of the type's epsilon, before
  units are counted.
* `fmod`, `remainder`, `floor_divide` and the functions of order and rounding are exact.
* Results are the same bits for scalars and for vectors (tested), and with or without AVX-512's instruction
  that scales by powers of two. Targets need a fused multiply-add.
* SciPy overflows or gives NaN in some corners where the true value is finite or infinite (`i0(∞)`,
  `kl_div` of extreme ratios, `gammaln` of subnormals, `sinc` of the largest numbers): there the true value.

| function | f32 measured | f32 bound | f64 measured | f64 bound | absolute |
|---|---|---|---|---|---|
"""


def largest_error(case: Case, dtype: np.dtype, lanes: int) -> float:
    columns = samples(case, dtype, 2_000 if case.precise else 200_000, seed=1)
    y = array_function(case.name, dtype, lanes, case.operands)(*columns)
    error = error_in_ulps(y.astype(dtype), exact_results(case, columns), case.absolute)
    return float(np.max(error))


def row(case: Case) -> str:
    single, double = (largest_error(case, dtype, lanes) for dtype, lanes in TYPES)
    absolute = f"{case.absolute:g}" if case.absolute else ""
    bounds = case.bounds
    return f"| `{case.name}` | {single:.2f} | {bounds[0]:.1f} | {double:.2f} | {bounds[1]:.1f} | {absolute} |"


def main() -> None:
    rows = []
    for case in CASES:
        rows.append(row(case))
        print(rows[-1])
    Path("docs/accuracy.md").write_text(HEADER + "\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
