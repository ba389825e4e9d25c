"""The elementary functions of the CPU backend against longdouble, mpmath, NumPy and SciPy."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path

import llvmlite.binding as llvm
import mpmath as mp
import numpy as np
import pytest
import scipy.special
from llvmlite import ir

from graphc.backends.cpu.features import declare
from graphc.backends.cpu.jit import assembly, object_code
from graphc.backends.cpu.llvm import PTR, Code, scalar_type
from graphc.backends.cpu.loaded import Loaded
from graphc.backends.cpu.math import MATH
from graphc.backends.cpu.math.loops import array_function, loop_module
from graphc.backends.cpu.target import Target
from tests.backends.math_cases import CASES, Case, error_in_ulps, exact_results, samples

SINGLE, DOUBLE = np.dtype(np.float32), np.dtype(np.float64)
LANES = {SINGLE: 16, DOUBLE: 8}
both_types = pytest.mark.parametrize("dtype", [SINGLE, DOUBLE], ids=str)
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
each_name = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
# What plain SSE2 has; this processor runs it, too.
PLAIN = Target(16, fma=False, masks=False, rounding=False)
each_target = pytest.mark.parametrize("target", [None, PLAIN], ids=["native", "plain"])


def corners(dtype: np.dtype) -> np.ndarray:
    info = np.finfo(dtype)
    positive = [
        *(0, 1, 2, 0.5, 1.5, 3, np.pi, 10, 100, 1000, np.inf, np.nan),
        *(info.smallest_subnormal, 3 * info.smallest_subnormal, info.tiny, info.eps, info.max, 1e30),
    ]
    return np.array([*positive, *(-v for v in positive)]).astype(dtype)


# Functions that neither NumPy nor SciPy has.
OURS = {
    "rsqrt": lambda x: (1 / np.sqrt(x)).astype(x.dtype),
    "softplus": lambda x: np.logaddexp(x.dtype.type(0), x),
    "digamma": lambda x: scipy.special.psi(x.astype(np.float64)).astype(x.dtype),
    "trigamma": lambda x: scipy.special.polygamma(1, x.astype(np.float64)).astype(x.dtype),
    # SciPy's are NaN at infinity, and infinite at subnormals.
    "i0": lambda x: np.where(np.isinf(x), abs(x), scipy.special.i0(x.astype(np.float64)).astype(x.dtype)),
    "erfcinv": lambda x: np.where(
        (x > 0) & (x < 1e-323), 27.21329321081295, scipy.special.erfcinv(x.astype(np.float64))
    ).astype(x.dtype),
    "sinc": lambda x: np.where(np.isfinite(x) & (abs(x) > 1e15), 0, np.sinc(x)).astype(x.dtype),
    "i1": lambda x: np.where(np.isinf(x), x, scipy.special.i1(x.astype(np.float64)).astype(x.dtype)),
    "gammaln": lambda x: np.where(
        abs(x) < 1e-300, -np.log(abs(x)), scipy.special.gammaln(x.astype(np.float64))
    ).astype(x.dtype),
    "kl_div": lambda x, y: _kl_div(x, y),
    "gammainc": lambda a, x: scipy.special.gammainc(*map(_regular, (a, x))).astype(a.dtype),
    "gammaincc": lambda a, x: scipy.special.gammaincc(*map(_regular, (a, x))).astype(a.dtype),
    # SciPy's are infinite or NaN at the least number.
    **{
        f.__name__: lambda x, f=f: f(np.where((x > 0) & (x < 1e-323), 1e-323, x.astype(np.float64))).astype(
            x.dtype
        )
        for f in (scipy.special.k0, scipy.special.k0e, scipy.special.k1, scipy.special.k1e)
    },
    # Of large numbers SciPy's is NaN.
    "zeta": lambda x, q: scipy.special.zeta(np.where(x > 1e4, 1e4, x), q.astype(np.float64)).astype(x.dtype),
    "gamma_density": lambda a, x: _gamma_density(_regular(a), x).astype(a.dtype),
}


def _regular(x: np.ndarray) -> np.ndarray:
    """x with the numbers replaced at which SciPy is wrong: subnormals and the largest."""
    x = x.astype(np.float64)
    return np.where((x > 0) & (x < 1e-300), 1e-300, np.where((x > 1e300) & np.isfinite(x), 1e300, x))


def _gamma_density(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """By definition, with enough digits that nothing cancels."""

    def value(a: float, x: float) -> float:
        if not (a > 0 and x >= 0) or a == np.inf:
            return np.nan
        if x == np.inf:
            return 0.0
        if x == 0:
            return 1.0 if a == 1 else 0.0 if a > 1 else np.inf
        with mp.workdps(660 if a > 1e3 else 40):
            return float(mp.exp((a - 1) * mp.log(x) - x - mp.loggamma(a)))

    return np.array([value(*map(mp.mpf, map(float, p))) for p in zip(a, x, strict=True)])


def _kl_div(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """SciPy's overflows with x/y: there it is made from its rel_entr."""
    wide_x, wide_y = x.astype(np.float64), y.astype(np.float64)
    ratio = wide_x / wide_y
    regular = (ratio > 1e-300) & (ratio < np.inf) | (x <= 0) | (y <= 0) | ~np.isfinite(x + y)
    whole = scipy.special.rel_entr(wide_x, wide_y) - wide_x + wide_y
    return np.where(regular, scipy.special.kl_div(wide_x, wide_y), whole).astype(x.dtype)


# The sign of their zeros is not specified.
UNSIGNED_ZERO = ("sinc", "erfcinv", "maximum", "minimum", "fmax", "fmin")


def oracle(name: str, *columns: np.ndarray) -> np.ndarray:
    """NumPy's result, or SciPy's in f64: some of its f32 loops flush subnormals."""
    if name in OURS:
        return OURS[name](*columns)
    if name in dir(np):
        return getattr(np, name)(*columns)
    return getattr(scipy.special, name)(*(x.astype(np.float64) for x in columns)).astype(columns[0].dtype)


@each_case
@both_types
@each_target
def test_error_stays_below_the_stated_bound(case: Case, dtype: np.dtype, target: Target | None) -> None:
    columns = samples(case, dtype, 150 if case.precise else 20_000)
    y = array_function(case.name, dtype, LANES[dtype], case.operands, target)(*columns)
    exact = exact_results(case, columns)
    error = error_in_ulps(y if y.dtype == dtype else y.astype(dtype), exact, case.absolute)
    worst = int(np.argmax(error))
    assert error[worst] <= case.bound(dtype, fused=target is None), [x[worst] for x in columns] + [
        y[worst],
        exact[worst],
    ]


@each_case
@both_types
@each_target
def test_scalar_and_vector_forms_agree_bit_for_bit(
    case: Case, dtype: np.dtype, target: Target | None
) -> None:
    columns = [np.concatenate([x[:2000], corners(dtype)]) for x in samples(case, dtype, 500)]
    unsigned = f"u{dtype.itemsize}"
    vector = array_function(case.name, dtype, LANES[dtype], case.operands, target)(*columns)
    scalar = array_function(case.name, dtype, 1, case.operands, target)(*columns)
    if vector.dtype == dtype:
        assert np.array_equal(np.isnan(vector), np.isnan(scalar))
        vector, scalar = (np.where(np.isnan(v), 0, v).view(unsigned) for v in (vector, scalar))
    assert np.array_equal(vector, scalar)


@each_case
@both_types
@each_target
def test_corner_values_are_those_of_numpy_and_scipy(
    case: Case, dtype: np.dtype, target: Target | None
) -> None:
    grid = np.meshgrid(*[corners(dtype)] * case.operands)
    columns = [np.ascontiguousarray(x.ravel()) for x in grid]
    y = array_function(case.name, dtype, LANES[dtype], case.operands, target)(*columns)
    with np.errstate(all="ignore"):
        expected = oracle(case.name, *columns)
    special = ~np.isfinite(expected) | (expected == 0)
    assert np.array_equal(y[special], expected[special], equal_nan=True), _differing(columns, y, expected)
    zero = (expected == 0) & (case.name not in UNSIGNED_ZERO)
    assert np.array_equal(np.signbit(y[zero]), np.signbit(expected[zero])), _differing(columns, y, expected)
    assert np.all(np.isfinite(y[~special])), _differing(columns, y, expected)


def _differing(columns: list[np.ndarray], y: np.ndarray, expected: np.ndarray) -> list[tuple]:
    same = (y == expected) & (np.signbit(y) == np.signbit(expected)) | np.isnan(y) & np.isnan(expected)
    return [(*(c[i] for c in columns), y[i], expected[i]) for i in np.flatnonzero(~same)][:20]


def test_every_function_has_a_measured_case() -> None:
    assert {case.name for case in CASES} | {"ldexp"} == set(MATH)


@both_types
@pytest.mark.parametrize("width", [32, 64])
@pytest.mark.parametrize("fast", [False, True])
def test_ldexp_rounds_once_for_every_exponent(dtype: np.dtype, width: int, fast: bool) -> None:
    fast = fast and llvm.get_host_cpu_features().get("avx512f", False)
    module, lanes = ir.Module(), 8
    declare(module, Target(fast_ldexp=fast))
    code = Code(module, "apply", [PTR, PTR, PTR])
    result, x, n = code.args
    element, integer = scalar_type(dtype), ir.IntType(width)
    code.store(MATH["ldexp"](code, code.load(x, element, lanes), code.load(n, integer, lanes)), result)
    code.ret()
    loaded = Loaded(object_code(str(module)))
    apply = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 3)(loaded.address("apply"))
    random = np.random.default_rng(0)
    numbers = np.concatenate([corners(dtype), random.uniform(-2, 2, 28).astype(dtype)])
    for exponent in (
        *range(-2200, 2200, 67),
        *range(-200, -90, 7),
        -1074,
        -1075,
        -149,
        -150,
        -2098,
        2098,
        -(2**31),
        2**31 - 1,
    ):
        n = np.full(lanes, exponent, f"i{width // 8}")
        for start in range(0, len(numbers), lanes):
            x = np.ascontiguousarray(numbers[start : start + lanes])
            y = np.empty_like(x)
            apply(y.ctypes.data, x.ctypes.data, n.ctypes.data)
            with np.errstate(all="ignore"):
                assert np.array_equal(y, np.ldexp(x, n), equal_nan=True), (x, exponent)


@pytest.mark.parametrize(
    "triple, cpu", [(None, "znver4"), (None, "haswell"), ("aarch64-linux-gnu", "cortex-a76")]
)
@each_case
def test_compiled_functions_call_nothing_outside_their_module(
    case: Case, triple: str | None, cpu: str
) -> None:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    target = llvm.Target.from_triple(triple or llvm.get_default_triple())
    machine = target.create_target_machine(cpu=cpu, features="", opt=1, reloc="pic")
    for dtype in (SINGLE, DOUBLE):
        module = loop_module(
            case.name, dtype, LANES[dtype], case.operands, Target(fast_ldexp=cpu == "znver4")
        )
        called = re.findall(r"^\s+(?:callq?|bl|jmp|b)\s+([A-Za-z_]\w*)", assembly(str(module), machine), re.M)
        assert [name for name in called if not name.startswith("graphc_")] == []


@both_types
def test_integer_scaling_and_ldexp_give_the_same_bits(dtype: np.dtype) -> None:
    from graphc.backends.cpu.math.loops import ArrayFunction

    x = samples(CASES[0], dtype, 2000)[0]
    portable = ArrayFunction("exp", dtype, LANES[dtype], 1, Target(fast_ldexp=False))(x)
    assert np.array_equal(portable, array_function("exp", dtype, LANES[dtype])(x), equal_nan=True)


@both_types
def test_sine_is_accurate_next_to_multiples_of_half_pi(dtype: np.dtype) -> None:
    import mpmath as mp

    with mp.workprec(300):
        x = np.array([float(mp.pi / 2 * k) for k in (*range(1, 200), 355, 10**6, 10**9 + 7)]).astype(dtype)
        if dtype == DOUBLE:  # the double closest to a multiple of π/2
            x = np.append(x, 6381956970095103 * 2.0**797)
        exact = np.array([np.longdouble(mp.nstr(mp.sin(mp.mpf(float(v))), 25)) for v in x])
    y = array_function("sin", dtype, LANES[dtype])(x)
    assert np.max(error_in_ulps(y, exact)) < 1.6


def test_sine_of_every_power_of_two_is_accurate() -> None:
    x = 2.0 ** np.arange(-1074, 1024)
    y = array_function("sin", DOUBLE, 8)(x)
    assert np.max(error_in_ulps(y, np.sin(x.astype(np.longdouble)))) < 1.6


def test_the_page_on_accuracy_states_the_bounds_that_are_tested() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \|(.*)\|$", (Path(__file__).parents[2] / "docs" / "accuracy.md").read_text(), re.M
    )
    stated = {name: [cell.strip() for cell in rest.split("|")] for name, rest in rows}
    assert list(stated) == [case.name for case in CASES]
    for case in CASES:
        bounds = [case.bound(dtype, fused=fused) for fused in (True, False) for dtype in (SINGLE, DOUBLE)]
        assert stated[case.name][1:8:2] == [f"{bound:.1f}" for bound in bounds], case.name
