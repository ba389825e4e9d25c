"""The incomplete gamma functions and zeta of numbers, legal in `numba.njit` as those of `special_functions`.

The smaller of P(a, x) and Q(a, x) = 1 - P(a, x) is computed: P by its power series for x below a, Q by a
continued fraction above, both by Temme's expansion (1979) where a is large and x near it (DLMF 8.7.1, 8.9.2,
8.12). Errors against mpmath are below a dozen units in the last place of f64 where a is below some ten.
"""

from __future__ import annotations

import math

import numpy as np

from graphc.ops.elementwise.special_functions import erfcx


def gammainc(a: float, x: float) -> float:
    """P(a, x) = 1/Γ(a) ∫₀ˣ tᵃ⁻¹ e⁻ᵗ dt."""
    return incomplete_gamma(a, x, False)


def gammaincc(a: float, x: float) -> float:
    """Q(a, x) = 1/Γ(a) ∫ₓ^∞ tᵃ⁻¹ e⁻ᵗ dt."""
    return incomplete_gamma(a, x, True)


def gamma_density(a: float, x: float) -> float:
    """xᵃ⁻¹ e⁻ˣ/Γ(a), the derivative of P(a, x) by x."""
    if not (a > 0.0 and x >= 0.0) or a == np.inf:
        return np.nan
    if x == 0.0:
        return 1.0 if a == 1.0 else 0.0 if a > 1.0 else np.inf
    return 0.0 if x == np.inf else incomplete_gamma_factor(a, x) * (a / x)


def incomplete_gamma(a: float, x: float, upper: bool) -> float:
    """Q(a, x) if `upper`, else P(a, x)."""
    if not (a >= 0.0 and x >= 0.0) or (a == x and (a == 0.0 or a == np.inf)):
        return np.nan
    if a == 0.0 or x == np.inf:
        return 0.0 if upper else 1.0
    if x == 0.0 or a == np.inf:
        return 1.0 if upper else 0.0
    if a >= 1000.0 and abs(x - a) < 0.1 * a:
        smaller = incomplete_gamma_near(a, x)
        return smaller if (x >= a) == upper else 1.0 - smaller
    if x <= a or x < 1.0:
        if upper and a <= 1.0:
            return incomplete_gamma_small(a, x)
        lower = incomplete_gamma_factor(a, x) * incomplete_gamma_series(a, x)
        return 1.0 - lower if upper else lower
    higher = incomplete_gamma_factor(a, x) * a / incomplete_gamma_fraction(a, x)
    return higher if upper else 1.0 - higher


def incomplete_gamma_factor(a: float, x: float) -> float:
    """xᵃ e⁻ˣ/Γ(a + 1)."""
    if a < 20.0:
        factorial = math.gamma(a + 1.0) if a < 0.5 else a * math.gamma(a)
        power = np.power(x, a) * np.exp(-x) if 1e-10 < x < 100.0 else np.exp(a * np.log(x) - x)
        return float(power / factorial)
    w = 1.0 / (a * a)
    stirling = (1 / 12 - w * (1 / 360 - w * (1 / 1260 - w * (1 / 1680 - w / 1188)))) / a
    return float(np.exp(-a * minus_log1p((x - a) / a) - stirling) / np.sqrt(6.283185307179586 * a))


def minus_log1p(s: float) -> float:
    """s - ln(1 + s) for s ≥ -1."""
    if abs(s) > 0.3:
        return float(s - np.log1p(s))
    total = 0.0
    for k in range(36, 1, -1):
        total = 1.0 / k - s * total
    return s * s * total


def incomplete_gamma_series(a: float, x: float) -> float:
    """Σ xⁿ/((a + 1) … (a + n)), for x ≤ max(a, 1)."""
    total, term, n = 1.0, 1.0, 0.0
    while term > 1e-17 * total:
        n += 1.0
        term *= x / (a + n)
        total += term
    return total


def incomplete_gamma_fraction(a: float, x: float) -> float:
    """t with Q(a, x) = xᵃ e⁻ˣ/Γ(a)/t for x ≥ max(a, 1): Legendre's fraction, from its far end."""
    count = int(30.0 + 90.0 / x + 0.2 * min(a, 1000.0))
    t = x - a + 1.0 + 2.0 * count
    for n in range(count, 0, -1):
        t = x - a + (2.0 * n - 1.0) + n * (a - n) / t
    return t


def incomplete_gamma_small(a: float, x: float) -> float:
    """Q(a, x) for a ≤ 1 and x < 1: 1 - xᵃ/Γ(a + 1) and a series of alternating terms."""
    logarithm = math.log(math.gamma(a + 1.0))
    if a < 0.25:
        # ln Γ(1 + a) = -ln(1 + a) + a (1 - γ) + Σ (ζ(k) - 1) (-a)ᵏ/k (DLMF 5.7.3)
        total, power, k = 0.4227843350984671 * a - math.log1p(a), -a, 1.0
        for zeta in (
            0.6449340668482264,
            0.2020569031595943,
            0.08232323371113819,
            0.03692775514336993,
            0.01734306198444914,
            0.008349277381922827,
            0.00407735619794434,
            0.0020083928260822143,
            0.0009945751278180853,
            0.0004941886041194645,
            0.0002460865533080483,
            0.00012271334757848915,
            6.124813505870483e-05,
            3.058823630702049e-05,
            1.528225940865187e-05,
            7.637197637899763e-06,
            3.81729326499984e-06,
            1.908212716553939e-06,
        ):
            power *= -a
            k += 1.0
            total += zeta * power / k
        logarithm = total
    exponent = a * math.log(x) - logarithm
    series = 0.0
    for n in range(22, 0, -1):
        series = -x / n * (1.0 / (a + n) + series)
    return -math.expm1(exponent) - a * math.exp(exponent) * series


def incomplete_gamma_near(a: float, x: float) -> float:
    """The smaller of P(a, x) and Q(a, x) for a ≥ 1000 and x within a tenth of it."""
    half_square = minus_log1p((x - a) / a)
    magnitude = math.sqrt(2.0 * half_square)
    eta = magnitude if x >= a else -magnitude
    # Σ Cₖ(η) a⁻ᵏ (DLMF 8.12.10)
    c0, c1, c2 = 0.0, 0.0, 0.0
    for d in (-1.7665952736826078e-07, 8.296711340953087e-07, -1.85406221071516e-06, -2.185448510679992e-06):
        c0 = c0 * eta + d
    for d in (3.919263178522438e-05, -0.0001787551440329218, 0.0003527336860670194, 1 / 864, -2 / 135):
        c0 = c0 * eta + d
    for d in (7.64916091608111e-06, -1.8098550334489977e-05, -4.018775720164609e-07, 0.00020576131687242798):
        c1 = c1 * eta + d
    for d in (-0.0009902263374485596, 1 / 378, -1 / 288, -1 / 540):
        c1 = c1 * eta + d
    for d in (-0.0001073665322636516, 2.0093878600823047e-06, 1 / 1296, -0.0026813271604938273, 25 / 6048):
        c2 = c2 * eta + d
    c3 = (-0.0004691894943952557 * eta + 0.00022947209362139917) * eta + 0.0006494341563786008
    c0 = (c0 * eta + 1 / 12) * eta - 1 / 3
    correction = (c0 + (c1 + (c2 + (c3 - 0.0008618882909167117 / a) / a) / a) / a) / math.sqrt(
        6.283185307179586 * a
    )
    half = 0.5 * erfcx(math.sqrt(a * half_square))
    return float(np.exp(-a * half_square)) * (half + math.copysign(1.0, eta) * correction)


def zeta(x: float, q: float) -> float:
    """Σ (q + k)⁻ˣ over k ≥ 0 for x ≥ 1, ∞ at its poles; for q < 0 defined for whole x only."""
    whole = q <= 0.0 and q == np.floor(q)
    if x == 1.0 or (whole and not x < 1.0):
        return np.inf
    if not x > 1.0 or q != q:
        return np.nan
    if q > 0.0:
        return zeta_positive(x, q) if q < np.inf else 0.0
    if x != np.floor(x):
        return np.nan
    # The sum over all integers, from which those beyond q are taken.
    d = float(q - np.rint(q))
    sign = -1.0 if x % 2.0 == 1.0 else 1.0
    nearest = float(np.power(abs(d), -x)) * (sign if d < 0.0 else 1.0)
    return (
        nearest + zeta_positive(x, 1.0 + d) + sign * (zeta_positive(x, 1.0 - d) - zeta_positive(x, 1.0 - q))
    )


def zeta_positive(x: float, q: float) -> float:
    """ζ(x, q) for x > 1 and q > 0: ten terms, and Euler and Maclaurin's sum of the rest (DLMF 25.11.5)."""
    w = q + 10.0
    root = float(np.power(w, -0.5 * x))  # the power may underflow where w times it does not
    total = 0.0
    if root != 0.0:
        power = root * root
        term = power * x / w
        total = root * w * root / (x - 1.0) + 0.5 * power
        j = 0.0
        # B₂ⱼ/(2j)!
        for coefficient in (
            8.333333333333333e-02,
            -1.388888888888889e-03,
            3.306878306878307e-05,
            -8.267195767195768e-07,
            2.08767569878681e-08,
            -5.284190138687493e-10,
            1.3382536530684679e-11,
            -3.3896802963225827e-13,
            8.586062056277845e-15,
        ):
            total += coefficient * term
            j += 2.0
            term *= (x + j - 1.0) / w * ((x + j) / w)
    for k in range(9, -1, -1):
        total += float(np.power(q + k, -x))
    return total
