"""Complex values in traced code: NumPy's values, dtypes and shapes, or a refusal that says why."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc
from graphc.errors import DTypeError, TraceError, UnsupportedError

RNG = np.random.default_rng(3)
X = RNG.normal(size=(3, 4))
Z = RNG.normal(size=(3, 4)) + 1j * RNG.normal(size=(3, 4))
W = RNG.normal(size=(4, 3)) + 1j * RNG.normal(size=(4, 3))
ROOTS = np.array([0, 1, -1, 1j, -1j, 3 + 4j, -3 + 4j, -3 - 4j, 1e-3j, -5])
POSITIONS = np.array([2, 0])

# Of a real x (3, 4), a complex z (3, 4) and a complex w (4, 3).
CASES: dict[str, Callable[[Any, Any, Any], Any]] = {
    "arithmetic": lambda x, z, w: [z + x, x - z, z * x, x / z, z / x, z * z, z / w.T, -z, +z],
    "python_numbers": lambda x, z, w: [x * 1j, 2j - x, (1 + 2j) * z, z / 2, 3 / z, 1j / x, x + 2.0 * 1j],
    "numpy_numbers": lambda x, z, w: [x * np.complex64(2j), z + np.float32(1), np.complex128(1 + 1j) * x],
    "powers": lambda x, z, w: [z**2, z**3, z**-2, z**0, z**0.5, z**1j, x ** (1 + 2j), 2**z, z**z],
    "broadcasting": lambda x, z, w: [z[0] * x, z[:, :1] + z[0], z[:, None] * 1j + x],
    "parts": lambda x, z, w: [z.real, z.imag, np.real(z), np.imag(z), np.conj(z), z.conj(), z.conjugate()],
    "polar": lambda x, z, w: [np.abs(z), abs(z), np.angle(z), np.angle(z, deg=True), np.angle(1j * x)],
    "exponential": lambda x, z, w: [
        np.exp(z),
        np.exp(1j * x),
        np.log(z),
        np.log2(z),
        np.log10(z),
        np.sqrt(z),
    ],
    "circular": lambda x, z, w: [np.sin(z), np.cos(z), np.sinh(z), np.cosh(z), np.tanh(z)],
    "others": lambda x, z, w: [np.square(z), np.reciprocal(z), np.positive(z), np.negative(z)],
    "questions": lambda x, z, w: [z == z, z != x, z == 1j, np.isfinite(z), np.isnan(z), np.isinf(z)],
    "about": lambda x, z, w: [np.iscomplex(z), np.isreal(z), np.any(z), np.all(z), np.count_nonzero(z)],
    "close": lambda x, z, w: [np.isclose(z, z * (1 + 1e-9)), np.isclose(z, x)],
    "shapes": lambda x, z, w: [z.T, z.reshape(2, -1), z.ravel(), z[..., None].squeeze(), np.flip(z, 0)],
    "more_shapes": lambda x, z, w: [np.moveaxis(z, 0, 1), z.swapaxes(0, 1), np.broadcast_to(z, (2, 3, 4))],
    "padded": lambda x, z, w: [np.pad(z, 1, constant_values=2), np.pad(z, 1, "wrap"), np.pad(z, 1, "edge")],
    "padded_by_complex": lambda x, z, w: [np.pad(z, ((1, 0), (0, 2)), constant_values=1j)],
    "masked": lambda x, z, w: [z[X > 0], z[:, np.array([True, False, True, True])]],
    "numpy_exponents": lambda x, z, w: [z ** np.int64(2), z ** np.float32(3), z ** np.arange(4)],
    "moved": lambda x, z, w: [np.roll(z, 1), np.tile(z, 2), np.repeat(z, 2, 0), np.pad(z, 1), z.flatten()],
    "parts_of_arrays": lambda x, z, w: [z[1], z[:, ::-2], z[POSITIONS], z[1, 2], np.take(z, POSITIONS, 1)],
    "triangles": lambda x, z, w: [np.diag(z), np.tril(z), np.triu(z), np.trace(z), np.diagonal(z)],
    "joined": lambda x, z, w: [
        np.concatenate([z, x]),
        np.stack([x, z]),
        np.vstack([z, z]),
        np.hstack([z, x]),
    ],
    "taken_apart": lambda x, z, w: [*np.split(z, 2, 1), *z],
    "sums": lambda x, z, w: [np.sum(z), z.sum(0), np.mean(z, 1), np.cumsum(z, 1), np.diff(z), z.mean()],
    "spread": lambda x, z, w: [np.var(z), np.std(z, 0), np.var(z, axis=1, ddof=1), np.linalg.norm(z, axis=0)],
    "norms": lambda x, z, w: [np.linalg.norm(z), np.linalg.norm(z[0], 1), np.linalg.vector_norm(z)],
    "products": lambda x, z, w: [z @ w, x @ w, z @ x.T, np.dot(z, w), np.inner(z, w.T), np.outer(z[0], w[0])],
    "more_products": lambda x, z, w: [np.vdot(z, w.T), np.kron(z, w), np.tensordot(z, w, 1), z[0] @ w[:, 0]],
    "einsum": lambda x, z, w: [np.einsum("ij,jk->ki", z, w), np.einsum("ij,jk,ij,k->i", z, w, x, z[:, 0])],
    "convolved": lambda x, z, w: [np.convolve(z[0], x[0]), np.convolve(z[0], z[1], "same")],
    "converted_sums": lambda x, z, w: [
        *(np.sum(z, 0, complex), np.cumsum(z, dtype=complex), z.mean(dtype=complex)),
        *(np.full_like(z, 2, dtype=float), np.full_like(x, 2j, dtype=complex), np.full_like(z, 1, int)),
        *(np.var(z, 0, complex), z.var(axis=1, dtype=complex), np.std(z, where=X > 0)),
    ],
    "chosen": lambda x, z, w: [np.where(x > 0, z, x), np.where(x > 0, z, 1j), np.where(z == z, 0, z)],
    "like": lambda x, z, w: [np.zeros_like(z), np.ones_like(z), np.full_like(z, 2j), np.zeros_like(z, float)],
    "types": lambda x, z, w: [x.astype(complex), z.astype(np.complex64), z.astype(np.complex128), z.copy()],
    "shifted": lambda x, z, w: [np.fft.fftshift(z), np.fft.ifftshift(z, 1)],
    "branches": lambda x, z, w: [np.sqrt(ROOTS * x[0, 0] / X[0, 0]), np.angle(ROOTS + 0 * x[0, 0])],
    "captured": lambda x, z, w: [x @ W, W * x.T, np.matmul(x, W), W[0] - z[0, :3], np.einsum("ij,jk", x, W)],
    "constants": lambda x, z, w: [2j, np.complex64(1j), W, 1j * x[0, 0]],
}


def arguments(single: bool) -> tuple[Any, Any, Any]:
    if not single:
        return X, Z, W
    return X.astype(np.float32), Z.astype(np.complex64), W.astype(np.complex64)


@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_complex_values_are_numpys(name: str, single: bool) -> None:
    given = arguments(single)
    found = graphc.compile(CASES[name], backend="interpret")(*given)
    expected = CASES[name](*given)
    assert len(found) == len(expected)
    for y, e in zip(found, expected, strict=True):
        assert type(y) is type(e) or (np.shape(e) == () and isinstance(y, np.generic | bool))
        assert np.shape(y) == np.shape(e)
        assert np.asarray(y).dtype == np.asarray(e).dtype
        size = np.max(np.abs(e))
        eps = 3e-6 if single else 5e-14
        np.testing.assert_allclose(y, e, rtol=0, atol=eps * max(size, 1))


def test_attributes_are_numpys() -> None:
    def f(z: Any) -> Any:
        assert (z.shape, z.ndim, z.size, z.dtype, z.itemsize, z.nbytes) == ((3, 4), 2, 12, complex, 16, 192)
        assert np.iscomplexobj(z)
        assert not np.isrealobj(z)
        assert (np.shape(z), np.ndim(z), np.size(z), len(z)) == ((3, 4), 2, 12, 3)
        assert np.result_type(z, np.float32) == np.complex128
        assert repr(z) == f"{z}" == "<traced complex128[3, 4]>"
        assert not np.iscomplexobj(z.real)
        return z

    graphc.compile(f, backend="interpret")(Z)


def test_writes_go_to_both_parts_and_views_share_memory() -> None:
    def f(z: Any) -> Any:
        z = z.copy()
        row, re = z[1], z.real
        z[0] = 1
        z[1, 2:] = np.array([2j, 3j])
        z.real[2] = 5
        z.imag = z.imag * 2
        z += 1j
        z *= z
        row[0] -= 1
        return z, row, re

    for found, expected in zip(graphc.compile(f, backend="interpret")(Z), f(Z), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-15)


def test_a_quotient_does_not_overflow_on_the_way() -> None:
    z = np.array([1e200 + 1e200j, 1e-200 - 1e-200j, 3e300j])
    f = graphc.compile(lambda a, b: [a / b, np.abs(a)], backend="interpret")
    for found, expected in zip(f(z, z[::-1] * (1 + 2j)), [z / (z[::-1] * (1 + 2j)), np.abs(z)], strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-15)


def test_powers_and_roots_of_zero() -> None:
    zero = np.zeros(2, complex)
    f = graphc.compile(lambda z: [z**2, z**0.5, np.sqrt(z), np.exp(z)], backend="interpret")
    for found, expected in zip(f(zero), [zero, zero, zero, zero + 1], strict=True):
        np.testing.assert_array_equal(found, expected)


LOSES = "conversion of a complex value to float64 would lose its imaginary part"
REFUSED: dict[str, tuple[Callable[[Any], Any], type[Exception], str]] = {
    "sum": (lambda z: np.sum(z, dtype=float), TraceError, LOSES),
    "mean": (lambda z: z.mean(0, float), TraceError, LOSES),
    "cumsum": (lambda z: np.cumsum(z, 0, float), TraceError, LOSES),
    "full_like": (lambda z: np.full_like(z, 1j, float), TraceError, LOSES),
    "var": (lambda z: np.var(z, dtype=float), TraceError, LOSES),
    "var_mean": (
        lambda z: np.var(z, mean=0),
        UnsupportedError,
        "graphc cannot trace numpy.var of complex values with mean=",
    ),
    "product_dtype": (
        lambda z: np.matmul(z, z.T, dtype=float),
        UnsupportedError,
        "graphc cannot trace numpy.matmul of complex values with dtype=",
    ),
    "einsum": (
        lambda z: np.einsum("ij->", z, dtype=float),
        UnsupportedError,
        "graphc cannot trace numpy.einsum of complex values with dtype=",
    ),
    "ufunc": (lambda z: np.cbrt(z), UnsupportedError, "graphc cannot trace numpy.cbrt of complex values"),
    "method": (
        lambda z: np.multiply.reduce(z),
        UnsupportedError,
        "graphc cannot trace numpy.multiply.reduce of complex values",
    ),
    "out": (
        lambda z: np.add(z, 1, out=z.copy()),
        UnsupportedError,
        "graphc cannot trace numpy.add of complex values with out=",
    ),
    "order": (lambda z: z < 1, UnsupportedError, "graphc cannot trace numpy.less of complex values"),
    "function": (
        lambda z: np.linalg.inv(z),
        UnsupportedError,
        "graphc cannot trace numpy.linalg.inv of complex values",
    ),
    "sort": (lambda z: np.sort(z), UnsupportedError, "graphc cannot trace numpy.sort of complex values"),
    "second": (
        lambda z: np.take(z, z),
        UnsupportedError,
        "graphc cannot trace numpy.take with complex values in other places than its first argument",
    ),
    "initial": (
        lambda z: np.sum(z, initial=1),
        UnsupportedError,
        "graphc cannot trace numpy.sum of complex values with initial=",
    ),
    "prepend": (
        lambda z: np.diff(z, 1, -1, 0),
        UnsupportedError,
        "graphc cannot trace numpy.diff of complex values with prepend=",
    ),
    "padding": (
        lambda z: np.pad(z, 1, "maximum"),
        UnsupportedError,
        "graphc cannot trace numpy.pad of complex values with mode='maximum'",
    ),
    "product": (
        lambda z: np.dot(z, z, z.copy()),
        UnsupportedError,
        "graphc cannot trace numpy.dot of complex values with out=",
    ),
    "mask": (lambda z: z[z.real > 0], UnsupportedError, "z[mask] of a complex value"),
    "flat": (lambda z: z.flat, UnsupportedError, "flat of a complex value"),
    "array": (
        lambda z: np.array([z, z]),
        UnsupportedError,
        "conversion of the traced value <traced complex128[2, 2]> to a concrete array",
    ),
    "to_real": (
        lambda z: z.astype(float),
        TraceError,
        "conversion of a complex value to float64 would lose its imaginary part",
    ),
    "branch": (
        lambda z: 1 if z[0, 0] else 2,
        TraceError,
        "a Python branch on the traced value <traced complex128>: its value is not known while tracing",
    ),
    "float": (
        lambda z: float(z[0, 0]),
        TraceError,
        "float() of the traced value <traced complex128>: its value is not known while tracing",
    ),
    "number": (
        lambda z: complex(z[0, 0]),
        TraceError,
        "complex() of the traced value <traced complex128>: its value is not known while tracing",
    ),
    "stored": (
        lambda z: z.real.copy().__setitem__(0, z[0]),
        DTypeError,
        "a value of dtype complex128 where real numbers are needed",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_covered_is_refused_by_name_at_the_users_line(name: str) -> None:
    function, error, text = REFUSED[name]
    with pytest.raises(error) as raised:
        graphc.compile(function)(np.ones((2, 2), complex))
    first, place, remedy = str(raised.value).split("\n")
    assert first == text
    assert re.match(r"  at test_complex_numbers.py:\d+, ", place)
    assert remedy.startswith("  ")
    assert remedy.endswith((".", "..."))


def test_real_arrays_do_not_take_complex_updates() -> None:
    text = "Cannot cast ufunc 'add' output from dtype('complex128') to dtype('float64')"
    with pytest.raises(TypeError, match=re.escape(text)):
        graphc.compile(lambda x: x.copy().__iadd__(1j))(X)


def test_captured_arrays_are_read_when_the_program_runs() -> None:
    weights = np.ones(4, complex)
    f = graphc.compile(lambda x: x * weights + weights, backend="interpret")
    np.testing.assert_array_equal(f(X), X + 1)
    weights[:] = 2j
    np.testing.assert_array_equal(f(X), X * 2j + 2j)
