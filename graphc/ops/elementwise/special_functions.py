"""Special functions of numbers, in Python that is legal in `numba.njit`: their meaning in every backend.

Each returns NaN for NaN. Errors against mpmath are below a dozen units in the last place of f64, relative to
the result or, near a zero of the function that is not at the origin, absolute. They use NumPy's scalar
functions where Python's would raise instead of returning an infinity. The templates in the ops call them
`special.name`.
"""

from __future__ import annotations

import math

import numpy as np


def expit(x: float) -> float:
    """1 / (1 + e⁻ˣ), from the exponential that cannot overflow."""
    e = math.exp(-abs(x))
    return 1.0 / (1.0 + e) if x >= 0 else e / (1.0 + e)


def logit(p: float) -> float:
    """ln(p / (1 - p)), accurate at 1/2, where it is 0."""
    if 0.3 < p < 0.65:
        s = 2.0 * (p - 0.5)
        return float(np.log1p(s) - np.log1p(-s))
    return float(np.log(p / (1.0 - p)))


def log_expit(x: float) -> float:
    """ln(1 / (1 + e⁻ˣ))."""
    return min(x, 0.0) - math.log1p(math.exp(-abs(x))) if x == x else x


def softplus(x: float) -> float:
    """ln(1 + eˣ)."""
    return max(x, 0.0) + math.log1p(math.exp(-abs(x))) if x == x else x


def xlogy(x: float, y: float) -> float:
    """x ln y, 0 where x is 0 (NaN if y is)."""
    return 0.0 if x == 0 and y == y else float(x * np.log(y))


def xlog1py(x: float, y: float) -> float:
    """x ln(1 + y), 0 where x is 0 (NaN if y is)."""
    return 0.0 if x == 0 and y == y else float(x * np.log1p(y))


def entr(x: float) -> float:
    """-x ln x, 0 at 0 and -∞ below."""
    if x != x:
        return x
    if x > 0:
        return float(-x * np.log(x))
    return 0.0 if x == 0 else -np.inf


def rel_entr(x: float, y: float) -> float:
    """x ln(x / y), 0 where x = 0 ≤ y and ∞ outside."""
    if x != x or y != y:
        return np.nan
    if x > 0 and y > 0:
        ratio = x / y
        if 0.5 < ratio < 2.0:
            return float(x * np.log1p((x - y) / y))
        if 1e-300 < ratio < 1e300:
            return float(x * np.log(ratio))
        return float(x * (np.log(x) - np.log(y)))
    return 0.0 if x == 0 and y >= 0 else np.inf


def kl_div(x: float, y: float) -> float:
    """x ln(x / y) - x + y, y where x = 0 ≤ y and ∞ outside."""
    if x != x or y != y:
        return np.nan
    if x > 0 and y > 0:
        return float(x * np.log(x / y) - x + y)
    return y if x == 0 and y >= 0 else np.inf


def erfcx(x: float) -> float:
    """e^(x²) erfc x; from 25 on by the asymptotic series (Abramowitz & Stegun 7.1.23)."""
    if x < -27.0:
        return np.inf
    if x < 25.0:
        high = np.floor(x * 1024.0) / 1024.0  # x² = high² + (x - high)(x + high), the first term exact
        return float(np.exp(high * high) * np.exp((x - high) * (x + high)) * math.erfc(x))
    w = 0.5 / (x * x)
    return (
        0.5641895835477563
        / x
        * (1.0 - w * (1.0 - 3.0 * w * (1.0 - 5.0 * w * (1.0 - 7.0 * w * (1.0 - 9.0 * w * (1.0 - 11.0 * w))))))
    )


def erfinv(x: float) -> float:
    """The y with erf y = x: Winitzki's approximation (2008), then Halley's method."""
    a = abs(x)
    if not a < 1.0:
        return math.copysign(np.inf, x) if a == 1.0 else np.nan
    if a < 1e-8:
        return 0.886226925452758 * x
    logarithm = math.log1p(-a * a)
    t = 4.330746750799873 + 0.5 * logarithm
    y = math.sqrt(math.sqrt(t * t - logarithm / 0.147) - t)
    for _ in range(4):
        error = math.erf(y) - a if a < 0.5 else (1.0 - a) - math.erfc(y)
        step = error * 0.886226925452758 * math.exp(y * y)
        y -= step / (1.0 + y * step)
    return math.copysign(y, x)


def erfcinv(x: float) -> float:
    """The y with erfc y = x: Newton's method on ln erfc, which is nearly a parabola, where x is small."""
    if x == 0.0 or x == 2.0:
        return np.inf if x == 0.0 else -np.inf
    if not 0.0 < x < 2.0:
        return np.nan
    if 0.5 < x < 1.5:
        return erfinv(1.0 - x)
    tail = min(x, 2.0 - x)
    logarithm = math.log(tail) + math.log(2.0 - tail)
    t = 4.330746750799873 + 0.5 * logarithm
    y = math.sqrt(math.sqrt(t * t - logarithm / 0.147) - t)
    for _ in range(6):
        density = 1.1283791670955126 / erfcx(y)
        y -= (math.log(tail) - (math.log(erfcx(y)) - y * y)) / density
    return y if x < 1.0 else -y


def ndtr(x: float) -> float:
    """The normal distribution function, ½ erfc(-x/√2)."""
    if x > -1.0 or x < -40.0 or x != x:
        return 0.5 * math.erfc(-x * 0.7071067811865476)
    high = np.floor(x * 1024.0) / 1024.0  # x² = high² + (x - high)(x + high), the first term exact
    density = np.exp(-0.5 * high * high) * np.exp(-0.5 * (x - high) * (x + high))
    return float(0.5 * density * erfcx(-x * 0.7071067811865476))


def log_ndtr(x: float) -> float:
    """ln ndtr(x), through erfcx in the lower tail."""
    if x > -1.0:
        return math.log1p(-0.5 * math.erfc(x * 0.7071067811865476))
    return (
        math.log(0.5 * erfcx(-x * 0.7071067811865476)) - 0.5 * x * x if x == x and x > -1e160 else x * abs(x)
    )


def ndtri(p: float) -> float:
    """The normal quantile: -√2 erfcinv(2p)."""
    return -1.4142135623730951 * erfcinv(2.0 * p)


def gammaln(x: float) -> float:
    """ln |Γ(x)|, ∞ at the poles 0, -1, …"""
    if abs(x) == np.inf:
        return x
    return np.inf if x <= 0.0 and x == np.floor(x) else math.lgamma(x)


def gamma(x: float) -> float:
    """Γ(x); NaN at -1, -2, …, ±∞ at ±0."""
    if x == 0.0:
        return math.copysign(np.inf, x)
    if x == -np.inf or (x < 0.0 and x == np.floor(x)):
        return np.nan
    if x > 171.7:
        return np.inf
    return math.gamma(x) if x == x else x


def digamma(x: float) -> float:
    """Γ'(x)/Γ(x): reflection, recurrence to 10, asymptotic series (Abramowitz & Stegun 6.3.18)."""
    if x == 0.0:
        return -math.copysign(np.inf, x)
    if x == np.inf or x != x:
        return x
    total = 0.0
    if x < 0.0:
        if x == np.floor(x):
            return np.nan
        total = -math.pi / math.tan(math.pi * (x - np.rint(x)))
        x = 1.0 - x
    while x < 10.0:
        total -= 1.0 / x
        x += 1.0
    w = 1.0 / (x * x)
    series = w * (
        1 / 12 - w * (1 / 120 - w * (1 / 252 - w * (1 / 240 - w * (1 / 132 - w * (691 / 32760 - w / 12)))))
    )
    return total + math.log(x) - 0.5 / x - series


def i0e(x: float) -> float:
    """e^(-|x|) I₀(x): the power series, from 30 on the asymptotic one (Abramowitz & Stegun 9.7.1)."""
    a = abs(x)
    if not a < 30.0:
        total, term = 1.0, 1.0
        for k in range(1, 25):
            term *= (2 * k - 1) ** 2 / (8.0 * k * a)
            total += term
        return total / math.sqrt(2.0 * math.pi * a)
    total, term, w = 1.0, 1.0, 0.25 * a * a
    for k in range(1, 80):
        term *= w / (k * k)
        total += term
    return total * math.exp(-a)


def i1e(x: float) -> float:
    """e^(-|x|) I₁(x), odd: the power series, from 30 on the asymptotic one (Abramowitz & Stegun 9.7.1)."""
    a = abs(x)
    if not a < 30.0:
        total, term = 1.0, 1.0
        for k in range(1, 25):
            term *= -(4.0 - (2 * k - 1) ** 2) / (8.0 * k * a)
            total += term
        return math.copysign(total / math.sqrt(2.0 * math.pi * a), x)
    total, term, w = 1.0, 1.0, 0.25 * a * a
    for k in range(1, 80):
        term *= w / (k * (k + 1.0))
        total += term
    return 0.5 * x * total * math.exp(-a)


def i0(x: float) -> float:
    """The modified Bessel function I₀."""
    return float(i0e(x) * np.exp(abs(x)))


def i1(x: float) -> float:
    """The modified Bessel function I₁."""
    return float(i1e(x) * np.exp(abs(x)))


def bessel_k_scaled(x: float, order: int) -> float:
    """eˣ Kₙ(x), n = 0 or 1: the trapezoidal rule for ∫ exp(-2x sinh²(t/2)) cosh(nt) dt over t > 0."""
    if not 0.0 < x < np.inf:
        return np.inf if x == 0.0 else 0.0 if x > 0.0 else np.nan
    if x < 1e-9:
        unscaled = 1.0 / np.float64(x) if order else 0.11593151565841245 - math.log(x)  # ln 2 - γ
        return float(unscaled * (1.0 + x))
    step = 0.2 / math.sqrt(max(x, 1.0))
    total, t = 0.5, step
    while True:
        exponent = 2.0 * x * math.sinh(0.5 * t) ** 2
        if exponent > 50.0:
            return total * step
        total += math.exp(-exponent) * (math.cosh(t) if order else 1.0)
        t += step


def bessel_k0e(x: float) -> float:
    """eˣ K₀(x)."""
    return bessel_k_scaled(x, 0)


def bessel_k1e(x: float) -> float:
    """eˣ K₁(x)."""
    return bessel_k_scaled(x, 1)


def bessel_k0(x: float) -> float:
    """The modified Bessel function K₀."""
    return bessel_k_scaled(x, 0) * math.exp(-max(x, 0.0)) if x == x else x


def bessel_k1(x: float) -> float:
    """The modified Bessel function K₁."""
    return bessel_k_scaled(x, 1) * math.exp(-max(x, 0.0)) if x == x else x


def bitwise_count(x: np.uint64) -> int:
    """The number of bits set in x."""
    count = 0
    while x != 0:
        x &= x - np.uint64(1)
        count += 1
    return count


def integer_power(x: np.int64, y: np.int64) -> np.int64:
    """xʸ modulo 2⁶⁴ by squaring; 0 for y < 0, except where x = ±1."""
    if y < 0:
        return x if x == 1 or (x == -1 and y % 2 != 0) else np.int64(x == -1)
    result = np.int64(1)
    while y > 0:
        if y % 2 != 0:
            result *= x
        x *= x
        y //= 2
    return result


def remainder(x: float, y: float) -> float:
    """x - y ⌊x / y⌋ as NumPy computes it, from the exact remainder; a zero has the sign of y."""
    rest: float = np.fmod(x, y)
    if rest == 0:
        return math.copysign(0.0, y)
    return float(rest + y if (y < 0) != (rest < 0) and y == y else rest)


def floor_divide(x: float, y: float) -> float:
    """⌊x / y⌋ as NumPy computes it, from the exact remainder; x / 0 for y = 0."""
    if y == 0:
        return x / y
    rest: float = np.fmod(x, y)
    quotient = (x - rest) / y
    if rest != 0 and (y < 0) != (rest < 0):
        quotient -= 1.0
    if quotient == 0:
        return math.copysign(0.0, x / y)
    whole = np.floor(quotient)
    return float(whole + 1.0 if quotient - whole > 0.5 else whole)


def threefry2x32(first: np.uint32, second: np.uint32, counter: np.uint64) -> np.uint64:
    """Both words of Threefry-2x32 (Salmon et al. 2011), each computed in the low half of 64 bits."""
    mask, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    rotations = np.array([13, 15, 26, 6, 17, 29, 16, 24], np.uint64)
    third = np.uint64(first) ^ np.uint64(second) ^ np.uint64(0x1BD11BDA)
    keys = np.array([np.uint64(first), np.uint64(second), third])
    x = ((counter >> half) + keys[0]) & mask
    y = ((counter & mask) + keys[1]) & mask
    for i in range(20):
        turn = rotations[i % 8]
        x = (x + y) & mask
        y = (((y << turn) | (y >> (half - turn))) & mask) ^ x
        if i % 4 == 3:
            step = i // 4 + 1
            x = (x + keys[step % 3]) & mask
            y = (y + keys[(step + 1) % 3] + np.uint64(step)) & mask
    return np.uint64((x << half) | y)
