"""Complex arrays as arguments and results, and derivatives through them."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest
from numba.core.errors import TypingError

import graphc
from tests.api.raising import raises_exactly

RNG = np.random.default_rng(6)
X = RNG.normal(size=12)
Z = RNG.normal(size=(3, 4)) + 1j * RNG.normal(size=(3, 4))


def along(f: Any, x: Any, direction: Any, step: float = 1e-6) -> float:
    """The central difference of a real f along a direction, which may be complex."""
    return float((f(x + step * direction) - f(x - step * direction)) / (2 * step))


# ---- arguments and results


@pytest.mark.parametrize("backend", ["cpu", "numba", "interpret"])
@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_complex_arrays_go_in_and_come_out(backend: str, dtype: Any) -> None:
    def f(z: Any, c: Any) -> Any:
        return {"product": z * c, "parts": (z.real, [z.imag]), "same": z}

    z = Z.astype(dtype)
    for argument in (
        z,
        z[:, ::2],
        np.asfortranarray(z),
        z[0, 0],
        np.zeros((0, 3), dtype),
        np.asarray(z[0, 0]),
    ):
        found, expected = graphc.compile(f, backend=backend)(argument, 2j), f(argument, 2j)
        for name in ("product", "same"):
            assert found[name].dtype == dtype
            np.testing.assert_allclose(found[name], expected[name], rtol=1e-6)
        np.testing.assert_array_equal(found["parts"][0], argument.real)


def test_python_numbers_stay_python_numbers() -> None:
    f = graphc.compile(lambda z, x: (z * z, z + x, z.real, 1j * x))
    assert [(type(y), y) for y in f(1 + 2j, 2.0)] == [
        (complex, -3 + 4j),
        (complex, 3 + 2j),
        (float, 1.0),
        (complex, 2j),
    ]
    single = graphc.compile(lambda z, x: z * x)(2j, np.ones(2, np.float32))
    assert single.dtype == np.complex64


def test_results_are_new_arrays_and_arguments_are_not_written() -> None:
    z = Z.copy()
    f = graphc.compile(lambda z: z)
    assert f(z) is not z
    with pytest.raises(graphc.TraceError, match="in-place change of an argument: the caller's array would"):
        graphc.compile(lambda z: z.__setitem__(0, 1))(z)
    np.testing.assert_array_equal(z, Z)


def test_the_form_of_a_call_tells_complex_arrays_from_pairs_of_floats() -> None:
    f = graphc.compile(lambda z: np.shape(z)[0] + np.sum(np.abs(z)))
    assert f(np.ones((2, 2))) == 6
    assert f(np.ones(2, complex)) == 4
    assert f(1j * np.ones((2, 2))) == 6
    assert f.cache_info().programs == 3


def test_sizes_of_complex_arrays_may_be_symbolic() -> None:
    declared = graphc.compile(lambda z: z * 2, dynamic={"z": ("N", None)})
    varying = graphc.compile(lambda z: z * 2, dynamic=True)
    for n in (2, 3, 5, 7):
        z = RNG.normal(size=(n, 4)) * 1j
        np.testing.assert_array_equal(declared(z), z * 2)
        np.testing.assert_array_equal(varying(z), z * 2)
    assert declared.cache_info().programs == 1
    assert varying.cache_info().programs == 2


def test_other_complex_dtypes_and_compiled_callers_are_refused() -> None:
    f = graphc.compile(lambda z: z)
    with raises_exactly(
        graphc.ArgumentError,
        "argument z of <lambda> is an array of dtype >c16, which graphc does not compute with\n"
        "  Convert it first: x.astype(np.complex128).",
    ):
        f(np.ones(2, ">c16"))
    with pytest.raises(TypingError, match="z of <lambda> is complex; pass real and imaginary parts as two"):
        numba.njit(lambda z: f(z))(np.ones(2, complex))


# ---- transformations


def test_gradients_pass_through_complex_values() -> None:
    def loss(x: Any) -> Any:
        z = np.fft.fft(x * np.exp(1j * x)) / (2 + 1j * x)
        return np.sum(np.abs(z - np.conj(z[::-1])) ** 2 / (1 + z.real**2))

    assert graphc.gradcheck(loss, X)
    curvature = graphc.hessian(loss)(X)
    step = 1e-5
    for i in range(3):
        e = np.eye(len(X))[i] * step
        numeric = (graphc.grad(loss)(X + e) - graphc.grad(loss)(X - e)) / (2 * step)
        np.testing.assert_allclose(curvature[i], numeric, rtol=1e-5, atol=1e-4)


def test_gradients_of_complex_arguments_are_conjugates_of_the_steepest_ascent() -> None:
    """∂f/∂x - i ∂f/∂y, JAX's convention: df = Re(gradient · dz)."""

    def f(z: Any) -> Any:
        return np.sum(np.abs(z) ** 2) + np.real(z[0, 0] * z[1, 1] * 1j)

    gradient = graphc.grad(f)(Z)
    assert gradient.dtype == complex
    direction = RNG.normal(size=Z.shape) + 1j * RNG.normal(size=Z.shape)
    np.testing.assert_allclose(np.sum(gradient * direction).real, along(f, Z, direction), rtol=1e-7)
    np.testing.assert_allclose(graphc.grad(lambda z: np.sum(np.abs(z) ** 2))(Z), 2 * Z.conj(), rtol=1e-15)
    value, pair = graphc.value_and_grad(lambda p: np.sum((p["z"] * p["x"]).real))({"z": 1j, "x": 2.0})
    assert (value, pair) == (0.0, {"z": 2 + 0j, "x": 0.0})


def test_pullbacks_are_transposed_without_conjugation() -> None:
    matrix = RNG.normal(size=(4, 2)) + 1j * RNG.normal(size=(4, 2))
    y, pull = graphc.vjp(lambda z: z @ matrix, Z)
    g = RNG.normal(size=(3, 2)) + 1j * RNG.normal(size=(3, 2))
    np.testing.assert_allclose(y, Z @ matrix, rtol=1e-14)
    np.testing.assert_allclose(pull(g)[0], g @ matrix.T, rtol=1e-13)


def test_tangents_and_jacobians_are_complex() -> None:
    y, tangent = graphc.jvp(lambda z: z**3, (Z,), (Z * 1j,))
    np.testing.assert_allclose(y, Z**3, rtol=1e-13)
    np.testing.assert_allclose(tangent, 3j * Z**3, rtol=1e-13)
    for jacobian in (graphc.jacfwd, graphc.jacrev):
        found = jacobian(lambda x: np.fft.fft(x))(X)
        np.testing.assert_allclose(found, np.fft.fft(np.eye(12)), atol=1e-14)
    by_two = graphc.jacobian(lambda x, c: np.fft.rfft(x) * c, argnums=(0, 1))(X, 2.0)
    assert [b.shape for b in by_two] == [(7, 12), (7,)]
    np.testing.assert_allclose(by_two[1], np.fft.rfft(X), atol=1e-14)


@pytest.mark.parametrize("what", ["a Jacobian", "a sparse Jacobian", "hvp", "gradcheck"])
def test_derivatives_that_need_real_arguments_say_so(what: str) -> None:
    def f(z: Any) -> Any:
        return np.sum(np.abs(z) ** 2)

    calls = {
        "a Jacobian": lambda: graphc.jacobian(f)(Z),
        "hvp": lambda: graphc.hvp(f, Z, Z),
        "a sparse Jacobian": lambda: graphc.jacobian(f, sparse=True)(Z),
        "gradcheck": lambda: graphc.gradcheck(f, Z),
    }
    with raises_exactly(
        graphc.DifferentiationError,
        f"{what} with respect to a complex argument\n"
        "  Make its real and imaginary parts two arguments: f(x, y) of z = x + 1j * y.",
    ):
        calls[what]()


def test_a_complex_number_has_no_gradient() -> None:
    with raises_exactly(
        graphc.DifferentiationError,
        "a gradient needs a function that returns one real scalar; this one returned complex\n"
        "  Return a real number, such as np.sum(np.abs(z) ** 2).",
    ):
        graphc.grad(lambda x: np.sum(x * 1j))(X)


def test_rules_that_users_write_see_the_cotangents_of_vjp() -> None:
    @graphc.custom_vjp
    def square(z: Any) -> Any:
        return z * z

    square.defvjp(lambda z: (z * z, z), lambda z, g: (2 * z * g,))
    g = RNG.normal(size=Z.shape) + 1j * RNG.normal(size=Z.shape)
    _, pull = graphc.vjp(lambda z: square(1j * z), Z)
    np.testing.assert_allclose(pull(g)[0], 2j * 1j * Z * g, rtol=1e-13)

    @graphc.custom_jvp
    def cube(z: Any) -> Any:
        return z**3

    cube.defjvp(lambda primals, tangents: (primals[0] ** 3, 3 * primals[0] ** 2 * tangents[0]))
    np.testing.assert_allclose(graphc.jvp(cube, (Z,), (g,))[1], 3 * Z**2 * g, rtol=1e-13)
    np.testing.assert_allclose(graphc.vjp(cube, Z)[1](g)[0], 3 * Z**2 * g, rtol=1e-13)


def test_examples_are_stacked() -> None:
    f = graphc.vmap(lambda z, c: np.fft.ifft(np.fft.fft(z) * c) + z, in_axes=(1, None), out_axes=1)
    c = np.exp(1j * np.arange(3))
    expected = np.fft.ifft(np.fft.fft(Z, axis=0) * c[:, None], axis=0) + Z
    np.testing.assert_allclose(f(Z, c), expected, rtol=1e-13)


def test_loops_and_branches_carry_complex_values() -> None:
    def iterate(x: Any) -> Any:
        last, every = graphc.scan(lambda c, a: (c * 1j + a, c), np.zeros(2, complex), x)
        turned = graphc.fori_loop(0, 3, lambda i, c: c * (0.5 + 1j), last)
        return graphc.cond(x[0] > 0, lambda z: z, lambda z: z.conj(), turned), every

    for x in (X, -X):
        carry, rows = np.zeros(2, complex), []
        for a in x:
            rows.append(carry)
            carry = carry * 1j + a
        carry = carry * (0.5 + 1j) ** 3
        found, every = graphc.compile(iterate)(x)
        np.testing.assert_allclose(found, carry if x[0] > 0 else carry.conj(), rtol=1e-13)
        np.testing.assert_allclose(every, rows, rtol=1e-13)
    assert graphc.gradcheck(lambda x: np.sum(np.abs(iterate(x)[0]) ** 2), X)


# ---- what transforms are for


def test_a_filter_by_the_convolution_theorem_has_the_gradient_of_the_convolution() -> None:
    signal, kernel = RNG.normal(size=50), RNG.normal(size=9)

    def by_transforms(x: Any, h: Any) -> Any:
        n = len(x) + len(h) - 1
        return np.fft.irfft(np.fft.rfft(x, n) * np.fft.rfft(h, n), n)

    np.testing.assert_allclose(
        graphc.compile(by_transforms)(signal, kernel), np.convolve(signal, kernel), atol=1e-13
    )
    target = RNG.normal(size=58)
    found = graphc.grad(lambda x, h: np.sum((by_transforms(x, h) - target) ** 2), argnums=(0, 1))
    rest = 2 * (np.convolve(signal, kernel) - target)
    for slope, expected in zip(
        found(signal, kernel),
        (np.correlate(rest, kernel, "valid"), np.correlate(rest, signal, "valid")),
        strict=True,
    ):
        np.testing.assert_allclose(slope, expected, atol=1e-11)


@pytest.mark.parametrize("n", [64, 63, 34])
def test_the_power_spectrum_and_its_gradient(n: int) -> None:
    x = RNG.normal(size=n)

    def energy(x: Any) -> Any:
        power = np.abs(np.fft.rfft(x)) ** 2
        return np.sum(power * np.arange(n // 2 + 1))

    assert graphc.gradcheck(energy, x)
    # Without conjugates the sum is a quadratic form: its gradient is twice the form at x.
    np.testing.assert_allclose(np.sum(graphc.grad(energy)(x) * x), 2 * energy(x), rtol=1e-12)
    np.testing.assert_array_equal(graphc.grad(energy)(np.zeros(n)), np.zeros(n))
    text = str(graphc.compile(lambda x: np.abs(np.fft.rfft(x)) ** 2).lower(x).kernels)
    assert "hypot" not in text, "no root is taken to be squared again"
