"""Writes docs/accuracy.md: the largest error measured of every elementary function.

Run `python -m benchmarks.accuracy`. The inputs are those of the tests, more of them and with another seed.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from graphc.backends.cpu.math.loops import array_function
from graphc.backends.cpu.target import Target
from tests.backends.math_cases import CASES, Case, error_in_ulps, exact_results, samples

TYPES = (np.dtype(np.float32), np.dtype(np.float64))
LANES = {4: 16, 8: 8}
WITHOUT_FMA = Target(fma=False, rounding=False)

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
  that scales by powers of two.
* The columns `no FMA` hold for processors without a fused multiply-add: there products that must be exact are
  made from halves of their factors, the others are rounded.
* SciPy overflows or gives NaN in some corners where the true value is finite or infinite (`i0(∞)`,
  `kl_div` of extreme ratios, `gammaln` of subnormals, `sinc` of the largest numbers, `zeta` of a large
  first argument, `gammainc` of subnormals and of the largest numbers): there the true value.
* `gammainc`, `gammaincc` and `gamma_density` were measured for arguments up to 1100. Far in the tails of
  larger ones, where they are below 1e-50, errors reach 15 ulp.

## One program on several machines

What code for another machine may return instead (`graphc/backends/cpu/target.py` names the machines; tests
compare them, in emulators where need be). Six fuse multiply-adds: x86-64-v3, x86-64-v4, aarch64, aarch64-sve,
riscv64, riscv64-v. Two do not: x86-64, wasm32. u is half the epsilon of the type.

* Integers, truth values, positions, moves, comparisons and conversions are the same everywhere.
* Elementary functions of equal arguments have the same bits on all machines that fuse, and on both that do
  not. Between the two kinds they differ by no more than the sum of the bounds below.
* `x * y + z` in a user's formula rounds the product where the machine does not fuse, which changes it by
  u|xy| at most; where it does, the compiler may still leave it rounded.
* Products of matrices, of two rows and columns or more, have the same bits on all machines that fuse, and on
  both that do not. Between the two kinds, and for products with a vector, elements differ by 2k·u·Σ|ab| at
  most, k the number of terms.
* Sums of n elements differ by 2(n − 1)·u·Σ|x| at most: how many partial sums there are depends on the width
  of the vectors.

The last two hold to first order in u, as each result is as far from the exact one as any order of operations
may take it (Higham 2002, sections 3.1 and 4.2). The sign and payload of NaN are not fixed.

## Bounds

| function | f32 | bound | f64 | bound | f32, no FMA | bound | f64, no FMA | bound | absolute |
|---|---|---|---|---|---|---|---|---|---|
"""


def largest_error(case: Case, dtype: np.dtype, target: Target | None) -> float:
    columns = samples(case, dtype, 2_000 if case.precise else 200_000, seed=1)
    y = array_function(case.name, dtype, LANES[dtype.itemsize], case.operands, target)(*columns)
    error = error_in_ulps(y.astype(dtype), exact_results(case, columns), case.absolute)
    return float(np.max(error))


def row(case: Case) -> str:
    cells = [f"`{case.name}`"]
    for target in (None, WITHOUT_FMA):
        for dtype in TYPES:
            bound = case.bound(dtype, fused=target is None)
            cells += [f"{largest_error(case, dtype, target):.2f}", f"{bound:.1f}"]
    absolute = f"{case.absolute:g}" if case.absolute else ""
    return f"| {' | '.join(cells)} | {absolute} |"


def main() -> None:
    rows = []
    for case in CASES:
        rows.append(row(case))
        print(rows[-1])
    Path("docs/accuracy.md").write_text(HEADER + "\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
