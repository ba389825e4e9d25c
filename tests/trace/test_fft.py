"""numpy.fft in traced code: NumPy's values, dtypes, shapes and errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc
from graphc.errors import ShapeError

RNG = np.random.default_rng(4)
REAL = RNG.normal(size=(4, 5, 6)) * 10
PLAIN = RNG.normal(size=(4, 5, 6)) + 1j * RNG.normal(size=(4, 5, 6))

OF_ANY = (np.fft.fft, np.fft.ifft, np.fft.irfft, np.fft.hfft)
OF_REAL = (np.fft.rfft, np.fft.ihfft)
SEVERAL_OF_ANY = (np.fft.fft2, np.fft.ifft2, np.fft.irfft2, np.fft.fftn, np.fft.ifftn, np.fft.irfftn)
SEVERAL_OF_REAL = (np.fft.rfft2, np.fft.rfftn)


def agree(function: Callable[..., Any], *given: Any) -> None:
    found, expected = graphc.compile(function, backend="interpret")(*given), function(*given)
    assert len(found) == len(expected)
    for i, (y, e) in enumerate(zip(found, expected, strict=True)):
        assert (y.shape, y.dtype) == (e.shape, e.dtype), i
        size = np.finfo(e.dtype).eps * np.max(np.abs(e), initial=0)
        np.testing.assert_allclose(y, e, rtol=0, atol=6 * size, err_msg=str(i))


@pytest.mark.parametrize("norm", [None, "backward", "ortho", "forward"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.bool_])
def test_every_transform_with_every_norm(norm: Any, dtype: Any) -> None:
    x = REAL.astype(dtype)
    agree(lambda x: [f(x, norm=norm) for f in (*OF_ANY, *OF_REAL, *SEVERAL_OF_ANY, *SEVERAL_OF_REAL)], x)
    z = PLAIN.astype(np.complex64 if dtype == np.float32 else complex)
    agree(lambda z: [f(z, norm=norm) for f in (*OF_ANY, *SEVERAL_OF_ANY)], z)


@pytest.mark.parametrize("n", [None, 1, 2, 3, 5, 8, 13])
@pytest.mark.parametrize("axis", [-1, 0, 1])
def test_lengths_cut_off_or_filled_up(n: int | None, axis: int) -> None:
    agree(lambda x: [f(x, n, axis) for f in (*OF_ANY, *OF_REAL)], REAL)
    agree(lambda z: [f(z, n, axis) for f in OF_ANY], PLAIN)


@pytest.mark.parametrize(
    ("s", "axes"), [((3, 8), (0, 2)), ((3, 8), (2, 0)), ((-1, 4), (1, 0)), (None, (1,)), (None, (0, 1, 2))]
)
def test_several_axes_in_any_order_and_size(s: Any, axes: Any) -> None:
    agree(lambda x: [f(x, s, axes) for f in (*SEVERAL_OF_ANY, *SEVERAL_OF_REAL)], REAL)
    agree(lambda z: [f(z, s, axes) for f in SEVERAL_OF_ANY], PLAIN)


def test_the_last_axes_are_those_of_a_shape() -> None:
    with pytest.warns(DeprecationWarning, match="axes"):
        expected = np.fft.fftn(PLAIN, (3, 4))
    found = graphc.compile(lambda z: np.fft.fftn(z, (3, 4)), backend="interpret")(PLAIN)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13)


def test_parts_beyond_the_highest_frequency_are_ignored_as_in_numpy() -> None:
    """The imaginary parts of the first and of the last number cannot come from real numbers."""
    z = PLAIN[0, 0] * 1j
    agree(lambda z: [np.fft.irfft(z), np.fft.irfft(z, 9), np.fft.irfft(z, 10), np.fft.hfft(z)], z)


def test_frequencies_and_shifts() -> None:
    def f(x: Any, d: Any) -> Any:
        return [
            np.fft.fftfreq(x.shape[-1]) * x,
            np.fft.rfftfreq(x.shape[-1], d) * d,
            np.fft.fftshift(np.fft.fft(x)),
            np.fft.ifftshift(np.fft.fftshift(x, axes=(0, 2)), axes=(0, 2)),
        ]

    agree(f, REAL, 0.25)


def test_arrays_without_lines() -> None:
    agree(lambda x: [np.fft.fft(x), np.fft.rfft(x), np.fft.irfft(x)], np.zeros((0, 4)))


def test_compiled_transforms_are_those_of_the_interpreter() -> None:
    def f(x: Any, z: Any) -> Any:
        return [*(g(z) for g in OF_ANY), *(g(x) for g in OF_REAL), np.fft.fftn(z), np.fft.rfftn(x)]

    for backend in ("cpu", "numba"):
        found = graphc.compile(f, backend=backend)(REAL, PLAIN)
        for y, e in zip(found, f(REAL, PLAIN), strict=True):
            assert (y.shape, y.dtype) == (e.shape, e.dtype)
            np.testing.assert_allclose(y, e, rtol=0, atol=1e-14 * np.max(np.abs(e)))


def test_the_number_of_lines_may_be_symbolic_but_not_their_length() -> None:
    f = graphc.compile(lambda x: np.abs(np.fft.rfft(x)), dynamic={"x": ("N", None)})
    for rows in (1, 3, 70):
        x = RNG.normal(size=(rows, 12))
        np.testing.assert_allclose(f(x), np.abs(np.fft.rfft(x)), rtol=0, atol=1e-14 * 12)
    assert f.cache_info().programs == 1
    with pytest.raises(ShapeError) as raised:
        graphc.compile(lambda x: np.fft.rfft(x).real, dynamic={"x": ("N",)})(REAL[0, 0])
    first, place, remedy = str(raised.value).split("\n")
    assert first == "a Fourier transform along axis 0 of f64[N], whose length is N"
    assert place.startswith("  at test_fft.py:")
    assert remedy == (
        "  The length must be a number when the function is compiled: leave this axis fixed in `dynamic`, or "
        "pass n=."
    )
    padded = graphc.compile(lambda x: np.fft.rfft(x, 8).real, dynamic={"x": ("N",)})
    np.testing.assert_allclose(padded(REAL.ravel()), np.fft.rfft(REAL.ravel(), 8).real, rtol=1e-13)


ERRORS: list[tuple[Callable[[Any], Any], type[Exception], str]] = [
    (lambda x: np.fft.fft(x, 0), ValueError, "Invalid number of FFT data points (0) specified."),
    (lambda x: np.fft.fft(x[:, :0]), ValueError, "Invalid number of FFT data points (0) specified."),
    (
        lambda x: np.fft.fft(x, norm="unit"),
        ValueError,
        'Invalid norm value unit; should be "backward", "ortho" or "forward".',
    ),
    (lambda x: np.fft.fft(x, axis=2), np.exceptions.AxisError, "axis 2 is out of bounds for array of dim"),
    (lambda x: np.fft.fftn(x, (2, 2), (0,)), ValueError, "Shape and axes have different lengths."),
    (lambda x: np.fft.rfft(x * 1j), TypeError, "numpy.fft.rfft of complex values\n  at test_fft.py:"),
    (lambda x: np.fft.ihfft(x * 1j), TypeError, "numpy.fft.ihfft of complex values\n  at test_fft.py:"),
    (lambda x: np.fft.fft(x, out=x), TypeError, "graphc cannot trace numpy.fft.fft with out="),
]


@pytest.mark.parametrize(("function", "error", "text"), ERRORS)
def test_wrong_arguments_are_refused_as_numpy_does(function: Any, error: Any, text: str) -> None:
    with pytest.raises(error) as raised:
        graphc.compile(function)(np.ones((3, 4)))
    assert str(raised.value).startswith(text)
