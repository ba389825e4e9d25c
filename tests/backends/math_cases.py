"""What elementary functions are measured against: references, ranges, bounds in units of the last place."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import mpmath as mp
import numpy as np
import scipy.special

Long = np.longdouble
Range = tuple[float, float]


@dataclass(frozen=True)
class Case:
    """One function: `reference` maps longdouble arrays to longdouble arrays."""

    name: str
    reference: Callable[..., np.ndarray]
    bounds: tuple[float, float]
    ranges: tuple[Range, ...]
    operands: int = 1
    precise: bool = False  # the reference is mpmath's: fewer samples
    absolute: float = 0.0  # near a zero of the function: the error allowed as a multiple of epsilon
    native: bool = False  # the reference works in the operands' own type
    bits: bool = True  # also test numbers of random bits
    unfused: tuple[float, float] | None = None  # the bounds without a fused multiply-add, where they differ

    def bound(self, dtype: np.dtype, *, fused: bool = True) -> float:
        """The largest error allowed in units of the last place."""
        bounds = self.bounds if fused or self.unfused is None else self.unfused
        return bounds[dtype.itemsize == 8]


def precise(function: Callable[..., object]) -> Callable[..., np.ndarray]:
    """An mpmath function over arrays."""

    def value(*x: np.longdouble) -> np.longdouble:
        if not all(np.isfinite(v) for v in x):
            return Long("nan")
        try:
            result = function(*(mp.mpf(float(v)) for v in x))
        except (ValueError, ZeroDivisionError):  # outside the domain, or a pole
            return Long("nan")
        if isinstance(result, mp.mpc):
            return Long("nan")
        return Long(mp.nstr(result, 25))

    def over_arrays(*x: np.ndarray) -> np.ndarray:
        with mp.workdps(40):
            return np.array([value(*row) for row in zip(*x, strict=True)], Long)

    return over_arrays


def samples(case: Case, dtype: np.dtype, count: int, seed: int = 0) -> list[np.ndarray]:
    """One array per operand: uniform and log-uniform in each range, and numbers of random bits."""
    random = np.random.default_rng(seed)
    unsigned = np.uint32 if dtype.itemsize == 4 else np.uint64

    def one(start: float, stop: float) -> np.ndarray:
        parts = [random.uniform(start, stop, count)]
        if stop > 0:
            low = start if start > 0 else stop * 1e-9
            parts.append(np.exp(random.uniform(np.log(low), np.log(stop), count)))
        if start < 0:
            low = -stop if stop < 0 else -start * 1e-9
            parts.append(-np.exp(random.uniform(np.log(low), np.log(-start), count)))
        return random.permutation(np.concatenate(parts)).astype(dtype)

    columns = []
    with np.errstate(over="ignore", under="ignore"):
        for _ in range(case.operands):
            arrays = [one(*r) for r in case.ranges]
            if case.bits:
                top = np.iinfo(unsigned).max
                arrays.append(random.integers(0, top, count, unsigned, endpoint=True).view(dtype))
            columns.append(np.concatenate(arrays))
    return columns


def exact_results(case: Case, columns: list[np.ndarray]) -> np.ndarray:
    with np.errstate(all="ignore"):
        return case.reference(*(x if case.native else x.astype(Long) for x in columns)).astype(Long)


def error_in_ulps(y: np.ndarray, exact: np.ndarray, absolute: float = 0.0) -> np.ndarray:
    """|y − exact| in units of the last place of exact in y's type; infinite where only one is finite."""
    with np.errstate(all="ignore"):
        rounded = exact.astype(y.dtype)
        info = np.finfo(y.dtype)
        unit = np.maximum(np.spacing(np.abs(rounded)), info.smallest_subnormal).astype(Long)
        distance = np.abs(y.astype(Long) - exact)
        error = np.maximum(distance - absolute * float(info.eps), 0) / unit
        agree = (y == rounded) | (np.isnan(y) & np.isnan(rounded))
        # A result beyond the largest float by less than a unit may round either way.
        edge = np.isinf(rounded) ^ np.isinf(y)
        close = edge & (np.abs(exact) > info.max * 0.999999) & (np.abs(exact) < info.max * 1.000001)
        return np.where(
            agree | close, np.where(agree & np.isfinite(y), error, 0), _finite_or(error, y, rounded)
        )


def _finite_or(error: np.ndarray, y: np.ndarray, rounded: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(y) & np.isfinite(rounded), error, np.inf)


def _expit(x: np.ndarray) -> np.ndarray:
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


def _softplus(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def _logit(p: np.ndarray) -> np.ndarray:
    # Exact enough near ½, where the quotient is near 1: longdouble has 11 bits to spare.
    return np.where(np.abs(p - 0.5) < 0.2, np.log1p((2 * p - 1) / (1 - p)), np.log(p / (1 - p)))


def _logaddexp2(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.maximum(a, b) + np.log1p(np.exp2(-np.abs(a - b))) / np.log(Long(2))


def _divergence(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    inside = np.where(np.abs(x / y - 1) < 0.1, x * np.log1p((x - y) / y), x * (np.log(x) - np.log(y)))
    result = np.where((x > 0) & (y > 0), inside, np.where((x == 0) & (y >= 0), 0, Long("inf")))
    return np.where(np.isnan(x + y), Long("nan"), result)


def _xlogy(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.where((x == 0) & ~np.isnan(y), 0, x * np.log(y))


def _xlog1py(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.where((x == 0) & ~np.isnan(y), 0, x * np.log1p(y))


def _entr(x: np.ndarray) -> np.ndarray:
    return np.where(x < 0, -Long("inf"), np.where(x == 0, 0, -x * np.log(x)))


def _erfcinv(q: mp.mpf) -> mp.mpf:
    """From SciPy's value by Newton's method."""
    if q in (0, 2):
        return (1 - q) * mp.inf
    y = mp.mpf(float(scipy.special.erfcinv(float(q))))
    for _ in range(4):
        y += (mp.erfc(y) - q) * mp.sqrt(mp.pi) / 2 * mp.exp(y * y)
    return y


def _ndtri(p: mp.mpf) -> mp.mpf:
    return -mp.sqrt(2) * _erfcinv(2 * p)


def _gammaln(x: mp.mpf) -> mp.mpf:
    return mp.re(mp.loggamma(x))


@functools.cache
def _incomplete_gamma(a: mp.mpf, x: mp.mpf) -> tuple[mp.mpf, mp.mpf]:
    """P(a, x) and Q(a, x): the power series where it is short, Legendre's continued fraction elsewhere."""
    if a <= 0 or x <= 0:
        raise ValueError("outside")
    if x < max(a + 1, 60):
        with mp.workdps(80):
            total, term, n = mp.mpf(1), mp.mpf(1), 0
            while term > total * mp.eps:
                n += 1
                term *= x / (a + n)
                total += term
            lower = _gamma_density(a + 1, x) * total
            return lower, 1 - lower
    t = mp.mpf(1)
    for n in range(int(200 + 2 * mp.sqrt(a)), 0, -1):
        t = x - a + 2 * n - 1 + n * (a - n) / t
    upper = _gamma_density(a, x) * x / t
    return 1 - upper, upper


def _gamma_density(a: mp.mpf, x: mp.mpf) -> mp.mpf:
    if a <= 0 or x <= 0:
        raise ValueError("outside")
    return mp.exp((a - 1) * mp.log(x) - x - mp.loggamma(a))


_besselk = functools.cache(mp.besselk)


@functools.cache
def _zeta(x: mp.mpf, q: mp.mpf) -> mp.mpf:
    if not 1 < x < 1e3:
        raise ValueError("outside")
    with mp.workdps(100):  # it loses half of them
        return mp.zeta(x, q)


PI = Long("3.14159265358979323846264338327950288")

ANGLES: tuple[Range, ...] = ((-10, 10), (-1e5, 1e5), (1e4, 1e9), (1e8, 1e30))
LINE: tuple[Range, ...] = ((-10, 10), (-1e5, 1e5))
EXACT = (0.5001, 0.5001)

RARE = {"precise": True, "bits": False}

CASES = (
    Case("exp", np.exp, (1.0, 1.0), ((-80, 80), (-750, 710), (-1, 1))),
    Case("exp2", np.exp2, (1.0, 1.0), ((-100, 100), (-1080, 1025)), unfused=(1.1, 1.1)),
    Case("expm1", np.expm1, (1.8, 2.0), ((-1, 1), (-40, 89), (80, 710))),
    Case("log", np.log, (1.0, 1.0), ((0.5, 2), (1e-44, 1e38))),
    Case("log2", np.log2, (1.0, 1.0), ((0.5, 2), (1e-44, 1e38))),
    Case("log10", np.log10, (1.5, 1.5), ((0.5, 2), (1e-44, 1e38))),
    Case("log1p", np.log1p, (1.0, 1.0), ((-0.99, 3), (1, 1e30))),
    Case("power", np.power, (0.6, 1.5), ((0, 5), (-30, 30), (1e-3, 100)), operands=2),
    Case("sqrt", np.sqrt, EXACT, ((0, 10),)),
    Case("cbrt", np.cbrt, (1.0, 1.0), LINE),
    Case("rsqrt", lambda x: 1 / np.sqrt(x), (1.5, 1.5), ((0, 10),)),
    Case("reciprocal", lambda x: 1 / x, EXACT, LINE),
    Case("hypot", np.hypot, (1.0, 1.0), LINE, operands=2),
    Case("sin", np.sin, (1.6, 1.6), ANGLES),
    Case("cos", np.cos, (1.6, 1.6), ANGLES),
    Case("tan", np.tan, (3.5, 3.8), ANGLES),
    Case("arcsin", np.arcsin, (2.5, 2.5), ((-1, 1), (0.45, 0.55), (0.99, 1))),
    Case("arccos", np.arccos, (2.5, 2.5), ((-1, 1), (0.45, 0.55), (0.99, 1))),
    Case("arctan", np.arctan, (2.0, 2.0), ((-1, 1), (-10, 10))),
    Case("arctan2", np.arctan2, (2.5, 2.5), LINE, operands=2),
    Case("deg2rad", lambda x: x * (PI / 180), (1.5, 1.5), LINE),
    Case("rad2deg", lambda x: x * (180 / PI), (1.5, 1.5), LINE),
    Case("sinh", np.sinh, (2.0, 2.0), ((-5, 5), (80, 720))),
    Case("cosh", np.cosh, (1.7, 1.7), ((-5, 5), (80, 720))),
    Case("tanh", np.tanh, (1.5, 1.5), ((-5, 5), (-1, 1))),
    Case("arcsinh", np.arcsinh, (4.0, 4.0), LINE),
    Case("arccosh", np.arccosh, (4.0, 4.0), ((1, 3), (1, 1e5))),
    Case("arctanh", np.arctanh, (4.0, 4.0), ((-1, 1),)),
    Case("expit", _expit, (2.3, 2.3), ((-10, 10), (-110, 90), (-750, 20))),
    Case("logit", _logit, (3.0, 3.0), ((0, 1), (0.3, 0.7))),
    Case("log_expit", lambda x: -_softplus(-x), (2.5, 2.5), ((-10, 10), (-110, 90), (-750, 20))),
    Case("softplus", _softplus, (2.5, 2.5), ((-10, 10), (-110, 90), (-750, 20))),
    Case("logaddexp", np.logaddexp, (2.5, 2.5), ((0, 10), (100, 1000)), operands=2, absolute=2),
    Case("logaddexp2", _logaddexp2, (2.5, 2.5), ((0, 10), (100, 1000)), operands=2, absolute=2),
    Case("xlogy", _xlogy, (2.0, 2.0), ((-5, 5), (0.5, 2)), operands=2),
    Case("xlog1py", _xlog1py, (2.0, 2.0), ((-5, 5), (-0.5, 0.5)), operands=2),
    Case("entr", _entr, (2.0, 2.0), ((0, 10),)),
    Case("rel_entr", _divergence, (4.0, 4.0), ((0, 10), (0.9, 1.1)), operands=2),
    Case(
        "kl_div",
        lambda x, y: _divergence(x, y) - x + y,
        (4.0, 4.0),
        ((0, 10),),
        operands=2,
        absolute=40,
        bits=False,
    ),
    Case("erf", precise(mp.erf), (2.0, 2.0), ((-6, 6), (-1, 1)), precise=True, unfused=(2.5, 2.5)),
    Case("erfc", precise(mp.erfc), (4.0, 4.0), ((-6, 28), (-1, 1)), precise=True, bits=False),
    Case(
        "erfcx",
        precise(lambda x: mp.exp(x * x) * mp.erfc(x)),
        (5.5, 5.5),
        ((-26, 28), (-1, 1)),
        precise=True,
        bits=False,
        unfused=(6.0, 6.0),
    ),
    Case("ndtr", precise(mp.ncdf), (4.0, 4.0), ((-38, 10), (-1, 1)), precise=True, bits=False),
    Case(
        "log_ndtr",
        precise(lambda x: mp.log(mp.ncdf(x)) if x < 5 else mp.log1p(-mp.ncdf(-x))),
        (4.0, 4.0),
        ((-100, 30), (-1, 1)),
        precise=True,
        bits=False,
        unfused=(5.0, 5.0),
    ),
    Case("erfinv", precise(mp.erfinv), (1.0, 4.0), ((-1, 1), (0.99, 1)), precise=True, bits=False),
    Case("erfcinv", precise(_erfcinv), (1.0, 4.0), ((0, 2), (1e-300, 1)), precise=True, bits=False),
    Case(
        "ndtri",
        precise(_ndtri),
        (1.0, 4.0),
        ((0, 1), (1e-300, 1)),
        precise=True,
        bits=False,
        unfused=(1.0, 5.0),
    ),
    Case(
        "gammaln",
        precise(_gammaln),
        (1.0, 4.0),
        ((0, 10), (0, 1000), (-30, 0)),
        precise=True,
        absolute=8,
        bits=False,
    ),
    Case("gamma", precise(mp.gamma), (1.0, 4.0), ((0, 10), (0, 171), (-30, 0)), precise=True, bits=False),
    Case(
        "psi",
        precise(mp.digamma),
        (1.0, 4.0),
        ((0, 10),),
        precise=True,
        absolute=8,
        bits=False,
        unfused=(1.0, 5.0),
    ),
    Case(
        "digamma",
        precise(mp.digamma),
        (1.0, 4.0),
        ((0, 10), (0, 1000), (-30, 0)),
        precise=True,
        absolute=8,
        bits=False,
        unfused=(1.0, 5.0),
    ),
    Case(
        "trigamma",
        precise(lambda x: mp.psi(1, x)),
        (1.0, 6.0),
        ((0, 10), (0, 1000), (-30, 0)),
        precise=True,
        bits=False,
    ),
    Case("zeta", precise(_zeta), (1.0, 6.0), ((0.1, 4), (1, 50)), 2, **RARE),
    *(
        Case(name, precise(function), (1.0, 8.0), ((0, 3), (0, 60), (50, 400), (900, 1100)), 2, **RARE)
        for name, function in (
            ("gammainc", lambda a, x: _incomplete_gamma(a, x)[0]),
            ("gammaincc", lambda a, x: _incomplete_gamma(a, x)[1]),
            ("gamma_density", _gamma_density),
        )
    ),
    Case(
        "i0", precise(lambda x: mp.besseli(0, x)), (5.0, 5.0), ((-10, 10), (0, 700)), precise=True, bits=False
    ),
    Case(
        "i0e",
        precise(lambda x: mp.besseli(0, x) * mp.exp(-abs(x))),
        (5.0, 5.0),
        ((-10, 10), (0, 700)),
        precise=True,
        bits=False,
    ),
    Case(
        "i1", precise(lambda x: mp.besseli(1, x)), (5.0, 5.0), ((-10, 10), (0, 700)), precise=True, bits=False
    ),
    Case(
        "i1e",
        precise(lambda x: mp.besseli(1, x) * mp.exp(-abs(x))),
        (5.0, 5.0),
        ((-10, 10), (0, 700)),
        precise=True,
        bits=False,
    ),
    *(
        Case(name, precise(function), (1.0, 4.0), ((0, 2), (1, 700)), **RARE)
        for name, function in (
            ("k0", lambda x: _besselk(0, x)),
            ("k0e", lambda x: _besselk(0, x) * mp.exp(x)),
            ("k1", lambda x: _besselk(1, x)),
            ("k1e", lambda x: _besselk(1, x) * mp.exp(x)),
        )
    ),
    Case("sinc", precise(mp.sincpi), (4.0, 4.0), ((-3, 3), (-1000, 1000)), precise=True, bits=False),
    Case("floor", np.floor, EXACT, LINE),
    Case("ceil", np.ceil, EXACT, LINE),
    Case("trunc", np.trunc, EXACT, LINE),
    Case("rint", np.rint, EXACT, LINE),
    Case("fabs", np.fabs, EXACT, LINE),
    Case("copysign", np.copysign, EXACT, LINE, operands=2),
    Case("sign", np.sign, EXACT, LINE),
    Case("heaviside", np.heaviside, EXACT, LINE, operands=2),
    Case("maximum", np.maximum, EXACT, LINE, operands=2),
    Case("minimum", np.minimum, EXACT, LINE, operands=2),
    Case("fmax", np.fmax, EXACT, LINE, operands=2),
    Case("fmin", np.fmin, EXACT, LINE, operands=2),
    Case("fmod", np.fmod, EXACT, LINE, operands=2, native=True),
    Case("remainder", np.remainder, EXACT, LINE, operands=2, native=True),
    Case("floor_divide", np.floor_divide, EXACT, LINE, operands=2, native=True),
    Case("nextafter", np.nextafter, EXACT, LINE, operands=2, native=True),
    Case("spacing", np.spacing, EXACT, LINE, native=True),
    Case("signbit", np.signbit, EXACT, LINE),
    Case("isnan", np.isnan, EXACT, LINE),
    Case("isinf", np.isinf, EXACT, LINE),
    Case("isfinite", np.isfinite, EXACT, LINE),
)
