"""Writes `coefficients.py`: near-minimax polynomials and split constants, computed with mpmath.

Run `python -m graphc.backends.cpu.math.generate`. Every polynomial is the Chebyshev interpolant of
its function on its interval, of the lowest degree that meets the stated share of the last bit.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mpmath as mp
import numpy as np

from graphc.dataclass import dataclass

Real = Any  # mpmath has no types


@dataclass(frozen=True)
class Fit:
    """A polynomial for `function` on [start, stop]; `share` is the largest part of the final result that it
    contributes, relative to the polynomial's own unit: the fit is as precise as that part needs."""

    name: str
    function: Callable[[Real], Real]
    start: float
    stop: float
    share: float = 1.0
    single: bool = True  # False where f32 is computed in f64
    precision: float | None = None  # the error wanted, instead of a share of the last bit


def even(function: Callable[[Real], Real]) -> Callable[[Real], Real]:
    """(f(√w)/√w − 1)/w: the polynomial's factor in f(x) = x + x³·P(x²)."""

    def factor(w: Real) -> Real:
        x = mp.sqrt(w)
        return (function(x) / x - 1) / w

    return factor


def erfcx_mapped(u: Real) -> Real:
    """(1 + 2x)·eˣ²·erfc(x) with x = k(1 + u)/(1 − u) (Shepherd & Laframboise 1981)."""
    if u >= 1:
        return 2 / mp.sqrt(mp.pi)
    x = ERFCX_POLE * (1 + u) / (1 - u)
    return (1 + 2 * x) * scaled_erfc(x)


def scaled_erfc(x: Real) -> Real:
    """eˣ²·erfc(x); its asymptotic series where erfc underflows mpmath's patience."""
    if x < 40:
        return mp.exp(x * x) * mp.erfc(x)
    total, term = mp.mpf(1), mp.mpf(1)
    for k in range(1, 60):
        term *= -(2 * k - 1) / (2 * x * x)
        total += term
        if abs(term) < mp.mpf(10) ** -70:
            break
    return total / (x * mp.sqrt(mp.pi))


def stirling(s: Real) -> Real:
    """x·(log Γ(x) − (x − ½)·log x + x − ½·log 2π) as a function of s = 1/x²."""
    x = 1 / mp.sqrt(s)
    if x > 1e6:
        return mp.mpf(1) / 12 - s / 360 + s**2 / 1260
    return x * (mp.loggamma(x) - (x - mp.mpf(1) / 2) * mp.log(x) + x - mp.log(2 * mp.pi) / 2)


def trigamma_rest(s: Real) -> Real:
    """(ψ′(x) − 1/x − 1/(2x²))·x³ as a function of s = 1/x²."""
    x = 1 / mp.sqrt(s)
    if x > 1e6:
        return mp.mpf(1) / 6 - s / 30 + s**2 / 42
    return (mp.psi(1, x) - 1 / x - 1 / (2 * x**2)) * x**3


def digamma_rest(s: Real) -> Real:
    """(log x − 1/(2x) − ψ(x))·x² as a function of s = 1/x²."""
    x = 1 / mp.sqrt(s)
    if x > 1e6:
        return mp.mpf(1) / 12 - s / 120 + s**2 / 252
    return (mp.log(x) - 1 / (2 * x) - mp.psi(0, x)) * x**2


def erfinv_mapped(number: int) -> Callable[[Real], Real]:
    """erfinv(x)/x with w = −log(1 − x²) mapped from [−1, 1]: w itself on [0, 6.25], else its root."""

    def value(u: Real) -> Real:
        if number == 0:
            w = (u + 1) * mp.mpf(6.25) / 2
        else:
            start, stop = ERFINV_RANGES[number - 1]
            w = ((start + stop) / 2 + u * (stop - start) / 2) ** 2
        x = mp.sqrt(-mp.expm1(-w))
        return (mp.erfinv(x) if w < 1 else inverse_erfc(mp.exp(-w) / (1 + x))) / x

    return value


def inverse_erfc(q: Real) -> Real:
    """y > 0 with erfc y = q, by Newton's method on the logarithm."""
    y = mp.sqrt(-mp.log(q))
    for _ in range(40):
        value = mp.erfc(y)
        step = (mp.log(value) - mp.log(q)) * value / (2 / mp.sqrt(mp.pi) * mp.exp(-y * y))
        y += step
        if abs(step) < mp.mpf(10) ** -40:
            break
    return y


def bessel_near(order: int) -> Callable[[Real], Real]:
    """(Γ(n + 1)·(2/x)ⁿ·Iₙ(x) − 1)/w with w = (x/2)²."""

    def value(w: Real) -> Real:
        x = 2 * mp.sqrt(w)
        return ((2 / x) ** order * mp.besseli(order, x) - 1) / w

    return value


def bessel_far(order: int) -> Callable[[Real], Real]:
    """√x·e⁻ˣ·Iₙ(x) with x = 16/(1 + u)."""

    def value(u: Real) -> Real:
        if u + 1 < mp.mpf(10) ** -15:
            return 1 / mp.sqrt(2 * mp.pi)
        x = 16 / (1 + u)
        return mp.sqrt(x) * mp.exp(-x) * mp.besseli(order, x)

    return value


def gamma_ratio_series(order: int) -> Callable[[Real], Real]:
    """Cₖ(η) of Temme's expansion of the incomplete gamma function (DLMF 8.12.10 to 8.12.14), k = `order`."""
    terms = 60
    alpha = [mp.mpf(0), mp.mpf(1), mp.mpf(1) / 3]
    for n in range(3, terms + 2 * order + 3):
        rest = sum(j * alpha[j] * alpha[n - j + 1] for j in range(2, n))
        alpha.append((alpha[n - 1] - rest) / (n + 1))
    first = [(n + 2) * alpha[n + 2] for n in range(terms + 2 * order)]
    first[0] = -mp.mpf(1) / 3
    row = first
    for k in range(1, order + 1):
        factor = (-1) ** k * gamma_star_coefficient(k, alpha)
        row = [factor * d + (n + 2) * row[n + 2] for n, d in enumerate(first[: len(row) - 2])]
    return lambda eta: mp.polyval(row[::-1], eta)


def gamma_star_coefficient(k: int, alpha: list[Real]) -> Real:
    """The coefficient of a⁻ᵏ in Γ(a)·√(a/2π)·(e/a)ᵃ, by Laplace's method (DLMF 5.11.3 and 5.11.5)."""
    double_factorial = mp.fac2(2 * k + 1)
    return double_factorial * alpha[2 * k + 1]


def bessel_k_near(order: int) -> Callable[[Real], Real]:
    """K₀(x) + log(x)·I₀(x), or (K₁(x) − 1/x − log(x)·I₁(x))/x, with w = (x/2)² (DLMF 10.31.1 and 10.31.2)."""

    def value(w: Real) -> Real:
        total, term = mp.mpf(0), mp.mpf(1)
        for k in range(30):
            digamma = mp.psi(0, k + 1) if order == 0 else (mp.psi(0, k + 1) + mp.psi(0, k + 2)) / 2
            total += term * (digamma + mp.log(2))
            term *= w / ((k + 1) * (k + 1 + order))
        return total if order == 0 else -total / 2

    return value


def bessel_k_far(order: int) -> Callable[[Real], Real]:
    """√x·eˣ·Kₙ(x) with x = 2/(1 + u): the trapezoidal rule for ∫ exp(−2x·sinh²(t/2))·cosh(nt) dt, t > 0."""

    def value(u: Real) -> Real:
        if u + 1 < mp.mpf(10) ** -15:
            return mp.sqrt(mp.pi / 2)
        x = 2 / (1 + u)
        step = 1 / (12 * mp.sqrt(x))
        total, t, term = mp.mpf(1) / 2, step, mp.mpf(1)
        while term > mp.mpf(10) ** -50:
            term = mp.exp(-2 * x * mp.sinh(t / 2) ** 2) * (mp.cosh(t) if order else 1)
            total += term
            t += step
        return mp.sqrt(x) * total * step

    return value


ERFCX_POLE = 3.75
ERFINV_RANGES = ((2.5, 4.5), (4.5, 9.0), (9.0, 27.5))


def exp_rest(x: Real) -> Real:
    return (mp.exp(x) - 1 - x) / x**2


def log1p_tail(x: Real) -> Real:
    """(x − x²/2 + x³/3 − log(1 + x))/x⁴."""
    if abs(x) < mp.mpf(10) ** -8:
        return mp.mpf(1) / 4 - x / 5 + x**2 / 6
    return (x - x**2 / 2 + x**3 / 3 - mp.log(1 + x)) / x**4


def log_rest(w: Real) -> Real:
    return (2 * mp.atanh(mp.sqrt(w)) / mp.sqrt(w) - 2) / w


FITS = (
    Fit("exp_short", exp_rest, -0.34661, 0.34661, single=False, precision=2.0**-31),
    Fit("log_short", log_rest, 0, 0.029438, single=False, precision=2.0**-34),
    Fit("exp", exp_rest, -0.34661, 0.34661, 0.12),
    Fit("exp2", lambda x: (mp.power(2, x) - 1 - x * mp.log(2)) / x**2, -0.50001, 0.50001, 0.25),
    Fit("log", log_rest, 0, 0.029438, 0.03),
    Fit("sin", even(mp.sin), 0, 0.61689, 0.6),
    Fit("cos", lambda w: (mp.cos(mp.sqrt(w)) - 1 + w / 2) / w**2, 0, 0.61689, 0.4),
    Fit("sinh", even(mp.sinh), 0, 1, 1.0),
    Fit("tanh", even(mp.tanh), 0, 0.40, 0.4),
    Fit("arcsin", even(mp.asin), 0, 0.25, 0.25),
    Fit("arctan", even(mp.atan), 0, 0.17158, 0.17),
    Fit(
        "log_tail",
        lambda w: ((2 * mp.atanh(mp.sqrt(w)) / mp.sqrt(w) - 2) / w - mp.mpf(2) / 3) / w,
        0,
        0.029438,
        0.004,
        single=False,
    ),
    Fit("log1p_tail", log1p_tail, -0.1, 0.1, 0.005, single=False),
    Fit("inverse_cbrt", lambda m: 1 / mp.cbrt(m), 0.35, 2.83, precision=2e-3),
    Fit("erf", lambda w: (mp.erf(mp.sqrt(w)) / mp.sqrt(w) - 2 / mp.sqrt(mp.pi)) / w, 0, 1, 1.0),
    Fit("erfcx", erfcx_mapped, -1, 1, 1.0),
    *(Fit(f"erfinv_{i}", erfinv_mapped(i), -1, 1, 0.3, single=False) for i in range(4)),
    Fit("gammaln", lambda t: mp.loggamma(2 + t) / t, -0.5, 0.5, 1.0, single=False),
    Fit("gamma", lambda t: mp.gamma(2 + t), -0.5, 0.5, 1.0, single=False),
    Fit("stirling", stirling, 0, 1 / 56, 0.05, single=False),
    Fit("digamma", digamma_rest, 0, 1 / 64, 0.01, single=False),
    Fit("trigamma", trigamma_rest, 0, 1 / 64, 0.02, single=False),
    *(
        Fit(f"temme_{k}", gamma_ratio_series(k), -0.34, 0.34, single=False, precision=2.0**-55 * 200.0**k)
        for k in range(6)
    ),
    *(Fit(f"bessel_i{n}", bessel_near(n), 0, 16, 0.5) for n in (0, 1)),
    *(Fit(f"bessel_i{n}_far", bessel_far(n), -1, 1, 1.0) for n in (0, 1)),
    *(Fit(f"bessel_k{n}", bessel_k_near(n), 0, 0.25, 1.0, single=False) for n in (0, 1)),
    *(Fit(f"bessel_k{n}_far", bessel_k_far(n), -1, 1, 1.0, single=False) for n in (0, 1)),
)

CONSTANTS: dict[str, Callable[[], Real]] = {
    "one": lambda: mp.mpf(1),
    "ln2": lambda: mp.log(2),
    "log2_e": lambda: 1 / mp.log(2),
    "log10_e": lambda: 1 / mp.log(10),
    "log10_2": lambda: mp.log(2) / mp.log(10),
    "two_thirds": lambda: mp.mpf(2) / 3,
    "half_pi": lambda: mp.pi / 2,
    "pi": lambda: mp.pi,
    "two_over_pi": lambda: 2 / mp.pi,
    "log_pi": lambda: mp.log(mp.pi),
    "half_log_2pi": lambda: mp.log(2 * mp.pi) / 2,
    "sqrt_2": lambda: mp.sqrt(2),
    "sqrt_half": lambda: mp.sqrt(mp.mpf(1) / 2),
    "sqrt_2_over_pi": lambda: mp.sqrt(2 / mp.pi),
    "inverse_sqrt_2pi": lambda: 1 / mp.sqrt(2 * mp.pi),
    "two_over_sqrt_pi": lambda: 2 / mp.sqrt(mp.pi),
    "inverse_sqrt_pi": lambda: 1 / mp.sqrt(mp.pi),
    "degree": lambda: mp.pi / 180,
    "radian": lambda: 180 / mp.pi,
}


def rounded(value: Real, single: bool) -> float:
    return float(np.float32(float(value))) if single else float(value)


def fit(spec: Fit, single: bool) -> tuple[float, ...]:
    """The coefficients, highest power first, of the lowest degree that is precise enough."""
    wanted = spec.precision or mp.mpf(2) ** (-27 if single else -57) / spec.share

    def function(x: Real) -> Real:
        # Removable singularities at 0 cancel half of the working digits there.
        return spec.function(x if abs(x) > mp.mpf(10) ** -18 else mp.mpf(10) ** -18)

    few, many = 1, 48
    while many - few > 1:
        terms = (few + many) // 2
        _, error = mp.chebyfit(function, [spec.start, spec.stop], terms, error=True)
        few, many = (few, terms) if error < wanted else (terms, many)
    coefficients = mp.chebyfit(function, [spec.start, spec.stop], many)
    return tuple(rounded(c, single) for c in coefficients)


def parts(value: Real, single: bool, count: int = 3) -> tuple[float, ...]:
    """value as a sum of `count` floats, each the rounding of what is left."""
    result = []
    for _ in range(count):
        result.append(rounded(value, single))
        value -= mp.mpf(result[-1])
    return tuple(result)


def ln2_split(single: bool) -> tuple[float, ...]:
    """ln 2 in two parts; the first has enough trailing zeros that its product with an exponent is exact."""
    bits = 15 if single else 41
    high = mp.floor(mp.log(2) * 2**bits) / 2**bits
    return (float(high), rounded(mp.log(2) - high, single))


def two_over_pi_words(count: int = 38) -> tuple[int, ...]:
    """The fraction bits of 2/π, 32 at a time."""
    with mp.workprec(32 * count + 64):
        bits = int(mp.floor(2 / mp.pi * mp.mpf(2) ** (32 * count)))
    return tuple((bits >> (32 * (count - 1 - i))) & 0xFFFFFFFF for i in range(count))


def table(single: bool) -> dict[str, tuple[float, ...]]:
    with mp.workdps(60):
        entries = {spec.name: fit(spec, single) for spec in FITS if spec.single or not single}
        entries |= {f"#{name}": parts(value(), single) for name, value in CONSTANTS.items()}
        return entries | {"#ln2_split": ln2_split(single)}


def text() -> str:
    """The whole generated module."""
    lines = [HEADER]
    for name, single in (("SINGLE", True), ("DOUBLE", False)):
        lines.append(f"{name}: Final[dict[str, tuple[float, ...]]] = {{")
        for key, values in table(single).items():
            lines.append(f'    "{key}": (')
            lines += _filled([f"{value!r}," for value in values], "        ")
            lines.append("    ),")
        lines += ["}", ""]
    lines.append("TWO_OVER_PI_WORDS: Final[tuple[int, ...]] = (")
    lines += _filled([f"0x{word:08X}," for word in (0, 0, *two_over_pi_words())], "    ")
    return "\n".join([*lines, ")", ""])


def _filled(items: list[str], indent: str) -> list[str]:
    return textwrap.wrap(" ".join(items), 108, initial_indent=indent, subsequent_indent=indent)


HEADER = '''"""Polynomial coefficients (highest power first) and constants (#…), written by generate.py."""

from __future__ import annotations

from typing import Final

# fmt: off
'''


def main() -> None:
    Path(__file__).with_name("coefficients.py").write_text(text())


if __name__ == "__main__":
    main()
